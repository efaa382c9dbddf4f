import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { TarpitError } from "../../src/core/errors.ts";
import {
  type Launcher,
  launcherEnv,
  launcherName,
  readSlots,
  refuseLauncher,
} from "../../src/core/launcher.ts";

const directory = new URL("../../data/launchers/", import.meta.url);
const all = readdirSync(directory).map((name) => ({
  file: name,
  launcher: JSON.parse(readFileSync(new URL(name, directory), "utf8")) as Launcher,
}));
const named = (name: string): Launcher => {
  const found = all.find(({ launcher }) => launcher.name === name);
  if (!found) throw new Error(`no ${name}`);
  return found.launcher;
};
const ci = readFileSync(new URL("../../docs/ci.md", import.meta.url), "utf8");

describe("launchers", () => {
  test.each(all)(
    "$file says who it is, is documented, and refuses or works",
    ({ file, launcher }) => {
      expect(file).toBe(`${launcher.name}.json`);
      expect(ci).toContain(`\`${launcher.name}\``);
      const refuse = () => refuseLauncher(launcher);
      if (launcher.refused === undefined) expect(refuse).not.toThrow();
      else expect(refuse).toThrow(TarpitError);
    },
  );

  test("ccache, which does not hash prefix maps, keeps our objects apart, and hits in another directory", () => {
    expect(launcherEnv(named("ccache"), {})).toEqual({
      CCACHE_BASEDIR: "{base}",
      CCACHE_NOHASHDIR: "1",
      CCACHE_NAMESPACE: "tarpit-kit",
    });
  });

  test("distcc does not wait 300 seconds for a host that is gone, unless the user says so", () => {
    expect(Number(launcherEnv(named("distcc"), {})["DISTCC_IO_TIMEOUT"])).toBeLessThan(120);
    expect(launcherEnv(named("distcc"), { DISTCC_IO_TIMEOUT: "7" })).toEqual({});
  });

  test("pump is told apart from distcc", () => {
    expect(() => refuseLauncher(named("pump"))).toThrow(/Python 3\.11/);
  });

  test("names and slots", () => {
    expect(launcherName("/usr/bin/ccache")).toBe("ccache");
    expect(readSlots("12\n")).toBe(12);
    expect(readSlots("0\n")).toBeUndefined();
    expect(readSlots("distcc: no hosts\n")).toBeUndefined();
  });
});
