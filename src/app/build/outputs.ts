import { join } from "node:path";
import type { Arch } from "../../core/arch.ts";
import type { Ports } from "../../ports.ts";

/** What a finished build left in its directory: make looks at times alone, and takes a damaged file for done. */
const listName = "outputs.sha256";

/** `undefined`: it was never finished, or is being built; make goes on with what is there. */
export async function outputsIntact(dir: string, ports: Ports): Promise<boolean | undefined> {
  if ((await ports.files.stat(join(dir, listName))) === undefined) return undefined;
  const args = ["--check", "--status", "--strict", listName];
  return (await ports.processes.run({ program: "sha256sum", args, cwd: dir })).code === 0;
}

/** Throws a damaged build directory away; of an intact one the list goes until the build is finished again. */
export async function openOutputs(dir: string, ports: Ports): Promise<void> {
  if ((await outputsIntact(dir, ports)) === false) {
    ports.log.warn(`the cached build ${dir} is damaged: it is made again`);
    await ports.files.remove(dir);
    await ports.files.mkdir(dir);
  }
  await ports.files.remove(join(dir, listName));
}

/** The kernel's images and every module, with their hashes. */
export async function rememberOutputs(dir: string, arch: Arch, ports: Ports): Promise<void> {
  const wanted = ["*.ko", "vmlinux", "System.map", arch.bootImageName].flatMap((name, index) => [
    ...(index === 0 ? [] : ["-o"]),
    "-name",
    name,
  ]);
  const aside = ["(", "-name", "modules-installed", "-o", "-name", "signed", ")", "-prune", "-o"];
  const find = [".", ...aside, "-type", "f", "(", ...wanted, ")", "-print0"];
  const results = await ports.processes.pipe([
    { program: "find", args: find, cwd: dir },
    { program: "sort", args: ["-z"], env: { LC_ALL: "C" } },
    { program: "xargs", args: ["-0", "--no-run-if-empty", "sha256sum"], cwd: dir },
  ]);
  const list = results.at(-1)?.stdout ?? "";
  if (list !== "" && results.every((result) => result.code === 0))
    await ports.files.write(join(dir, listName), list);
}
