import { satisfies } from "./kernel-range.ts";
import type { KernelVersion } from "./kernel-version.ts";

/**
 * How kernels before kbuild are configured and compiled (data/generations/*.json). A kernel that
 * no generation names is built by kbuild, which needs no such description.
 */
export interface Generation {
  readonly name: string;
  readonly range: string;
  /** The make target that reads answers from its input, and how many empty ones it is given. */
  readonly configure: { readonly target: string; readonly answers: number };
  /** What the target itself needs, in kernel-configs/. */
  readonly targetFragment: string;
  /** Symbols that no configuration may have on, and why. */
  readonly forbidden: Readonly<Record<string, string>>;
  /** Make variables of every call. */
  readonly variables: readonly string[];
  /** Make targets between configuration and compiling. */
  readonly prepare: readonly string[];
  /** Files whose presence shows that a tree was configured or built in. */
  readonly dirt: readonly string[];
  /** Where UTS_RELEASE stands once the tree is prepared. */
  readonly releaseFile: string;
  readonly module: {
    /** Path of the object in the tree, and the directory and flags it is compiled with alone. */
    readonly object: string;
    readonly symbol: string;
  };
  /** Programs put before all others in PATH, by name; `{epoch}` and `{prefix}` are filled in. */
  readonly shims: Readonly<Record<string, string>>;
  /** Compilers the kernel's authors supported: gcc versions, from and below. */
  readonly compilers: { readonly from: string; readonly below: string };
}

/** What makes a compiler newer than its authors knew compile such a kernel (data/toolchains/*.json). */
export interface Toolchain {
  readonly name: string;
  readonly generation: string;
  /** gcc's versions, from and below. */
  readonly compilers: { readonly from: string; readonly below: string };
  /** What was measured, and who does not support it: shown, and kept in metadata. */
  readonly label: string;
  readonly measuredWith: string;
  readonly cflags: readonly string[];
  /**
   * By kernel range: what can be built, and the series on top of the target's own. The first that fits;
   * `module` is the one object alone.
   */
  readonly series: readonly {
    readonly range: string;
    readonly scope: "kernel" | "module";
    readonly series: string;
  }[];
  /** Asm statements that use memory untold and may stay: what the template holds, and why. */
  readonly reviewedAsm: readonly { readonly template: string; readonly why: string }[];
}

/** The part of a compiler's version that orders it: `12`, `4.1.2`, `2.95.3`. */
export function compilerNumber(text: string): readonly number[] | undefined {
  const match = /^\s*(?:egcs-)?(\d+(?:\.\d+){0,2})/.exec(text);
  return match?.[1]?.split(".").map(Number);
}

function compareNumbers(a: readonly number[], b: readonly number[]): number {
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const differ = (a[at] ?? 0) - (b[at] ?? 0);
    if (differ !== 0) return differ;
  }
  return 0;
}

/** Whether a compiler's version is one of `range`. */
export function compilerFits(
  version: readonly number[],
  range: { readonly from: string; readonly below: string },
): boolean {
  const from = compilerNumber(range.from) ?? [];
  const below = compilerNumber(range.below) ?? [];
  return compareNumbers(version, from) >= 0 && compareNumbers(version, below) < 0;
}

export const generationFor = (
  all: readonly Generation[],
  version: KernelVersion,
): Generation | undefined => all.find(({ range }) => satisfies(version, range));
