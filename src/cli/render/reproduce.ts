import type { ReproduceResult } from "../../app/reproduce.ts";
import type { Style } from "./style.ts";

/** What is not the same, why that may be, where to look; then the sum. */
export function describeReproduced(
  { ok, release, arch, files, inputs, rebuilt }: ReproduceResult,
  metadata: string,
  style: Style,
): string {
  const odd = files.filter((file) => file.state !== "same");
  const words: Readonly<Record<string, string>> = {
    differs: "differs",
    missing: "was not built again",
    new: "was not built before",
    changed: "is not what metadata.json says was built",
  };
  const lines = odd.map(({ file, state, offset }) => {
    const where = offset === undefined ? "" : `, first at byte ${offset}`;
    return `${style.red(state.padEnd(8))} ${file} ${words[state] ?? state}${where}`;
  });
  for (const { name, before, now } of inputs)
    lines.push(
      `${style.yellow("input   ")} ${name}: was ${before ?? "not there"}, is ${now ?? "not there"}`,
    );
  const same = files.length - odd.length;
  const head = ok ? style.green("reproduced") : style.red("not reproduced");
  lines.push(
    `${head} ${release} for ${arch}: ${same} of ${files.length} artifacts are the same, byte for byte`,
  );
  if (rebuilt !== undefined)
    lines.push(
      style.dim(
        `the second build: ${rebuilt}; look closer with: diffoscope ${metadata.replace(/\/?metadata\.json$/, "") || "."} ${rebuilt}`,
      ),
    );
  return `${lines.join("\n")}\n`;
}
