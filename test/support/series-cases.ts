import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { kit, kitOk, launcher, tool } from "./cli.ts";
import { root } from "./artifacts.ts";

const patches = join(root, "patches");
const entries = (series: string): string[] =>
  readFileSync(join(patches, series), "utf8")
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim())
    .filter((line) => line !== "");

/**
 * What holds for a series and a tree it is for: every program that applies patches makes the
 * same of it, checkpatch has nothing to say, and the object compiles without a warning.
 * `dir` is scratch; `source` brings the tree, which is only read.
 */
export function seriesCases(
  series: string,
  dir: string,
  source: () => string,
  variables: readonly string[] = [],
): void {
  /** A tree with what the series touches, and the files around it. */
  const part = (name: string): string => {
    const to = join(dir, `${series}-${name}`);
    for (const path of [
      "Makefile",
      "Kbuild",
      "Kconfig",
      "COPYING",
      "CREDITS",
      "MAINTAINERS",
      "net/netfilter",
      "net/ipv4/netfilter",
      "net/ipv6/netfilter",
      "include/uapi/linux/netfilter",
      "scripts",
    ]) {
      mkdirSync(dirname(join(to, path)), { recursive: true });
      const from = join(source(), path);
      if (existsSync(from)) cpSync(from, join(to, path), { recursive: true });
    }
    return to;
  };
  const same = (a: string, b: string): string =>
    tool("diff", ["-r", "--no-dereference", "-x", ".tarpit-kit", "-x", ".pc", "-x", ".git", a, b]);

  test("we, GNU patch -F0, git apply and quilt make the same tree; reverse gives the old one back", () => {
    const [ours, gnu, git, quilt, before] = ["ours", "gnu", "git", "quilt", "before"].map(part) as [
      string,
      string,
      string,
      string,
      string,
    ];
    const result = JSON.parse(kitOk(["patch", ours, "--json"])) as {
      results: { patches: { files: { hunks: { offset: number; fuzz: number }[] }[] }[] }[];
    };
    const hunks = result.results.flatMap((one) =>
      one.patches.flatMap((p) => p.files.flatMap((f) => f.hunks)),
    );
    expect(hunks.filter((hunk) => hunk.fuzz !== 0)).toEqual([]);
    for (const entry of entries(series)) {
      tool("patch", [
        "-p1",
        "-F0",
        "-s",
        "--no-backup-if-mismatch",
        "-d",
        gnu,
        "-i",
        join(patches, entry),
      ]);
      tool("git", ["apply", join(patches, entry)], {
        cwd: git,
        env: { GIT_CEILING_DIRECTORIES: dir },
      });
    }
    tool("quilt", ["push", "-a", "-q", "--fuzz=0"], {
      cwd: quilt,
      env: { QUILT_PATCHES: patches, QUILT_SERIES: series },
    });
    for (const other of [gnu, git, quilt]) expect(same(ours, other)).toBe("");
    expect(kitOk(["patch", ours, "--json"])).toContain("already-applied");
    kitOk(["patch", ours, "--reverse"]);
    expect(same(ours, before)).toBe("");
  });

  test("checkpatch --strict has nothing to say but FILE_PATH_CHANGES", () => {
    for (const entry of entries(series)) {
      const args = ["--strict", "--ignore", "FILE_PATH_CHANGES", join(patches, entry)];
      const said = tool("perl", ["scripts/checkpatch.pl", ...args], { cwd: source() });
      expect(said).toMatch(/^total: 0 errors, 0 warnings, 0 checks/m);
    }
  });

  const cases: [string, string[]][] = [
    [
      "as a module, bridge netfilter a module",
      [
        "IPV6=y",
        "IP_NF_TARGET_TARPIT=m",
        "IP6_NF_TARGET_TARPIT=m",
        "BRIDGE=m",
        "BRIDGE_NETFILTER=m",
        "NF_CONNTRACK=m",
        "NET_L3_MASTER_DEV=y",
      ],
    ],
    ["built in", ["IPV6=y", "IP_NF_TARGET_TARPIT=y", "IP6_NF_TARGET_TARPIT=y", "NF_CONNTRACK=y"]],
    [
      "IPv6 off, no conntrack",
      [
        "IPV6=n",
        "IP_NF_TARGET_TARPIT=y",
        "NF_CONNTRACK=n",
        "NETFILTER_XT_MATCH_STATE=n",
        "NETFILTER_XT_MATCH_CONNTRACK=n",
        "NETFILTER_XT_TARGET_CT=n",
      ],
    ],
    [
      "IPv4 a module, IPv6 built in",
      ["IPV6=y", "IP_NF_TARGET_TARPIT=m", "IP6_NF_TARGET_TARPIT=y", "NF_CONNTRACK=y"],
    ],
  ];
  test.each(cases)("compiles without a warning at W=1: %s", (_name, settings) => {
    const tree = join(dir, `${series}-whole`);
    if (!existsSync(tree)) {
      mkdirSync(dir, { recursive: true });
      tool("cp", ["-al", source(), tree]);
      kitOk(["patch", tree]);
    }
    const arch = [
      "ARCH=x86_64",
      `CC=${launcher().length > 0 ? "ccache gcc" : "gcc"}`,
      ...variables,
    ];
    const own = join(dir, "w1.config");
    rmSync(join(tree, ".config"), { force: true });
    const base = [
      ...[
        "--base",
        "allnoconfig",
        "--fragment",
        "system",
        "--fragment",
        "firewall",
        "--fragment",
        "x86_64",
      ],
      ...settings.flatMap((setting) => ["--set", setting]),
    ];
    const v6off = settings.includes("IPV6=n")
      ? [
          "--set",
          "IPV6_SIT=n",
          "--set",
          "IP6_NF_RAW=n",
          "--set",
          "IP6_NF_TARGET_REJECT=n",
          "--set",
          "NF_CONNTRACK_MARK=n",
        ]
      : [];
    kitOk(["config", tree, "--arch", "x86_64", ...base, ...v6off]);
    cpSync(join(tree, ".config"), own);
    tool("make", ["-s", "-C", tree, ...arch, "modules_prepare"]);
    // Flags of the one object: an older tree compiles its own preparation again with KCFLAGS, and is not clean.
    const strict = [
      ...arch,
      "W=1",
      `CFLAGS_xt_TARPIT.o=-Werror${isOld ? " -Wno-missing-attributes" : ""}`,
    ];
    const said = kitMake(tree, [...strict, "net/netfilter/xt_TARPIT.o"]).split("\n");
    expect(said.filter((line) => line.includes("TARPIT") && isComplaint(line))).toEqual([]);
    expect(existsSync(join(tree, "net/netfilter/xt_TARPIT.o"))).toBe(true);
    rmSync(join(tree, "net/netfilter/xt_TARPIT.o"));
  });

  /**
   * 4.19 and gcc 12: its objtool does not know some of the code (sibling calls, `.exit.text`), and its
   * module_init() makes an alias with other attributes, in every module (include/linux/module.h).
   */
  const isOld = series === "linux-4.19.series";
  const isComplaint = (line: string): boolean =>
    /warning|error/.test(line) && !(isOld && line.includes("objtool"));

  const kitMake = (tree: string, args: string[]): string =>
    tool("sh", ["-c", 'exec make -C "$0" "$@" 2>&1', tree, ...args]);

  test("a tree with the series in is recognised whatever put it there", () => {
    const tree = part("foreign");
    for (const entry of entries(series))
      tool("patch", [
        "-p1",
        "-F0",
        "-s",
        "--no-backup-if-mismatch",
        "-d",
        tree,
        "-i",
        join(patches, entry),
      ]);
    const ran = kit(["patch", "--check", tree, "--json"]);
    expect(ran.code).toBe(0);
    expect(ran.stdout).toContain("already-applied");
  });
}
