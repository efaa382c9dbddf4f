import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kitOk, launcher, scratch, tool } from "../support/cli.ts";

/**
 * The target's KUnit tests, which are part of the series, by the tree's own kunit.py: on user mode
 * Linux, so with the compiler of this machine. The long version does the same on 6.1.
 */
const { dir, remove } = scratch("kunit");
afterAll(remove);

const full = process.env["TARPIT_KIT_FULL"] === "1";
const python = "/usr/bin/python3";
const suites = ["tarpit_cookie", "tarpit_reply", "tarpit_list"];
const compiler = `CC=${launcher().length > 0 ? "ccache gcc" : "gcc"}`;

/** What user mode Linux has by default and these tests do not use: a fifth of its files. */
const unused = [
  ...["AIO", "BLOCK", "COMPACTION", "ETHERNET", "ETHTOOL_NETLINK", "HID_SUPPORT", "HWMON"],
  ...["HW_RANDOM", "INET_DIAG", "INPUT", "IO_URING", "IPV6_SIT", "KALLSYMS", "MEMBARRIER"],
  ...["MISC_FILESYSTEMS", "NETDEVICES", "NETWORK_FILESYSTEMS", "PPS", "PTP_1588_CLOCK"],
  ...["SECCOMP", "SHMEM", "SUSPEND", "USB_SUPPORT", "WIRELESS", "WLAN"],
];

const wanted = [
  ...["KUNIT", "NET", "INET", "IPV6", "NETFILTER", "NETFILTER_ADVANCED", "NETFILTER_XTABLES"],
  ...["IP_NF_TARGET_TARPIT", "IP6_NF_TARGET_TARPIT", "NETFILTER_XT_TARGET_TARPIT_KUNIT_TEST"],
  // Only an expert may switch the others off.
  "EXPERT",
];
const kunitconfig = [
  ...wanted.map((symbol) => `CONFIG_${symbol}=y\n`),
  ...unused.map((symbol) => `# CONFIG_${symbol} is not set\n`),
].join("");

interface Case {
  readonly name: string;
  readonly status: string;
}
interface Group {
  readonly name: string;
  readonly test_cases: readonly Case[];
  readonly sub_groups: readonly Group[];
}

const casesOf = (group: Group): Case[] => [
  ...group.test_cases.map((one) => ({ ...one, name: `${group.name}: ${one.name}` })),
  ...group.sub_groups.flatMap((one) => casesOf(one)),
];

describe.each(full ? ["debian:6.12", "debian:6.1"] : ["debian:6.12"])("KUnit on %s", (kernel) => {
  const name = kernel.replace(":", "-");
  const tree = join(dir, name);
  const build = join(dir, `${name}-build`);
  const config = join(dir, `${name}.kunitconfig`);
  beforeAll(() => {
    tool("cp", ["-al", kitOk(["fetch", kernel]), tree]);
    kitOk(["patch", tree]);
    mkdirSync(build);
    writeFileSync(config, kunitconfig);
  });

  /** Its words are for people and in colour; what counts is its exit code and its JSON. */
  const kunit = (...args: string[]): string =>
    tool("sh", [
      ...["-c", 'cd "$0" && exec "$@" 2>&1', tree, python, "tools/testing/kunit/kunit.py"],
      ...[args[0] as string, `--build_dir=${build}`, `--kunitconfig=${config}`],
      ...[`--make_options=${compiler}`, ...args.slice(1)],
    ]);

  test("the tests compile without a warning at W=1", () => {
    kunit("config");
    const object = "net/netfilter/xt_TARPIT.o";
    const make = ["make", "-s", "ARCH=um", `O=${build}`, compiler, "W=1", object];
    const said = tool("sh", ["-c", 'cd "$0" && exec "$@" 2>&1', tree, ...make]);
    // Files of the tree itself are not all clean at W=1.
    expect(said.split("\n").filter((line) => line.includes("TARPIT"))).toEqual([]);
    expect(existsSync(join(build, object))).toBe(true);
  });

  test("they pass", () => {
    const report = join(dir, `${name}.json`);
    kunit("run", "--jobs=2", "--timeout=120", `--json=${report}`);
    const groups = (JSON.parse(readFileSync(report, "utf8")) as Group).sub_groups;
    const ours = groups.filter((one) => suites.includes(one.name));
    expect(ours.map((one) => one.name).toSorted()).toEqual(suites.toSorted());
    const cases = ours.flatMap(casesOf);
    expect(cases.filter((one) => one.status !== "PASS")).toEqual([]);
    expect(cases.length).toBeGreaterThanOrEqual(45);
  });

  test("a wrong number is heard", () => {
    const source = join(tree, "net/netfilter/xt_TARPIT.c");
    const own = readFileSync(source, "utf8");
    const wrong = own.replace("seq - *iss <= (u32)window + 2", "seq - *iss <= (u32)window + 3");
    expect(wrong).not.toBe(own);
    writeFileSync(source, wrong);
    expect(() => kunit("run", "--jobs=2", "--timeout=120")).toThrow(/tarpit_cookie/);
  });
});
