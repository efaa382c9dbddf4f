import { Argument, InvalidArgumentError } from "commander";
import { defaultCacheSize, parseAge, parseSize } from "../../core/cache.ts";
import { type Define, globalsOf, type Outcome } from "../command.ts";
import { describeChecked, describeCleared, describeEntries } from "../render/cache.ts";
import type { Ports } from "../../ports.ts";
import { example, present } from "./options.ts";

type Action = "list" | "gc" | "verify";

interface Options {
  maxSize: number;
  maxAge?: number;
}

/** A reader of option values that must be understood. */
const understood =
  (read: (text: string) => number | undefined, hint: string) =>
  (text: string): number => {
    const value = read(text);
    if (value === undefined) throw new InvalidArgumentError(hint);
    return value;
  };

export const defineCache: Define = (program, run) => {
  const command = program
    .command("cache")
    .addArgument(new Argument("<action>", "what to do").choices(["list", "gc", "verify"]))
    .option(
      "--max-size <size>",
      "gc: how much may stay, for example 20G or 0",
      understood(parseSize, "give a size, for example 500M or 20G."),
      defaultCacheSize,
    )
    .option(
      "--max-age <age>",
      "gc: nothing stays that was not used for so long, for example 30d",
      understood(parseAge, "give an age, for example 12h, 30d or 8w."),
    )
    .description("what lies in the cache; remove what was not used for longest; check it")
    .addHelpText("after", example("tarpit-kit cache list", "tarpit-kit cache gc --max-size 10G"));
  command.action(async (action: Action, options: Options) => {
    await run("cache", globalsOf(command), (ports) => actions[action](options, ports));
  });
};

const actions: Readonly<Record<Action, (options: Options, ports: Ports) => Promise<Outcome>>> = {
  list: async (_options, ports) => {
    const { cacheEntries } = await import("../../app/cache.ts");
    const results = await cacheEntries(ports);
    return {
      ok: true,
      json: { results },
      table: (style) => describeEntries(results, ports.cacheDir, ports.clock.now(), style),
    };
  },
  gc: async ({ maxSize, maxAge }, ports) => {
    const { clearCache } = await import("../../app/cache.ts");
    const limits = { maxBytes: maxSize, ...present({ maxAgeMs: maxAge }) };
    const result = await clearCache(limits, ports);
    return {
      ok: true,
      json: { results: [result] },
      human: (style) => describeCleared(result, style),
    };
  },
  verify: async (_options, ports) => {
    const { verifyCache } = await import("../../app/cache.ts");
    const results = await verifyCache(ports);
    return {
      ok: results.every((result) => result.state !== "damaged"),
      json: { results },
      table: (style) => describeChecked(results, style),
    };
  },
};
