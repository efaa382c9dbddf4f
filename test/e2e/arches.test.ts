import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { kitOk, launcher, scratch } from "../support/cli.ts";
import type { Arch } from "../../src/core/arch.ts";
import { parseFacts } from "../../src/core/probe/facts.ts";
import { judgeFacts } from "../../src/core/probe/judge.ts";
import { loadArchFile, root } from "../support/artifacts.ts";
import { elfHead, factsText, good, hexRecord } from "../support/facts.ts";

const { dir, remove } = scratch("arches");
afterAll(remove);

const every = readdirSync(join(root, "data/arches")).map((name) => name.replace(".json", ""));
/** Those that today's kernels know; the others are for Linux 2.4. */
const arches = every.filter(
  (arch) => !("only" in JSON.parse(readFileSync(join(root, `data/arches/${arch}.json`), "utf8"))),
);
const full = process.env["TARPIT_KIT_FULL"] === "1";
/** sparc64 and x86_64 are built whole in their own tests; every other arch compiles the one object. */
const some = arches.filter((arch) => full || (arch !== "sparc64" && arch !== "x86_64"));

describe.each([
  ["debian:6.1", some],
  ["debian:6.12", full ? arches : ["sparc64", "armhf"]],
])("the target's module and the extension on %s", (kernel, list) => {
  test.each(list)("%s", (arch) => {
    const out = join(dir, `${arch}-${kernel.slice(7)}`);
    const artifacts = kitOk([
      "build",
      "--arch",
      arch,
      "--kernel",
      kernel,
      "--scope",
      "module",
      "--install",
      "--out",
      out,
      ...launcher(),
    ]);
    expect(readdirSync(artifacts)).toContain("xt_TARPIT.ko");
    expect(kitOk(["verify", "--artifacts", artifacts])).toContain("checks passed");
    for (const abi of readdirSync(join(artifacts, "extensions")))
      expect(foundOnMachine(artifacts, loadArchFile(arch), abi), abi).toEqual([]);
  });
});

/** What verify finds on a machine of this arch that has these files: the judges of foreign files read each width and endianness. */
function foundOnMachine(artifacts: string, arch: Arch, name: string): readonly string[] {
  const abi = arch.abis.find((one) => one.name === name);
  if (!abi) throw new Error(`${name} is no ABI of ${arch.name}`);
  const { kernel } = JSON.parse(readFileSync(join(artifacts, "metadata.json"), "utf8")) as {
    kernel: { release: string };
  };
  const { release } = kernel;
  const head = hexRecord("/sbin/iptables", elfHead(abi.elf.bits, abi.elf.machine, abi.elf.endian));
  const file = (path: string, from: string): string[] =>
    hexRecord(path, readFileSync(join(artifacts, from)));
  const directory = "/usr/lib/xtables";
  const text = factsText(good, {
    uname: [`Linux ${release} ${arch.name}`],
    symbols: ["/proc/kallsyms", `${"0".repeat(arch.elf.bits / 4)} T _text`],
    config: ["/boot/config", ...readFileSync(join(artifacts, "config"), "utf8").split("\n")],
    "elf iptables": head,
    "elf sh": head,
    "elf libxtables": undefined,
    directory: [directory, "libxt_standard.so"],
    extension: file(`${directory}/libipt_TARPIT.so`, `extensions/${name}/libipt_TARPIT.so`),
    "extension #2": file(`${directory}/libxt_TARPIT.so`, `extensions/${name}/libxt_TARPIT.so`),
    module: file(`/lib/modules/${release}/xt_TARPIT.ko`, "xt_TARPIT.ko"),
  });
  const facts = parseFacts(text);
  if (!facts) throw new Error("no facts");
  const { findings } = judgeFacts(facts, undefined, arches.map(loadArchFile));
  return findings
    .filter((one) => /^(so|module)\./.test(one.code) && one.severity !== "info")
    .map((one) => `${one.code} ${JSON.stringify(one.args)}`);
}

/** `doctor --install` leaves recommended packages out, and cross compilers only recommend a C library. */
test.each(every)("%s: on a bare machine its packages bring a C library", (arch) => {
  const { abis } = JSON.parse(readFileSync(join(root, `data/arches/${arch}.json`), "utf8")) as {
    abis: { name: string; packages: string[] }[];
  };
  for (const { name, packages } of abis) {
    const bare = ["-o", "Dir::State::status=/dev/null", "--no-install-recommends"];
    const { stdout } = spawnSync("apt-get", ["-s", ...bare, "install", ...packages], {
      encoding: "utf8",
    });
    expect(stdout, `${arch}, ${name}`).toMatch(/^Inst libc6-dev/m);
  }
});
