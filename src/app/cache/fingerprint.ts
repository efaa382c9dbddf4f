import { join } from "node:path";
import type { Ports } from "../../ports.ts";

/**
 * What a tree holds, as one hash over every file's path, size and time of change. A changed tree is
 * told in 0.6 s for a kernel; reading its 1.5 GB each time would take longer than the answer is
 * worth. What changes bytes and nothing else (a failing disk) is found by `cache verify`.
 */
export async function treeFingerprint(path: string, ports: Ports): Promise<string> {
  const files = ["!", "-type", "d", "-printf", String.raw`%P %s %T@ %l\0`];
  const result = await ports.processes.pipe([
    { program: "find", args: [path, "-name", ".git", "-prune", "-o", ...files] },
    { program: "sort", args: ["-z"], env: { LC_ALL: "C" } },
    { program: "sha256sum", args: [] },
  ]);
  return `tree:${result.at(-1)?.stdout.slice(0, 64) ?? ""}`;
}

const stampName = "fingerprint";

/** Notes what HOME/linux is, so that a later use can tell whether it still is. */
export const stampTree = async (home: string, ports: Ports, tree = "linux"): Promise<void> =>
  ports.files.write(join(home, stampName), `${await treeFingerprint(join(home, tree), ports)}\n`);

/** Whether HOME/linux is as it was stamped; an entry without a stamp is from before there were any. */
export async function isIntact(home: string, ports: Ports): Promise<boolean> {
  const stamp = await ports.files.readText(join(home, stampName)).catch(() => undefined);
  return (
    stamp === undefined || stamp.trim() === (await treeFingerprint(join(home, "linux"), ports))
  );
}
