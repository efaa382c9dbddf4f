import * as fc from "fast-check";
import { Header, Parser } from "tar";
import { expect, test } from "vitest";
import { ArchiveRefused } from "../../src/core/archive-names.ts";
import { TarJudge } from "../../src/core/fetch-tar-walker.ts";

const name = fc
  .string({
    unit: fc.constantFrom("a", "b", "Z", "9", "_", ".", "-", "é"),
    minLength: 1,
    maxLength: 40,
  })
  .filter((part) => !/^\.{1,2}$/.test(part));
const path = fc
  .array(name, { minLength: 1, maxLength: 8 })
  .map((parts) => `top/${parts.join("/")}`);
const entries = fc.uniqueArray(fc.record({ path, body: fc.uint8Array({ maxLength: 1500 }) }), {
  selector: (entry) => entry.path,
  maxLength: 12,
});

interface Made {
  readonly path: string;
  readonly body: Uint8Array;
}

const block = (path: string, size: number, type: string): Buffer => {
  const header = new Header({ path, size, type: type as "File", mode: 0o644, mtime: new Date(0) });
  header.encode();
  return header.block as Buffer;
};
const pad = (data: Uint8Array): Buffer =>
  Buffer.concat([data, Buffer.alloc((512 - (data.length % 512)) % 512)]);

/** As GNU tar writes: a long name in an entry before. */
const archive = (made: readonly Made[]): Buffer => {
  const parts = made.flatMap(({ path, body }) => {
    const long = Buffer.from(`${path}\0`);
    const before =
      long.length > 100
        ? [block("././@LongLink", long.length, "NextFileHasLongPath"), pad(long)]
        : [];
    return [
      ...before,
      block(long.length > 100 ? "top/short" : path, body.length, "File"),
      pad(body),
    ];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
};

/** Names as node-tar reads them. */
async function asNodeTar(data: Buffer): Promise<string[]> {
  const names: string[] = [];
  const parser = new Parser({
    strict: true,
    onReadEntry: (entry) => (names.push(entry.path), entry.resume()),
  });
  await new Promise<void>((resolve, reject) => {
    parser.on("end", () => resolve()).on("error", reject);
    parser.end(data);
  });
  return names;
}

const inPieces = (data: Buffer, sizes: readonly number[], push: (piece: Buffer) => void): void => {
  for (let at = 0, turn = 0; at < data.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 512;
    push(data.subarray(at, at + size));
    at += size;
  }
};

/** No entry lies where another one needs a directory. */
const consistent = (made: readonly Made[]): boolean =>
  made.every(({ path }) => !made.some((other) => other.path.startsWith(`${path}/`)));

const pieces = fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1, maxLength: 5 });

test("the judge sees the entries node-tar sees, however the bytes are cut", async () => {
  await fc.assert(
    fc.asyncProperty(
      entries.filter((made) => made.length > 0 && consistent(made)),
      pieces,
      async (made, sizes) => {
        const data = archive(made);
        const seen: string[] = [];
        const judge = new TarJudge();
        const accept = judge.names.accept.bind(judge.names);
        judge.names.accept = (entry) => (seen.push(entry.path), accept(entry));
        inPieces(data, sizes, (piece) => judge.push(piece));
        judge.end();
        expect(seen).toEqual(made.map((entry) => entry.path));
        expect(seen).toEqual(await asNodeTar(data));
        expect(judge.bytes).toBe(data.length);
      },
    ),
    { numRuns: 150 },
  );
});

test("any bytes end in an acceptance or ArchiveRefused, in the same way for every cut", () => {
  const damaged = fc
    .tuple(entries.map(archive), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }))
    .map(([data, edits]) => {
      for (const [at, value] of edits) data[at % data.length] = value;
      return data;
    });
  const outcome = (data: Buffer, sizes: readonly number[]): string => {
    const judge = new TarJudge();
    try {
      inPieces(data, sizes, (piece) => judge.push(piece));
      judge.end();
      return "accepted";
    } catch (error) {
      if (error instanceof ArchiveRefused) return `${error.entry}: ${error.reason}`;
      throw error;
    }
  };
  fc.assert(
    fc.property(
      fc.oneof(
        damaged,
        fc.uint8Array({ maxLength: 3000 }).map((data) => Buffer.from(data)),
      ),
      pieces,
      (data, sizes) => {
        const whole = outcome(data, [data.length || 1]).replaceAll(/\d+ bytes/g, "");
        expect(outcome(data, sizes).replaceAll(/\d+ bytes/g, "")).toBe(whole);
      },
    ),
    { numRuns: 400 },
  );
});
