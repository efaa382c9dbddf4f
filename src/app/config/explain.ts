import { join } from "node:path";
import { badInput, failure, type TarpitError } from "../../core/errors.ts";
import type { Dropped } from "../../core/kconfig/assert.ts";
import type { Settings } from "../../core/kconfig/dotconfig.ts";
import { explain, type Explanation } from "../../core/kconfig/explain.ts";
import { readKconfig } from "../../core/kconfig/tree.ts";
import type { MakeSetup } from "../../core/make.ts";
import type { Ports } from "../../ports.ts";

/** The error for requests that kconfig dropped: each symbol, and the dependency as Kconfig states it. */
export async function whyDropped(
  dropped: readonly Dropped[],
  settings: Settings,
  setup: MakeSetup,
  ports: Ports,
): Promise<TarpitError> {
  const read = async (path: string): Promise<string | undefined> =>
    ports.files.readText(join(setup.tree, path)).catch(() => undefined);
  const variables = { SRCARCH: setup.arch.srcArch, HEADER_ARCH: setup.arch.srcArch };
  const tree = await readKconfig("Kconfig", read, variables);
  const explanations = dropped.map((item) => explain(item, tree, settings));
  return droppedError(dropped, explanations, "kconfig");
}

/** The same words whoever dropped them: kconfig, or an oldconfig of Config.in files. */
export function droppedError(
  dropped: readonly Dropped[],
  explanations: readonly Explanation[],
  by: string,
): TarpitError {
  const unknown = explanations.every((item) => item.reason.kind === "unknown");
  const [first] = dropped;
  const make = unknown ? badInput : failure;
  return make(unknown ? "config.unknown-symbol" : "config.dropped", {
    what:
      dropped.length === 1
        ? `CONFIG_${first?.symbol}=${first?.wanted} ${unknown ? "is no symbol of this tree" : `was dropped by ${by}`}`
        : `${dropped.length} requested symbols ${unknown ? "do not exist in this tree" : `were dropped by ${by}`}`,
    where: dropped.map((item) => item.origin).join(", "),
    next: unknown
      ? "correct the name, or take the line out of the fragment"
      : "turn on what is named above (--set SYMBOL=y, or a fragment), or take the request out",
    evidence: explanations.flatMap(lines),
    data: { dropped: explanations },
  });
}

function lines({ symbol, wanted, got, origin, reason }: Explanation): string[] {
  const head = `CONFIG_${symbol}: asked ${wanted} (${origin}), got ${got}`;
  switch (reason.kind) {
    case "unknown":
      return [
        `${head}; no Kconfig file defines it${reason.near.length > 0 ? `; near: ${reason.near.join(", ")}` : ""}`,
      ];
    case "no-prompt":
      return [
        `${head}; it has no prompt (${reason.at}) and is selected by: ${reason.selectedBy.join(", ") || "nothing"}`,
      ];
    case "depends":
      return [
        head,
        `  ${reason.at} depends on ${reason.expression}`,
        ...reason.unmet.map((part) => `  not met: ${part}`),
      ];
    case "selected":
      return [`${head}; selected by: ${reason.by.join(", ")}`];
    case "unexplained":
      return [
        `${head}; defined in ${reason.at}, dependencies met: another member of its choice was taken, or its range forbids it`,
      ];
  }
}
