import { join } from "node:path";
import { finding, type Report } from "../../core/findings.ts";
import { sumsName } from "../../core/records.ts";
import { parseSums } from "../../core/sums.ts";
import type { Ports } from "../../ports.ts";

export { sumsName } from "../../core/records.ts";

/** Every file is listed once with its hash, and nothing else is listed. */
export async function checkSums(dir: string, report: Report, ports: Ports): Promise<void> {
  const text = await ports.files.readText(join(dir, sumsName)).catch(() => undefined);
  if (text === undefined) {
    report.judged("present", sumsName, finding("file.missing", { file: sumsName }));
    return;
  }
  const { lines, malformed } = parseSums(text);
  for (const one of malformed) report.judged("sums", sumsName, finding("sums.malformed", one));
  const listed = new Map<string, string>();
  for (const { file, hash } of lines) {
    if (listed.has(file)) report.judged("sums", file, finding("sums.duplicate", { file }));
    listed.set(file, hash);
  }
  const present = new Set((await filesBelow(dir, ports)).filter((name) => name !== sumsName));
  for (const file of present) {
    if (!listed.has(file)) report.judged("sums", file, finding("sums.unlisted", { file }));
  }
  for (const [file, expected] of listed) {
    if (present.has(file)) await checkHash(dir, file, expected, report, ports);
    else report.judged("sums", file, finding("sums.gone", { file }));
  }
}

async function checkHash(
  dir: string,
  file: string,
  expected: string,
  report: Report,
  ports: Ports,
): Promise<void> {
  const info = await ports.files.stat(join(dir, file));
  if (info?.kind !== "file") {
    report.judged(
      "sums",
      file,
      finding("file.unreadable", { file, reason: `a ${info?.kind ?? "file that went away"}` }),
    );
    return;
  }
  try {
    const actual = await ports.files.sha256(join(dir, file));
    report.judged(
      "sums",
      file,
      actual === expected ? undefined : finding("sums.differs", { file, expected, actual }),
    );
  } catch (error) {
    report.judged(
      "sums",
      file,
      finding("file.unreadable", { file, reason: (error as Error).message }),
    );
  }
}

/** Relative names of everything that is no directory, sorted. */
export async function filesBelow(
  dir: string,
  ports: Ports,
  prefix = "",
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of await ports.files.list(join(dir, prefix))) {
    const path = join(prefix, name);
    const info = await ports.files.stat(join(dir, path));
    if (info?.kind === "directory") found.push(...(await filesBelow(dir, ports, path)));
    else found.push(path);
  }
  return found;
}
