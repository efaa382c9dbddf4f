import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { download, downloadSmall } from "../../src/app/fetch/download.ts";
import { TarpitError } from "../../src/core/errors.ts";
import { createHttp } from "../../src/infra/http.ts";
import type { Ports } from "../../src/ports.ts";
import { type Bench, bench, kernelTarGz, serve, type Site, site } from "./fetch-support.ts";

let b: Bench;
let web: Site | undefined;
beforeEach(() => void (b = bench()));
afterEach(async () => {
  await web?.close();
  web = undefined;
  b.close();
});

const data = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 7 + (at >> 8)) & 0xff));

const bring = async (ports: Ports = b.ports): Promise<Buffer> =>
  readFileSync((await download(`${(web as Site).base}/f`, "f", ports)).path);

const troubleOf = async (work: Promise<unknown>): Promise<TarpitError> => {
  const error = await work.then(
    () => new Error("it was taken"),
    (thrown: unknown) => thrown,
  );
  if (error instanceof TarpitError) return error;
  throw error;
};

const impatient = (): Ports => {
  const http = createHttp();
  return {
    ...b.ports,
    http: { get: (url, options) => http.get(url, { ...options, stallMs: 150 }) },
  };
};

describe("download", () => {
  test("whole, once, kept", async () => {
    web = await site((request, response) => serve(data, '"1"', request, response));
    expect((await bring()).equals(data)).toBe(true);
    await bring();
    expect(web.seen).toEqual(["/f"]);
    expect(b.cached()).toHaveLength(1);
  });

  test("slow, in drops, without a length", async () => {
    web = await site(async (_request, response) => {
      for (let at = 0; at < data.length; at += 60_000) {
        response.write(data.subarray(at, at + 60_000));
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      response.end();
    });
    expect((await bring()).equals(data)).toBe(true);
  });

  test("cut off, then resumed where it ended", async () => {
    web = await site((request, response, number) => {
      if (number > 1) return serve(data, '"1"', request, response);
      response.writeHead(200, { "content-length": data.length, etag: '"1"' });
      response.write(data.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 50));
    });
    expect((await bring()).equals(data)).toBe(true);
    expect(web.seen).toEqual(["/f", "/f bytes=100000-"]);
  });

  test("a later run resumes what a killed run left", async () => {
    let broken = true;
    web = await site((request, response) => {
      if (!broken) return serve(data, '"1"', request, response);
      response.writeHead(200, { "content-length": data.length, etag: '"1"' });
      response.write(data.subarray(0, 50_000), () => setTimeout(() => response.destroy(), 50));
    });
    expect(await troubleOf(bring())).toMatchObject({ exit: 3, code: "fetch.network" });
    broken = false;
    const before = web.seen.length;
    expect((await bring()).equals(data)).toBe(true);
    expect(web.seen.slice(before)).toEqual(["/f bytes=50000-"]);
    expect(b.cached()).toHaveLength(1);
  });

  test("changed between the parts: all of the new one, nothing of the old", async () => {
    const newer = Buffer.from(data.toReversed());
    web = await site((request, response, number) => {
      if (number > 1) return serve(newer, '"2"', request, response);
      response.writeHead(200, { "content-length": data.length, etag: '"1"' });
      response.write(data.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 50));
    });
    expect((await bring()).equals(newer)).toBe(true);
  });

  test("a server that ignores ranges", async () => {
    web = await site((_request, response, number) => {
      response.writeHead(200, { "content-length": data.length, etag: '"1"' });
      if (number > 1) response.end(data);
      else
        response.write(data.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 50));
    });
    expect((await bring()).equals(data)).toBe(true);
  });

  test("a server that answers with another range", async () => {
    web = await site((request, response, number) => {
      if (number === 1) {
        response.writeHead(200, { "content-length": data.length, etag: '"1"' });
        response.write(data.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 50));
      } else if (request.headers.range) {
        const rest = data.subarray(7);
        const range = `bytes 7-${data.length - 1}/${data.length}`;
        response.writeHead(206, { "content-range": range, etag: '"1"' }).end(rest);
      } else serve(data, '"1"', request, response);
    });
    expect((await bring()).equals(data)).toBe(true);
  });

  test("without a strong validator nothing is resumed", async () => {
    web = await site((_request, response, number) => {
      response.writeHead(200, { "content-length": data.length, etag: 'W/"1"' });
      if (number > 1) response.end(data);
      else
        response.write(data.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 50));
    });
    expect((await bring()).equals(data)).toBe(true);
    expect(web.seen).toEqual(["/f", "/f"]);
  });

  test("416 begins anew", async () => {
    web = await site((request, response, number) => {
      if (request.headers.range) response.writeHead(416).end();
      else if (number > 1) serve(data, '"1"', request, response);
      else {
        response.writeHead(200, { "content-length": data.length, etag: '"1"' });
        response.write(data.subarray(0, 1000), () => setTimeout(() => response.destroy(), 50));
      }
    });
    expect((await bring()).equals(data)).toBe(true);
  });

  test("a stall ends with an environment error that says so; the part stays for the next run", async () => {
    web = await site((request, response) => {
      if (request.headers.range) return;
      response.writeHead(200, { "content-length": data.length, etag: '"1"' });
      response.write(data.subarray(0, 1000));
    });
    const error = await troubleOf(bring(impatient()));
    expect(error).toMatchObject({ exit: 3, code: "fetch.network" });
    expect(error.trouble.what).toContain("nothing came");
    expect(b.cached().filter((name) => name.endsWith(".part"))).toHaveLength(1);
  });

  test("no answer at all", async () => {
    web = await site(() => undefined);
    expect(await troubleOf(bring(impatient()))).toMatchObject({ exit: 3, code: "fetch.network" });
  });

  test("shorter than promised, always", async () => {
    web = await site((_request, response) => {
      response.writeHead(200, { "content-length": data.length });
      response.write(data.subarray(0, 10), () => setTimeout(() => response.destroy(), 50));
    });
    expect(await troubleOf(bring())).toMatchObject({ exit: 3, code: "fetch.network" });
    expect(b.cached().some((name) => name.endsWith("-f"))).toBe(false);
  });

  test("404 is bad input and is not asked for again", async () => {
    web = await site((_request, response) => void response.writeHead(404).end("no"));
    expect(await troubleOf(bring())).toMatchObject({ exit: 2, code: "fetch.not-found" });
    expect(web.seen).toHaveLength(1);
  });

  test("403 is the environment's; 503 is asked for again", async () => {
    web = await site((request, response, number) => {
      if (number === 1) response.writeHead(503).end("busy");
      else serve(data, '"1"', request, response);
    });
    expect((await bring()).equals(data)).toBe(true);
    await web.close();
    web = await site((_request, response) => void response.writeHead(403).end("no"));
    expect(await troubleOf(bring())).toMatchObject({ exit: 3, code: "fetch.network" });
    expect(web.seen).toHaveLength(1);
  });

  test("nobody there", async () => {
    web = await site(() => undefined);
    await web.close();
    expect(await troubleOf(bring())).toMatchObject({ exit: 3, code: "fetch.network" });
  });

  test("two runs at once ask once", async () => {
    web = await site((request, response) => {
      setTimeout(() => serve(data, '"1"', request, response), 100);
    });
    const [one, two] = await Promise.all([bring(), bring()]);
    expect(one.equals(two)).toBe(true);
    expect(web.seen).toEqual(["/f"]);
    expect(b.log.lines.join()).toContain("waiting for another run");
  });

  test("a signature that is too large is not read to its end", async () => {
    web = await site((_request, response) => void response.end(Buffer.alloc(5 << 20)));
    expect(await troubleOf(downloadSmall(`${web.base}/s`, b.ports))).toMatchObject({ exit: 3 });
  });
});

