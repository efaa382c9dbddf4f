import { spawn, spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { tool } from "./cli.ts";

/** Hosts of our own: network namespaces, each joined to the client's by a cable (veth(4)) of its own. */
export interface NetHost {
  readonly name: string;
  readonly address: string;
  /** Pulls its cable: what is on the way is lost, and nothing answers any more. */
  cut(): void;
  /** Starts a program there that stays until `close`; what it says goes to a file. */
  daemon(program: string, args: readonly string[], log: string): void;
}

export class NetHosts {
  readonly client: string;
  readonly hosts: readonly NetHost[];

  constructor(count: number) {
    this.client = `tk-client-${process.pid}`;
    tool("ip", ["netns", "add", this.client]);
    tool("ip", ["-n", this.client, "link", "set", "lo", "up"]);
    this.hosts = Array.from({ length: count }, (_, at) => this.#host(at + 1));
  }

  /** The command that runs a program on the client's side. */
  command(program: string, args: readonly string[]): readonly [string, readonly string[]] {
    return ["ip", ["netns", "exec", this.client, program, ...args]];
  }

  /** Ends everything that runs in them: distccd does not heed SIGTERM. */
  close(): void {
    for (const name of [...this.hosts.map((host) => host.name), this.client]) {
      const pids = spawnSync("ip", ["netns", "pids", name], { encoding: "utf8" }).stdout;
      for (const pid of pids.split("\n").filter(Boolean)) {
        try {
          process.kill(Number(pid), "SIGKILL");
        } catch {
          // It ended by itself.
        }
      }
      spawnSync("ip", ["netns", "del", name]);
    }
  }

  #host(number: number): NetHost {
    const name = `tk-host${number}-${process.pid}`;
    const [here, there] = [`10.77.${number}.1`, `10.77.${number}.2`];
    const cable = `h${number}`;
    tool("ip", ["netns", "add", name]);
    const add = ["-n", this.client, "link", "add", cable, "type", "veth", "peer", "name", "eth0"];
    tool("ip", [...add, "netns", name]);
    tool("ip", ["-n", this.client, "address", "add", `${here}/30`, "dev", cable]);
    tool("ip", ["-n", this.client, "link", "set", cable, "up"]);
    tool("ip", ["-n", name, "address", "add", `${there}/30`, "dev", "eth0"]);
    for (const device of ["lo", "eth0"]) tool("ip", ["-n", name, "link", "set", device, "up"]);
    return {
      name,
      address: there,
      cut: () => void tool("ip", ["-n", name, "link", "set", "eth0", "down"]),
      daemon: (program, args, log) => {
        const said = openSync(log, "a");
        const words = ["netns", "exec", name, program, ...args];
        spawn("ip", words, { detached: true, stdio: ["ignore", said, said] }).unref();
        closeSync(said);
      },
    };
  }
}
