import { join } from "node:path";
import { badInput } from "../core/errors.ts";
import { type KernelVersion, versionFromMakefile } from "../core/kernel-version.ts";
import type { Ports } from "../ports.ts";

/** The version of the kernel tree at `path`; badInput for a directory that is none. */
export async function requireKernelTree(path: string, ports: Ports): Promise<KernelVersion> {
  const makefile = await ports.files.readText(join(path, "Makefile")).catch(() => undefined);
  const version = makefile === undefined ? undefined : versionFromMakefile(makefile);
  const netfilter = await ports.files.stat(join(path, "net", "ipv4", "netfilter"));
  if (version && netfilter) return version;
  throw badInput("tree.no-kernel", {
    what: `${path} is no kernel source tree`,
    where: version ? join(path, "net/ipv4/netfilter") : join(path, "Makefile"),
    next: "give the directory that holds the kernel's top Makefile; `tarpit-kit fetch debian:6.1` brings one",
  });
}

const mangled = (where: string, what: string): Error =>
  badInput("tree.mangled", {
    what,
    where,
    next: "unpack the kernel's tarball again, with tar, on a case-sensitive file system (a clone: git -c core.autocrlf=false), and give that directory",
  });

/** A target and a match that differ in nothing but letter case: today's, and those of Linux 2.4. */
const twins = [
  ["net/netfilter", "xt_TCPMSS.c", "xt_tcpmss.c"],
  ["net/ipv4/netfilter", "ipt_TOS.c", "ipt_tos.c"],
] as const;

/**
 * Trees that went through a file system without letter case, or through an archiver
 * or git that rewrites line ends, look whole and fail much later.
 */
export async function refuseMangledTree(path: string, ports: Ports): Promise<void> {
  const makefile = join(path, "Makefile");
  if ((await ports.files.readSlice(makefile, 0, 4096)).includes("\r\n")) {
    throw mangled(
      makefile,
      `${path} has CRLF line ends: patches cannot apply, and the kernel's scripts do not run`,
    );
  }
  for (const [directory, upper, lower] of twins) {
    const names = await ports.files.list(join(path, directory));
    if (names.includes(upper) === names.includes(lower)) continue;
    const lost = names.includes(upper) ? lower : upper;
    throw mangled(
      join(path, directory, lost),
      `${path} has lost files that differ only in letter case: ${lost} is missing`,
    );
  }
}
