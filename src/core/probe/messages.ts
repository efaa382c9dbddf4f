import type { FindingCode } from "../findings.ts";

/** What iptables and the kernel say, and what is behind it; the words mislead more often than not. */
const causes: readonly (readonly [
  pattern: RegExp,
  code: Extract<FindingCode, `live.${string}`>,
])[] = [
  [/only valid for protocol 6/, "live.protocol"],
  [/used from hooks|only usable from/, "live.hook"],
  [/Permission denied|you must be root|Operation not permitted/i, "live.permission"],
  [/Chain 'TARPIT' does not exist/, "live.no-extension"],
  [/Couldn't (load|find) target/, "live.no-extension"],
  [/cannot open shared object|wrong ELF class|version.*not found|GLIBC_/, "live.no-extension"],
  [/missing kernel module|revision \d+ not supported/, "live.no-module"],
  [/No chain\/target\/match by that name/, "live.no-module"],
  [/can't initialize iptables table|Table does not exist|Protocol not available/, "live.no-module"],
  [/invalid size|Invalid argument/, "live.size"],
];

/** The real cause of a refused TARPIT rule. */
export const causeOf = (said: string): Extract<FindingCode, `live.${string}`> =>
  causes.find(([pattern]) => pattern.test(said))?.[1] ?? "live.refused";
