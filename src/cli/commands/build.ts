import { Option } from "commander";
import type { PackageKind } from "../../app/package.ts";
import type { BuildRequest, BuildResult } from "../../app/build.ts";
import { TarpitError } from "../../core/errors.ts";
import type { Ports } from "../../ports.ts";
import { type Define, globalsOf } from "../command.ts";
import { describeBuild } from "../render/build.ts";
import { isCi, writeReports } from "../reports.ts";
import {
  archOption,
  compilerOptions,
  configOptions,
  example,
  fetchOptions,
  listOf,
  present,
  wholeNumber,
} from "./options.ts";

interface Options extends Omit<BuildRequest, "fragments" | "packages"> {
  fragment: string[];
  package: PackageKind[];
}

export const defineBuild: Define = (program, run) => {
  const command = program
    .command("build")
    .addOption(archOption().makeOptionMandatory())
    .description(
      "fetch, patch, configure, compile, build the extension, verify; prints the artifact directory",
    )
    .addHelpText(
      "after",
      example(
        "tarpit-kit build --arch sparc64 --install",
        "tarpit-kit build --arch x86_64 --scope module --against /usr/src/linux-headers-$(uname -r)",
        "tarpit-kit build --arch sparc64 --base ./ultra1.config --kernel 6.1.192 --package deb",
      ),
    );
  const options = [
    ...sourceOptions(),
    ...fetchOptions(),
    ...configOptions(),
    ...compilerOptions(),
    ...outputOptions(),
  ];
  for (const option of options) command.addOption(option);
  command.action(async (given: Options) => {
    await run("build", globalsOf(command), async (ports) => {
      const { build } = await import("../../app/build.ts");
      const request = requestOf(given);
      const started = ports.clock.monotonic();
      const outcome = await build(request, ports).catch((error: unknown) => error);
      const seconds = (ports.clock.monotonic() - started) / 1000;
      if (isCi(ports.host.env)) await report(request, outcome, seconds, ports);
      if (outcome instanceof Error) throw outcome;
      const result = outcome as BuildResult;
      return {
        ok: true,
        json: { results: [result] },
        stdout: `${result.dir}\n`,
        human: (style) => describeBuild(result, style),
      };
    });
  });
};

/** On a CI server: OUT/reports, and what the server shows by itself. */
async function report(
  request: BuildRequest,
  outcome: unknown,
  seconds: number,
  ports: Ports,
): Promise<void> {
  const title = [request.kernel ?? request.tree ?? request.against, request.arch, request.scope]
    .filter((part) => part !== undefined)
    .join(" ");
  if (!(outcome instanceof Error)) {
    const { release, warnings, unchanged } = outcome as BuildResult;
    const state = unchanged ? "unchanged" : "built";
    await writeReports(
      [{ title, state, seconds, release, warnings, errors: [] }],
      request.out,
      ports,
    );
  } else if (outcome instanceof TarpitError && outcome.exit !== 2) {
    const { saidIn } = await import("../../app/build/origins.ts");
    const { data: _, ...trouble } = outcome.trouble;
    const told = { trouble: { code: outcome.code, ...trouble }, ...saidIn(outcome) };
    const one = { title, state: "failed" as const, seconds, ...told };
    // The failure itself is what is to be told, also where nothing can be written.
    await writeReports([one], request.out, ports).catch(() => undefined);
  }
}

const sourceOptions = (): readonly Option[] => [
  new Option(
    "--kernel <spec>",
    "what to build, as for fetch (default: debian:6.1 where apt is, else the newest longterm)",
  ),
  new Option("--tree <dir>", "a tree of your own; it is never modified"),
  new Option("--series <series>", "series name or path (default: the one that fits the kernel)"),
];

const outputOptions = (): readonly Option[] => [
  new Option("--userland <width>", "which extension (default: every width the arch has)").choices([
    "32",
    "64",
    "both",
  ]),
  new Option("--scope <scope>", "a whole kernel, or only the target's module")
    .choices(["kernel", "module"])
    .default("kernel"),
  new Option("--against <headers>", "build a module for an installed kernel's headers"),
  new Option("--out <dir>", "where artifact directories go").default("./out"),
  new Option("--jobs <n>", "jobs for make (default: all cores)").argParser(wholeNumber(1)),
  new Option("--launcher <program>", "compiler launcher: ccache, distcc, …"),
  new Option("--package <kinds>", "packages to make")
    .argParser(listOf(["deb", "tar", "dkms"]))
    .default([], "none"),
  new Option("--install", "let doctor install what is missing first").default(false),
];

const requestOf = ({ fragment, package: packages, ...rest }: Options): BuildRequest => ({
  ...present(rest),
  fragments: fragment,
  packages,
});
