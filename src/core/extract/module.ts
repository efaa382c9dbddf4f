import { badInput } from "../errors.ts";

/** What an out-of-tree module's Makefile says, as far as it is kbuild's language. */
export interface ModuleMakefile {
  /** For a Makefile in the tree: obj-m has become obj-$(CONFIG_X). */
  readonly lines: readonly string[];
  readonly modules: readonly string[];
}

/** The first symbol of a Kconfig text. */
export function firstSymbol(kconfig: string, where: string): string {
  const symbol = /^(?:menu)?config[ \t]+(\w+)[ \t]*$/m.exec(kconfig)?.[1];
  if (symbol !== undefined) return symbol;
  throw badInput("extract.kconfig", {
    what: "the Kconfig text has no line `config SYMBOL`",
    where,
    next: "give the text that describes the module: config SYMBOL, tristate, depends on, help",
  });
}

/**
 * Takes kbuild's assignments out of a module's Makefile and leaves the rest (rules that
 * call make again, conditions on KERNELRELEASE). kernel: Documentation/kbuild/modules.rst.
 */
export function readModuleMakefile(text: string, symbol: string, where: string): ModuleMakefile {
  const logical = text.replaceAll(/\\\r?\n/g, " ").split(/\r?\n/);
  const kept = logical.filter((line) =>
    /^\s*(?:obj-m|[\w-]+-(?:objs|y|m)|(?:cc|as|ld)flags-y|EXTRA_CFLAGS)\s*[:+?]?=/.test(line),
  );
  const modules: string[] = [];
  const lines = kept.map((line) => {
    const [, name = "", value = ""] = /^\s*([\w-]+)\s*[:+?]?=\s*(.*?)\s*$/.exec(line) ?? [];
    if (name !== "obj-m") return `${name === "EXTRA_CFLAGS" ? "ccflags-y" : name} += ${value}`;
    const objects = value.split(/\s+/).filter(Boolean);
    const odd = objects.find((object) => !/^[\w.-]+\.o$/.test(object));
    if (odd !== undefined) throw noPlainObject(odd, where);
    modules.push(...objects);
    return `obj-$(CONFIG_${symbol}) += ${objects.join(" ")}`;
  });
  if (modules.length === 0) throw noPlainObject("(none)", where);
  return { lines: [...new Set(lines)].map((line) => `${line.replaceAll(/\s+/g, " ")}\n`), modules };
}

const noPlainObject = (object: string, where: string): Error =>
  badInput("extract.makefile", {
    what: `obj-m must name object files, and it has ${object}`,
    where,
    next: "write `obj-m := NAME.o` in it, with `NAME-objs := …` when the module has several files",
  });

/** Makes the directory known to the Kconfig above it: before the last `endmenu` or `endif`, else at the end. */
export function addSource(lines: readonly string[], path: string): string[] {
  const end = lines.findLastIndex((line) => /^end(?:menu|if)\b/.test(line));
  const at = end < 0 ? lines.length : end;
  const blank = at > 0 && lines[at - 1]?.trim() !== "" && !lines[at - 1]?.startsWith("source");
  return lines.toSpliced(at, 0, ...(blank ? ["\n"] : []), `source "${path}"\n`);
}

/** Makes the directory known to the Makefile above it, at its end. */
export const addObject = (lines: readonly string[], symbol: string, name: string): string[] => [
  ...lines.map((line) => (line.endsWith("\n") ? line : `${line}\n`)),
  `obj-$(CONFIG_${symbol}) += ${name}/\n`,
];
