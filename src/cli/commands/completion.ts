import { Argument, type Command } from "commander";
import { completionScript, type CommandShape, type Shell } from "../../core/completion.ts";
import { type Define, globalsOf } from "../command.ts";
import { example } from "./options.ts";

export const defineCompletion: Define = (program, run) => {
  const command = program
    .command("completion")
    .addArgument(
      new Argument("<shell>", "the shell to complete for").choices(["bash", "zsh", "fish"]),
    )
    .description("print the shell completion, made from the program itself")
    .addHelpText(
      "after",
      example("tarpit-kit completion bash > ~/.local/share/bash-completion/completions/tarpit-kit"),
    );
  command.action(async (shell: Shell) => {
    await run("completion", globalsOf(command), async (ports) => {
      const { archNames, profileNames } = await import("../../app/data.ts");
      const values = { "--arch": await archNames(ports), "--profile": await profileNames(ports) };
      const script = completionScript(shell, program.name(), shapes(program, values));
      return { ok: true, json: { results: [{ shell, script }] }, stdout: script };
    });
  });
};

/** Every command with its options and the values they take, as commander knows them. */
function shapes(
  program: Command,
  values: Readonly<Record<string, readonly string[]>>,
): CommandShape[] {
  const global = program.options.filter((option) => option.long !== "--version");
  return program.commands.map((command) => ({
    name: command.name(),
    description: command.description(),
    arguments: command.registeredArguments.flatMap((argument) => argument.argChoices ?? []),
    options: [...command.options, ...global].map((option) => ({
      flag: option.long ?? option.flags,
      description: option.description,
      takesValue: option.required || option.optional,
      choices: option.argChoices ?? values[option.long ?? ""] ?? [],
    })),
  }));
}
