/**
 * Writes a cpio archive in the "newc" format, which the kernel unpacks as its
 * initramfs (Documentation/driver-api/early-userspace/buffer-format.rst).
 */
export type CpioEntry =
  | { readonly kind: "directory"; readonly path: string; readonly mode?: number }
  | {
      readonly kind: "file";
      readonly path: string;
      readonly data: Uint8Array;
      readonly mode?: number;
    }
  | { readonly kind: "symlink"; readonly path: string; readonly target: string }
  | {
      readonly kind: "character";
      readonly path: string;
      readonly major: number;
      readonly minor: number;
    };

interface Member {
  readonly mode: number;
  readonly data: Uint8Array;
  readonly major: number;
  readonly minor: number;
}

const nothing = new Uint8Array(0);

/** st_mode type bits, inode(7). */
const types = {
  directory: 0o040000,
  file: 0o100000,
  symlink: 0o120000,
  character: 0o020000,
} as const;

function member(entry: CpioEntry): Member {
  const type = types[entry.kind];
  switch (entry.kind) {
    case "directory":
      return { mode: type | (entry.mode ?? 0o755), data: nothing, major: 0, minor: 0 };
    case "file":
      return { mode: type | (entry.mode ?? 0o644), data: entry.data, major: 0, minor: 0 };
    case "symlink":
      return { mode: type | 0o777, data: Buffer.from(entry.target), major: 0, minor: 0 };
    case "character":
      return { mode: type | 0o600, data: nothing, major: entry.major, minor: entry.minor };
  }
}

const hex = (value: number): string => value.toString(16).toUpperCase().padStart(8, "0");

const padding = (length: number): Buffer => Buffer.alloc((4 - (length % 4)) % 4);

/** One header, name and data, each padded to four bytes. Owner root, time 0: the same input gives the same bytes. */
function encode(path: string, inode: number, part: Member): Buffer {
  const name = Buffer.from(`${path}\0`);
  const links = (part.mode & types.directory) === types.directory ? 2 : 1;
  const fields = [
    inode,
    part.mode,
    0,
    0,
    links,
    0,
    part.data.length,
    0,
    0,
    part.major,
    part.minor,
    name.length,
    0,
  ];
  const header = Buffer.from(`070701${fields.map(hex).join("")}`);
  const head = Buffer.concat([header, name]);
  return Buffer.concat([head, padding(head.length), part.data, padding(part.data.length)]);
}

const parentOf = (path: string): string => path.slice(0, Math.max(path.lastIndexOf("/"), 0));

/** Parents of every entry that are not entries themselves: the kernel makes no directory on its own. */
function withParents(entries: readonly CpioEntry[]): readonly CpioEntry[] {
  const known = new Set<string>();
  const result: CpioEntry[] = [];
  const parents = (path: string): void => {
    const parent = parentOf(path);
    if (parent === "" || known.has(parent)) return;
    parents(parent);
    known.add(parent);
    result.push({ kind: "directory", path: parent });
  };
  for (const entry of entries) {
    parents(entry.path);
    if (known.has(entry.path)) continue;
    known.add(entry.path);
    result.push(entry);
  }
  return result;
}

/** Paths are relative, without a leading slash: `dev/console`. */
export function cpioArchive(entries: readonly CpioEntry[]): Buffer {
  const members = withParents(entries).map((entry, index) =>
    encode(entry.path, index + 1, member(entry)),
  );
  const end = encode("TRAILER!!!", 0, { mode: 0, data: nothing, major: 0, minor: 0 });
  const body = Buffer.concat([...members, end]);
  return Buffer.concat([body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}
