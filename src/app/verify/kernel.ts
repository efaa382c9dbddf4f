import { join } from "node:path";
import { describeIdentity, sameIdentity } from "../../core/abi/identity.ts";
import type { Arch } from "../../core/arch.ts";
import { type Bytes, ElfError } from "../../core/elf/bytes.ts";
import { headBytes, readHeader, readSegments } from "../../core/elf/file.ts";
import { finding, type Report } from "../../core/findings.ts";
import {
  bannerAt,
  bannersIn,
  pointerIn,
  type Banner,
  setupVersion,
  symbolAddress,
} from "../../core/kernel-image.ts";
import type { Ports } from "../../ports.ts";
import type { Metadata } from "./metadata.ts";

/** vmlinux, System.map and the boot image: for this arch, of this release, of one build. */
export async function checkKernel(
  dir: string,
  arch: Arch,
  metadata: Metadata,
  report: Report,
  ports: Ports,
): Promise<void> {
  const image = metadata.bootImage ?? arch.bootImageName;
  const wanted = [image, "vmlinux", "System.map"];
  const missing = new Set<string>();
  for (const file of wanted) {
    const info = await ports.files.stat(join(dir, file));
    const there = info?.kind === "file" && info.size > 0;
    if (!there) missing.add(file);
    report.judged("present", file, there ? undefined : finding("file.missing", { file }));
  }
  if (missing.has("vmlinux")) return;
  const address = missing.has("System.map")
    ? undefined
    : symbolAddress(await ports.files.readText(join(dir, "System.map")), "linux_banner");
  const banner = await checkVmlinux(dir, arch, address, metadata, report, ports);
  if (!missing.has(image)) await checkImage(dir, image, banner, metadata, report, ports);
}

async function checkVmlinux(
  dir: string,
  arch: Arch,
  address: bigint | undefined,
  metadata: Metadata,
  report: Report,
  ports: Ports,
) {
  const file = "vmlinux";
  const head = await ports.files.readSlice(join(dir, file), 0, headBytes);
  try {
    const { header, bytes } = readHeader(head);
    const expected = describeIdentity(arch.elf);
    const right = sameIdentity(header, arch.elf);
    report.judged(
      "kernel.class",
      file,
      right
        ? undefined
        : finding("kernel.class", { file, expected, actual: describeIdentity(header) }),
    );
    if (address === undefined) return void report.skipped("kernel.release", file, "no-system-map");
    // linux_banner is a symbol of every kernel (init/version.c): the map says where, the file has to agree.
    const place = bannerAt(readSegments(bytes), address);
    const text =
      place === undefined ? undefined : await bannerFrom(join(dir, file), place, bytes, ports);
    if (text === undefined || !text.atStart) {
      report.judged(
        "kernel.one-build",
        file,
        finding("kernel.other-build", { file: "System.map", than: file }),
      );
      return undefined;
    }
    report.judged("kernel.one-build", "System.map");
    judgeRelease(file, text.release, metadata, report);
    return text;
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    report.judged(
      "kernel.class",
      file,
      finding("kernel.class", {
        file,
        expected: describeIdentity(arch.elf),
        actual: error.message,
      }),
    );
    return undefined;
  }
}

/** The banner itself; before 2.6 linux_banner is a pointer to it. */
async function bannerFrom(path: string, place: number, head: Bytes, ports: Ports) {
  const [direct] = bannersIn(await ports.files.readSlice(path, place, 1024));
  if (direct?.atStart === true) return direct;
  const word = await ports.files.readSlice(path, place, head.word);
  if (word.length < head.word) return direct;
  const there = bannerAt(readSegments(head), pointerIn(word, head.endian));
  if (there === undefined) return direct;
  const [pointed] = bannersIn(await ports.files.readSlice(path, there, 1024));
  return pointed ?? direct;
}

function judgeRelease(file: string, actual: string, metadata: Metadata, report: Report): void {
  const wrong =
    actual === metadata.release
      ? undefined
      : finding("kernel.release", { file, expected: metadata.release, actual });
  report.judged("kernel.release", file, wrong);
}

const chunk = 4 << 20;
/** A banner that lies across two chunks is found in the second one. */
const overlap = 1024;

/** The image names its release in the open (raw images, x86's setup header), or is packed and cannot be asked. */
async function checkImage(
  dir: string,
  file: string,
  banner: { readonly text: string } | undefined,
  metadata: Metadata,
  report: Report,
  ports: Ports,
) {
  const path = join(dir, file);
  const setup = setupVersion(await ports.files.readSlice(path, 0, 64 << 10));
  if (setup !== undefined) return judgeRelease(file, setup, metadata, report);
  const found: Banner[] = [];
  for (let offset = 0; ; offset += chunk - overlap) {
    const bytes = await ports.files.readSlice(path, offset, chunk);
    if (bytes.length <= overlap && offset > 0) break;
    found.push(...bannersIn(bytes));
    if (bytes.length < chunk) break;
  }
  const [first] = found;
  if (!first) {
    report.judged("kernel.release", file, finding("kernel.no-banner", { file }));
    return;
  }
  judgeRelease(file, first.release, metadata, report);
  const same = banner === undefined || found.some((one) => one.text === banner.text);
  report.judged(
    "kernel.one-build",
    file,
    same ? undefined : finding("kernel.other-build", { file, than: "vmlinux" }),
  );
}
