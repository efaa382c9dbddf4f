import { describe, expect, test } from "vitest";
import { TarpitError } from "../../src/core/errors.ts";
import { assertSettings } from "../../src/core/kconfig/assert.ts";
import {
  lastWins,
  mergeInto,
  parseDotconfig,
  parseFragment,
  parseSet,
  renderFragment,
} from "../../src/core/kconfig/dotconfig.ts";
import { explain } from "../../src/core/kconfig/explain.ts";
import { evaluate, parseExpression, show, unmet } from "../../src/core/kconfig/expression.ts";
import { readKconfig } from "../../src/core/kconfig/tree.ts";

const settings = (text: string) => parseDotconfig(text);

describe("fragments", () => {
  test("set, unset, comments and blank lines", () => {
    const text = '# words\n\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C="x y"\nCONFIG_D=0x10\n';
    const requests = parseFragment(text, "f");
    expect(requests.map((r) => `${r.symbol}=${r.value}`)).toEqual([
      "A=y",
      "B=n",
      'C="x y"',
      "D=0x10",
    ]);
    expect(requests[1]?.origin).toBe("f:4");
  });

  test("a line that is no configuration names file and line", () => {
    const broken = (): unknown => parseFragment("CONFIG_A=y\nNETFILTER=y\n", "own.config");
    expect(broken).toThrow(TarpitError);
    try {
      broken();
    } catch (error) {
      expect((error as TarpitError).trouble.where).toBe("own.config:2");
      expect((error as TarpitError).exit).toBe(2);
    }
  });

  test("--set takes a name with and without CONFIG_, and quotes text", () => {
    expect(parseSet("CONFIG_A=m")).toMatchObject({ symbol: "A", value: "m" });
    expect(parseSet("LOCALVERSION=-fw")).toMatchObject({ symbol: "LOCALVERSION", value: '"-fw"' });
    expect(() => parseSet("A")).toThrow(TarpitError);
  });

  test("the last request for a symbol wins, the base's own lines go", () => {
    const wanted = lastWins([...parseFragment("CONFIG_A=y\nCONFIG_B=m\n", "1"), parseSet("A=n")]);
    const merged = mergeInto("CONFIG_A=m\nCONFIG_X=y\n# CONFIG_B is not set\n", wanted);
    expect(merged).toBe("CONFIG_X=y\nCONFIG_B=m\n# CONFIG_A is not set\n");
    expect(renderFragment(wanted.values())).toBe("CONFIG_B=m\n# CONFIG_A is not set\n");
  });
});

describe("assertion", () => {
  const verdict = (request: string, got: string) =>
    assertSettings(parseFragment(request, "f"), settings(got));

  test("a symbol that is not in the result was dropped", () => {
    expect(verdict("CONFIG_A=m", "").dropped).toMatchObject([
      { symbol: "A", wanted: "m", got: "n" },
    ]);
  });
  test("=m that came out =y is raised, not dropped; =y that came out =m is dropped", () => {
    expect(verdict("CONFIG_A=m", "CONFIG_A=y").raised).toHaveLength(1);
    expect(verdict("CONFIG_A=m", "CONFIG_A=y").dropped).toHaveLength(0);
    expect(verdict("CONFIG_A=y", "CONFIG_A=m").dropped).toHaveLength(1);
  });
  test("=n holds when the symbol is absent, and fails when something selects it", () => {
    expect(verdict("# CONFIG_A is not set", "").dropped).toHaveLength(0);
    expect(verdict("# CONFIG_A is not set", "CONFIG_A=y").dropped).toHaveLength(1);
  });
  test("numbers compare as numbers, text as text", () => {
    expect(verdict("CONFIG_A=16", "CONFIG_A=0x10").dropped).toHaveLength(0);
    expect(verdict('CONFIG_A="ab"', 'CONFIG_A="a"').dropped).toHaveLength(1);
  });
});

