import { Option } from "commander";
import { type Define, globalsOf } from "../command.ts";
import { describeVerify } from "../render/verify.ts";
import { example } from "./options.ts";

export const defineVerify: Define = (program, run) => {
  const command = program
    .command("verify")
    .addOption(
      new Option(
        "--artifacts <dir>",
        "judge an artifact directory, or a parent that holds exactly one",
      ).makeOptionMandatory(),
    )
    .description(
      "judge build artifacts: ELF identity, target, revision and size, vermagic, symbols, checksums",
    )
    .addHelpText("after", example("tarpit-kit verify --artifacts ./out"));
  command.action(async (options: { artifacts: string }) => {
    await run("verify", globalsOf(command), async (ports) => {
      const { verifyArtifacts } = await import("../../app/verify-artifacts.ts");
      const report = await verifyArtifacts({ dir: options.artifacts }, ports);
      return {
        ok: report.ok,
        json: { ...report },
        table: (style) => describeVerify(report, style),
      };
    });
  });
};
