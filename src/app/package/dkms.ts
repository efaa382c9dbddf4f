import { join } from "node:path";
import { dkmsControl, packageVersion } from "../../core/deb.ts";
import { dkmsScripts } from "../../core/deb-scripts.ts";
import { dkmsConf, dkmsName, linesIn } from "../../core/dkms.ts";
import { makefileForAny, moduleFiles } from "../../core/external-module.ts";
import { newFiles } from "../../core/patch/index.ts";
import type { Ports } from "../../ports.ts";
import { type LoadedSeries, rangesOf } from "../patch/load.ts";
import type { DebContents } from "./stage.ts";

/** xt-tarpit-dkms: the module's sources, for all kernel lines whose series bring these very sources. */
export async function dkmsDeb(
  series: LoadedSeries,
  version: string,
  ports: Ports,
): Promise<DebContents> {
  const lines = linesIn(await rangesOf(series, ports));
  const upstream = packageVersion(version).replace(/-1$/, "");
  return {
    control: dkmsControl(version),
    software: "tarpit-kit",
    scripts: dkmsScripts(dkmsName, upstream),
    fill: async (root) => {
      const directory = join(root, "usr/src", `${dkmsName}-${upstream}`);
      const files = [
        { name: "dkms.conf", bytes: dkmsConf(upstream, lines) },
        { name: "Makefile", bytes: makefileForAny },
        ...moduleFiles(newFiles(series.patches)),
      ];
      for (const { name, bytes } of files)
        await ports.files.write(join(directory, name), bytes, 0o644);
    },
  };
}
