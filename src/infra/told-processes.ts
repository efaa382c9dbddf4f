import { showCommand } from "../core/command.ts";
import type { Command, Log, Processes } from "../ports.ts";

/** Every command line goes to the log first: what --verbose shows. */
export function toldProcesses(processes: Processes, log: Log): Processes {
  const tell = (commands: readonly Command[]): void =>
    log.detail(`$ ${commands.map(showCommand).join(" | ")}`);
  return {
    run: (command, options) => {
      tell([command]);
      return processes.run(command, options);
    },
    pipe: (commands, options) => {
      tell(commands);
      return processes.pipe(commands, options);
    },
    fan: (sources, gate, sinks) => {
      tell(sources);
      for (const sink of sinks) tell([sink]);
      return processes.fan(sources, gate, sinks);
    },
    start: (command, options) => {
      tell([command]);
      return processes.start(command, options);
    },
    which: (program) => processes.which(program),
  };
}
