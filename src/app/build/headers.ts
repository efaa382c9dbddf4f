import { join, resolve } from "node:path";
import type { Arch } from "../../core/arch.ts";
import { badInput } from "../../core/errors.ts";
import { refuseOddDirectory } from "../../core/make.ts";
import { type KernelVersion, parseKernelRelease } from "../../core/kernel-version.ts";
import type { Ports } from "../../ports.ts";

/** Headers of an installed kernel, as a module build needs them. */
export interface Headers {
  readonly dir: string;
  /** UTS_RELEASE of that kernel: what the vermagic must begin with. */
  readonly release: string;
  readonly version: KernelVersion;
  readonly configText: string;
}

/**
 * Reads what DIR says of its kernel (Documentation/kbuild/modules.rst section 2): UTS_RELEASE
 * from include/generated/utsrelease.h, which is what ends up in the vermagic. Debian packages
 * "6.1.0-56-cloud-amd64" there and the upstream version in include/config/kernel.release.
 */
export async function headersOf(path: string, arch: Arch, ports: Ports): Promise<Headers> {
  const dir = resolve(ports.host.cwd, path);
  refuseOddDirectory(dir, "--against", "give it under another path, for example a symbolic link");
  const read = (name: string) => ports.files.readText(join(dir, name)).catch(() => undefined);
  const uts = /UTS_RELEASE\s+"([^"\n]+)"/.exec(
    (await read("include/generated/utsrelease.h")) ?? "",
  );
  const kernelRelease = (await read("include/config/kernel.release"))?.trim();
  const release = uts?.[1] ?? kernelRelease;
  const configText = (await read(".config")) ?? (await read("include/config/auto.conf"));
  const version = parseKernelRelease(kernelRelease ?? release ?? "");
  if (release === undefined || configText === undefined || !version) {
    throw badInput("build.against", {
      what: `${dir} holds no prepared kernel headers`,
      where: join(dir, "include/generated/utsrelease.h"),
      next: `give /lib/modules/RELEASE/build or /usr/src/linux-headers-RELEASE of the target kernel (${arch.name})`,
    });
  }
  return { dir, release, version, configText };
}
