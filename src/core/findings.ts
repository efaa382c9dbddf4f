import { targetSeverities, type TargetFindingArguments } from "./target-findings.ts";

/**
 * What a check has to say: a code, how bad it is, and the facts. The words are in
 * src/cli/render/findings.ts, and nowhere else.
 */
export type Severity = "error" | "warning" | "info" | "unchecked";

/** Facts of each finding by its code. Adding a finding is adding a line here, one below and its words. */
export interface FindingArguments extends TargetFindingArguments {
  "file.missing": { readonly file: string };
  "file.unreadable": { readonly file: string; readonly reason: string };
  "metadata.bad": { readonly file: string; readonly reason: string };
  "sums.malformed": { readonly line: number; readonly text: string };
  "sums.duplicate": { readonly file: string };
  "sums.unlisted": { readonly file: string };
  "sums.gone": { readonly file: string };
  "sums.differs": { readonly file: string; readonly expected: string; readonly actual: string };
  "extension.missing": { readonly file: string } & ExtensionFix;
  "extension.foreign": { readonly file: string; readonly wanted: readonly string[] };
  "extension.class": {
    readonly file: string;
    readonly expected: string;
    readonly actual: string;
  } & ExtensionFix;
  "extension.stale": { readonly file: string; readonly than: string } & ExtensionFix;
  "extension.unreadable": { readonly file: string; readonly reason: string } & ExtensionFix;
  /** Not wrong: which iptables it is for. */
  "extension.period": { readonly file: string; readonly version: string };
  "extension.libc": { readonly file: string; readonly needs: string; readonly most: string };
  "extension.no-hash": { readonly file: string };
  "extension.no-target": { readonly file: string };
  "extension.identity": {
    readonly file: string;
    readonly field: string;
    readonly expected: string;
    readonly actual: string;
  };
  "module.missing": { readonly where: string; readonly module?: string };
  "module.class": { readonly file: string; readonly expected: string; readonly actual: string };
  "module.unreadable": { readonly file: string; readonly reason: string };
  "module.packed": { readonly file: string; readonly format: string };
  "module.no-target": { readonly file: string };
  "module.identity": {
    readonly file: string;
    readonly field: string;
    readonly expected: string;
    readonly actual: string;
  };
  "module.family": { readonly file: string; readonly expected: string; readonly actual: string };
  "module.alias": { readonly file: string; readonly alias: string };
  "module.license": { readonly file: string; readonly license: string };
  "module.depmod": { readonly file: string; readonly module: string };
  "module.vermagic": { readonly file: string; readonly expected: string; readonly actual: string };
  "module.vermagic-flags": {
    readonly file: string;
    readonly flag: string;
    readonly symbol: string;
    readonly has: boolean;
  };
  "kernel.class": { readonly file: string; readonly expected: string; readonly actual: string };
  "kernel.release": { readonly file: string; readonly expected: string; readonly actual: string };
  "kernel.no-banner": { readonly file: string };
  "kernel.no-target": { readonly file: string; readonly symbol: string };
  "kernel.other-build": { readonly file: string; readonly than: string };
  "config.symbol": {
    readonly symbol: string;
    readonly value: string;
    readonly wanted: string;
    readonly why: ConfigReason;
  };
  "check.skipped": { readonly check: string; readonly file: string; readonly reason: SkipReason };
  "host.node": { readonly version: string; readonly wanted: string };
  "host.disk": { readonly path: string; readonly freeMiB: number; readonly wantedMiB: number };
  "host.memory": { readonly totalMiB: number; readonly wantedMiB: number };
  "host.unchecked": { readonly what: string; readonly reason: string };
}

/** Why a check was not made. */
export type SkipReason =
  | "module-only"
  | "no-metadata"
  | "no-config"
  | "no-system-map"
  | "modutils"
  | "own-iptables";

/** Why a configuration symbol has to be there. */
export type ConfigReason = "target" | "target6" | "compat" | "legacy" | "modules";

/** How a bad extension is put right: from its twin where that one is good, else by a new build. */
export interface ExtensionFix {
  readonly dir: string;
  readonly arch: string;
  readonly twin?: string;
}

export type FindingCode = keyof FindingArguments;

/** Where it was seen: a file or a fact, the line in it, and that line. */
export interface Evidence {
  readonly file: string;
  readonly line?: number;
  readonly text?: string;
}

export type Finding = {
  readonly [C in FindingCode]: {
    readonly code: C;
    readonly severity: Severity;
    readonly args: FindingArguments[C];
    readonly evidence?: Evidence;
  };
}[FindingCode];

/** How bad each is. A switch in a command (--fail-on) may look at it; a check never chooses. */
export const severities: Readonly<Record<FindingCode, Severity>> = {
  "file.missing": "error",
  "file.unreadable": "error",
  "metadata.bad": "error",
  "sums.malformed": "error",
  "sums.duplicate": "error",
  "sums.unlisted": "error",
  "sums.gone": "error",
  "sums.differs": "error",
  "extension.missing": "error",
  "extension.foreign": "warning",
  "extension.class": "error",
  "extension.stale": "error",
  "extension.unreadable": "error",
  "extension.period": "info",
  "extension.libc": "error",
  "extension.no-hash": "error",
  "extension.no-target": "error",
  "extension.identity": "error",
  "module.missing": "error",
  "module.class": "error",
  "module.unreadable": "error",
  "module.packed": "unchecked",
  "module.no-target": "error",
  "module.identity": "error",
  "module.family": "error",
  "module.alias": "error",
  "module.license": "error",
  "module.depmod": "warning",
  "module.vermagic": "error",
  "module.vermagic-flags": "error",
  "kernel.class": "error",
  "kernel.release": "error",
  "kernel.no-banner": "unchecked",
  "kernel.no-target": "error",
  "kernel.other-build": "error",
  "config.symbol": "error",
  "check.skipped": "unchecked",
  "host.node": "warning",
  "host.disk": "warning",
  "host.memory": "warning",
  "host.unchecked": "unchecked",
  ...targetSeverities,
};

/** Makes a finding; its severity is data. */
export const finding = <C extends FindingCode>(
  code: C,
  args: FindingArguments[C],
  severity: Severity = severities[code],
): Finding => ({ code, severity, args }) as unknown as Finding;

/** A check that was made and passed. What could not be checked is a finding, never one of these. */
export interface Checked {
  readonly check: string;
  readonly file: string;
}

/** Gathers what the checks say: each ends in a finding, or in `checked`. */
export class Report {
  readonly findings: Finding[] = [];
  readonly checked: Checked[] = [];
  /** One check of one file; no finding means it passed. */
  judged(check: string, file: string, ...found: readonly (Finding | undefined)[]): boolean {
    const real = found.filter((one) => one !== undefined);
    this.findings.push(...real);
    if (real.length === 0) this.checked.push({ check, file });
    return real.length === 0;
  }
  skipped(check: string, file: string, reason: SkipReason): void {
    this.findings.push(finding("check.skipped", { check, file, reason }));
  }
}

export const hasErrors = (findings: readonly Finding[]): boolean =>
  findings.some((one) => one.severity === "error");
