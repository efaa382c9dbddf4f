import type { Image } from "../elf/image.ts";
import { findBytes, findPointers } from "./places.ts";

/** What an iptables extension registers, read without running it. */
export interface ExtensionTarget {
  readonly name: string;
  /** XTABLES_VERSION it was compiled for: `libxtables.so.12`. */
  readonly version: string;
  readonly revision: number;
  /** NFPROTO_*: 0 is every family. */
  readonly family: number;
  readonly size: number;
  readonly userspaceSize: number;
  /** Which layout of the structure fitted. */
  readonly layout: string;
}

/** Offsets as functions of the word size w; all fields up to userspacesize are what we read. */
interface Layout {
  readonly id: string;
  readonly version: (w: number) => number;
  readonly name: (w: number) => number;
  /** A pointer, or NULL, where this layout has one and others have not. */
  readonly pointers: (w: number) => readonly number[];
  /** Undefined: before there were revisions, or families. */
  readonly revision: ((w: number) => number) | undefined;
  readonly family: ((w: number) => number) | undefined;
  readonly size: (w: number) => number;
  readonly userspaceSize: (w: number) => number;
}

/** sizeof(ipt_chainlabel): the name was an array, not a pointer. */
const inside = 32;

/**
 * struct xtables_target of xtables.h, newest first: with real_name and ext_flags, and as it
 * was before those; then struct iptables_target of iptables.h 1.3 and 1.2, with the name inside.
 */
const layouts: readonly Layout[] = [
  {
    id: "real_name",
    version: () => 0,
    name: (w) => 2 * w,
    pointers: (w) => [w, 3 * w],
    revision: (w) => 4 * w,
    family: (w) => 4 * w + 2,
    size: (w) => 4 * w + Math.max(w, 4),
    userspaceSize: (w) => 5 * w + Math.max(w, 4),
  },
  {
    id: "plain",
    version: () => 0,
    name: (w) => 2 * w,
    pointers: (w) => [w],
    revision: (w) => 3 * w,
    family: (w) => 3 * w + 2,
    size: (w) => 4 * w,
    userspaceSize: (w) => 5 * w,
  },
  {
    id: "iptables-1.3",
    version: (w) => 2 * w + inside,
    name: (w) => w,
    pointers: () => [0],
    revision: (w) => w + inside,
    family: undefined,
    size: (w) => 3 * w + inside,
    userspaceSize: (w) => 4 * w + inside,
  },
  {
    id: "iptables-1.2",
    version: (w) => w + inside,
    name: (w) => w,
    pointers: () => [0],
    revision: undefined,
    family: undefined,
    size: (w) => 2 * w + inside,
    userspaceSize: (w) => 3 * w + inside,
  },
];

/** No target's data is larger: it has to fit a rule, and a rule a 16-bit offset (x_tables.h). */
const largestSize = 0xffff;

/** The target structures with this name in a libipt_*.so or libxt_*.so. */
export function findExtensionTargets(image: Image, name: string): readonly ExtensionTarget[] {
  const strings = findBytes(image, Buffer.from(`${name}\0`, "latin1"));
  const fits = (at: bigint, isOld: boolean): readonly ExtensionTarget[] => {
    for (const layout of layouts) {
      if (layout.id.startsWith("iptables-") !== isOld) continue;
      const target = read(image, at - BigInt(layout.name(image.bytes.word)), layout, name);
      if (target) return [target];
    }
    return [];
  };
  const pointed = findPointers(image, strings).flatMap((at) => fits(at, false));
  return pointed.length > 0 ? pointed : strings.flatMap((at) => fits(at, true));
}

function read(image: Image, at: bigint, layout: Layout, name: string): ExtensionTarget | undefined {
  const w = image.bytes.word;
  const place = (field: (w: number) => number): bigint => at + BigInt(field(w));
  const version = image.string(image.pointer(place(layout.version)) ?? 0n);
  if (version === undefined || !/^(libxtables\.so\.\d+|\d+\.\d+[\w.-]*)$/.test(version))
    return undefined;
  const pointers = layout.pointers(w).map((offset) => image.pointer(at + BigInt(offset)));
  if (
    !pointers.every(
      (pointer) =>
        pointer === 0n || (pointer !== undefined && image.offsetOf(pointer) !== undefined),
    )
  )
    return undefined;
  const revision = layout.revision ? image.number(place(layout.revision), 1) : 0;
  const family = layout.family ? image.number(place(layout.family), 2) : 0;
  const size = image.number(place(layout.size), w);
  const userspaceSize = image.number(place(layout.userspaceSize), w);
  if (
    revision === undefined ||
    family === undefined ||
    size === undefined ||
    userspaceSize === undefined
  )
    return undefined;
  if (family > 255 || size > largestSize || userspaceSize > size) return undefined;
  return { name, version, revision, family, size, userspaceSize, layout: layout.id };
}

/** Whether it hands a target to libxtables at all (a match looks the same in the data). */
export const registersTarget = (image: Image): boolean => {
  const imports = image.imports();
  // register_target: up to iptables 1.4.0.
  return ["xtables_register_target", "xtables_register_targets", "register_target"].some((name) =>
    imports.has(name),
  );
};
