import { type Define, globalsOf } from "../command.ts";
import { describeProof } from "../render/prove.ts";
import { example } from "./options.ts";

export const defineProve: Define = (program, run) => {
  const command = program
    .command("prove")
    .requiredOption(
      "--artifacts <dir>",
      "an artifact directory, or a parent that holds exactly one",
    )
    .description("boot the artifacts in QEMU and prove on the wire that connections are held")
    .addHelpText("after", example("tarpit-kit prove --artifacts ./out"));
  command.action(async (options: { artifacts: string }) => {
    await run("prove", globalsOf(command), async (ports) => {
      const { prove } = await import("../../app/prove.ts");
      const result = await prove({ artifacts: options.artifacts }, ports);
      return { ok: result.ok, json: { ...result }, table: (style) => describeProof(result, style) };
    });
  });
};