describe("expressions", () => {
  const value = (text: string, config: string): number => {
    const parsed = parseExpression(text);
    if (!parsed) throw new Error(`no expression: ${text}`);
    return evaluate(parsed, settings(config));
  };
  test("tristate logic: and is the minimum, or the maximum, not is 2 - x", () => {
    expect(value("A && B", "CONFIG_A=y\nCONFIG_B=m")).toBe(1);
    expect(value("A || B", "CONFIG_A=n\nCONFIG_B=m")).toBe(1);
    expect(value("!A", "CONFIG_A=m")).toBe(1);
    expect(value("(A || B) && !C", "CONFIG_B=y")).toBe(2);
  });
  test("comparison, and the idiom (IPV6 || IPV6=n)", () => {
    expect(value("IPV6 || IPV6=n", "")).toBe(2);
    expect(value("IPV6 || IPV6=n", "CONFIG_IPV6=m")).toBe(1);
    expect(value("A!=y", "CONFIG_A=y")).toBe(0);
    expect(value("GCC_VERSION >= 90100", "CONFIG_GCC_VERSION=120200")).toBe(2);
  });
  test("the unmet parts are those joined by &&", () => {
    const parsed = parseExpression("A && (B || C) && D");
    expect(parsed && unmet(parsed, settings("CONFIG_A=y"), 2).map(show)).toEqual(["B || C", "D"]);
  });
  test("text that is no expression gives nothing", () => {
    expect(parseExpression("A &&")).toBeUndefined();
  });
});

const kconfig: Readonly<Record<string, string>> = {
  Kconfig: 'mainmenu "x"\nsource "arch/$(SRCARCH)/Kconfig"\nif NET\nsource "net/Kconfig"\nendif\n',
  "arch/sparc/Kconfig": "config SPARC\n\tdef_bool y\n\tselect HAVE_IT\n\nconfig HAVE_IT\n\tbool\n",
  "net/Kconfig": `menu "Netfilter"
	depends on INET && \\
		   NETFILTER

config IP_NF_IPTABLES
	tristate "tables"
	help
	  depends on NOTHING is prose here
	  config NOT_A_SYMBOL

config IP_NF_FILTER
	tristate "filter" if EXPERT
	depends on IP_NF_IPTABLES # a remark
endmenu
config OUTSIDE
	bool "outside"
`,
};
const tree = readKconfig("Kconfig", async (path) => kconfig[path], { SRCARCH: "sparc" });

describe("Kconfig files", () => {
  test("follows source with variables; prose in help is not read", async () => {
    const { definitions } = await tree;
    expect([...definitions.keys()].toSorted()).toEqual([
      "HAVE_IT",
      "IP_NF_FILTER",
      "IP_NF_IPTABLES",
      "OUTSIDE",
      "SPARC",
    ]);
  });
  test("enclosing menu and if count, also through source and joined lines", async () => {
    const { definitions } = await tree;
    expect(definitions.get("IP_NF_FILTER")?.[0]?.depends.map(show)).toEqual([
      "NET",
      "INET && NETFILTER",
      "IP_NF_IPTABLES",
    ]);
    expect(definitions.get("OUTSIDE")?.[0]?.depends.map(show)).toEqual(["NET"]);
  });

  const why = async (symbol: string, wanted: string, config: string, got = "n") =>
    explain({ symbol, wanted, got, origin: "f:1" }, await tree, settings(config)).reason;

  test("the dependency that is not met is named with its place", async () => {
    const config = "CONFIG_NET=y\nCONFIG_INET=y\nCONFIG_NETFILTER=y\nCONFIG_EXPERT=y";
    expect(await why("IP_NF_FILTER", "m", config)).toMatchObject({
      kind: "depends",
      at: "net/Kconfig:11",
      unmet: ["IP_NF_IPTABLES"],
    });
  });
  test("=y under a parent that is =m is explained too", async () => {
    const config =
      "CONFIG_NET=y\nCONFIG_INET=y\nCONFIG_NETFILTER=y\nCONFIG_EXPERT=y\nCONFIG_IP_NF_IPTABLES=m";
    expect(await why("IP_NF_FILTER", "y", config, "m")).toMatchObject({
      unmet: ["IP_NF_IPTABLES"],
    });
  });
  test("a prompt that needs EXPERT, a symbol without a prompt, a selected one, a misspelt one", async () => {
    const config = "CONFIG_NET=y\nCONFIG_INET=y\nCONFIG_NETFILTER=y\nCONFIG_IP_NF_IPTABLES=y";
    expect(await why("IP_NF_FILTER", "m", config)).toMatchObject({ unmet: ["EXPERT"] });
    expect(await why("HAVE_IT", "y", "")).toMatchObject({
      kind: "no-prompt",
      selectedBy: ["SPARC"],
    });
    expect(await why("HAVE_IT", "n", "CONFIG_SPARC=y\nCONFIG_HAVE_IT=y", "y")).toEqual({
      kind: "selected",
      by: ["SPARC"],
    });
    expect(await why("IP_NF_IPTABLE", "y", "")).toMatchObject({
      kind: "unknown",
      near: ["IP_NF_IPTABLES"],
    });
  });
});
