import {
  finding,
  type Checked,
  type Evidence,
  type Finding,
  type FindingArguments,
  type FindingCode,
  type Severity,
} from "../findings.ts";

/** Gathers what the judges of a machine say: every check ends as a finding or as checked. */
export class Check {
  readonly findings: Finding[] = [];
  readonly checked: Checked[] = [];
  add<C extends FindingCode>(
    code: C,
    args: FindingArguments[C],
    evidence: Evidence,
    severity?: Severity,
  ): void {
    this.findings.push({ ...finding(code, args, severity), evidence } as Finding);
  }
  passed(check: string, file: string): void {
    this.checked.push({ check, file });
  }
  /** Could not be read, and one can be content without. */
  unread(fact: string, reason: string): void {
    const told = this.findings.some(
      (one) => one.code === "facts.unread" && one.args.fact === fact && one.args.reason === reason,
    );
    if (told) return;
    this.add("facts.unread", { fact, reason }, { file: fact });
  }
  /** Could not be read, and without it nothing can be trusted. */
  required(fact: string, reason: string): void {
    this.add("facts.required", { fact, reason }, { file: fact });
  }
}
