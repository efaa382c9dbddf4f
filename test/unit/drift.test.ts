import { describe, expect, test } from "vitest";
import { describeChange, describeDrift, reportedLine } from "../../src/cli/render/drift.ts";
import { makeStyle } from "../../src/cli/render/style.ts";
import { BuildLogReader } from "../../src/core/build-log.ts";
import { readDifferences } from "../../src/core/drift/differences.ts";
import { changeOf } from "../../src/core/drift/explain.ts";
import { verifiedAfter, withVerified } from "../../src/core/drift/record.ts";
import { readMadison, upstreamOf } from "../../src/core/fetch-apt.ts";

describe("what the kernel changed, out of the compiler's errors", () => {
  const words = (...lines: string[]): string | undefined => {
    const reader = new BuildLogReader();
    for (const line of lines) reader.line(line);
    const change = changeOf(reader.summary().diagnostics);
    return change && describeChange(change);
  };
  const at = "/t/net/netfilter/xt_TARPIT.c:12:3: error: ";
  test.each([
    ["too few arguments to function 'ip_route_me_harder'", "ip_route_me_harder gained an argument"],
    ["too many arguments to function 'prandom_u32'", "prandom_u32 lost an argument"],
    ['macro "pr_once" requires 3 arguments, but only 2 given', "pr_once gained an argument"],
    [
      "implicit declaration of function 'skb_gone' [-Werror=implicit-function-declaration]",
      "skb_gone is gone",
    ],
    [
      "'struct xt_action_param' has no member named 'hooknum'",
      "xt_action_param has no member hooknum any more",
    ],
    ["'NF_GONE' undeclared (first use in this function)", "NF_GONE is gone"],
    [
      "passing argument 2 of 'nf_reset' from incompatible pointer type [-Werror=incompatible-pointer-types]",
      "argument 2 of nf_reset has another type",
    ],
    [
      "initialization of 'unsigned int (*)(int)' from incompatible pointer type 'unsigned int (*)(long int)' [-Werror]",
      "unsigned int (*)(int) is to point to another type",
    ],
    ["conflicting types for 'xt_register'; have 'int(void)'", "xt_register has another prototype"],
    ["invalid use of undefined type 'struct net'", "net is no longer defined where it was"],
    ["something nobody foresaw", "something nobody foresaw"],
    // clang's
    [
      "no member named 'hooknum' in 'struct xt_action_param'",
      "xt_action_param has no member hooknum any more",
    ],
    [
      "call to undeclared function 'skb_gone'; ISO C99 and later do not support it",
      "skb_gone is gone",
    ],
  ])("%s", (message, said) => expect(words(at + message)).toBe(said));

  test("a header that is gone, a fatal error", () => {
    expect(words("/t/a.c:1:10: fatal error: net/gone.h: No such file or directory")).toBe(
      "the header net/gone.h is gone",
    );
  });
  test("the telling error, not the first; a warning is none", () => {
    expect(words(`${at}expected ';'`, `${at}too few arguments to function 'f'`)).toBe(
      "f gained an argument",
    );
    expect(words("/t/a.c:1:1: warning: too few arguments to function 'f'")).toBeUndefined();
  });
});

