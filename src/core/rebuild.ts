/** Everything of a build request that decides the bytes; where it goes and how fast is not of it. */
export interface RebuildRequest {
  readonly arch: string;
  readonly scope: "kernel" | "module";
  readonly kernel?: string;
  readonly tree?: string;
  readonly against?: string;
  readonly series?: string;
  readonly profile?: string;
  readonly base?: string;
  readonly fragments: readonly string[];
  readonly set: readonly string[];
  readonly userland?: "32" | "64" | "both";
  readonly crossCompile?: string;
  readonly cc?: string;
  readonly packages: readonly string[];
  readonly mirror?: string;
  readonly insecureSkipVerify: boolean;
}

/** How the same is built again: the environment, what was asked, and both as a line for a shell. */
export interface Rebuild {
  readonly env: Readonly<Record<string, string>>;
  readonly request: RebuildRequest;
  /** For a shell in the artifact directory, where `inputs/` has the user's own files. */
  readonly line: string;
}

const single: readonly (readonly [keyof RebuildRequest, string])[] = [
  ["arch", "--arch"],
  ["kernel", "--kernel"],
  ["tree", "--tree"],
  ["against", "--against"],
  ["series", "--series"],
  ["profile", "--profile"],
  ["base", "--base"],
  ["userland", "--userland"],
  ["crossCompile", "--cross-compile"],
  ["cc", "--cc"],
  ["mirror", "--mirror"],
];

/** The options of `build` that ask for it. */
export function rebuildArguments(request: RebuildRequest): readonly string[] {
  const options = single.flatMap(([key, option]) => {
    const value = request[key];
    return typeof value === "string" ? [option, value] : [];
  });
  return [
    "build",
    ...options,
    ...(request.scope === "module" && request.against === undefined ? ["--scope", "module"] : []),
    ...request.fragments.flatMap((fragment) => ["--fragment", fragment]),
    ...request.set.flatMap((one) => ["--set", one]),
    ...(request.packages.length > 0 ? ["--package", request.packages.join(",")] : []),
    ...(request.insecureSkipVerify ? ["--insecure-skip-verify"] : []),
  ];
}

/** A word as sh(1) reads it back. */
export const shellWord = (word: string): string =>
  /^[\w@%+=:,./~-]+$/.test(word) && !word.startsWith("~")
    ? word
    : `'${word.replaceAll("'", String.raw`'\''`)}'`;

export function rebuildOf(request: RebuildRequest, env: Readonly<Record<string, string>>): Rebuild {
  const settings = Object.entries(env).map(([name, value]) => `${name}=${shellWord(value)}`);
  const words = ["tarpit-kit", ...rebuildArguments(request)].map(shellWord);
  return { env, request, line: [...settings, ...words].join(" ") };
}

type Json = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((one) => typeof one === "string");

/** What metadata.json says of it, or why that is nothing to build from. It may come from anywhere. */
export function readRebuild(value: unknown): Rebuild | string {
  if (!isObject(value)) return "it has no `rebuild`: an older version made it";
  const { request, env } = value;
  if (!isObject(request) || !isObject(env)) return "`rebuild` has no request";
  const { arch, scope, fragments, set, packages, insecureSkipVerify } = request;
  const texts = [...single.map(([key]) => request[key]), ...Object.values(env)];
  const wrong = texts.find((one) => one !== undefined && typeof one !== "string");
  if (wrong !== undefined || typeof arch !== "string" || typeof insecureSkipVerify !== "boolean")
    return "`rebuild` holds something that is no text";
  if (scope !== "kernel" && scope !== "module") return "`rebuild.request.scope` is unknown";
  if (![fragments, set, packages].every(isTexts)) return "`rebuild.request` has no lists";
  return rebuildOf(request as unknown as RebuildRequest, env as Record<string, string>);
}
