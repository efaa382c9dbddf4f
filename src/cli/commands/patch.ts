import { Option } from "commander";
import { type Define, globalsOf } from "../command.ts";
import { describePatch } from "../render/patch.ts";
import { example, present, wholeNumber } from "./options.ts";

interface Options {
  check: boolean;
  reverse: boolean;
  series?: string;
  until?: string;
  fuzz: number;
  reject: boolean;
  merge: boolean;
}

export const definePatch: Define = (program, run) => {
  const command = program
    .command("patch")
    .argument("<tree>", "the kernel tree")
    .description("plan, then apply the series that fits the tree: all of it or nothing")
    .option("--check", "plan only, write nothing", false)
    .option("--reverse", "take the series out again", false)
    .option("--series <series>", "series name, or the path of a quilt series file")
    .option("--until <patch>", "stop after this patch")
    .addOption(
      new Option("--fuzz <n>", "context lines that need not match")
        .argParser(wholeNumber(0))
        .default(0),
    )
    .addOption(
      new Option("--reject", "apply the hunks that fit, write the others to FILE.rej")
        .default(false)
        .conflicts(["merge", "reverse"]),
    )
    .addOption(
      new Option("--merge", "put hunks that do not fit between conflict markers")
        .default(false)
        .conflicts(["reject", "reverse"]),
    )
    .addHelpText(
      "after",
      example(
        "tarpit-kit patch --check ./linux",
        "tarpit-kit patch ./linux",
        "tarpit-kit patch --reverse ./linux",
      ),
    );
  command.action(async (tree: string, options: Options) => {
    await run("patch", globalsOf(command), async (ports) => {
      const { patchTree } = await import("../../app/patch.ts");
      const { check, reverse, fuzz, series, until, reject, merge } = options;
      const onRefusal = reject ? "reject" : merge ? "merge" : "stop";
      const result = await patchTree(
        { tree, check, reverse, fuzz, onRefusal, ...present({ series, until }) },
        ports,
      );
      return {
        ok: result.unresolved === undefined,
        exit: result.unresolved === undefined ? 0 : 1,
        json: { results: [result] },
        human: (style) => describePatch(result, style),
      };
    });
  });
};
