import { join } from "node:path";
import { type KernelVersion, lineOf } from "../core/kernel-version.ts";
import type { Ports } from "../ports.ts";

/** How configuring and compiling one kernel line differs from the others: data/kernels/LINE.json. */
export interface LineNeeds {
  /**
   * Fragments of kernel-configs/ about symbols that other lines do not have, or this one
   * does not. `not set` takes a request of our own fragments back, never one of the user's.
   */
  readonly fragments?: readonly string[];
  /** The same, applied where IPv6 is on. */
  readonly ipv6Fragments?: readonly string[];
  /** Variables for make, e.g. for host tools that today's compilers warn about. */
  readonly make?: readonly string[];
  /** Variables for the make that compiles the module alone. */
  readonly moduleMake?: readonly string[];
}

/** Nothing for a line that is not known as data: it is treated as the others are. */
export async function lineNeeds(version: KernelVersion, ports: Ports): Promise<LineNeeds> {
  const path = join(ports.packageRoot, "data", "kernels", `${lineOf(version)}.json`);
  if (!(await ports.files.stat(path))) return {};
  return JSON.parse(await ports.files.readText(path)) as LineNeeds;
}
