import { join } from "node:path";
import type { Abi } from "../../core/arch.ts";
import { environment } from "../../core/errors.ts";
import type { Ports } from "../../ports.ts";
import type { ProvableArtifacts } from "./artifacts.ts";

/** No C library: today's refuses a kernel before 3.2 (guest/bare). */
const bareFlags = [
  "-std=gnu11",
  "-O1",
  "-fno-inline",
  "-ffreestanding",
  "-fno-stack-protector",
  "-fno-pic",
  "-fno-pie",
  "-no-pie",
  "-fno-tree-loop-distribute-patterns",
  "-U_FORTIFY_SOURCE",
  "-nostdlib",
  "-static",
  "-s",
] as const;

/** Parts of the guest's program that need nothing but what guest/bare has. */
const shared = ["init.c", "file.c", "net.c", "tcp.c", "capture.c"] as const;

/** KiB of the RAM disk; the program is 60 KiB. */
const size = 1024;

/** A RAM disk with PID 1 of one width, an ext2 image, as 2.4 has no initramfs. Returns its path. */
export async function makeInitrd(
  artifacts: ProvableArtifacts,
  abi: Abi,
  work: string,
  ports: Ports,
): Promise<string> {
  const root = join(work, `root-${abi.name}`);
  for (const name of ["dev", "proc", "sys", "run", "tmp"])
    await ports.files.mkdir(join(root, name));
  await compileBare(artifacts, abi, join(root, "init"), ports);
  const image = join(work, `initrd-${abi.name}.img`);
  const options = ["-q", "-F", "-t", "ext2", "-O", "none", "-I", "128", "-b", "1024", "-N", "64"];
  await must(ports, "mke2fs", [...options, "-d", root, image, String(size)]);
  // debugfs(8) makes it without being root; a path in its mknod would be one odd name.
  const script = join(work, "debugfs.txt");
  await ports.files.write(script, "cd /dev\nmknod console c 5 1\n");
  await must(ports, "debugfs", ["-w", "-f", script, image]);
  return image;
}

async function compileBare(
  artifacts: ProvableArtifacts,
  abi: Abi,
  output: string,
  ports: Ports,
): Promise<void> {
  const cwd = join(ports.packageRoot, "guest");
  const bare = (await ports.files.list(join(cwd, "bare"))).filter((name) => name.endsWith(".c"));
  const sources = [...shared, ...bare.map((name) => join("bare", name))];
  const program = `${abi.crossPrefix}gcc`;
  const args = [...abi.cflags, ...bareFlags, "-o", output, ...sources, "-lgcc"];
  const result = await ports.processes.run({ program, args, cwd, env: { LC_ALL: "C" } });
  if (result.code === 0) return;
  throw environment("prove.guest-compile", {
    what: "the guest's program does not compile",
    where: program,
    next: `tarpit-kit doctor --arch ${artifacts.arch.name} --install`,
    evidence: result.stderr.trim().split("\n").slice(0, 20),
    data: { packages: abi.packages },
  });
}

/** Of e2fsprogs, which is in no ordinary user's PATH. */
async function must(ports: Ports, name: string, args: readonly string[]): Promise<void> {
  const program = (await ports.processes.which(name)) ?? `/sbin/${name}`;
  const result = await ports.processes.run({ program, args });
  if (result.code === 0) return;
  throw environment("prove.initrd", {
    what: result.code === 127 ? `${name} is missing` : "the RAM disk cannot be made",
    where: program,
    next: "apt-get install -y --no-install-recommends e2fsprogs",
    evidence: result.stderr.trim().split("\n").slice(0, 5),
    data: { packages: ["e2fsprogs"] },
  });
}
