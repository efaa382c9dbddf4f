import type { Need } from "../../src/app/doctor.ts";
import { install } from "./setup.ts";

const ownGuests: readonly Need[] = process.arch === "x64" ? ["e2e-x86_64"] : [];

/** Everything the end-to-end tests drive on this machine: compilers, QEMU, Debian's own extension. */
export const setup = (): Promise<void> =>
  install(
    ["test", "e2e", ...ownGuests, "fetch", "kernel", "extension", "package", "prove"],
    ["sparc64", "x86_64"],
  );
