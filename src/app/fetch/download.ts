import { createHash } from "node:crypto";
import { join } from "node:path";
import { badInput, environment, TarpitError } from "../../core/errors.ts";
import type { HttpResponse, Ports } from "../../ports.ts";
import { downloadsDir, withLock } from "./store.ts";
import { diskFull } from "./unpack.ts";

export interface Download {
  readonly path: string;
  /** Forgets it, when this is why its content cannot be used. */
  discardIfWrong(error: unknown): Promise<void>;
}

/** Errors that another attempt with the same bytes would meet again. */
const wrongContent: ReadonlySet<string> = new Set(
  ["archive", "signature", "checksum", "version", "no-kernel", "disk-full"].map(
    (name) => `fetch.${name}`,
  ),
);

/** What a `.part` file is the beginning of. */
interface PartMarker {
  readonly url: string;
  /** ETag or Last-Modified to resume with. */
  readonly validator?: string;
  readonly total?: number;
}

const attempts = 4;

/** No kernel tarball is larger; a server that never ends is stopped here. */
const maxBytes = 2 * 1024 ** 3;

/** A transfer that did not come to its end, and may be taken up again. */
class Broken extends Error {}

export const networkTrouble = (url: string, why: string): TarpitError =>
  environment("fetch.network", {
    what: `cannot fetch ${url}: ${why}`,
    where: new URL(url).host,
    next: "run the same command again (a download resumes), use --mirror, or take debian:6.1 through apt",
  });

/** Closes the connection of an answer that is not wanted. */
async function dismiss(response: HttpResponse): Promise<void> {
  try {
    for await (const _ of response.body) break;
  } catch {
    // It was to be closed anyway.
  }
}

/** An answer that is no content. */
function statusTrouble(url: string, status: number): Error {
  if (status === 404 || status === 410) {
    return badInput("fetch.not-found", {
      what: `there is no ${url} (HTTP ${status})`,
      where: new URL(url).host,
      next: "check the version or address; a line such as 6.1 brings its newest point release",
    });
  }
  if (status >= 500 || status === 429 || status === 408) return new Broken(`HTTP ${status}`);
  return networkTrouble(url, `HTTP ${status}`);
}

/** Only a strong validator says that the bytes are the same (RFC 9110 sections 8.8.1 and 13.1.5). */
function validatorOf(headers: HttpResponse["headers"]): string | undefined {
  const etag = headers["etag"];
  return etag && !etag.startsWith("W/") ? etag : headers["last-modified"];
}

const lengthOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;

/** `Content-Range: bytes FIRST-LAST/TOTAL` (RFC 9110 section 14.4). */
function rangeOf(headers: HttpResponse["headers"]): { first: number; total?: number } | undefined {
  const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers["content-range"] ?? "");
  if (!match) return undefined;
  return { first: Number(match[1]), ...(match[2] === "*" ? {} : { total: Number(match[2]) }) };
}

/** One file's download: `.part` grows, and becomes `path` when it is whole. */
class Transfer {
  readonly #url: string;
  readonly #path: string;
  readonly #part: string;
  readonly #ports: Ports;
  constructor(url: string, path: string, ports: Ports) {
    this.#url = url;
    this.#path = path;
    this.#part = `${path}.part`;
    this.#ports = ports;
  }

