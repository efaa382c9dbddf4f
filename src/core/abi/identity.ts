import type { ElfIdentity } from "../arch.ts";
import type { Header } from "../elf/file.ts";

/** Names as `readelf -h` has them, for machines somebody may mix up with ours (elf(5), e_machine). */
const machines: Readonly<Record<number, string>> = {
  2: "Sparc",
  3: "Intel 80386",
  8: "MIPS",
  18: "Sparc v8+",
  20: "PowerPC",
  21: "PowerPC64",
  22: "IBM S/390",
  40: "ARM",
  43: "Sparc v9",
  62: "X86-64",
  183: "AArch64",
  243: "RISC-V",
  258: "LoongArch",
};

type Identity = Pick<ElfIdentity, "bits" | "endian" | "machine">;

/** `64-bit big-endian Sparc v9`. */
export const describeIdentity = ({ bits, endian, machine }: Identity): string =>
  `${bits}-bit ${endian}-endian ${machines[machine] ?? `machine ${machine}`}`;

export const sameIdentity = (header: Header, wanted: ElfIdentity): boolean =>
  header.bits === wanted.bits &&
  header.endian === wanted.endian &&
  header.machine === wanted.machine;
