import { satisfies } from "./kernel-range.ts";

export const dkmsName = "xt-tarpit";

/** Every X.Y that may be in a range; a kernel's minor numbers have stayed far below this. */
const candidates = [2, 3, 4, 5, 6, 7, 8].flatMap((major) =>
  Array.from({ length: 40 }, (_, minor) => ({ major, minor })),
);

/**
 * `6.1`, `6.12`: the kernel lines whose latest releases are in one of the ranges. A release's own
 * number does not always say which one it is: Debian calls 6.1.192 6.1.0-50.
 */
export const linesIn = (ranges: readonly string[]): readonly string[] =>
  candidates
    .filter(({ major, minor }) =>
      ranges.some((range) => satisfies({ major, minor, patch: 999, text: "" }, range)),
    )
    .map(({ major, minor }) => `${major}.${minor}`);

/**
 * dkms.conf (dkms(8)). Kernels of other lines, and those without xtables, are left out rather than
 * failing when they are installed. `lines` are `6.1` and the like.
 */
export function dkmsConf(version: string, lines: readonly string[]): string {
  const kernels = lines.map((line) => line.replaceAll(".", String.raw`\.`)).join("|");
  return [
    `PACKAGE_NAME="${dkmsName}"`,
    `PACKAGE_VERSION="${version}"`,
    'BUILT_MODULE_NAME[0]="xt_TARPIT"',
    'DEST_MODULE_LOCATION[0]="/updates/dkms"',
    'AUTOINSTALL="yes"',
    `BUILD_EXCLUSIVE_KERNEL="^(${kernels})([.+-]|$)"`,
    'BUILD_EXCLUSIVE_CONFIG="CONFIG_NETFILTER_XTABLES"',
    "",
  ].join("\n");
}
