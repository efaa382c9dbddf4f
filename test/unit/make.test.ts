import { describe, expect, test } from "vitest";
import type { Arch } from "../../src/core/arch.ts";
import { TarpitError } from "../../src/core/errors.ts";
import { showCommand } from "../../src/core/command.ts";
import {
  cleanMakeEnvironment,
  compilerOf,
  makeArguments,
  makeEnvironment,
  refuseOddDirectory,
  refuseOddTools,
} from "../../src/core/make.ts";

const arch = { makeArch: "sparc64", crossPrefix: "sparc64-linux-gnu-" } as Arch;
const setup = { tree: "/t", buildDir: "/b", arch, jobs: 2, epoch: 5 };

describe("make arguments", () => {
  test("arch, cross prefix, compiler and what makes the bytes repeatable", () => {
    const args = makeArguments(setup);
    expect(args.slice(0, 3)).toEqual(["-C", "/t", "O=/b"]);
    expect(args).toContain("ARCH=sparc64");
    expect(args).toContain("CROSS_COMPILE=sparc64-linux-gnu-");
    expect(args).toContain("CC=sparc64-linux-gnu-gcc");
    expect(args).toContain("KBUILD_BUILD_TIMESTAMP=@5");
  });
  test("a launcher goes before the target's compiler and the host's", () => {
    const args = makeArguments({ ...setup, launcher: "ccache" });
    expect(args).toContain("CC=ccache sparc64-linux-gnu-gcc");
    expect(args).toContain("HOSTCC=ccache gcc");
  });
  test("--cc wins over --cross-compile, and that over the arch", () => {
    expect(compilerOf({ arch, crossCompile: "x-" })).toBe("x-gcc");
    expect(compilerOf({ arch, crossCompile: "x-", cc: "gcc-11" })).toBe("gcc-11");
  });
});

describe("what reaches make and a shell", () => {
  test.each(["gcc-11", "/opt/x/bin/cc", "./gcc+x", "sparc64-linux-gnu-", "ünï"])(
    "%s may",
    (word) => {
      expect(() => refuseOddTools({ cc: word, crossCompile: word, launcher: word })).not.toThrow();
      expect(() => refuseOddDirectory(word, "the tree", "move it")).not.toThrow();
    },
  );
  test.each(["a b", "-x", "$(id)", "a;b", "a:b", "a#b", "a%b", "`id`", "a\nb", "a=b", "a'b", ""])(
    "%j may not",
    (word) => {
      expect(() => refuseOddTools({ launcher: word })).toThrow(TarpitError);
      expect(() => refuseOddDirectory(word, "the tree", "move it")).toThrow(TarpitError);
    },
  );
  test.each(["LLVM", "CC", "HOSTCC", "KCFLAGS", "KCPPFLAGS", "MAKEFILES", "M", "GNUMAKEFLAGS"])(
    "%s of the caller does not",
    (name) => {
      expect(Object.keys(cleanMakeEnvironment)).toContain(name);
      expect(cleanMakeEnvironment[name]).toBeUndefined();
    },
  );
  test("a command is shown as a shell reads it back", () => {
    const command = {
      program: "make",
      args: ["-C", "/a b", "CC=ccache gcc", "it's"],
      env: { LC_ALL: "C", CC: undefined },
      cwd: "/t",
    };
    expect(showCommand(command)).toBe(
      String.raw`(cd /t && LC_ALL=C make -C '/a b' 'CC=ccache gcc' 'it'\''s')`,
    );
  });

  test("a launcher gets what its data says, with the directory that holds both trees", () => {
    const dirs = { ...setup, tree: "/c/trees/x/linux", buildDir: "/c/builds/y" };
    const launching = { hostCompiler: true, env: { CCACHE_BASEDIR: "{base}", X: "1" } };
    expect(makeEnvironment({ ...dirs, launcher: "ccache", launching })).toMatchObject({
      CCACHE_BASEDIR: "/c",
      X: "1",
    });
    const { buildDir: _, ...inTree } = { ...dirs, launcher: "ccache", launching };
    expect(makeEnvironment(inTree)).toMatchObject({ X: "1" });
    expect(makeEnvironment(inTree)).not.toHaveProperty("CCACHE_BASEDIR");
    expect(makeEnvironment(dirs)).toEqual(cleanMakeEnvironment);
  });

  test("no path is left in objects, whatever name the compiler sees it under", () => {
    const dirs = { ...setup, tree: "/c/trees/x/linux", buildDir: "/c/builds/y" };
    expect(makeArguments(dirs)).toContain(
      "KCFLAGS=-ffile-prefix-map=/c/builds/y=. -ffile-prefix-map=/c/trees/x/linux=src -ffile-prefix-map=../../trees/x/linux=src",
    );
  });

  test("kbuild's own tools are compiled here when the launcher sends work away", () => {
    const away = { hostCompiler: false, env: {} };
    const args = makeArguments({ ...setup, launcher: "distcc", launching: away });
    expect(args).toContain("CC=distcc sparc64-linux-gnu-gcc");
    expect(args.join(" ")).not.toContain("HOSTCC");
  });
});
