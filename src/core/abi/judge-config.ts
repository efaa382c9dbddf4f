import { finding, type ConfigReason, type Finding } from "../findings.ts";
import type { Settings } from "../kconfig/dotconfig.ts";

export interface ConfigQuestion {
  readonly config: Settings;
  readonly scope: "kernel" | "module";
  readonly bits: 32 | 64;
  /** A 32-bit userland is among those built for. */
  readonly narrow: boolean;
  readonly release: string;
}

const isOn = (config: Settings, symbol: string): boolean => (config.get(symbol) ?? "n") !== "n";

const at = (release: string): number => {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  return Number(major ?? 0) * 1000 + Number(minor ?? 0);
};

/** The symbols without which the target is not there, or iptables cannot reach it. */
export function judgeConfig(question: ConfigQuestion): readonly Finding[] {
  const { config, scope } = question;
  const lacks = (symbols: readonly string[], wanted: string, why: ConfigReason): Finding[] => {
    if (symbols.some((symbol) => isOn(config, symbol))) return [];
    const [symbol = ""] = symbols;
    // A kernel that is not ours to configure: the owner has to know, the module is good.
    const severity = scope === "module" ? "warning" : "error";
    return [
      finding(
        "config.symbol",
        { symbol: `CONFIG_${symbol}`, value: config.get(symbol) ?? "n", wanted, why },
        severity,
      ),
    ];
  };
  const findings = scope === "kernel" ? lacks(["IP_NF_TARGET_TARPIT"], "y or m", "target") : [];
  if (scope === "kernel" && isOn(config, "IPV6"))
    findings.push(...lacks(["IP6_NF_TARGET_TARPIT"], "y or m", "target6"));
  if (scope === "module")
    findings.push(
      ...lacks(["MODULES"], "y", "modules"),
      ...lacks(["NETFILTER_XTABLES"], "y or m", "target"),
    );
  if (question.bits === 64 && question.narrow)
    findings.push(...lacks([compatSymbol(question.release)], "y", "compat"));
  findings.push(...lacks([tablesSymbol(question.release), "NFT_COMPAT"], "y or m", "legacy"));
  return findings;
}

/** NETFILTER_XTABLES_COMPAT is a switch since 5.13; before that COMPAT alone brings it. */
const compatSymbol = (release: string): string =>
  at(release) >= 5013 ? "NETFILTER_XTABLES_COMPAT" : "COMPAT";

/** Legacy iptables needs a switch of its own since 6.17; iptables-nft needs NFT_COMPAT. */
const tablesSymbol = (release: string): string =>
  at(release) >= 6017 ? "IP_NF_IPTABLES_LEGACY" : "IP_NF_IPTABLES";
