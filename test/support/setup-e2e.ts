import { install } from "./setup.ts";

/** Everything the end-to-end tests drive on this machine: compilers, QEMU, Debian's own extension. */
export const setup = (): Promise<void> =>
  install(
    ["test", "e2e", "fetch", "kernel", "extension", "package", "prove"],
    ["sparc64", "x86_64"],
  );
