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
      const { check, reverse, fuzz, series, until } = options;
      const result = await patchTree(
        { tree, check, reverse, fuzz, ...present({ series, until }) },
        ports,
      );
      return {
        ok: true,
        json: { results: [result] },
        human: (style) => describePatch(result, style),
      };
    });
  });
};
