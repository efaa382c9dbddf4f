import type { Command } from "../command.ts";
import type { QemuMachine } from "../arch.ts";

export interface GuestMachine {
  /** `target` has the rules, `peer` calls it over the emulated network. */
  readonly role: "target" | "peer";
  readonly kernel: string;
  readonly initramfs: string;
  /** Directory for the sockets and captures; QEMU runs in it, as a socket's path may be 107 bytes at most (unix(7)). */
  readonly directory: string;
}

export const otherRole = (role: GuestMachine["role"]): GuestMachine["role"] =>
  role === "target" ? "peer" : "target";

/** Capture of everything that passes a guest's network card. */
export const captureName = (role: GuestMachine["role"]): string => `${role}.pcap`;

const macs = { target: "52:54:00:74:6b:01", peer: "52:54:00:74:6b:02" } as const;

/** Only this much of each frame is kept: headers, and then some. */
const snapLength = 256;

/**
 * One guest: serial console on stdin and stdout, no other device than a network
 * card, whose frames go to the other guest as datagrams (-netdev dgram, QEMU 7.2)
 * and into a pcap file (filter-dump).
 */
export function qemuCommand(machine: QemuMachine, guest: GuestMachine): Command {
  const { role } = guest;
  const nic = machine.nic.replace("{id}", "n0").replace("{mac}", macs[role]);
  const local = `local.type=unix,local.path=${role}.sock`;
  const remote = `remote.type=unix,remote.path=${otherRole(role)}.sock`;
  const append =
    machine.append?.replace("{role}", role) ??
    `console=${machine.console} panic=-1 quiet role=${role}`;
  return {
    program: machine.program,
    args: [
      ...machine.args,
      ...[
        "-m",
        String(machine.memoryMiB),
        "-nographic",
        "-monitor",
        "none",
        "-serial",
        "stdio",
        "-no-reboot",
      ],
      ...["-kernel", guest.kernel, "-initrd", guest.initramfs, "-append", append],
      ...["-netdev", `dgram,id=n0,${local},${remote}`, "-device", nic],
      ...[
        "-object",
        `filter-dump,id=dump,netdev=n0,file=${captureName(role)},maxlen=${snapLength}`,
      ],
    ],
    cwd: guest.directory,
  };
}
