import { join } from "node:path";
import type { MakeSetup } from "../../core/make.ts";
import type { Ports } from "../../ports.ts";

const systemPath = "/usr/local/bin:/usr/bin:/bin";

/** Writes the generation's shims into `dir`, and gives back the setup whose PATH begins with it. */
export async function withShims(setup: MakeSetup, dir: string, ports: Ports): Promise<MakeSetup> {
  const { older } = setup;
  if (!older) return setup;
  const path = ports.host.env["PATH"] ?? systemPath;
  const values: Readonly<Record<string, string>> = {
    epoch: String(setup.epoch),
    prefix: setup.crossCompile ?? setup.arch.crossPrefix,
  };
  for (const [name, body] of Object.entries(older.generation.shims)) {
    const text = body.replaceAll(/\{(\w+)\}/g, (whole, key: string) => values[key] ?? whole);
    await ports.files.write(join(dir, name), `#!/bin/sh\n${text}\n`, 0o755);
  }
  return { ...setup, older: { ...older, path: `${dir}:${path}` } };
}
