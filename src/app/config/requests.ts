import { join, resolve } from "node:path";
import { badInput } from "../../core/errors.ts";
import {
  parseFragment,
  parseSet,
  type Request,
  type Settings,
} from "../../core/kconfig/dotconfig.ts";
import type { Ports } from "../../ports.ts";

/** All requests but the target's own, in order: fragments, then --set. */
export async function gatherRequests(
  fragments: readonly string[],
  set: readonly string[],
  ports: Ports,
): Promise<readonly Request[]> {
  const requests: Request[] = [];
  for (const fragment of fragments) requests.push(...(await readFragment(fragment, ports)));
  return [...requests, ...set.map(parseSet)];
}

/** The file that is meant: a name in kernel-configs/ (`ours`) or a path of the user's. */
export async function fragmentFile(
  name: string,
  ports: Ports,
): Promise<{ readonly path: string; readonly ours: boolean }> {
  const own = join(ports.packageRoot, "kernel-configs", `${name}.config`);
  if (/^[\w.-]+$/.test(name) && (await ports.files.stat(own))) return { path: own, ours: true };
  const path = resolve(ports.host.cwd, name);
  const info = await ports.files.stat(path);
  if (info && info.kind !== "directory") return { path, ours: false };
  const known = await ports.files.list(join(ports.packageRoot, "kernel-configs"));
  throw badInput("config.fragment-missing", {
    what: `there is no fragment "${name}"`,
    where: "--fragment",
    next: `give a file, or one of: ${known
      .filter((file) => file.endsWith(".config"))
      .map((file) => file.slice(0, -7))
      .join(", ")}`,
  });
}

async function readFragment(name: string, ports: Ports): Promise<readonly Request[]> {
  const { path, ours } = await fragmentFile(name, ports);
  return parseFragment(await ports.files.readText(path), ours ? `${name}.config` : name);
}

/**
 * The target's own requests before everything else that was asked, so that --set can
 * still change them, and no stronger than the base: a base with iptables as a module
 * keeps it a module.
 */
export async function softened(
  requests: readonly Request[],
  base: Settings,
  ports: Ports,
  target = "tarpit",
): Promise<readonly Request[]> {
  const asked = new Map(requests.map((request) => [request.symbol, request.value]));
  const valueOf = (symbol: string): string => asked.get(symbol) ?? base.get(symbol) ?? "n";
  const needed = [...(await readFragment(target, ports))];
  if (target === "tarpit" && valueOf("IPV6") !== "n")
    needed.push(...(await readFragment("tarpit-ipv6", ports)));
  const gentle = needed
    .filter((request) => !asked.has(request.symbol))
    .map((request) => (base.get(request.symbol) === "m" ? { ...request, value: "m" } : request));
  return [...gentle, ...requests];
}
