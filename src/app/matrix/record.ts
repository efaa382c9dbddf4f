import { join } from "node:path";
import { verifiedAfter, withVerified } from "../../core/drift/record.ts";
import { badInput } from "../../core/errors.ts";
import type { ManifestLine } from "../../core/manifest.ts";
import type { Ports } from "../../ports.ts";
import type { DriftRow } from "./drift-types.ts";
import { manifestPath } from "./load.ts";

/** An installed package is not written to: its next version would undo that, unseen. */
export async function refuseOutsideCheckout(ports: Ports): Promise<void> {
  if (await ports.files.stat(join(ports.packageRoot, ".git"))) return;
  throw badInput("drift.record", {
    what: "drift.record writes patches/manifest.json, and this program does not run from a checkout",
    where: manifestPath(ports),
    next: "run it in a clone of tarpit-kit: node dist/bin.js matrix run --drift, or leave drift.record out",
  });
}

/** The line's list of verified releases as it is now true; written when that is wanted. */
export async function record(
  line: ManifestLine,
  rows: readonly DriftRow[],
  wanted: boolean,
  ports: Ports,
): Promise<{ readonly verified: readonly string[]; readonly recorded: boolean }> {
  const of = (state: DriftRow["state"]): readonly string[] =>
    rows.filter((row) => row.state === state).map(({ version }) => version);
  // Those after the first failure fail with it.
  const verified = verifiedAfter(line.verified, of("ok"), [...of("failed"), ...of("skipped")]);
  if (!wanted) return { verified, recorded: false };
  const path = manifestPath(ports);
  const before = await ports.files.readText(path);
  const after = withVerified(before, line.series, verified);
  if (after !== before) await ports.files.write(path, after, 0o644);
  return { verified, recorded: after !== before };
}
