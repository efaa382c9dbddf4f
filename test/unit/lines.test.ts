import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import type { KernelLine } from "../../src/app/fetch/pins.ts";
import { directoryOf, newestInListing } from "../../src/core/fetch-kernel-org.ts";
import { satisfies } from "../../src/core/kernel-range.ts";
import { type KernelVersion, lineOf, parseKernelVersion } from "../../src/core/kernel-version.ts";
import { newFiles, parsePatch } from "../../src/core/patch/index.ts";
import { type Manifest, neighbours, seriesFor } from "../../src/core/manifest.ts";
import { parseSeries } from "../../src/core/series.ts";
import { parseSpec } from "../../src/core/spec.ts";
import { root } from "../support/artifacts.ts";

const read = (path: string): string => readFileSync(join(root, path), "utf8");
const manifest = JSON.parse(read("patches/manifest.json")) as Manifest;
const { lines } = manifest;
const version = (text: string): KernelVersion => parseKernelVersion(text) as KernelVersion;

/** The files that a series of ours creates, by their path. */
function created(series: string): ReadonlyMap<string, string> {
  const path = join(root, "patches", series);
  const patches = parseSeries(readFileSync(path, "utf8"), path).map((entry) => {
    const file = join(dirname(path), entry.name);
    return { ...entry, sha256: "", diffs: parsePatch(readFileSync(file, "latin1"), file) };
  });
  const files = newFiles(patches).map(
    (file) => [file.path, file.bytes.toString("latin1")] as const,
  );
  expect(new Set(files.map(([name]) => name)).size).toBe(files.length);
  return new Map(files);
}

