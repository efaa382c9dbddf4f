import { join } from "node:path";
import { chooseAbis, type Abi, type Arch } from "../core/arch.ts";
import { environment } from "../core/errors.ts";
import type { Finding } from "../core/findings.ts";
import {
  installCommand,
  packagesOf,
  requirementsFor,
  type Need,
  type Requirement,
  type ToolChoice,
} from "../core/requirements.ts";
import type { Ports } from "../ports.ts";
import { loadArch, loadLaunchers } from "./data.ts";
import { installPackages } from "./doctor/install.ts";
import { judgeMachine } from "./doctor/machine.ts";
import { missingOf } from "./doctor/probe.ts";

export type { Need } from "../core/requirements.ts";

export interface DoctorRequest {
  /** Without it only what every arch needs of the build host is looked at. */
  readonly arch?: string;
  readonly install: boolean;
  /** Default: everything up to `prove`. */
  readonly for?: readonly Need[];
}

export interface Missing {
  readonly requirement: string;
  readonly why: string;
  readonly package: string;
}

export interface DoctorResult {
  readonly ok: boolean;
  readonly arch: string | undefined;
  /** How many things were looked for. */
  readonly checked: number;
  readonly missing: readonly Missing[];
  /** Not there and not needed; good to have. */
  readonly optional: readonly Missing[];
  /** What is tight: disk, memory, Node. */
  readonly findings: readonly Finding[];
  /** The one command that installs what is missing. */
  readonly command?: string;
  readonly installed?: boolean;
}

const everything: readonly Need[] = ["fetch", "config", "kernel", "extension", "package", "prove"];

/** What this build host lacks, and the one command that installs it; `install` runs it. */
export async function doctor(
  request: DoctorRequest,
  ports: Ports,
  nodeVersion: string = process.versions.node,
): Promise<DoctorResult> {
  const arch = request.arch === undefined ? undefined : await loadArch(request.arch, ports);
  const abis = arch ? chooseAbis(arch, undefined) : [];
  const requirements = await requirementList(request.for ?? everything, arch, abis, ports);
  const findings = await judgeMachine(ports, nodeVersion);
  const absent = await missingOf(requirements, ports);
  const missing = absent.filter((requirement) => requirement.optional !== true);
  const packages = packagesOf(missing);
  const result = {
    arch: arch?.name,
    checked: requirements.length,
    missing: missing.map(describe),
    optional: absent.filter((requirement) => requirement.optional === true).map(describe),
    findings,
    ...(packages.length > 0 ? { command: installCommand(packages) } : {}),
  };
  if (!request.install || missing.length === 0) return { ...result, ok: missing.length === 0 };
  await installPackages(packages, ports);
  refuseStillMissing(await missingOf(missing, ports), arch);
  return { ...result, ok: true, installed: true };
}

/**
 * What a use case calls before it starts: everything it will run is there, or the
 * doctor's command is the answer.
 */
export async function requireTools(
  needs: readonly Need[],
  arch: Arch | undefined,
  abis: readonly Abi[],
  ports: Ports,
  choice: ToolChoice = {},
): Promise<void> {
  const missing = await lacking(needs, arch, abis, ports, choice);
  if (missing.length > 0) throw toolsMissing("tools.missing", missing, arch);
}

/** The same for `build --install`: what is missing is installed first. */
export async function ensureTools(
  needs: readonly Need[],
  arch: Arch | undefined,
  abis: readonly Abi[],
  ports: Ports,
  choice: ToolChoice & { readonly install?: boolean } = {},
): Promise<void> {
  const missing = await lacking(needs, arch, abis, ports, choice);
  if (missing.length === 0) return;
  const installable = missing.every((requirement) => requirement.package !== undefined);
  if (choice.install !== true || !installable) throw toolsMissing("tools.missing", missing, arch);
  await installPackages(packagesOf(missing), ports);
  refuseStillMissing(await missingOf(missing, ports), arch);
}

async function lacking(
  needs: readonly Need[],
  arch: Arch | undefined,
  abis: readonly Abi[],
  ports: Ports,
  choice: ToolChoice,
): Promise<readonly Requirement[]> {
  const requirements = await requirementList(needs, arch, abis, ports, choice);
  return missingOf(
    requirements.filter((requirement) => requirement.optional !== true),
    ports,
  );
}

async function requirementList(
  needs: readonly Need[],
  arch: Arch | undefined,
  abis: readonly Abi[],
  ports: Ports,
  choice: ToolChoice = {},
): Promise<readonly Requirement[]> {
  const text = await ports.files.readText(join(ports.packageRoot, "data/requirements.json"));
  const known = (await loadLaunchers(ports)).find(({ name }) => name === choice.launcher);
  return requirementsFor(JSON.parse(text) as Requirement[], needs, arch, abis, {
    ...choice,
    ...(known === undefined ? {} : { launcherPackage: known.package }),
  });
}

const describe = (requirement: Requirement): Missing => ({
  requirement: requirement.id,
  why: requirement.why,
  package: requirement.package ?? "",
});

function toolsMissing(code: string, missing: readonly Requirement[], arch: Arch | undefined) {
  const names = missing.map((requirement) => requirement.id);
  const packaged = packagesOf(missing);
  const doctorCommand = `tarpit-kit doctor${arch ? ` --arch ${arch.name}` : ""} --install`;
  const unpackaged = missing.find((requirement) => requirement.package === undefined);
  // The doctor does not know what the command line of another command named.
  const named = missing.some((requirement) => requirement.for.includes("launcher"));
  const command = named ? installCommand(packaged) : doctorCommand;
  return environment(code, {
    what: `${names.join(", ")} ${names.length === 1 ? "is" : "are"} missing on this machine`,
    where: "PATH",
    next: unpackaged
      ? `install ${unpackaged.id} yourself, or leave the option that names it out`
      : command,
    evidence: missing.map((requirement) => `${requirement.id}: ${requirement.why}`),
    data: { missing: missing.map(describe), packages: packaged },
  });
}

function refuseStillMissing(missing: readonly Requirement[], arch: Arch | undefined): void {
  if (missing.length === 0) return;
  const error = toolsMissing("tools.still-missing", missing, arch);
  throw environment(error.code, {
    ...error.trouble,
    what: `${error.trouble.what} even after installing`,
    next: `look at: ${packagesOf(missing)
      .map((name) => `dpkg -L ${name}`)
      .join("; ")}`,
  });
}
