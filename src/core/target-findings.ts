/** Facts of what `verify` and `rules lint` find on the machine that has, or should have, the target. */
export interface TargetFindingArguments {
  "facts.cut": Record<never, never>;
  "facts.version": { readonly version: number; readonly known: number };
  "facts.required": { readonly fact: string; readonly reason: string };
  "facts.unread": { readonly fact: string; readonly reason: string };
  "width.uname": { readonly machine: string; readonly bits: number };
  "width.split": { readonly iptables: string; readonly kernel: string };
  "width.backwards": { readonly file: string };
  "width.compat-off": {
    readonly kernel: string;
    readonly symbol: string;
    readonly arch?: string;
  };
  "split.rule": {
    readonly name: string;
    readonly verdict: string;
    readonly sizes: string;
    readonly kernel: string;
    readonly iptables: string;
  };
  "split.avoid": {
    readonly names: readonly string[];
    /** Those of them that an iptables converts which was built for the two widths. */
    readonly converted?: readonly string[];
    readonly kernel: string;
    readonly iptables: string;
  };
  "ulog.gone": { readonly kernel: string };
  "ulog.conf": { readonly kernel: string };
  "ulog.packets": { readonly from: number; readonly at: number; readonly kernel?: string };
  "ulogd.width": { readonly bits: number; readonly kernel: number };
  "target.absent": { readonly kernel: string; readonly arch?: string };
  "target.loadable": { readonly path: string };
  "target.no-ipv6": Record<never, never>;
  "target.builtin": Record<never, never>;
  "target.two-owners": { readonly files: readonly string[]; readonly takes: string };
  "target.loaded-other": {
    readonly loaded: string;
    readonly file: string;
    readonly onDisk: string;
  };
  "target.stock": { readonly file: string };
  "target.blocked": { readonly how: string };
  "module.not-for-kernel": {
    readonly file: string;
    readonly actual: string;
    readonly expected: string;
  };
  "module.wrong-machine": {
    readonly file: string;
    readonly actual: string;
    readonly expected: string;
    readonly arch?: string;
  };
  "module.unsigned": { readonly file: string; readonly by: string };
  "module.disabled": Record<never, never>;
  "module.no-depmod": { readonly file: string };
  "module.no-alias": { readonly alias: string };
  "kernel.no-legacy": { readonly kernel: string };
  "kernel.no-nft-compat": { readonly kernel: string };
  "backend.clash": { readonly nft: number; readonly legacy: number };
  "backend.other": { readonly used: string; readonly other: string };
  "so.missing": {
    readonly looked: readonly string[];
    readonly iptables: string;
    readonly put: string;
    readonly arch?: string;
    readonly abi?: string;
  };
  "so.elsewhere": {
    readonly file: string;
    readonly looked: readonly string[];
    readonly put: string;
  };
  "so.missing-ipv6": { readonly file: string; readonly put: string };
  "so.shadowed": { readonly file: string; readonly by: string };
  "so.class": { readonly file: string; readonly actual: string; readonly expected: string };
  "so.size": { readonly file: string; readonly size: number; readonly wanted: number };
  "so.size-zero": { readonly file: string; readonly kernel: string };
  "so.identity": {
    readonly file: string;
    readonly field: string;
    readonly actual: string;
    readonly expected: string;
  };
  "so.version": {
    readonly file: string;
    readonly actual: string;
    readonly expected: string;
    readonly arch?: string;
    readonly abi?: string;
  };
  "so.no-target": { readonly file: string };
  "so.unreadable": { readonly file: string; readonly reason: string };
  "so.two-builds": { readonly file: string; readonly than: string };
  "so.libc": { readonly file: string; readonly needs: string; readonly has: string };
  "so.no-hash": { readonly file: string; readonly has: string };
  "so.libxtables": {
    readonly files: readonly string[];
    readonly actual: string;
    readonly expected: string;
  };
  "conntrack.full": {
    readonly count: number;
    readonly max: number;
    /** The file's name below /proc/sys. */
    readonly knob?: string;
    /** There is a table `raw`; 2.4 has none. */
    readonly raw?: boolean;
  };
  "cookie.dropped": { readonly dropped: number; readonly segments: number };
  "stuck.held": { readonly held: number };
  "reboot.module": { readonly kernel: string };
  "reboot.rules": { readonly kernel: string; readonly looked: string };
  "reboot.kernel": { readonly kernel: string };
  "reboot.no-way-back": { readonly kernel: string };
  "rule.none": { readonly rules: number };
  "rule.more": { readonly what: string; readonly count: number };
  "rule.strange": { readonly text: string };
  "rule.protocol": { readonly proto: string };
  "rule.protocol-inverted": Record<never, never>;
  "rule.hook": { readonly hook: string; readonly chain: string; readonly table: string };
  "rule.unreached": { readonly chain: string };
  "rule.new-only": { readonly chain: string };
  "rule.variants": Record<never, never>;
  "rule.counters": {
    readonly packets: number;
    readonly bytes: number;
    /** Hours they were collected over; undefined when nobody knows. */
    readonly hours?: number;
  };
  "rule.shadowed": { readonly line: number; readonly by: string };
  "rule.invalid-drop": { readonly line: number };
  "rule.log-flood": {
    readonly target: string;
    readonly before: number;
    readonly packets: number;
    readonly linesADay: number;
    readonly bytesADay: number;
    readonly known: boolean;
  };
  "rule.before-accept": { readonly line: number };
  "rule.lockout": Record<never, never>;
  "rule.not-before-drop": { readonly line: number };
  "rule.no-drop": { readonly chain: string };
  "rule.tracked": { readonly family: number };
  "rule.reply-invalid": Record<never, never>;
  "rule.reply-policy": { readonly untracked: boolean };
  "rule.ulog": Record<never, never>;
  "live.no-extension": { readonly said: string };
  "live.no-module": { readonly said: string };
  "live.protocol": { readonly said: string };
  "live.hook": { readonly said: string };
  "live.size": { readonly said: string };
  "live.permission": { readonly said: string };
  "live.refused": { readonly said: string; readonly rule: string };
  "live.no-namespace": { readonly said: string };
  "live.not-held": { readonly state: string };
  "live.conntrack": { readonly before: number; readonly after: number };
  "live.measured": {
    readonly before: number;
    readonly during: number;
    readonly after: number;
  };
  "live.loaded": { readonly modules: readonly string[] };
  "live.kernel-log": { readonly text: string };
}

