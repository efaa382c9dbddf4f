import { describe, expect, test } from "vitest";
import { openArtifacts } from "../../src/app/prove/artifacts.ts";
import { prove } from "../../src/app/prove.ts";
import { FakeProcesses, fakePorts, MemoryFiles } from "../support/ports.ts";

const abi = (name: string, bits: number) => ({
  name,
  bits,
  crossPrefix: `${name}-`,
  cflags: [],
  packages: [],
  loader: "/lib/ld.so",
  libraryDirs: [],
});
const arch = {
  name: "sparc64",
  bootImageName: "image",
  elf: { bits: 64 },
  abis: [abi("sparc64", 64), abi("sparc", 32)],
  qemu: {
    program: "qemu-system-sparc64",
    package: "qemu-system-sparc",
    args: [],
    console: "ttyS0",
    memoryMiB: 128,
    nic: "x",
  },
};
const extensions = ["sparc64", "sparc"].flatMap((name) =>
  ["libipt_TARPIT.so", "libxt_TARPIT.so"].map((file) => `extensions/${name}/${file}`),
);
const names = ["image", "config", "modules.tar.gz", ...extensions];

function ports(metadata: object, without: readonly string[] = [], dir = "/out/k") {
  const files = new MemoryFiles({
    "/kit/data/arches/sparc64.json": JSON.stringify(arch),
    [`${dir}/metadata.json`]: JSON.stringify(metadata),
  });
  for (const name of names)
    if (!without.includes(name))
      files.put(`${dir}/${name}`, "CONFIG_IP6_NF_TARGET_TARPIT=m\n# CONFIG_X is not set\n");
  return fakePorts({ files, processes: new FakeProcesses() });
}
const good = {
  arch: "sparc64",
  scope: "kernel",
  abis: ["sparc64", "sparc"],
  kernel: { release: "6.1" },
};

describe("the artifact directory", () => {
  test("itself, its parent, and a relative name lead to the same", async () => {
    for (const given of ["/out/k", "/out", "../out"]) {
      const found = await openArtifacts(given, ports(good));
      expect(found).toMatchObject({ dir: "/out/k", image: "/out/k/image", release: "6.1" });
      expect([...found.symbols]).toEqual([["IP6_NF_TARGET_TARPIT", "m"]]);
    }
  });
  test("only the ABIs that were built are asked for", async () => {
    const one = ports({ ...good, abis: ["sparc64"] }, extensions.slice(2));
    expect((await openArtifacts("/out/k", one)).abis.map((found) => found.name)).toEqual([
      "sparc64",
    ]);
  });
  test.each(names)("without %s it is a failure that names the file", async (name) => {
    await expect(openArtifacts("/out/k", ports(good, [name]))).rejects.toMatchObject({
      exit: 1,
      code: "prove.missing",
      trouble: { data: { missing: [name] } },
    });
  });
  test("none, or two, or a module only: bad input with the next step", async () => {
    await expect(openArtifacts("/nowhere", ports(good))).rejects.toMatchObject({
      exit: 2,
      code: "prove.artifacts",
    });
    const two = ports(good);
    two.files.put("/out/l/metadata.json", "{}");
    await expect(openArtifacts("/out", two)).rejects.toMatchObject({
      exit: 2,
      code: "prove.artifacts",
      trouble: { what: "2 artifact directories here: k, l" },
    });
    await expect(
      openArtifacts("/out/k", ports({ ...good, scope: "module" })),
    ).rejects.toMatchObject({ exit: 2, code: "prove.scope" });
  });
  test("metadata.json that is not what it should be is bad input, never a crash", async () => {
    for (const odd of [null, [], { arch: 1 }, { ...good, abis: 5 }]) {
      await expect(openArtifacts("/out/k", ports(odd as object))).rejects.toMatchObject({
        exit: 2,
        code: "prove.metadata",
      });
    }
  });
  test("without QEMU: the environment's trouble, and the doctor's command", async () => {
    await expect(prove({ artifacts: "/out" }, ports(good))).rejects.toMatchObject({
      exit: 3,
      code: "prove.qemu-missing",
      trouble: {
        next: "tarpit-kit doctor --arch sparc64 --install",
        data: { packages: ["qemu-system-sparc"] },
      },
    });
  });
});
