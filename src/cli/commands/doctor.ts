import { type Define, globalsOf } from "../command.ts";
import { describeDoctor } from "../render/doctor.ts";
import { archOption, example, present } from "./options.ts";

export const defineDoctor: Define = (program, run) => {
  const command = program
    .command("doctor")
    .addOption(archOption())
    .option("--install", "install what is missing", false)
    .description("what this build host lacks, and the one command that installs it")
    .addHelpText(
      "after",
      example("tarpit-kit doctor --arch sparc64", "tarpit-kit doctor --arch sparc64 --install"),
    );
  command.action(async (options: { arch?: string; install: boolean }) => {
    await run("doctor", globalsOf(command), async (ports) => {
      const { doctor } = await import("../../app/doctor.ts");
      const result = await doctor(
        { install: options.install, ...present({ arch: options.arch }) },
        ports,
      );
      return {
        ok: result.ok,
        exit: result.ok ? 0 : 3,
        json: { results: [result] },
        table: (style) => describeDoctor(result, style),
      };
    });
  });
};
