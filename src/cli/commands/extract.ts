import { Option } from "commander";
import { badInput } from "../../core/errors.ts";
import type { ExtractRequest } from "../../app/extract.ts";
import { type Define, globalsOf } from "../command.ts";
import { describeExtract } from "../render/extract.ts";
import { example, present } from "./options.ts";

interface Options {
  pom?: string;
  trees?: string;
  module?: string;
  kconfig?: string;
  into?: string;
  output?: string;
}

export const defineExtract: Define = (program, run) => {
  const command = program
    .command("extract")
    .argument("<tree>", "the kernel tree (with --trees: the new tree)")
    .argument("[files...]", "with --trees: only these files, relative to both")
    .description("make a plain unified diff of a patch set, two trees or a module; prints it")
    .addOption(
      new Option(
        "--pom <path>",
        "a Patch-o-Matic-ng patchlet, or X.patch of an older set",
      ).conflicts(["trees", "module"]),
    )
    .addOption(new Option("--trees <old>", "the tree as it was").conflicts(["pom", "module"]))
    .addOption(new Option("--module <dir>", "an out-of-tree module").conflicts(["pom", "trees"]))
    .option("--kconfig <file>", "with --module: its Kconfig text (default: Kconfig in it)")
    .option("--into <dir>", "with --module: its place in the tree (default: drivers/misc/NAME)")
    .option("--output <file>", "write the patch there instead of printing it")
    .addHelpText(
      "after",
      example(
        "tarpit-kit extract --pom patch-o-matic-ng/TARPIT ./linux > tarpit.patch",
        "tarpit-kit extract --trees linux.orig linux net/netfilter/Kconfig",
        "tarpit-kit extract --module ./mine --into net/netfilter/mine ./linux",
      ),
    );
  command.action(async (tree: string, files: readonly string[], options: Options) => {
    await run("extract", globalsOf(command), async (ports) => {
      const { extract } = await import("../../app/extract.ts");
      const result = await extract(requestOf(tree, files, options), ports);
      const bytes = Buffer.from(result.patch, "latin1");
      const text = bytes.toString("utf8");
      const isText = Buffer.from(text, "utf8").equals(bytes);
      if (options.output !== undefined) await ports.files.write(options.output, bytes);
      return {
        ok: true,
        json: {
          results: [
            {
              files: result.files,
              // JSON is UTF-8; a patch need not be.
              ...(isText ? { patch: text } : { patchBase64: bytes.toString("base64") }),
              ...present({ output: options.output }),
            },
          ],
        },
        stdout: options.output === undefined ? bytes : `${options.output}\n`,
        human: (style) => describeExtract(result, style),
      };
    });
  });
};

function requestOf(tree: string, files: readonly string[], options: Options): ExtractRequest {
  const { pom, trees, module, kconfig, into } = options;
  if (trees !== undefined) return { kind: "trees", old: trees, tree, files };
  if (files.length > 0) throw usage(`only --trees takes files: ${files.join(" ")}`);
  if (pom !== undefined) return { kind: "pom", from: pom, tree };
  if (module !== undefined)
    return { kind: "module", from: module, tree, ...present({ kconfig, into }) };
  throw usage("nothing to extract from");
}

const usage = (what: string): Error =>
  badInput("extract.usage", {
    what,
    where: "extract",
    next: "give one of --pom PATH, --trees OLD and --module DIR; --help shows examples",
  });
