import { type Define, globalsOf } from "../command.ts";
import { describeReproduced } from "../render/reproduce.ts";
import { example } from "./options.ts";

export const defineReproduce: Define = (program, run) => {
  const command = program
    .command("reproduce")
    .argument("<metadata>", "metadata.json of a build, or its artifact directory")
    .description("build again what metadata.json describes, and compare every byte")
    .addHelpText("after", example("tarpit-kit reproduce ./out/6.1.192-sparc64/metadata.json"));
  command.action(async (metadata: string) => {
    await run("reproduce", globalsOf(command), async (ports) => {
      const { reproduce } = await import("../../app/reproduce.ts");
      const { ok, files, ...rest } = await reproduce({ metadata }, ports);
      return {
        ok,
        json: { results: files, ...rest },
        table: (style) => describeReproduced({ ok, files, ...rest }, metadata, style),
      };
    });
  });
};
