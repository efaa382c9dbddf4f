import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findExtensionTargets, registersTarget } from "../../src/core/abi/extension.ts";
import { readModule } from "../../src/core/abi/module.ts";
import { ElfError } from "../../src/core/elf/bytes.ts";
import { parseElf } from "../../src/core/elf/file.ts";
import { loadImage } from "../../src/core/elf/load.ts";
import {
  compileExtension,
  compileModule,
  everyCompiler,
  hostArch,
  loadArchFile,
} from "../support/artifacts.ts";

const work = mkdtempSync(join(tmpdir(), "tk-elf-"));
const samples: { name: string; bytes: Buffer }[] = [];

beforeAll(() => {
  const arches = [hostArch(), ...(everyCompiler ? [loadArchFile("sparc64")] : [])];
  for (const arch of arches) {
    const ko = join(work, `${arch.name}.ko`);
    compileModule(arch, ko, arch.name === "sparc64" ? ["COMPAT"] : []);
    samples.push({ name: ko, bytes: readFileSync(ko) });
    const so = join(work, `${arch.name}.so`);
    const abi = arch.abis.at(arch.name === "sparc64" ? 1 : 0);
    if (abi) compileExtension(abi, so);
    samples.push({ name: so, bytes: readFileSync(so) });
  }
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** Everything we ever read out of a file; the typed error is the only way out besides an answer. */
function readAll(bytes: Buffer): "read" | "refused" {
  try {
    const file = parseElf(bytes);
    const image = loadImage(file);
    findExtensionTargets(image, "TARPIT");
    registersTarget(image);
    readModule(file, image, "TARPIT");
    return "read";
  } catch (error) {
    if (error instanceof ElfError) return "refused";
    throw error;
  }
}

const sample = fc
  .nat({ max: 1_000_000 })
  .map((index) => samples[index % samples.length]?.bytes ?? Buffer.alloc(0));

/** Values that break a reader: ends, signs, and what almost fits. */
const nasty = fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff));

/** A run of bytes anywhere, or in the headers, where it hurts most. */
const change = fc.record({
  at: fc.oneof(fc.nat({ max: 1_000_000 }), fc.nat({ max: 64 }), fc.nat({ max: 400 })),
  fromEnd: fc.boolean(),
  values: fc.array(nasty, { minLength: 1, maxLength: 8 }),
});

function mutate(
  bytes: Buffer,
  changes: readonly { at: number; fromEnd: boolean; values: number[] }[],
): Buffer {
  const result = Buffer.from(bytes);
  for (const { at, fromEnd, values } of changes) {
    // The section headers are at the end of a file.
    const start = fromEnd
      ? result.length - 1 - (at % Math.min(result.length, 2000))
      : at % result.length;
    for (const [index, value] of values.entries())
      if (start + index < result.length) result[start + index] = value;
  }
  return result;
}

describe("the ELF reader", () => {
  test("reads every sample", () => {
    expect(samples.length).toBeGreaterThanOrEqual(2);
    for (const { name, bytes } of samples) {
      const file = parseElf(bytes);
      const image = loadImage(file);
      const found = [
        ...findExtensionTargets(image, "TARPIT"),
        ...readModule(file, image, "TARPIT").targets,
      ];
      expect(found.length, name).toBeGreaterThan(0);
    }
  });

  test("a changed file is read or refused, never a crash", () => {
    const outcomes = { read: 0, refused: 0 };
    fc.assert(
      fc.property(sample, fc.array(change, { minLength: 1, maxLength: 6 }), (bytes, changes) => {
        outcomes[readAll(mutate(bytes, changes))] += 1;
      }),
      { numRuns: 4000 },
    );
    // Both ways were taken, or the test tells nothing.
    expect(Math.min(outcomes.read, outcomes.refused)).toBeGreaterThan(20);
  });

  test("a file cut anywhere is read or refused", () => {
    fc.assert(
      fc.property(sample, fc.double({ min: 0, max: 1, noNaN: true }), (bytes, part) => {
        readAll(bytes.subarray(0, Math.floor(bytes.length * part)));
      }),
      { numRuns: 1000 },
    );
  });

  test("any bytes behind the magic are read or refused", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1, 2),
        fc.constantFrom(1, 2),
        fc.constantFrom(1, 3),
        fc.uint8Array({ maxLength: 600 }),
        (bits, order, type, tail) => {
          const bytes = Buffer.concat([
            Buffer.from([0x7f, 0x45, 0x4c, 0x46, bits, order, 1]),
            Buffer.alloc(9),
            Buffer.from(tail),
          ]);
          if (bytes.length > 18) bytes.writeUInt16LE(order === 1 ? type : type << 8, 16);
          readAll(bytes);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe("time", () => {
  const section = 64;
  /** A 64-bit little-endian relocatable file with so many sections that each claim all of it. */
  function greedy(count: number, type: number, flags: bigint, fill: string): Buffer {
    const body = Buffer.alloc(1 << 20, fill);
    const headers = Buffer.alloc(count * section);
    for (let index = 1; index < count; index += 1) {
      const at = index * section;
      headers.writeUInt32LE(type, at + 4);
      headers.writeBigUInt64LE(flags, at + 8);
      headers.writeBigUInt64LE(64n, at + 24);
      headers.writeBigUInt64LE(BigInt(body.length), at + 32);
      headers.writeUInt32LE(1, at + 40);
      headers.writeUInt32LE(1, at + 44);
    }
    const header = Buffer.alloc(64);
    header.write("\u007fELF\u0002\u0001\u0001", "latin1");
    header.writeUInt16LE(1, 16);
    header.writeBigUInt64LE(BigInt(64 + body.length), 40);
    header.writeUInt16LE(section, 58);
    header.writeUInt16LE(count, 60);
    return Buffer.concat([header, body, headers]);
  }

  const hostile: readonly (readonly [string, Buffer])[] = [
    ["data sections over one another", greedy(20_000, 1, 3n, "A")],
    ["data full of the name", greedy(2000, 1, 3n, "TARPIT\0\0")],
    ["relocation tables over one another", greedy(20_000, 4, 2n, "\0")],
    ["symbols with endless names", greedy(2000, 2, 2n, "B")],
  ];
  // Unbounded, each of these takes hours: the limit is what the test hangs on.
  test.each(hostile)(
    "%s do not keep the reader busy",
    (_, bytes) => expect(() => readAll(bytes)).not.toThrow(),
    30_000,
  );
});
