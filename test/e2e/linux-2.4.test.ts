import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { openArtifacts } from "../../src/app/prove/artifacts.ts";
import { makeInitrd } from "../../src/app/prove/initrd.ts";
import { type Lab, setUpTarget } from "../../src/app/prove/lab.ts";
import { TableGuest } from "../../src/app/prove/tables.ts";
import { qemuCommand } from "../../src/core/prove/qemu.ts";
import { addresses } from "../../src/core/prove/scenarios.ts";
import { realWorld } from "../../src/infra/world.ts";
import { type Answers, callAndSend } from "../support/answers.ts";
import { root } from "../support/artifacts.ts";
import { kit, kitOk, launcher, scratch, tool } from "../support/cli.ts";
import { MemoryLog } from "../support/ports.ts";
import { askMac, RawPeer } from "../support/raw-peer.ts";

/** Unpacked trees of 2.4, by release (docs/linux-2.4.md); without them these are skipped by name. */
const trees = process.env["TARPIT_KIT_LINUX_2_4"] ?? "";
const there = (release: string): boolean =>
  trees !== "" && existsSync(join(trees, release, "Makefile"));
const { dir, remove } = scratch("linux-2.4");
afterAll(remove);

const build = (arch: string, release: string, ...more: string[]): string =>
  kitOk([
    "build",
    "--arch",
    arch,
    "--tree",
    join(trees, release),
    "--out",
    join(dir, `${arch}-${release}`),
    "--install",
    ...launcher(),
    ...more,
  ]);

describe("Linux 2.4 from trees of TARPIT_KIT_LINUX_2_4", () => {
  test.runIf(there("2.4.37.11"))(
    "2.4.37.11 for sparc64: built for QEMU, proven in it, its asm audited",
    () => {
      const artifacts = build("sparc64", "2.4.37.11", "--profile", "sparc64-2.4-emulator");
      expect(artifacts).toMatch(/2\.4\.37\.11-emulator-sparc64$/);
      expect(kitOk(["verify", "--artifacts", artifacts])).toContain("checks passed");
      expect(tool(process.execPath, [join(root, "bench/audit-asm.mjs"), artifacts])).toMatch(
        /, 0 that use memory untold/,
      );
      const proved = JSON.parse(kitOk(["prove", "--artifacts", artifacts, "--json"])) as {
        ok: boolean;
        results: { abi: string; case: string; ok: boolean }[];
      };
      expect(proved.results.filter((one) => !one.ok)).toEqual([]);
      expect(new Set(proved.results.map((one) => one.abi))).toEqual(new Set(["sparc64", "sparc"]));
    },
  );

  test.runIf(there("2.4.37.11"))(
    "2.4.37.11: 100,000 answers from outside, and every checksum is right",
    async () => {
      const artifacts = build("sparc64", "2.4.37.11", "--profile", "sparc64-2.4-emulator");
      expect(await askedFromOutside(artifacts, 50_000)).toEqual({
        synAcks: 50_000,
        acks: 50_000,
        wrongChecksum: 0,
        strange: 0,
      });
    },
  );

  test.runIf(there("2.4.37.11"))(
    "2.4.37.11 for an Ultra: nothing of the emulator's is in it",
    () => {
      const artifacts = build("sparc64", "2.4.37.11");
      const metadata = readFileSync(join(artifacts, "metadata.json"), "utf8");
      expect(JSON.parse(metadata)).toMatchObject({ emulatorOnly: false });
      expect(metadata).not.toContain("linux-2.4-emulator");
      expect(kitOk(["verify", "--artifacts", artifacts])).toContain("checks passed");
      expect(kit(["prove", "--artifacts", artifacts]).code).toBe(2);
    },
  );

  for (const release of ["2.4.18", "2.4.25", "2.4.32", "2.4.34", "2.4.37.11"]) {
    test.runIf(there(release))(`${release}: the target's object for sparc64`, () => {
      const artifacts = build("sparc64", release, "--scope", "module", "--base", "defconfig");
      expect(kitOk(["verify", "--artifacts", artifacts])).toContain("checks passed");
    });
  }

  test.runIf(there("2.4.37.11"))("2.4.37.11: the target's object for i386", () => {
    const artifacts = build("i386", "2.4.37.11", "--scope", "module");
    expect(kitOk(["verify", "--artifacts", artifacts])).toContain("checks passed");
  });
});

/** Boots the target alone and calls its one port from here, over QEMU's socket. */
async function askedFromOutside(artifactDir: string, connections: number): Promise<Answers> {
  const { ports } = realWorld(new MemoryLog());
  const artifacts = await openArtifacts(artifactDir, ports);
  const [abi] = artifacts.abis;
  if (!abi) throw new Error("no ABI");
  const initramfs = await makeInitrd(artifacts, abi, dir, ports);
  const wired = qemuCommand(artifacts.machine, {
    role: "target",
    kernel: artifacts.image,
    initramfs,
    directory: dir,
  });
  const stream = "stream,id=n0,server=on,addr.type=unix,addr.path=wire.sock";
  const args = wired.args.map((one) => (one.startsWith("dgram,") ? stream : one));
  const command = { ...wired, args };
  const target = new TableGuest("target", command, join(dir, "target.log"), 480_000, ports);
  try {
    const peer = await RawPeer.open(join(dir, "wire.sock"));
    await target.ready();
    const lab = { artifacts, families: ["ipv4"], target } as unknown as Lab;
    await setUpTarget(lab);
    await target.addRule(abi, ["-A", "INPUT", "-p", "tcp", "--dport", "7000", "-j", "TARPIT"]);
    const mac = Buffer.from("525400746b02", "hex");
    const [from, to] = [addresses.peer.ipv4, addresses.target.ipv4];
    const link = { macs: { from: mac, to: await askMac(peer, mac, from, to) }, from, to };
    const answers = await callAndSend(peer, link, 7000, connections);
    peer.close();
    return answers;
  } finally {
    await target.stop();
  }
}