describe("the radar's words", () => {
  const row = (version: string, state: "ok" | "failed") => ({
    version,
    from: `linux-${version}`,
    state,
    seconds: 1,
    files: 2,
    ...(state === "ok" ? {} : { change: { kind: "gone" as const, name: "f" } }),
  });
  const line = (...releases: ReturnType<typeof row>[]) => ({
    line: "6.1",
    series: "linux-6.1.series",
    arch: "toy",
    releases,
    verified: ["6.1.2"],
    recorded: false,
  });
  const said = (one: Parameters<typeof describeDrift>[0][number]) =>
    describeDrift([one], makeStyle({}, {}, false)).split("\n");
  test("a line that is broken at its end, one that begins later, one that is well", () => {
    const broken = line(row("6.1.3", "failed"), row("6.1.2", "ok"));
    const change = { kind: "gone" as const, name: "f" };
    expect(
      said({ ...broken, breaks: { at: "6.1.3", lastGood: "6.1.2", change } }).slice(0, 2),
    ).toEqual([
      "Linux 6.1 on toy: breaks at 6.1.3: f is gone (6.1.2 is the last that compiles)",
      "  6.1.3  failed  1.0 s  2 files  f is gone",
    ]);
    const late = line(row("6.1.3", "ok"), row("6.1.2", "ok"), row("6.1.1", "failed"));
    expect(said(late)[0]).toBe(
      "Linux 6.1 on toy: compiles from 6.1.2 on; 6.1.1: f is not there yet",
    );
    expect(said(late)[3]).toContain("f is not there yet");
    expect(reportedLine(late)).toMatchObject({
      state: "failed",
      trouble: { code: "drift.breaks" },
    });
    const well = line(row("6.1.3", "ok"));
    expect(said(well)[0]).toBe("Linux 6.1 on toy: all 1 releases compile");
    expect(reportedLine(well).state).toBe("built");
  });
});

describe("the manifest", () => {
  test("what compiled is verified, what failed is not; in the order of releases", () => {
    expect(verifiedAfter(["6.1.192", "6.1.8"], ["6.1.190", "6.1.9"], ["6.1.8"])).toEqual([
      "6.1.9",
      "6.1.190",
      "6.1.192",
    ]);
  });
  test("only that line's list is another", () => {
    const text =
      '{\n "lines": [\n  {"line": "6.1", "series": "linux-6.1.series", "verified": ["6.1.1"]},\n  {"line": "6.12", "series": "linux-6.12.series",\n "verified": [\n"6.12.1"\n]}\n]}\n';
    expect(withVerified(text, "linux-6.12.series", ["6.12.1", "6.12.2"])).toBe(
      text.replace('[\n"6.12.1"\n]', '["6.12.1", "6.12.2"]'),
    );
    expect(withVerified(text, "linux-6.1.series", [])).toContain(
      '{"line": "6.1", "series": "linux-6.1.series", "verified": []}',
    );
    expect(() => withVerified(text, "linux-5.4.series", [])).toThrow("5.4");
  });
});

describe("diff -rq", () => {
  const read = (text: string) => readDifferences(text, "/c/a", "/c/b");
  test("what differs, what comes, what goes", () => {
    expect(
      read(
        "Files /c/a/x and y and /c/b/x and y differ\nOnly in /c/a: new\nOnly in /c/b/d/e: old one\n" +
          "Symbolic links /c/a/l and /c/b/l differ\nFile /c/a/k is a symbolic link while file /c/b/k is a regular file\n",
      ),
    ).toEqual({ take: ["x and y", "new", "l", "k"], remove: ["d/e/old one"] });
    expect(read("")).toEqual({ take: [], remove: [] });
  });
  test.each([
    "diff: x: Permission denied",
    "Only in /elsewhere: x",
    "Files /c/a/x and /c/b/z differ",
  ])("%s is not understood", (line) => expect(read(`${line}\n`)).toBeUndefined());
});

test("apt-cache madison, and the release a Debian version is of", () => {
  const row = (version: string) =>
    `linux-source-6.1 |  ${version} | http://deb.example.org/debian bookworm/main amd64 Packages\n`;
  expect(readMadison(row("6.1.192-2") + row("6.1.176-1") + row("6.1.192-2"))).toEqual([
    "6.1.192-2",
    "6.1.176-1",
  ]);
  expect(readMadison("N: Unable to locate package linux-source-9.9\n")).toEqual([]);
  expect(["6.12.115-2~deb12u1", "6.1.192-2", "1:6.1.4-1"].map(upstreamOf)).toEqual([
    "6.12.115",
    "6.1.192",
    "6.1.4",
  ]);
});
