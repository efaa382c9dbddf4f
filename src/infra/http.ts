import type { IncomingMessage } from "node:http";
import type { Http, HttpOptions, HttpResponse } from "../ports.ts";

const maxRedirects = 10;
const defaultStallMs = 30_000;

/** RFC 9110 section 15.4; 304 answers a condition that is never sent. */
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * One request. The body is asked for, and handed on, as it is stored
 * (`identity`, RFC 9110 section 12.5.3): ranges and hashes are of those bytes.
 */
async function request(
  url: URL,
  options: HttpOptions,
  stopped: AbortSignal | undefined,
): Promise<IncomingMessage> {
  const headers = {
    "accept-encoding": "identity",
    "user-agent": "tarpit-kit",
    ...(options.from ? { range: `bytes=${options.from}-` } : {}),
    ...(options.from && options.ifRange ? { "if-range": options.ifRange } : {}),
  };
  const stallMs = options.stallMs ?? defaultStallMs;
  // Loaded when it is needed: most commands ask nobody.
  const { get } = await (url.protocol === "https:" ? import("node:https") : import("node:http"));
  return new Promise((resolve, reject) => {
    const asked = get(
      url,
      { headers, agent: false, ...(stopped ? { signal: stopped } : {}) },
      resolve,
    );
    asked.setTimeout(stallMs, () => {
      asked.destroy(new Error(`nothing came from ${url.host} for ${stallMs / 1000} s`));
    });
    asked.on("error", reject);
  });
}

/** Where an answer points to; undefined when it is the answer. */
function nextAddress(answer: IncomingMessage, from: URL): URL | undefined {
  const location = answer.headers.location;
  if (!redirects.has(answer.statusCode ?? 0) || location === undefined) return undefined;
  if (!URL.canParse(location, from.href))
    throw new Error(`${from.host} redirects to ${JSON.stringify(location)}`);
  const next = new URL(location, from.href);
  if (next.protocol !== "https:" && next.protocol !== "http:") {
    throw new Error(`${from.host} redirects to ${next.protocol}, which is not followed`);
  }
  if (from.protocol === "https:" && next.protocol === "http:") {
    throw new Error(`${from.host} redirects from https to plain http, which is not followed`);
  }
  return next;
}

function headersOf(answer: IncomingMessage): Record<string, string> {
  const entries = Object.entries(answer.headers).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
}

async function get(
  address: string,
  options: HttpOptions,
  stopped: AbortSignal | undefined,
): Promise<HttpResponse> {
  let url = new URL(address);
  for (let hops = 0; hops <= maxRedirects; hops++) {
    const answer = await request(url, options, stopped);
    let next: URL | undefined;
    try {
      next = nextAddress(answer, url);
    } catch (error) {
      answer.destroy();
      throw error;
    }
    if (!next) {
      return {
        status: answer.statusCode ?? 0,
        url: url.href,
        headers: headersOf(answer),
        body: answer,
      };
    }
    answer.destroy();
    url = next;
  }
  throw new Error(`${new URL(address).host} redirects more than ${maxRedirects} times`);
}

/** Node's own http client; nothing is cached here. An interrupt (`stopped`) ends every request. */
export const createHttp = (stopped?: AbortSignal): Http => ({
  get: (url, options = {}) => get(url, options, stopped),
});
