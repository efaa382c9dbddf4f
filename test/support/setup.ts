import { loadArch } from "../../src/app/data.ts";
import { ensureTools, type Need } from "../../src/app/doctor.ts";
import { realWorld } from "../../src/infra/world.ts";
import { TarpitError } from "../../src/core/errors.ts";

const silent = {
  stage: (_name: string, detail?: string): void =>
    void process.stderr.write(`installing ${detail ?? ""}\n`),
  info: (): void => undefined,
  warn: (text: string): void => void process.stderr.write(`${text}\n`),
  detail: (): void => undefined,
  progress: (): void => undefined,
};

/** A build of the toy kernel asks for what a build of any kernel does, and the CI templates for a proof too. */
const toyBuild: readonly Need[] = [
  "fetch",
  "config",
  "kernel",
  "module",
  "extension",
  "package",
  "prove",
];

/**
 * On a fresh machine the tests do their own set-up: as root the missing Debian packages are
 * installed; otherwise the run ends here with the one command that installs them. A missing
 * package is never a skipped test.
 */
export const setup = (): Promise<void> => install([...toyBuild, "test"]);

export async function install(
  needs: readonly Need[],
  arches: readonly string[] = [],
): Promise<void> {
  const { ports } = realWorld(silent);
  try {
    await ensureTools(needs, undefined, [], ports, { install: true });
    for (const name of arches) {
      const arch = await loadArch(name, ports);
      await ensureTools(needs, arch, arch.abis, ports, { install: true });
    }
  } catch (error) {
    if (!(error instanceof TarpitError)) throw error;
    const { what, next, evidence } = error.trouble;
    throw new Error([what, ...(evidence ?? []), `next: ${next ?? ""}`].join("\n"), {
      cause: error,
    });
  }
}