describe("redirects", () => {
  test("are followed, the range with them", async () => {
    web = await site((request, response) => {
      if (request.url === "/f") response.writeHead(302, { location: "/g" }).end();
      else serve(data, '"1"', request, response);
    });
    expect((await bring()).equals(data)).toBe(true);
  });
  test("in a loop end", async () => {
    web = await site(
      (_request, response) => void response.writeHead(301, { location: "/f" }).end(),
    );
    const error = await troubleOf(bring());
    expect(error).toMatchObject({ exit: 3 });
    expect(error.trouble.what).toContain("redirects more than");
  });
  test.each(["file:///etc/passwd", "ftp://a.example/x", "http://["])(
    "to %s are not followed",
    async (location) => {
      web = await site((_request, response) => void response.writeHead(302, { location }).end());
      const error = await troubleOf(bring());
      expect(error.trouble.what).toContain("redirects to");
    },
  );
});

describe("an address as source", () => {
  const tarball = kernelTarGz();
  const sha256 = createHash("sha256").update(tarball).digest("hex");
  const only = (name: string) =>
    site((request, response) => {
      if (request.url === name) serve(tarball, '"1"', request, response);
      else response.writeHead(404).end();
    });

  test("with its hash it is verified, and the second time nobody is asked", async () => {
    web = await only("/linux.tar.gz");
    const spec = `${web.base}/linux.tar.gz#sha256=${sha256}`;
    const result = await b.fetch(spec);
    expect(result).toMatchObject({
      trust: { how: "sha256" },
      id: `sha256:${sha256}`,
      cached: false,
    });
    await web.close();
    expect(await b.fetch(spec)).toEqual({ ...result, cached: true });
  });

  test("with a wrong hash it is refused and forgotten", async () => {
    web = await only("/linux.tar.gz");
    const error = await b.refusal(`${web.base}/linux.tar.gz#sha256=${"0".repeat(64)}`);
    expect(error).toMatchObject({ exit: 1, code: "fetch.checksum" });
    expect(error.trouble.what).toContain(sha256);
    expect(b.cached()).toEqual([]);
  });

  test("without anything it is refused; --insecure-skip-verify takes it and warns", async () => {
    web = await only("/linux.tar.gz");
    const spec = `${web.base}/linux.tar.gz`;
    const error = await b.refusal(spec);
    expect(error).toMatchObject({ exit: 1, code: "fetch.unverified" });
    expect(error.trouble.next).toContain("--insecure-skip-verify");
    const result = await b.fetch(spec, { insecureSkipVerify: true });
    expect(result.trust.how).toBe("skipped");
    expect(b.log.lines.some((line) => line.startsWith("warning: NOT VERIFIED"))).toBe(true);
    // What was taken unverified does not count as verified afterwards.
    expect(await b.refusal(spec)).toMatchObject({ code: "fetch.unverified" });
  });

  test("an html page instead of an archive is refused and forgotten", async () => {
    web = await site((_request, response) => void response.end("<html>captive portal</html>"));
    expect(await b.refusal(`${web.base}/linux.tar.gz`, { insecureSkipVerify: true })).toMatchObject(
      { exit: 2, code: "fetch.archive" },
    );
    expect(b.cached()).toEqual([]);
  });
});

test("what a dead run left is removed, what a live one has is not", async () => {
  b.file("linux.tar.gz", kernelTarGz());
  const sources = join(b.ports.cacheDir, "sources");
  const dead = b.file("cache/sources/.new-linux-6.1-AbCdEf/unpack/x", "x");
  const live = b.file("cache/sources/.new-linux-6.2-AbCdEf/unpack/x", "x");
  const lock = await b.ports.files.lock(join(sources, ".lock-linux-6.2"));
  writeFileSync(
    join(sources, ".lock-linux-6.1"),
    JSON.stringify({ pid: 1, started: "0", boot: "another", token: "x" }),
  );
  await b.fetch("./linux.tar.gz");
  expect(existsSync(dead)).toBe(false);
  expect(existsSync(live)).toBe(true);
  await lock.release();
});

test("two runs for one tarball unpack it once", async () => {
  b.file("linux.tar.gz", kernelTarGz());
  const results = await Promise.all([b.fetch("./linux.tar.gz"), b.fetch("./linux.tar.gz")]);
  expect(results.map(({ cached }) => cached).toSorted()).toEqual([false, true]);
  expect(new Set(results.map(({ path }) => path)).size).toBe(1);
});
