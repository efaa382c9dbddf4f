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
