import { atLeast } from "../../core/probe/versions.ts";

/** Commands for machines on which those of today lead nowhere. */

/** What is known to be older; not what has no number. */
export const before = (version: string, first: string): boolean =>
  /^\d/.test(version) && !atLeast(version, first);

/** An own tree for 2.4: without one `build` makes today's kernel. */
export const kernelToBuild = (kernel: string): string => {
  const version = /^2\.[0-4](?:\.\d+){1,2}/.exec(kernel)?.[0];
  return version === undefined ? "" : ` --tree ./linux-${version}`;
};

/** NFLOG came with 2.6.14. */
export const ulogInstead = (kernel: string): string =>
  before(kernel, "2.6.14") ? "use -j LOG" : "use -j NFLOG with ulogd2";

interface Extension {
  readonly iptables: string;
  /** Directory, fit for a shell. */
  readonly put: string;
  readonly arch: string | undefined;
  readonly abi: string | undefined;
}

/** How the extension comes to iptables; 1.2 and 1.3 take only one that was built against their own tree. */
export function install({ iptables, put, arch = "ARCH", abi = "ABI" }: Extension): string {
  const build = `tarpit-kit build --arch ${arch}`;
  if (!before(iptables, "1.4")) return `${build}, then cp extensions/${abi}/lib*_TARPIT.so ${put}/`;
  const tree = `iptables-${iptables}`;
  return `TARPIT_KIT_IPTABLES=./${tree} ${build}, then cp extensions/${abi}/${tree}/libipt_TARPIT.so ${put}/`;
}
