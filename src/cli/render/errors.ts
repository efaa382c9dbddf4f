import { environment, type TarpitError } from "../../core/errors.ts";
import type { Finding } from "../../core/findings.ts";
import { describeFinding } from "./findings.ts";
import type { Style } from "./style.ts";

/** One message: what, where, the evidence, and what to do next. */
export function describeError(error: TarpitError, style: Style): string {
  const { what, where, next } = error.trouble;
  const evidence = [...(error.trouble.evidence ?? []), ...findingLines(error.trouble.data)];
  const lines = [`${style.red("error:")} ${style.bold(what)}`];
  if (where) lines.push(`  where: ${where}`);
  if (evidence.length > 0) lines.push(...evidence.map((line) => `  | ${line}`));
  if (next) lines.push(`  next:  ${next}`);
  return `${lines.join("\n")}\n`;
}

/** Findings that ended the run: their words are only known here. */
function findingLines(data: TarpitError["trouble"]["data"]): string[] {
  const findings = (data?.["findings"] ?? []) as readonly Finding[];
  return findings.filter((one) => one.severity === "error").map(describeFinding);
}

const system: Readonly<Record<string, readonly [what: string, next: string]>> = {
  ENOSPC: ["the disk is full", "make room there, then run the same command again"],
  EDQUOT: ["the disk quota is used up", "make room there, then run the same command again"],
  EACCES: ["permission denied", "give a path you may use, or change its permissions"],
  EPERM: ["operation not permitted", "give a path you may use, or change its permissions"],
  ENOTDIR: ["a part of the path is a file, not a directory", "give another path"],
  EISDIR: ["there is a directory where a file should be", "give another path"],
  ENAMETOOLONG: ["the path is too long", "give a shorter one"],
  ELOOP: ["the path runs in circles of symbolic links", "give another path"],
  EIO: ["the disk reports an error", "look at dmesg; use another disk"],
  EROFS: ["the file system is read-only", "give a path on another file system"],
  EMFILE: ["too many open files", "raise the limit (ulimit -n) and run the same command again"],
};

/** What the operating system refused, as an error a person can act on; undefined for a bug of ours. */
export function systemTrouble(thrown: unknown): TarpitError | undefined {
  const { code, path, dest, syscall } = thrown as Readonly<Record<string, string | undefined>>;
  const words = system[code ?? ""];
  if (!words) return undefined;
  const where = [[path, dest].filter(Boolean).join(" -> "), syscall && `(${syscall}: ${code})`]
    .filter(Boolean)
    .join(" ");
  return environment(`system.${code}`, { what: words[0], where, next: words[1] });
}