describe.each(lines)("$series, $range", ({ line, range, series, verified }) => {
  test("is of its line, and its line alone", () => {
    for (const release of verified) {
      expect(satisfies(version(release), range)).toBe(true);
      expect(lineOf(version(release))).toBe(line);
      expect(seriesFor(manifest, version(release))?.series).toBe(series);
    }
    const [major, minor] = line.split(".").map(Number) as [number, number];
    for (const other of [`${major}.${minor + 1}`, `${major}.${minor - 1}.99`])
      if (minor > 0) expect(satisfies(version(other), range)).toBe(false);
  });

  test("the line is known as data, and a bare number means its newest release", () => {
    const data = JSON.parse(read(`data/kernels/${line}.json`)) as KernelLine;
    expect(data.directory).toBe(directoryOf(version(line)));
    for (const name of [...(data.fragments ?? []), ...(data.ipv6Fragments ?? [])])
      expect(existsSync(join(root, "kernel-configs", `${name}.config`))).toBe(true);
    for (const variable of [...(data.make ?? []), ...(data.moduleMake ?? [])])
      expect(variable).toMatch(/^[A-Z_]+=[\w-]*$/);
    expect(parseSpec(line, "/", undefined)).toMatchObject({ kind: "line", line });
    const listing = `linux-${line}.tar.xz linux-${line}.9.tar.xz linux-${line}.10.tar.xz linux-${line}0.11.tar.xz`;
    expect(newestInListing(listing, line)?.text).toBe(`${line}.10`);
  });

  // Linux 2.4 has a target of its own, in one file.
  if (line === "2.4") return;
  test("the header of the line is the one that the target was written for", () => {
    const files = created(series);
    const header = files.get("net/netfilter/xt_TARPIT_line.h") ?? "";
    const target = files.get("net/netfilter/xt_TARPIT.c") ?? "";
    expect(interfaceOf(header)).toEqual(
      interfaceOf(created("linux-6.12.series").get("net/netfilter/xt_TARPIT_line.h") ?? ""),
    );
    expect(interfaceOf(header).length).toBeGreaterThan(0);
    expect(target).toContain('#include "xt_TARPIT_line.h"\n');
    for (const what of interfaceOf(header)) {
      const name = /(\w+)\(/.exec(what)?.[1] ?? "";
      expect(target).toMatch(new RegExp(String.raw`[^\w]${name}\(`));
    }
  });
});

/** What a header offers: its functions and macros with their arguments, their bodies apart. */
function interfaceOf(header: string): string[] {
  const functions = [...header.matchAll(/^static inline (.+?\))\n\{/gms)].map((match) => match[1]);
  const macros = [...header.matchAll(/^#define (\w+\([^)]*\))/gm)].map((match) => match[1]);
  return [...functions, ...macros].map((text) => (text ?? "").replace(/\s+/g, " ")).toSorted();
}

describe("what the target calls", () => {
  const target = created("linux-6.12.series").get("net/netfilter/xt_TARPIT.c") ?? "";

  test("is called by the names of the line's header where lines differ", () => {
    for (const name of [
      "security_skb_classify_flow",
      "skb_set_nfct",
      "nf_ct_set_closing",
      "nf_bridge_get_physindev",
      "kzalloc",
      "linux/minmax.h",
      "LINUX_VERSION_CODE",
    ])
      expect(target).not.toMatch(new RegExp(String.raw`\b${name}\b`));
  });

  /**
   * A name that is not on the list may be missing in some line. Compile all of them before it is
   * added: TARPIT_KIT_LINUX_TREES=DIR npx vitest run --project e2e test/e2e/lines.test.ts
   */
  test("was compiled against every line: test/fixtures/kernel-interfaces.txt", () => {
    const known = read("test/fixtures/kernel-interfaces.txt").split("\n");
    expect(usedBy(target).filter((name) => !known.includes(name))).toEqual([]);
  });
});

/** The kernel's headers, functions, macros and constants that the target names. Structure members are not among them. */
function usedBy(source: string): string[] {
  const code = source.replaceAll(/\/\*.*?\*\/|"(?:[^"\\\n]|\\.)*"/gs, " ");
  const headers = [...source.matchAll(/^#include <(.+)>/gm)].map((match) => match[1] ?? "");
  const calls = [...code.matchAll(/\b([a-z_]\w*)\(/g)].map((match) => match[1] ?? "");
  const constants = [...code.matchAll(/\b([A-Z][A-Z0-9_]{3,})\b/g)].map((match) => match[1] ?? "");
  const own = /^(?:xt_)?tarpit|TARPIT|^(?:if|for|while|switch|return|sizeof|do)$/i;
  return [...new Set([...headers, ...calls, ...constants])]
    .filter((name) => !own.test(name))
    .toSorted();
}

/** How many arguments stand between the bracket at an index and the one that closes it. */
function argumentsAt(source: string, open: number): number {
  let depth = 0;
  let count = 1;
  for (let index = open; index < source.length; index++) {
    const char = source[index] as string;
    if ("({[".includes(char)) depth++;
    else if (")}]".includes(char)) depth--;
    else if (char === "," && depth === 1) count++;
    if (depth === 0) break;
  }
  return source[open + 1] === ")" ? 0 : count;
}

/** Compiling them takes a kernel tree; that they were left behind by a change shows here. */
test("the KUnit tests call the functions of the target with as many arguments as those have", () => {
  const files = created("linux-6.12.series");
  const target = files.get("net/netfilter/xt_TARPIT.c") ?? "";
  const tests = files.get("net/netfilter/xt_TARPIT_test.c") ?? "";
  const has = new Map(
    [...target.matchAll(/^(?:static .*)?\b(tarpit_\w+)\([^;{]*\)\n\{/gm)].map((match) => [
      match[1] as string,
      argumentsAt(target, target.indexOf("(", match.index)),
    ]),
  );
  const calls = [...tests.matchAll(/\b(tarpit_\w+)\(/g)].map((match) => {
    const name = match[1] as string;
    return [name, argumentsAt(tests, match.index + name.length)] as const;
  });
  expect(calls.length).toBeGreaterThan(50);
  expect(calls.filter(([name, count]) => has.get(name) !== count)).toEqual([]);
});

/** The limit that checkpatch.pl had before Linux 5.7; a message for people is not broken. */
test.each(["linux-4.19.series", "linux-6.12.series"])("%s adds no line over 80 columns", (name) => {
  for (const [path, source] of created(name)) {
    const columns = (line: string): number =>
      [...line].reduce((at, char) => (char === "\t" ? at + 8 - (at % 8) : at + 1), 0);
    const long = source.split("\n").filter((line) => columns(line) > 80 && !line.includes('"'));
    expect(long, path).toEqual([]);
  }
});

test("every patch is described in lines of 75 characters and signed off", () => {
  const files = readdirSync(join(root, "patches"), { recursive: true, encoding: "utf8" });
  const patches = files.filter((name) => name.endsWith(".patch"));
  expect(patches.length).toBeGreaterThan(10);
  for (const name of patches) {
    const text = read(join("patches", name));
    const [fields, ...body] = text.slice(0, text.indexOf("\n---\n")).split("\n\n");
    expect(fields).toMatch(/^From: .+\nSubject: \[PATCH\] .+$/);
    const lines = body.join("\n\n").split("\n");
    expect(lines.at(-1)).toMatch(/^Signed-off-by: .+ <.+>$/);
    expect(lines.slice(0, -1).filter((line) => line.length > 75)).toEqual([]);
    expect(lines.length).toBeGreaterThan(3);
  }
});

describe("a release that no series is for", () => {
  test.each([
    ["6.3.1", ["6.1", "6.6"]],
    ["4.4.302", ["2.4", "4.19"]],
    ["6.2-rc1", ["6.1", "6.6"]],
    ["99.1", ["7.1"]],
  ])("%s: the nearest are %j", (text, expected) => {
    expect(seriesFor(manifest, version(text))).toBeUndefined();
    expect(neighbours(manifest, version(text)).map(({ line }) => line)).toEqual(expected);
  });
});
