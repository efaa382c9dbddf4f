import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { root } from "./artifacts.ts";
import { tool } from "./cli.ts";

const fixture = join(root, "test/fixtures/linux-2.4-host");
const patch = join(root, "patches/linux-2.4/ipt_TARPIT.patch");

/** The new file of our 2.4 series, as the patch has it. */
export function targetSource(): string {
  const text = readFileSync(patch, "latin1");
  const body = text.slice(text.indexOf("+++ b/net/ipv4/netfilter/ipt_TARPIT.c"));
  return body
    .split("\n")
    .filter((line) => line.startsWith("+") && !line.startsWith("+++ "))
    .map((line) => `${line.slice(1)}\n`)
    .join("");
}

/** Names of what a real tree's configuration defines, and the compiler's own word for 32 bits. */
export const usualConfig = [
  "MODULE",
  "CONFIG_PROC_FS",
  "CONFIG_IP_NF_CONNTRACK",
  "CONFIG_IP_NF_NAT_NEEDED",
  "CONFIG_IP_ROUTE_FWMARK",
] as const;

const sanitizers = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
/** What gcc 2.95 had no word for is an error. */
const dialect = ["-std=gnu89", "-Wall", "-Wextra", "-Werror", "-Wdeclaration-after-statement"];
const lenient = ["-Wno-unused-parameter", "-Wno-sign-compare", "-fno-strict-aliasing"];

/** Compiles the target for this machine, with headers that are all our own one; returns the program. */
export function compileHost(dir: string, config: readonly string[] = usualConfig): string {
  const source = targetSource();
  const include = join(dir, "include");
  for (const [, name] of source.matchAll(/^#include <([^>]+)>/gm)) {
    const path = join(include, name as string);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, '#include "kernel24.h"\n');
  }
  writeFileSync(join(dir, "ipt_TARPIT.c"), source);
  const [module, host, program] = ["module.o", "host.o", "host"].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ];
  const kernel = ["-nostdinc", "-ffreestanding", ...config.map((name) => `-D${name}`)];
  const flags = [...dialect, ...lenient, ...sanitizers, "-I", fixture, "-I", dir];
  const unit = join(fixture, "module.c");
  tool("gcc", [...flags, ...kernel, "-I", include, "-c", unit, "-o", module]);
  tool("gcc", [...flags, "-c", join(fixture, "host.c"), "-o", host]);
  tool("gcc", [...sanitizers, module, host, "-o", program]);
  return program;
}

/** The target in a program of its own: a question a line, an answer a line (test/fixtures/linux-2.4-host). */
export class Host24 {
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly answers: AsyncIterator<string>;
  private stderr = "";

  constructor(program: string) {
    this.child = spawn(program, { stdio: "pipe" });
    // Writing to one that died is told by the answer that does not come.
    this.child.stdin.on("error", () => undefined);
    this.child.stderr.on("data", (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.answers = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  async ask(line: string): Promise<string> {
    this.child.stdin.write(`${line}\n`);
    const answer = await this.answers.next();
    if (answer.done === true || answer.value.startsWith("died"))
      throw new Error(`${line}: ${answer.done === true ? "gone" : answer.value}\n${this.stderr}`);
    return answer.value;
  }

  set = (name: string, value: number | string): Promise<string> => this.ask(`set ${name} ${value}`);

  write = async (text: string): Promise<number> =>
    Number(await this.ask(`write ${Buffer.from(text, "latin1").toString("hex")}`));

  /** Mode and text of a file below /proc, read `chunk` bytes at a time. */
  async read(name: string, chunk = 4096): Promise<{ mode: string; text: string }> {
    const [mode = "", hex = ""] = (await this.ask(`read ${name} ${chunk}`)).split(" ");
    return { mode, text: Buffer.from(hex, "hex").toString("latin1") };
  }

  async counters(): Promise<Readonly<Record<string, number>>> {
    const { text } = await this.read("net/stat/tarpit");
    const pairs = text
      .trim()
      .split("\n")
      .map((line) => line.split("="));
    return Object.fromEntries(pairs.map(([name, value]) => [name, Number(value)])) as never;
  }

  /** What it said to the kernel log. */
  said = (): string => this.stderr;

  /** The sanitizers have their last word when the program ends. */
  async end(): Promise<void> {
    const code = new Promise<number | null>((resolve) => this.child.once("close", resolve));
    this.child.stdin.end();
    if ((await code) !== 0) throw new Error(this.stderr);
  }
}
