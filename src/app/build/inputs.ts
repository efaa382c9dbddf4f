import { basename, dirname, join, resolve } from "node:path";
import { extensionHeaders, extensionSource, abiCompiler } from "../../core/extension.ts";
import { type Input, sha256Of } from "../../core/inputs.ts";
import { compilerOf } from "../../core/make.ts";
import type { Ports } from "../../ports.ts";
import { baseText, isTarget } from "../config/base.ts";
import { fragmentFile } from "../config/requests.ts";
import { headerPath } from "../extension.ts";
import type { FetchResult } from "../fetch.ts";
import type { BuildPlan } from "./plan.ts";

/** Everything that goes into a build, with the hash of its content. */
export async function inputsOf(plan: BuildPlan, ports: Ports): Promise<readonly Input[]> {
  return [
    await sourceInput(plan, ports),
    ...plan.series.patches.map(({ name, sha256 }): Input => ({
      kind: "patch",
      name: `patches/${name}`,
      digest: { sha256 },
    })),
    ...(await configInputs(plan, ports)),
    ...(await extensionInputs(ports)),
    ...(await toolInputs(plan, ports)),
    ...(plan.signing ? [{ kind: "key", ...plan.signing.certificate } as const] : []),
  ];
}

const hashed = async (
  kind: Input["kind"],
  name: string,
  path: string,
  ports: Ports,
): Promise<Input> => ({ kind, name, digest: { sha256: await ports.files.sha256(path) } });

async function sourceInput(plan: BuildPlan, ports: Ports): Promise<Input> {
  const { source, against, version } = plan;
  if (source) {
    return {
      kind: "source",
      name: "linux",
      version: version.text,
      ...(source.origin.url === undefined ? {} : { uri: source.origin.url }),
      digest: await sourceDigest(source, ports),
    };
  }
  const dir = against?.dir ?? "";
  const names = ["Module.symvers", "include/generated/utsrelease.h"];
  const sums = [sha256Of(against?.configText ?? "")];
  for (const name of names)
    sums.push(await ports.files.sha256(join(dir, name)).catch(() => "absent"));
  const digest = { sha256: sha256Of(sums.join("\n")) };
  return { kind: "headers", name: "linux-headers", version: against?.release ?? "", digest };
}

/** The archive's hash or the commit; a tree of the user's has none, so one is made over its files. */
async function sourceDigest(source: FetchResult, ports: Ports): Promise<Record<string, string>> {
  const [how = "", value = ""] = source.id.split(":", 2);
  if (how === "sha256") return { sha256: value };
  if (how === "commit") return { gitCommit: value };
  return { sha256: await treeDigest(source.path, ports) };
}

/** sha256 over the lines sha256sum(1) prints of every file, sorted by name; .git apart. */
async function treeDigest(path: string, ports: Ports): Promise<string> {
  const results = await ports.processes.pipe([
    {
      program: "find",
      args: [".", "-name", ".git", "-prune", "-o", "-type", "f", "-print0"],
      cwd: path,
    },
    { program: "sort", args: ["-z"], env: { LC_ALL: "C" } },
    { program: "xargs", args: ["-0", "sha256sum"], cwd: path },
    { program: "sha256sum", args: [] },
  ]);
  return results.at(-1)?.stdout.slice(0, 64) ?? "";
}

async function configInputs(plan: BuildPlan, ports: Ports): Promise<readonly Input[]> {
  const { config, request, against, arch } = plan;
  const own = (directory: string, name: string): Promise<Input> =>
    hashed("data", `${directory}/${name}`, join(ports.packageRoot, directory, name), ports);
  const data = [await own("data/arches", `${arch.name}.json`)];
  if (against) return data;
  if (config.profile) data.push(await own("data/profiles", `${config.profile.name}.json`));
  for (const name of [...(config.profile?.fragments ?? []), "tarpit", "tarpit-ipv6"])
    data.push(await own("kernel-configs", `${name}.config`));
  if (!isTarget(config.base)) {
    const digest = { sha256: sha256Of(await baseText(config.base, arch, ports)) };
    data.push({ kind: "config", name: keptName("base", config.base), digest });
  }
  for (const [index, fragment] of request.fragments.entries()) {
    const { path, ours } = await fragmentFile(fragment, ports);
    const name = ours ? `kernel-configs/${fragment}.config` : keptName(index, fragment);
    data.push(await hashed(ours ? "data" : "config", name, path, ports));
  }
  return data;
}