  /** One attempt, from where the last one ended. */
  async attempt(): Promise<void> {
    const { files, http } = this.#ports;
    const [have, marker] = await this.#begun();
    const resume =
      have > 0 ? { from: have, ...(marker?.validator ? { ifRange: marker.validator } : {}) } : {};
    const response = await http.get(this.#url, resume).catch((error: unknown) => {
      throw new Broken((error as Error).message);
    });
    const range = response.status === 206 ? rangeOf(response.headers) : undefined;
    const fresh = response.status === 200;
    if (!fresh && !(have > 0 && range?.first === have)) {
      if (response.status === 206 || response.status === 416) {
        await dismiss(response);
        await this.forget();
        throw new Broken(
          `the server's answer does not continue what is here (HTTP ${response.status})`,
        );
      }
      await dismiss(response);
      throw statusTrouble(this.#url, response.status);
    }
    if (fresh) await this.#start(response);
    const length = lengthOf(response.headers["content-length"]);
    const total = fresh ? length : (range?.total ?? marker?.total);
    await this.#receive(response, fresh ? 0 : have, total);
    const size = (await files.stat(this.#part))?.size ?? 0;
    if (total !== undefined && size !== total) {
      if (size > total) await this.forget();
      throw new Broken(`${size} of ${total} bytes came`);
    }
    await files.rename(this.#part, this.#path);
    await files.remove(`${this.#part}.json`);
  }

  async forget(): Promise<void> {
    await this.#ports.files.remove(this.#part);
    await this.#ports.files.remove(`${this.#part}.json`);
  }

  /** Without a validator a part cannot be told from the start of another content: begin anew. */
  async #begun(): Promise<[number, PartMarker | undefined]> {
    const { files } = this.#ports;
    const size = (await files.stat(this.#part))?.size ?? 0;
    const marker = await files
      .readText(`${this.#part}.json`)
      .then((text) => JSON.parse(text) as PartMarker)
      .catch(() => undefined);
    if (size > 0 && marker?.url === this.#url && marker.validator) return [size, marker];
    await this.forget();
    return [0, undefined];
  }

  async #start(response: HttpResponse): Promise<void> {
    await this.forget();
    const validator = validatorOf(response.headers);
    const total = lengthOf(response.headers["content-length"]);
    const marker: PartMarker = {
      url: this.#url,
      ...(validator === undefined ? {} : { validator }),
      ...(total === undefined ? {} : { total }),
    };
    await this.#ports.files.write(`${this.#part}.json`, JSON.stringify(marker));
  }

  async #receive(response: HttpResponse, have: number, total: number | undefined): Promise<void> {
    try {
      await this.#ports.files.append(this.#part, this.#counted(response.body, have, total));
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === "ENOSPC" || code === "EDQUOT") {
        await this.forget();
        throw diskFull(downloadsDir(this.#ports), (total ?? maxBytes) * 12);
      }
      if (error instanceof TarpitError || code === "EACCES" || code === "EROFS") throw error;
      throw new Broken((error as Error).message);
    }
  }

  async *#counted(body: AsyncIterable<Uint8Array>, have: number, total: number | undefined) {
    let done = have;
    for await (const chunk of body) {
      done += chunk.length;
      if (done > maxBytes) throw networkTrouble(this.#url, `more than ${maxBytes} bytes came`);
      const item = this.#url.replace(/^.*\//, "");
      this.#ports.log.progress({
        stage: "fetch",
        unit: "bytes",
        done,
        ...(total === undefined ? {} : { total }),
        item,
      });
      yield chunk;
    }
  }
}

/** Brings a file to CACHE/downloads, resuming what an earlier run began; one that is there is used. */
export async function download(url: string, name: string, ports: Ports): Promise<Download> {
  // Two addresses may end in one name; their files must not meet.
  const tag = createHash("sha256").update(url).digest("hex").slice(0, 8);
  const path = join(downloadsDir(ports), `${tag}-${name}`);
  const transfer = new Transfer(url, path, ports);
  await withLock(`${path}.lock`, name, ports, async () => {
    if (!(await ports.files.stat(path))) await retry(url, ports, () => transfer.attempt());
  });
  const discardIfWrong = async (error: unknown) => {
    if (error instanceof TarpitError && wrongContent.has(error.code))
      await ports.files.remove(path);
  };
  return { path, discardIfWrong };
}

/** Waits a little longer before each new attempt. */
async function retry<T>(url: string, ports: Ports, attempt: () => Promise<T>): Promise<T> {
  for (let number = 1; ; number++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      if (number === attempts) throw networkTrouble(url, error.message);
      ports.log.detail(`${url}: ${error.message}; trying again (${number + 1} of ${attempts})`);
      await ports.clock.sleep(250 * 2 ** number);
    }
  }
}

/** A signature or a list: at most 4 MB, in memory. Undefined when there is none. */
export async function downloadSmall(url: string, ports: Ports): Promise<Buffer | undefined> {
  return retry(url, ports, async () => {
    try {
      const response = await ports.http.get(url);
      if (response.status !== 200) {
        await dismiss(response);
        const trouble = statusTrouble(url, response.status);
        if (trouble instanceof TarpitError && trouble.code === "fetch.not-found") return undefined;
        throw trouble;
      }
      return await gather(response, url);
    } catch (error) {
      if (error instanceof TarpitError || error instanceof Broken) throw error;
      throw new Broken((error as Error).message);
    }
  });
}

async function gather(response: HttpResponse, url: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > 4 << 20) throw networkTrouble(url, "it is larger than such a file can be");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
