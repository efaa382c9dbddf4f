import { InvalidArgumentError, Option } from "commander";

/** Options that several commands share, so that they mean the same everywhere. */

export const collect = (value: string, before: readonly string[]): readonly string[] => [
  ...before,
  value,
];

export function wholeNumber(least: number) {
  return (text: string): number => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least)) {
      throw new InvalidArgumentError(`give a whole number, at least ${least}.`);
    }
    return value;
  };
}

/** `deb,tar` */
export function listOf(allowed: readonly string[]) {
  return (text: string): readonly string[] => {
    const names = text.split(",").map((name) => name.trim());
    const wrong = names.find((name) => !allowed.includes(name));
    if (wrong === undefined) return names;
    throw new InvalidArgumentError(`"${wrong}" is none of ${allowed.join(", ")}.`);
  };
}

export const archOption = (): Option =>
  new Option("--arch <arch>", "architecture, for example sparc64; a wrong one lists all");

export const fetchOptions = (): readonly Option[] => [
  new Option("--mirror <url>", "kernel.org mirror: https, file or a directory").env(
    "TARPIT_KIT_MIRROR",
  ),
  new Option("--insecure-skip-verify", "use a source that nothing vouches for").default(false),
];

export const compilerOptions = (): readonly Option[] => [
  new Option("--cross-compile <prefix>", "cross prefix, for example sparc64-linux-gnu-"),
  new Option("--cc <cc>", "compiler, for example gcc-11"),
];

export const configOptions = (): readonly Option[] => [
  new Option("--profile <name>", "profile, for example sparc64-ultra; a wrong one lists all"),
  new Option(
    "--base <base>",
    "allnoconfig, tinyconfig, defconfig, NAME_defconfig, running, or a .config",
  ),
  new Option("--fragment <fragment>", "name in kernel-configs/ or a file; may be given again")
    .argParser(collect)
    .default([]),
  new Option("--set <symbol=value>", "one symbol; may be given again")
    .argParser(collect)
    .default([]),
];

/** An object without the keys whose value is undefined (exactOptionalPropertyTypes). */
export function present<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

export const example = (...lines: readonly string[]): string =>
  `\nExample${lines.length > 1 ? "s" : ""}:\n${lines.map((line) => `  $ ${line}`).join("\n")}\n`;
