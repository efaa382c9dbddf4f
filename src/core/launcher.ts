import { badInput } from "./errors.ts";

/** A program that is put before the compiler: data/launchers/NAME.json. */
export interface Launcher {
  readonly name: string;
  /** Debian's package. */
  readonly package: string;
  /** Whether kbuild's own tools are compiled through it as well. */
  readonly hostCompiler: boolean;
  /** What it needs in its environment; `{base}` is the directory that holds tree and build. The user's own setting wins. */
  readonly env: Readonly<Record<string, string>>;
  /** Prints how many compilations it takes at a time. */
  readonly slots?: readonly string[];
  /** Why it cannot be used, and what to use instead. */
  readonly refused?: string;
  readonly instead?: string;
}

/** `/usr/bin/ccache` is ccache. */
export const launcherName = (program: string): string => program.split("/").at(-1) ?? program;

export function refuseLauncher({ name, refused, instead }: Launcher): void {
  if (refused === undefined) return;
  throw badInput("launcher.refused", {
    what: refused,
    where: `--launcher ${name}`,
    ...(instead === undefined ? {} : { next: `use ${instead}` }),
  });
}

/** What a launcher gets of its data: not what the user has set. */
export const launcherEnv = (
  launcher: Launcher,
  own: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(launcher.env).filter(([name]) => own[name] === undefined));

/** `distcc -j`: a number, and nothing else. */
export const readSlots = (text: string): number | undefined => {
  const slots = /^\s*(\d{1,5})\s*$/.exec(text)?.[1];
  return slots === undefined || Number(slots) < 1 ? undefined : Number(slots);
};