export const targetSeverities = {
  "facts.cut": "error",
  "facts.version": "error",
  "facts.required": "error",
  "facts.unread": "unchecked",
  "width.uname": "info",
  "width.split": "info",
  "width.backwards": "error",
  "width.compat-off": "error",
  "split.rule": "error",
  "split.avoid": "warning",
  "ulog.gone": "error",
  "ulog.conf": "warning",
  "ulog.packets": "error",
  "ulogd.width": "info",
  "target.absent": "error",
  "target.loadable": "info",
  "target.no-ipv6": "warning",
  "target.builtin": "info",
  "target.two-owners": "warning",
  "target.loaded-other": "warning",
  "target.stock": "warning",
  "target.blocked": "warning",
  "module.not-for-kernel": "error",
  "module.wrong-machine": "error",
  "module.unsigned": "error",
  "module.disabled": "error",
  "module.no-depmod": "error",
  "module.no-alias": "warning",
  "kernel.no-legacy": "error",
  "kernel.no-nft-compat": "error",
  "backend.clash": "warning",
  "backend.other": "warning",
  "so.missing": "error",
  "so.elsewhere": "error",
  "so.missing-ipv6": "warning",
  "so.shadowed": "error",
  "so.class": "error",
  "so.size": "error",
  "so.size-zero": "error",
  "so.identity": "error",
  "so.version": "error",
  "so.no-target": "error",
  "so.unreadable": "error",
  "so.two-builds": "warning",
  "so.libc": "error",
  "so.no-hash": "error",
  "so.libxtables": "error",
  "conntrack.full": "warning",
  "cookie.dropped": "warning",
  "stuck.held": "info",
  "reboot.module": "info",
  "reboot.rules": "warning",
  "reboot.kernel": "warning",
  "reboot.no-way-back": "warning",
  "rule.none": "info",
  "rule.more": "info",
  "rule.strange": "warning",
  "rule.protocol": "error",
  "rule.protocol-inverted": "error",
  "rule.hook": "error",
  "rule.unreached": "warning",
  "rule.new-only": "error",
  "rule.variants": "warning",
  "rule.counters": "info",
  "rule.shadowed": "error",
  "rule.invalid-drop": "warning",
  "rule.log-flood": "warning",
  "rule.before-accept": "warning",
  "rule.lockout": "warning",
  "rule.not-before-drop": "warning",
  "rule.no-drop": "warning",
  "rule.tracked": "info",
  "rule.reply-invalid": "warning",
  "rule.reply-policy": "warning",
  "rule.ulog": "warning",
  "live.no-extension": "error",
  "live.no-module": "error",
  "live.protocol": "error",
  "live.hook": "error",
  "live.size": "error",
  "live.permission": "error",
  "live.refused": "error",
  "live.no-namespace": "error",
  "live.not-held": "error",
  "live.conntrack": "warning",
  "live.measured": "info",
  "live.loaded": "info",
  "live.kernel-log": "warning",
} as const satisfies Record<
  keyof TargetFindingArguments,
  "error" | "warning" | "info" | "unchecked"
>;
