import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { doctor, ensureTools, requireTools } from "../../src/app/doctor.ts";
import type { Arch } from "../../src/core/arch.ts";
import { TarpitError } from "../../src/core/errors.ts";
import type { Requirement } from "../../src/core/requirements.ts";
import type { Command } from "../../src/ports.ts";
import { FakeProcesses, fakePorts, MemoryFiles, type Answer } from "../support/ports.ts";

const root = new URL("../../", import.meta.url);
const archText = (name: string): string =>
  readFileSync(new URL(`data/arches/${name}.json`, root), "utf8");
const requirementsText = readFileSync(new URL("data/requirements.json", root), "utf8");
const requirements = JSON.parse(requirementsText) as Requirement[];
const sparc64 = JSON.parse(archText("sparc64")) as Arch;

const programs = [
  ...requirements.flatMap(({ probe }) => ("program" in probe ? probe.program : [])),
  "apt-get",
  "sparc64-linux-gnu-gcc",
  "sparc64-linux-gnu-ld",
  "qemu-system-sparc64",
];
const headers = [
  "/usr/include/gelf.h",
  "/usr/include/openssl/opensslv.h",
  "/usr/include/xtables.h",
];

/** A machine with everything on it; the fields take something away. */
function machine(
  lacks: { programs?: string[]; m32?: boolean; files?: string[]; root?: boolean } = {},
) {
  const files = new MemoryFiles({
    "/kit/data/requirements.json": requirementsText,
    "/kit/data/launchers/ccache.json": readFileSync(
      new URL("data/launchers/ccache.json", root),
      "utf8",
    ),
    "/kit/data/arches/sparc64.json": archText("sparc64"),
    "/kit/data/arches/x86_64.json": archText("x86_64"),
    "/proc/meminfo": "MemTotal:  8000000 kB\n",
    "/var/lib/apt/lists/x_InRelease": "",
  });
  for (const path of headers) if (!lacks.files?.includes(path)) files.put(path, "");
  const there = programs.filter((name) => !lacks.programs?.includes(name));
  const answer = (command: Command): Answer => {
    if (command.program === "df")
      return {
        stdout:
          "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/x 9 1 99999999 1% /\n",
      };
    const file = command.args.find((arg) => arg.startsWith("-print-file-name="))?.split("=")[1];
    if (file === undefined) return undefined;
    return { stdout: command.args.includes("-m32") && lacks.m32 ? `${file}\n` : `/lib/${file}\n` };
  };
  return fakePorts({
    files,
    processes: new FakeProcesses(there, answer),
    host: { isRoot: lacks.root ?? false },
  });
}

async function caught(work: Promise<unknown>): Promise<TarpitError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(TarpitError);
  return error as TarpitError;
}

describe("doctor", () => {
  test("finds nothing missing on a machine that has everything", async () => {
    const result = await doctor({ arch: "sparc64", install: false }, machine());
    expect(result).toMatchObject({ ok: true, missing: [], optional: [], findings: [] });
    expect(result.command).toBeUndefined();
    expect(result.checked).toBeGreaterThan(20);
  });

  test("names each missing thing, its package, and one command for all", async () => {
    const ports = machine({
      programs: ["flex", "sparc64-linux-gnu-gcc"],
      files: ["/usr/include/xtables.h"],
    });
    const result = await doctor({ arch: "sparc64", install: false }, ports);
    expect(result.ok).toBe(false);
    expect(result.missing.map((one) => one.requirement)).toContain("flex");
    expect(result.command).toBe(
      "apt-get install -y --no-install-recommends flex gcc-multilib-sparc64-linux-gnu gcc-sparc64-linux-gnu libc6-dev-sparc64-cross libxtables-dev",
    );
    expect(ports.processes.calls.some((call) => call.program === "apt-get")).toBe(false);
  });

  test("a compiler that lacks the second width's C library is found", async () => {
    const result = await doctor({ arch: "sparc64", install: false }, machine({ m32: true }));
    expect(result.command).toMatch(/ gcc-multilib-sparc64-linux-gnu$/);
    expect(result.missing.map((one) => one.requirement)).toEqual([
      "libc-sparc",
      "libgcc-sparc",
      "static-libc-sparc",
    ]);
  });

  test("optional tools are told and never missed", async () => {
    const result = await doctor({ install: false }, machine({ programs: ["ccache", "zstd"] }));
    expect(result.ok).toBe(true);
    expect(result.optional.map((one) => one.package)).toEqual(["zstd", "ccache"]);
  });

  test("an unknown arch is bad input that lists those there are", async () => {
    const error = await caught(doctor({ arch: "vax", install: false }, machine()));
    expect(error.exit).toBe(2);
    expect(error.trouble.next).toContain("sparc64, x86_64");
  });

  test("tight disk, little memory and an old Node are warnings", async () => {
    const ports = machine();
    ports.files.put("/proc/meminfo", "MemTotal:  500000 kB\n");
    ports.processes.answer = () => ({ stdout: "head\n/dev/x 9 1 1024 1% /\n/lib/x" });
    const result = await doctor({ install: false, for: ["package"] }, ports, "18.1.0");
    expect(result.ok).toBe(true);
    expect(result.findings.map((one) => [one.code, one.severity])).toEqual([
      ["host.node", "warning"],
      ["host.disk", "warning"],
      ["host.memory", "warning"],
    ]);
  });
});

