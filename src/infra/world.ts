import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Log, Ports } from "../ports.ts";
import { systemClock } from "./clock.ts";
import { createFiles } from "./files.ts";
import { cacheDirectory, thisHost } from "./host.ts";
import { createHttp } from "./http.ts";
import { lazyProcesses } from "./lazy-processes.ts";
import { toldProcesses } from "./told-processes.ts";

/** dist/infra/world.js and src/infra/world.ts are both two levels below the package. */
const packageRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export interface RealWorld {
  readonly ports: Ports;
  interrupt(): Promise<void>;
  busyMs(): number;
}

export function realWorld(log: Log): RealWorld {
  const processes = lazyProcesses();
  const stop = new AbortController();
  const host = thisHost();
  const ports: Ports = {
    files: createFiles(stop.signal),
    processes: toldProcesses(processes, log),
    http: createHttp(stop.signal),
    clock: systemClock(stop.signal),
    log,
    host,
    packageRoot,
    cacheDir: cacheDirectory(host),
  };
  const interrupt = (): Promise<void> => {
    stop.abort();
    return processes.interrupt();
  };
  return { ports, interrupt, busyMs: () => processes.busyMs() };
}
