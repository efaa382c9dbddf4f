import type { Abi } from "../../core/arch.ts";
import { failure } from "../../core/errors.ts";
import { ruleWords } from "../../core/prove/older-rules.ts";
import { Guest } from "./guest.ts";

/** A guest without iptables: its own program replaces the whole table (guest/bare/rules.c). */
export class TableGuest extends Guest {
  #rules: string[] = [];

  /** Adds one rule, given as iptables would be. */
  async addRule(abi: Abi, args: readonly string[]): Promise<void> {
    this.#rules.push(ruleWords(args, abi.xtAlign));
    await this.#hand(args);
  }

  async clear(): Promise<void> {
    this.#rules = [];
    await this.#hand(["-F"]);
  }

  async #hand(args: readonly string[]): Promise<void> {
    const answer = await this.ask("rules", "filter", ...this.#rules);
    if (answer.code === 0) return;
    throw failure("prove.rule", {
      what: `the kernel refuses a rule that is needed: ${args.join(" ")}`,
      where: `${this.name} guest`,
      next: "see what the kernel says above",
      evidence: [`errno ${answer.code}`, ...this.lastLines()],
    });
  }
}
