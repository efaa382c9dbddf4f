export type Shell = "bash" | "zsh" | "fish";

export interface CommandShape {
  readonly name: string;
  readonly description: string;
  readonly arguments: readonly string[];
  readonly options: readonly OptionShape[];
}

export interface OptionShape {
  readonly flag: string;
  readonly description: string;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
}

/** A completion script for one shell; words without a list of choices complete as file names. */
export function completionScript(
  shell: Shell,
  program: string,
  commands: readonly CommandShape[],
): string {
  return { bash, zsh, fish }[shell](program, commands);
}

const functionName = (program: string): string => `_${program.replaceAll("-", "_")}`;
const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** bash(1), "Programmable Completion". */
function bash(program: string, commands: readonly CommandShape[]): string {
  const name = functionName(program);
  return `# ${program} completion for bash
${name}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command= word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in -*) ;; *) command=$word; break ;; esac
  done
  COMPREPLY=()
  case $command in
    '') COMPREPLY=($(compgen -W ${quote(commands.map((c) => c.name).join(" "))} -- "$cur")) ;;
${commands.map(bashCommand).join("\n")}
  esac
}
complete -o default -F ${name} ${program}
`;
}

function bashCommand(command: CommandShape): string {
  const values = command.options
    .filter((option) => option.takesValue)
    .map((option) => {
      const words =
        option.choices.length > 0
          ? `COMPREPLY=($(compgen -W ${quote(option.choices.join(" "))} -- "$cur")); `
          : "";
      return `        ${option.flag}) ${words}return ;;`;
    });
  const flags = command.options.map((option) => option.flag).join(" ");
  const words =
    command.arguments.length > 0
      ? `; else COMPREPLY=($(compgen -W ${quote(command.arguments.join(" "))} -- "$cur"))`
      : "";
  return `    ${command.name})
      case $prev in
${values.join("\n")}
        *) ;;
      esac
      if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W ${quote(flags)} -- "$cur"))${words}; fi ;;`;
}

/** zshcompsys(1), _arguments. */
function zsh(program: string, commands: readonly CommandShape[]): string {
  const clean = (text: string): string => text.replaceAll(/[[\]:']/g, " ");
  const option = (o: OptionShape): string => {
    const action = o.choices.length > 0 ? `:(${o.choices.join(" ")})` : ":_files";
    return `'*${o.flag}[${clean(o.description)}]${o.takesValue ? `:value${action}` : ""}'`;
  };
  const cases = commands.map((c) => {
    const words =
      c.arguments.length > 0 ? `'*:argument:(${c.arguments.join(" ")})'` : "'*:file:_files'";
    return `      ${c.name}) _arguments ${[...c.options.map(option), words].join(" ")} ;;`;
  });
  return `#compdef ${program}
${functionName(program)}() {
  local -a commands=(${commands.map((c) => quote(`${c.name}:${clean(c.description)}`)).join(" ")})
  if (( CURRENT == 2 )); then _describe command commands
  else
    local command=$words[2]
    shift words; (( CURRENT-- ))
    case $command in
${cases.join("\n")}
    esac
  fi
}
compdef ${functionName(program)} ${program}
`;
}

/** complete(1) of fish. */
function fish(program: string, commands: readonly CommandShape[]): string {
  const lines = commands.flatMap((command) => {
    const seen = `-n ${quote(`__fish_seen_subcommand_from ${command.name}`)}`;
    const options = command.options.map((option) => {
      const value =
        option.choices.length > 0
          ? ` -x -a ${quote(option.choices.join(" "))}`
          : option.takesValue
            ? " -r"
            : "";
      return `complete -c ${program} ${seen} -l ${option.flag.replace(/^--/, "")}${value} -d ${quote(option.description)}`;
    });
    const words =
      command.arguments.length > 0
        ? [`complete -c ${program} ${seen} -f -a ${quote(command.arguments.join(" "))}`]
        : [];
    return [
      `complete -c ${program} -n __fish_use_subcommand -f -a ${command.name} -d ${quote(command.description)}`,
      ...options,
      ...words,
    ];
  });
  return `# ${program} completion for fish\n${lines.join("\n")}\n`;
}
