import {
  finding,
  type Evidence,
  type Finding,
  type FindingArguments,
  type FindingCode,
  type Severity,
} from "../findings.ts";
import type { Rule } from "./parse.ts";

/** At most so many findings of one code; the rest is a number. */
export const most = 10;

export interface LintQuestion {
  /** Where the text is from, for the evidence. */
  readonly file: string;
  readonly family: 4 | 6;
  /** Hours the counters were collected over; undefined when nobody knows. */
  readonly hours: number | undefined;
  /** The kernel says that connection tracking is in use; without it the rules have to say so. */
  readonly tracked?: boolean;
  /** Kernel version in dots; undefined: a modern one. */
  readonly kernel?: string | undefined;
}

/** Gathers findings, a bounded number of each code, with their lines. */
export class Lint {
  readonly findings: Finding[] = [];
  readonly #counts = new Map<FindingCode, number>();
  readonly #logs = new Set<number>();
  readonly file: string;
  constructor(file: string) {
    this.file = file;
  }
  /** A log in front of many TARPIT rules is told once. */
  isFirst(log: Pick<Rule, "line">): boolean {
    if (this.#logs.has(log.line)) return false;
    this.#logs.add(log.line);
    return true;
  }
  add<C extends FindingCode>(
    code: C,
    args: FindingArguments[C],
    rule?: Pick<Rule, "line"> & { text?: string },
    severity?: Severity,
  ): void {
    const count = (this.#counts.get(code) ?? 0) + 1;
    this.#counts.set(code, count);
    if (count > most) return;
    const evidence: Evidence = {
      file: this.file,
      ...(rule ? { line: rule.line, text: (rule.text ?? "").slice(0, 200) } : {}),
    };
    this.findings.push({ ...finding(code, args, severity), evidence } as Finding);
  }
  done(): readonly Finding[] {
    for (const [code, count] of this.#counts) {
      if (count > most)
        this.findings.push({
          ...finding("rule.more", { what: code, count: count - most }),
          evidence: { file: this.file },
        } as Finding);
    }
    return this.findings;
  }
}
