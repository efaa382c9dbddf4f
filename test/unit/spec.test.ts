import { describe, expect, test } from "vitest";
import { TarpitError } from "../../src/core/errors.ts";
import { parseSpec, type PathKind } from "../../src/core/spec.ts";

const parse = (text: string, at?: PathKind) => parseSpec(text, "/work", at);

const troubleOf = (text: string, at?: PathKind): TarpitError => {
  try {
    parse(text, at);
  } catch (error) {
    if (error instanceof TarpitError) return error;
    throw error;
  }
  throw new Error(`${text} was taken`);
};

describe("what is taken", () => {
  test("versions and lines", () => {
    expect(parse("6.1.192")).toMatchObject({ kind: "release", version: { patch: 192 } });
    expect(parse("2.4.37.11")).toMatchObject({ kind: "release", version: { extra: 11 } });
    expect(parse("6.12-rc1")).toMatchObject({ kind: "release", version: { rc: 1 } });
    expect(parse("6.12")).toMatchObject({ kind: "line", line: "6.12" });
    // A directory of that name does not change what a version means.
    expect(parse("6.12", "directory")).toMatchObject({ kind: "line" });
  });
  test("debian", () =>
    expect(parse("debian:6.1")).toMatchObject({ kind: "debian", series: "6.1" }));
  test("addresses", () => {
    const hash = "ab".repeat(32);
    expect(parse("https://a.example/linux.tar.xz")).toMatchObject({
      kind: "url",
      url: "https://a.example/linux.tar.xz",
    });
    expect(parse(`https://a.example/l.tar.xz#sha256=${hash.toUpperCase()}`)).toMatchObject({
      url: "https://a.example/l.tar.xz",
      sha256: hash,
    });
    expect(parse("http://127.0.0.1:8080/l.tar.xz")).toMatchObject({ kind: "url" });
  });
  test("git", () => {
    expect(parse("git:https://a.example/linux.git#v6.1")).toMatchObject({
      kind: "git",
      url: "https://a.example/linux.git",
      ref: "v6.1",
    });
    expect(parse("git:./repo")).toEqual({
      kind: "git",
      url: "file:///work/repo",
      text: "git:./repo",
    });
  });
  test("paths", () => {
    expect(parse("./linux.tar.xz", "file")).toMatchObject({
      kind: "tarball",
      path: "/work/linux.tar.xz",
    });
    expect(parse("linux-6.1", "directory")).toMatchObject({
      kind: "tree",
      path: "/work/linux-6.1",
    });
    expect(parse("file:///tmp/a%20b.tar.xz", "file")).toMatchObject({
      kind: "tarball",
      path: "/tmp/a b.tar.xz",
    });
  });
});

describe("what is refused: bad input, with what, where and next", () => {
  test.each([
    "",
    "linux",
    "6",
    "6.1.192-tarpit",
    "-rf",
    "--upload-pack=x",
    "debian:",
    "debian:6.1.192",
    "debian:6.1;id",
    "http://a.example/linux.tar.xz",
    "https://user:secret@a.example/l.tar.xz",
    "https://a.example/l.tar.xz#md5=1",
    "git:ext::sh -c id",
    "git:-u#v1",
    "git:https://a.example/l.git#-u",
    "git:https://a.example/l.git#a..b",
    "git:https://a.example/l.git#",
    "git:fd::3",
    "./nothing-there",
    "6.1\u001b[31m",
    "a\nb",
  ])("%j", (text) => {
    const { exit, trouble } = troubleOf(text);
    expect(exit).toBe(2);
    expect(trouble.where).toBeTruthy();
    expect(trouble.next).toBeTruthy();
    // oxlint-disable-next-line no-control-regex
    expect(`${trouble.what}${trouble.where}`).not.toMatch(/[\u0000-\u001f]/);
  });

  test("the next step fits", () => {
    expect(troubleOf("6.1.192-tarpit").trouble.next).toContain("6.1.192");
    expect(troubleOf("debian:6.1.192").trouble.next).toContain("debian:6.1");
    expect(troubleOf("http://a.example/x").trouble.next).toContain("https://a.example/x");
  });
});
