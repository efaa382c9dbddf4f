import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { exitCodes } from "../../src/cli/main.ts";
import { makeProgram } from "../../src/cli/program.ts";
import { severities } from "../../src/core/findings.ts";

const root = new URL("../../", import.meta.url);
const text = (path: string): string => readFileSync(new URL(path, root), "utf8");
const json = <T>(path: string): T => JSON.parse(text(path)) as T;
const names = (directory: string, end: string): string[] =>
  readdirSync(new URL(directory, root))
    .filter((name) => name.endsWith(end))
    .map((name) => name.slice(0, -end.length));

const readme = text("README.md");
const program = await makeProgram(async () => undefined);

describe("what exists is documented", () => {
  test.each(names("data/arches/", ".json"))("arch %s has a row in README.md", (name) => {
    expect(readme).toMatch(new RegExp(`^\\| \`${name}\` \\|`, "m"));
  });

  test.each(names("data/profiles/", ".json"))(
    "profile %s is in README.md, and its parts exist",
    (name) => {
      const profile = json<{ name: string; arch: string; fragments: string[] }>(
        `data/profiles/${name}.json`,
      );
      expect(readme).toContain(`\`${name}\``);
      expect(profile.name).toBe(name);
      expect(names("data/arches/", ".json")).toContain(profile.arch);
      expect(names("kernel-configs/", ".config")).toEqual(
        expect.arrayContaining(profile.fragments),
      );
    },
  );

  test.each(names("kernel-configs/", ".config"))(
    "fragment %s is in kernel-configs/README.md or belongs to an arch",
    (name) => {
      const documented = text("kernel-configs/README.md").includes(`\`${name}.config\``);
      expect(documented || names("data/arches/", ".json").includes(name)).toBe(true);
    },
  );

  const lines = json<{ lines: { line: string; series: string; verified: string[] }[] }>(
    "patches/manifest.json",
  ).lines;
  test.each(lines)(
    "kernel line $line has a row in README.md and a series file",
    ({ line, series, verified }) => {
      expect(readme).toMatch(
        new RegExp(`^\\| ${line.replace(".", "\\.")} \\| \`patches/${series}\``, "m"),
      );
      expect(text(`patches/${series}`)).not.toBe("");
      expect(verified.length).toBeGreaterThan(0);
    },
  );

  test.each(program.commands.map((command) => command.name()))(
    "command %s has a row in README.md and one in docs/json.md",
    (name) => {
      expect(readme).toMatch(new RegExp(`^\\| \`${name}[ \`]`, "m"));
      expect(text("docs/json.md")).toMatch(new RegExp(`^\\| \`${name}\` \\|`, "m"));
      expect(
        json<{ properties: { command: { enum: string[] } } }>("docs/output.schema.json").properties
          .command.enum,
      ).toContain(name);
    },
  );

  test.each(Object.values(exitCodes))("exit code %i is in docs/architecture.md", (code) => {
    expect(text("docs/architecture.md")).toMatch(new RegExp(`^\\| ${code} \\|`, "m"));
  });

  test("no command in the README is one that does not exist", () => {
    const rows = [
      ...readme.matchAll(
        /^\| `([a-z]+)(?: [a-z]*[ A-Z[-][^`]*)?`(?:, `[^`]*`)* \| (?:brings|plans|writes|all|builds|judges|prints|who|the right|boots|what|completion)/gm,
      ),
    ];
    expect(rows.map((row) => row[1]).toSorted()).toEqual(
      program.commands.map((command) => command.name()).toSorted(),
    );
  });

  test("the two commands are in the README exactly as promised", () => {
    expect(readme).toContain("npm ci && npx tarpit-kit build --arch sparc64 --install");
    expect(readme).toContain("npm ci && npm test");
  });

  test.each(Object.entries(severities))(
    "finding %s is in docs/findings.md, as %s",
    (code, severity) => {
      expect(text("docs/findings.md")).toContain(`| \`${code}\` | ${severity} |`);
    },
  );
});
