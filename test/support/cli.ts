import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./artifacts.ts";

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The program as a user runs it. */
export function kit(args: readonly string[], env: Readonly<Record<string, string>> = {}): Ran {
  const result = spawnSync(process.execPath, [join(root, "dist/bin.js"), ...args], {
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1", ...env },
    maxBuffer: 1 << 28,
  });
  return { code: result.status ?? -1, stdout: result.stdout, stderr: result.stderr };
}

/** The same, and it must succeed: its stdout without the last newline. */
export function kitOk(args: readonly string[], env: Readonly<Record<string, string>> = {}): string {
  const ran = kit(args, env);
  if (ran.code !== 0)
    throw new Error(`tarpit-kit ${args.join(" ")}: exit ${ran.code}\n${ran.stderr}\n${ran.stdout}`);
  return ran.stdout.trim();
}

/** Any other program; throws with its words when it fails. */
export function tool(
  program: string,
  args: readonly string[],
  options: { cwd?: string; input?: string; env?: Record<string, string> } = {},
): string {
  const result = spawnSync(program, [...args], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    ...options,
    env: { ...process.env, ...options.env },
  });
  if (result.status !== 0) {
    throw new Error(
      `${program} ${args.join(" ")}: exit ${result.status}\n${result.stdout}\n${result.stderr}`,
    );
  }
  return result.stdout;
}

/** ccache makes a second run faster; without it everything works the same. */
export const launcher = (): string[] => {
  try {
    execFileSync("ccache", ["--version"], { stdio: "ignore" });
    return ["--launcher", "ccache"];
  } catch {
    return [];
  }
};

/** A directory that goes away when the test file is done. */
export function scratch(name: string): { readonly dir: string; remove(): void } {
  const dir = mkdtempSync(join(process.env["TARPIT_KIT_TEST_DIR"] ?? tmpdir(), `tk-${name}-`));
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
}
