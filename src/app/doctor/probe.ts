import { isAbsolute } from "node:path";
import type { Probe, Requirement } from "../../core/requirements.ts";
import type { Ports } from "../../ports.ts";

/** Those that are not there, in the order given. */
export async function missingOf(
  requirements: readonly Requirement[],
  ports: Ports,
): Promise<readonly Requirement[]> {
  const there = await Promise.all(
    requirements.map((requirement) => isThere(requirement.probe, ports)),
  );
  return requirements.filter((_, index) => there[index] === false);
}

async function isThere(probe: Probe, ports: Ports): Promise<boolean> {
  if ("program" in probe) return findsProgram(probe.program, ports);
  if ("compiler" in probe) return compilerFinds(probe, ports);
  const found = await Promise.all(probe.file.map((path) => ports.files.stat(path)));
  return found.some((info) => info !== undefined);
}

/** depmod and friends live in sbin, which a user's PATH often leaves out. */
const sbin = ["/usr/sbin", "/sbin", "/usr/local/sbin"] as const;

async function findsProgram(program: string, ports: Ports): Promise<boolean> {
  const candidates = isAbsolute(program)
    ? [program]
    : [program, ...sbin.map((dir) => `${dir}/${program}`)];
  for (const candidate of candidates) {
    if ((await ports.processes.which(candidate)) !== undefined) return true;
  }
  return false;
}

/** gcc answers with the bare name when it finds no such file. */
async function compilerFinds(
  probe: { readonly compiler: string; readonly flags: readonly string[]; readonly file: string },
  ports: Ports,
): Promise<boolean> {
  if ((await ports.processes.which(probe.compiler)) === undefined) return false;
  const args = [...probe.flags, `-print-file-name=${probe.file}`];
  const { code, stdout } = await ports.processes.run({ program: probe.compiler, args });
  return code === 0 && isAbsolute(stdout.trim());
}
