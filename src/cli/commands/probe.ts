import { type Define, globalsOf } from "../command.ts";
import { example } from "./options.ts";

export const defineProbe: Define = (program, run) => {
  const command = program
    .command("probe")
    .description("the POSIX sh script that prints facts about a machine; verify --facts reads them")
    .addHelpText(
      "after",
      example(
        "tarpit-kit probe > probe.sh",
        "ssh root@firewall sh -s < probe.sh > facts && tarpit-kit verify --facts facts",
      ),
    );
  command.action(async () => {
    await run("probe", globalsOf(command), async (ports) => {
      const { probeScript } = await import("../../app/verify/facts.ts");
      const script = await probeScript(ports);
      return { ok: true, json: { results: [{ script }] }, stdout: script };
    });
  });
};
