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

/** How rules are saved, and who restores that file; in 2.4's time each distribution had its own. */
export const keepRules = (kernel: string, family: 4 | 6 = 4): { command: string; of: string } => {
  const name = family === 6 ? "ip6tables" : "iptables";
  const [file, of] = before(kernel, "2.5")
    ? [`/etc/sysconfig/${name}`, "Red Hat"]
    : [`/etc/iptables/rules.v${family}`, "Debian: package iptables-persistent"];
  const elsewhere = "elsewhere the file your init script restores";
  return { command: `${name}-save > ${file}`, of: `${of}; ${elsewhere}` };
};

/** The same in one line. */
export const keepRulesLine = (kernel: string): string => {
  const { command, of } = keepRules(kernel);
  return `${command} (${of})`;
};

/** modules-load.d is systemd's; /etc/modules is what Debian's init scripts read. */
export const keepModule = (kernel: string): string =>
  before(kernel, "2.5")
    ? "echo ipt_TARPIT >> /etc/modules"
    : "echo xt_TARPIT > /etc/modules-load.d/tarpit.conf";

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
