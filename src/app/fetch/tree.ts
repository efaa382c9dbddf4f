import { join } from "node:path";
import { badInput } from "../../core/errors.ts";
import type { Ports } from "../../ports.ts";
import { requireKernelTree } from "../tree.ts";
import type { Provider } from "./types.ts";

const refuse = (where: string, what: string): Error =>
  badInput("fetch.mangled-tree", {
    what,
    where,
    next: "unpack the kernel's tarball again, with tar, on a case-sensitive file system, and give that directory",
  });

/**
 * Trees that went through a file system without letter case, or through an
 * archiver or git that rewrites line ends, look whole and fail much later:
 * xt_TCPMSS.c (a target) and xt_tcpmss.c (a match) are two files.
 */
export async function refuseMangledTree(path: string, ports: Ports): Promise<void> {
  const makefile = join(path, "Makefile");
  if ((await ports.files.readSlice(makefile, 0, 4096)).includes("\r\n")) {
    throw refuse(
      makefile,
      `${path} has CRLF line ends: patches cannot apply, and the kernel's scripts do not run`,
    );
  }
  const netfilter = join(path, "net", "netfilter");
  const names = await ports.files.list(netfilter);
  const [upper, lower] = [names.includes("xt_TCPMSS.c"), names.includes("xt_tcpmss.c")];
  if (upper !== lower) {
    const lost = upper ? "xt_tcpmss.c" : "xt_TCPMSS.c";
    throw refuse(
      join(netfilter, lost),
      `${path} has lost files that differ only in letter case: ${lost} is missing`,
    );
  }
}

/** The user's own tree: looked at, not copied. */
export const fetchTree: Provider<"tree"> = async (spec, _request, ports) => {
  const version = await requireKernelTree(spec.path, ports);
  await refuseMangledTree(spec.path, ports);
  const path = await ports.files.realpath(spec.path);
  return {
    path,
    id: `tree:${path}`,
    version,
    origin: { kind: "tree" },
    trust: { how: "user", detail: "the user's own tree" },
    cached: true,
  };
};