async function extensionInputs(ports: Ports): Promise<readonly Input[]> {
  const code = await hashed(
    "code",
    extensionSource,
    join(ports.packageRoot, extensionSource),
    ports,
  );
  const headers = [];
  for (const name of extensionHeaders)
    headers.push(await hashed("code", name, await headerPath(name, ports), ports));
  return [code, ...headers];
}

async function toolInputs(plan: BuildPlan, ports: Ports): Promise<readonly Input[]> {
  const compiler = compilerOf(plan.make);
  const compilers = [compiler, ...plan.abis.map(abiCompiler), "gcc"];
  const inside: string[] = [];
  for (const program of new Set(compilers)) {
    for (const part of ["cc1", "as", "ld"]) {
      const asked = { program, args: [`-print-prog-name=${part}`] };
      inside.push((await ports.processes.run(asked)).stdout.trim());
    }
  }
  const others = ["make", "tar", "gzip", ...(plan.packages.length > 0 ? ["dpkg-deb"] : [])];
  const found = new Map<string, Input>();
  for (const program of [...compilers, ...inside, ...others]) {
    const input = await toolInput(program, ports);
    if (input && !found.has(input.name)) found.set(input.name, input);
  }
  return [...found.values()];
}

async function toolInput(program: string, ports: Ports): Promise<Input | undefined> {
  const path = program.startsWith("/") ? program : await ports.processes.which(program);
  if (path === undefined || path === "") return undefined;
  const real = await ports.files.realpath(path).catch(() => undefined);
  if (real === undefined) return undefined;
  const said = await ports.processes.run({ program: real, args: ["--version"] });
  const version = said.code === 0 ? (said.stdout.split("\n")[0] ?? "") : "";
  // Two compilers have a cc1 each: the directory it is in tells them apart.
  const name = /^(?:cc1|as|ld)$/.test(basename(real))
    ? `${basename(dirname(dirname(real)))}/${basename(real)}`
    : basename(real);
  const { digest } = await hashed("tool", name, real, ports);
  return { kind: "tool", name, ...(version === "" ? {} : { version }), digest };
}

/** What a file of the user's is called in the artifact directory; a copy keeps its name when it is copied again. */
const keptName = (position: number | "base", path: string): string =>
  position === "base"
    ? "inputs/base.config"
    : `inputs/${position + 1}-${basename(path)
        .replace(/^\d+-/, "")
        .replaceAll(/[^\w.+-]/g, "_")}`;

/** Copies the user's own configuration files beside the artifacts; gives the request that names the copies. */
export async function keepInputs(
  plan: BuildPlan,
  dir: string,
  ports: Ports,
): Promise<Pick<BuildPlan["request"], "base" | "fragments">> {
  const { request, config, arch, against } = plan;
  const fragments: string[] = [];
  for (const [index, fragment] of request.fragments.entries()) {
    const { path, ours } = await fragmentFile(fragment, ports);
    const name = ours ? fragment : keptName(index, fragment);
    if (!ours) await ports.files.write(join(dir, name), await ports.files.readBytes(path), 0o644);
    fragments.push(name);
  }
  if (against || request.base === undefined || isTarget(config.base))
    return { fragments, ...(request.base === undefined ? {} : { base: request.base }) };
  const base = keptName("base", config.base);
  await ports.files.write(join(dir, base), await baseText(config.base, arch, ports), 0o644);
  return { fragments, base };
}

export const absolute = (path: string | undefined, ports: Ports): string | undefined =>
  path === undefined ? undefined : resolve(ports.host.cwd, path);
