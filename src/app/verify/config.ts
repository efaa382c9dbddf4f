import { join } from "node:path";
import { finding, type Report } from "../../core/findings.ts";
import { parseDotconfig, type Settings } from "../../core/kconfig/dotconfig.ts";
import type { Ports } from "../../ports.ts";

export const configFile = "config";

/** The kernel's configuration in an artifact directory; undefined, and reported, when it is not there. */
export async function readConfig(
  dir: string,
  report: Report,
  ports: Ports,
): Promise<Settings | undefined> {
  const text = await ports.files.readText(join(dir, configFile)).catch(() => undefined);
  if (text !== undefined) return parseDotconfig(text);
  report.judged("present", configFile, finding("file.missing", { file: configFile }));
  report.skipped("config.symbol", configFile, "no-config");
  return undefined;
}
