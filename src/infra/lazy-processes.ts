import type { Processes, Session } from "../ports.ts";
import type { NodeProcesses } from "./processes.ts";

export interface LazyProcesses extends Processes {
  interrupt(): Promise<void>;
  busyMs(): number;
}

/** NodeProcesses from the first program on: to load execa takes longer than to patch a tree. */
export function lazyProcesses(): LazyProcesses {
  let made: NodeProcesses | undefined;
  let loading: Promise<NodeProcesses> | undefined;
  const load = (): Promise<NodeProcesses> => {
    loading ??= import("./processes.ts").then(({ NodeProcesses }) => (made = new NodeProcesses()));
    return loading;
  };
  return {
    run: async (command, options) => (await load()).run(command, options),
    pipe: async (commands, options) => (await load()).pipe(commands, options),
    fan: async (sources, gate, sinks) => (await load()).fan(sources, gate, sinks),
    which: async (program) => (await load()).which(program),
    start: (command, options): Session => {
      if (made) return made.start(command, options);
      const session = load().then((processes) => processes.start(command, options));
      const finished = session.then((started) => started.finished);
      return {
        write: (text) => void session.then((started) => started.write(text)).catch(() => undefined),
        stop: async () => (await session).stop(),
        finished,
      };
    },
    interrupt: async () => (await load()).interrupt(),
    busyMs: () => made?.busyMs() ?? 0,
  };
}
