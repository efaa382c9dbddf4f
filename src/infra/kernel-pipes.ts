import { execFile } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** Both ends of a pipe, as file descriptors of this process. */
export interface KernelPipe {
  readonly read: number;
  readonly write: number;
}

/**
 * Pipes between two children. Node has no pipe(2): its own "pipes" are socket pairs that end in this
 * process, so every byte would cost us two copies and a turn of the event loop. A FIFO (fifo(7)) is a
 * pipe with a name: opened for reading and writing first, which never blocks on Linux, then once for
 * each end, and unlinked. The ends are close-on-exec; a child gets only the one it is given.
 */
export async function kernelPipes(count: number): Promise<readonly KernelPipe[]> {
  if (count === 0) return [];
  const directory = await mkdtemp(join(tmpdir(), "tarpit-kit-pipe-"));
  try {
    const names = Array.from({ length: count }, (_, index) => join(directory, String(index)));
    await promisify(execFile)("mkfifo", ["-m", "600", ...names]);
    return names.map(openBoth);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function openBoth(name: string): KernelPipe {
  const both = openSync(name, constants.O_RDWR);
  try {
    return { read: openSync(name, constants.O_RDONLY), write: openSync(name, constants.O_WRONLY) };
  } finally {
    closeSync(both);
  }
}

/** Once the children have theirs: a reader sees the end only when nobody else holds the writing end. */
export function closePipes(pipes: readonly KernelPipe[]): void {
  for (const { read, write } of pipes) {
    closeSync(read);
    closeSync(write);
  }
}
