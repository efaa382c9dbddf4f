import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { completionScript, type CommandShape } from "../../src/core/completion.ts";

const commands: CommandShape[] = [
  {
    name: "build",
    description: "it's a build",
    arguments: [],
    options: [
      { flag: "--arch", description: "the arch", takesValue: true, choices: ["sparc64", "x86_64"] },
      { flag: "--install", description: "install", takesValue: false, choices: [] },
    ],
  },
  {
    name: "completion",
    description: "completion",
    arguments: ["bash", "zsh", "fish"],
    options: [],
  },
];

/** What bash offers for a command line that ends in the last word. */
function offered(words: readonly string[]): string[] {
  const script = `${completionScript("bash", "tarpit-kit", commands)}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}
_tarpit_kit; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync("bash", ["-c", script], { encoding: "utf8" })
    .trim()
    .split("\n")
    .filter(Boolean);
}

describe("completion in a real bash", () => {
  test("commands, options, values, arguments", () => {
    expect(offered(["tarpit-kit", "bu"])).toEqual(["build"]);
    expect(offered(["tarpit-kit", "build", "--"])).toEqual(["--arch", "--install"]);
    expect(offered(["tarpit-kit", "build", "--arch", "s"])).toEqual(["sparc64"]);
    expect(offered(["tarpit-kit", "--json", "completion", ""])).toEqual(["bash", "zsh", "fish"]);
  });
  test("zsh and fish name every command and option, quotes kept whole", () => {
    for (const shell of ["zsh", "fish"] as const) {
      const script = completionScript(shell, "tarpit-kit", commands);
      for (const word of ["build", "completion", "arch", "install", "x86_64"])
        expect(script).toContain(word);
    }
    expect(completionScript("fish", "tarpit-kit", commands)).toContain("'it'\\''s a build'");
  });
});
