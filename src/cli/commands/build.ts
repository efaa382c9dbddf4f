import { Option } from "commander";
import type { BuildRequest } from "../../app/build.ts";
import type { PackageKind } from "../../app/package.ts";
import { type Define, globalsOf } from "../command.ts";
import { describeBuild } from "../render/build.ts";
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
      const result = await build(requestOf(given), ports);
      return {
        ok: true,
        json: { results: [result] },
        stdout: `${result.dir}\n`,
        human: (style) => describeBuild(result, style),
      };
    });
  });
};

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

function requestOf(given: Options): BuildRequest {
  const {
    fragment,
    package: packages,
    arch,
    set,
    scope,
    out,
    install,
    insecureSkipVerify,
    ...rest
  } = given;
  const {
    profile,
    base,
    crossCompile,
    cc,
    kernel,
    tree,
    series,
    mirror,
    userland,
    against,
    jobs,
    launcher,
  } = rest;
  return {
    arch,
    fragments: fragment,
    set,
    scope,
    out,
    install,
    insecureSkipVerify,
    packages,
    ...present({
      profile,
      base,
      crossCompile,
      cc,
      kernel,
      tree,
      series,
      mirror,
      userland,
      against,
      jobs,
      launcher,
    }),
  } as BuildRequest;
}
