import { createHash } from "node:crypto";

/** One thing that went into a build, and the hash that names its content. */
export interface Input {
  readonly kind: "source" | "headers" | "patch" | "data" | "config" | "code" | "tool" | "key";
  /** The same wherever it is built: a name or a path below the package, never below a home directory. */
  readonly name: string;
  readonly version?: string;
  /** Where it can be had. */
  readonly uri?: string;
  /** Names of algorithms as in-toto's DigestSet has them: sha256, gitCommit. */
  readonly digest: Readonly<Record<string, string>>;
}

/** An artifact by its path in the artifact directory. */
export type Sums = Readonly<Record<string, string>>;

export const sha256Of = (data: string | Uint8Array): string =>
  createHash("sha256").update(data).digest("hex");

export interface Difference {
  readonly name: string;
  readonly before: string | undefined;
  readonly now: string | undefined;
}

const digestText = (input: Input | undefined): string | undefined =>
  input && [input.version, ...Object.values(input.digest)].filter(Boolean).join(" ");

/** Inputs that are not what they were. */
export function compareInputs(before: readonly Input[], now: readonly Input[]): Difference[] {
  const byName = (inputs: readonly Input[]) =>
    new Map(inputs.map((input) => [`${input.kind} ${input.name}`, input] as const));
  const [then, today] = [byName(before), byName(now)];
  return [...new Set([...then.keys(), ...today.keys()])].flatMap((name) => {
    const [was, is] = [digestText(then.get(name)), digestText(today.get(name))];
    return was === is ? [] : [{ name, before: was, now: is }];
  });
}
