import { describe, expect, test } from "vitest";
import { makeProgram } from "../../src/cli/program.ts";
import type { Globals } from "../../src/cli/command.ts";

const program = await makeProgram(async () => undefined);
const command = (name: string) => {
  const found = program.commands.find((one) => one.name() === name);
  if (!found) throw new Error(`no command ${name}`);
  return found;
};
const flags = (name: string): (string | undefined)[] =>
  command(name).options.map((option) => option.long);

describe("command contract", () => {
  test.each([
    ["fetch", ["--mirror", "--insecure-skip-verify"]],
    ["patch", ["--check", "--reverse", "--series", "--until", "--fuzz"]],
    ["config", ["--arch", "--base", "--fragment", "--set"]],
    [
      "build",
      [
        "--arch",
        "--kernel",
        "--tree",
        "--profile",
        "--userland",
        "--scope",
        "--against",
        "--out",
        "--jobs",
      ].concat(
        [
          "--cross-compile",
          "--cc",
          "--launcher",
          "--package",
          "--install",
          "--mirror",
          "--insecure-skip-verify",
        ],
        ["--base", "--fragment", "--set"],
      ),
    ],
    ["verify", ["--artifacts"]],
    ["prove", ["--artifacts"]],
    ["doctor", ["--arch", "--install"]],
    ["completion", []],
  ])("%s takes what the contract says", (name, wanted) => {
    expect(flags(name)).toEqual(expect.arrayContaining(wanted));
  });

  test.each(program.commands.map((one) => [one.name()]))(
    "%s --help shows an example and the global options",
    (name) => {
      let help = "";
      const one = command(name);
      one.configureOutput({ writeOut: (text) => (help += text) });
      one.outputHelp();
      expect(help).toMatch(new RegExp(`Examples?:\\n {2}\\$ tarpit-kit ${name}`));
      expect(help).toContain("--json");
    },
  );

  test("global options are taken before and after the command", async () => {
    for (const argv of [
      ["--json", "--quiet", "completion", "bash"],
      ["completion", "bash", "--json", "--quiet"],
    ]) {
      let seen: Globals | undefined;
      const fresh = await makeProgram(async (_name, globals) => void (seen = globals));
      await fresh.parseAsync(argv, { from: "user" });
      expect(seen).toMatchObject({ json: true, quiet: true, verbose: false });
    }
  });
});