describe("doctor --install", () => {
  test("runs apt-get once as root, without questions", async () => {
    const ports = machine({ programs: ["flex"], root: true });
    const normal = ports.processes.answer;
    ports.processes.answer = (command) => {
      if (command.program === "apt-get" && command.args[0] === "install")
        ports.processes.programs.add("flex");
      return normal(command);
    };
    const result = await doctor({ arch: "sparc64", install: true }, ports);
    expect(result).toMatchObject({ ok: true, installed: true });
    const apt = ports.processes.calls.filter((call) => call.program === "apt-get");
    expect(apt.map((call) => call.args)).toEqual([
      ["install", "-y", "--no-install-recommends", "flex"],
    ]);
    expect(apt[0]?.env?.["DEBIAN_FRONTEND"]).toBe("noninteractive");
  });

  test("fetches the package lists first where there are none", async () => {
    const ports = machine({ programs: ["flex"], root: true });
    await ports.files.remove("/var/lib/apt/lists");
    await caught(doctor({ install: true }, ports));
    const apt = ports.processes.calls
      .filter((call) => call.program === "apt-get")
      .map((call) => call.args[0]);
    expect(apt).toEqual(["update", "install"]);
  });

  test("old lists are fetched again when the install fails", async () => {
    const ports = machine({ programs: ["flex"], root: true });
    ports.processes.answer = (command) => ({
      code: command.args[0] === "install" ? 100 : 0,
      stderr: "E: 404\n",
    });
    const error = await caught(doctor({ install: true, for: ["kernel"] }, ports));
    const apt = ports.processes.calls
      .filter((call) => call.program === "apt-get")
      .map((call) => call.args[0]);
    expect(apt).toEqual(["install", "update", "install"]);
    expect(error).toMatchObject({ exit: 3, code: "doctor.install" });
    expect(error.trouble.evidence).toEqual(["E: 404"]);
  });

  test("without root it is exit 3 and the sudo line", async () => {
    const error = await caught(doctor({ install: true }, machine({ programs: ["flex"] })));
    expect(error.exit).toBe(3);
    expect(error.trouble.next).toBe("sudo apt-get install -y --no-install-recommends flex");
  });

  test("without apt the packages are named", async () => {
    const error = await caught(
      doctor({ install: true }, machine({ programs: ["flex", "bison", "apt-get"], root: true })),
    );
    expect(error).toMatchObject({ exit: 3, code: "doctor.no-apt" });
    expect(error.trouble.next).toContain("bison flex");
  });
});

describe("requireTools and ensureTools", () => {
  test("a missing compiler is exit 3, and the doctor's command comes next", async () => {
    const ports = machine({ programs: ["sparc64-linux-gnu-gcc"] });
    const error = await caught(requireTools(["kernel"], sparc64, sparc64.abis, ports));
    expect(error.exit).toBe(3);
    expect(error.trouble.what).toBe("sparc64-linux-gnu-gcc is missing on this machine");
    expect(error.trouble.next).toBe("tarpit-kit doctor --arch sparc64 --install");
  });

  test("only what is needed is looked for", async () => {
    await requireTools(
      ["extension"],
      sparc64,
      sparc64.abis,
      machine({ programs: ["flex", "qemu-system-sparc64"] }),
    );
  });

  test("only the ABIs that are built are looked for", async () => {
    await requireTools(["extension"], sparc64, sparc64.abis.slice(0, 1), machine({ m32: true }));
  });

  test("the user's own compiler replaces ours and names no package", async () => {
    const choice = { cc: "clang-21" };
    const error = await caught(
      requireTools(
        ["kernel"],
        sparc64,
        [],
        machine({ programs: ["sparc64-linux-gnu-gcc"] }),
        choice,
      ),
    );
    expect(error.trouble.what).toContain("clang-21");
    expect(error.trouble.next).not.toContain("doctor");
  });

  test("a launcher that is not there is missed only when asked for", async () => {
    const ports = machine({ programs: ["ccache"] });
    await requireTools(["kernel"], sparc64, [], ports);
    const error = await caught(
      requireTools(["kernel", "launcher"], sparc64, [], ports, { launcher: "ccache" }),
    );
    expect(error.trouble.what).toContain("ccache");
    expect(error.trouble.next).toContain("apt-get install");
    const own = await caught(
      requireTools(["launcher"], sparc64, [], ports, { launcher: "./nope" }),
    );
    expect(own.trouble.next).toContain("install ./nope yourself");
  });

  test("--install installs, and says so when that did not help", async () => {
    const ports = machine({ programs: ["bc"], root: true });
    const error = await caught(ensureTools(["kernel"], sparc64, [], ports, { install: true }));
    expect(error).toMatchObject({ exit: 3, code: "tools.still-missing" });
    expect(ports.processes.calls.some((call) => call.args.includes("bc"))).toBe(true);
  });
});

describe("the data", () => {
  test("every requirement has a reason, a use, a probe and a package; ids are unique", () => {
    for (const one of requirements) {
      expect(one.why.length, one.id).toBeGreaterThan(10);
      expect(one.for.length, one.id).toBeGreaterThan(0);
      expect(one.package, one.id).toMatch(/^[a-z0-9][a-z0-9+.-]+$/);
    }
    expect(new Set(requirements.map((one) => one.id)).size).toBe(requirements.length);
  });

  test("every arch names packages for its compilers", () => {
    for (const file of readdirSync(new URL("data/arches/", root))) {
      const arch = JSON.parse(archText(file.replace(".json", ""))) as Arch;
      expect(arch.crossPackages.length, file).toBeGreaterThan(0);
      for (const abi of arch.abis)
        expect(abi.packages.length, `${file} ${abi.name}`).toBeGreaterThan(0);
    }
  });
});
