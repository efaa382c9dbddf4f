import type { Abi } from "../../core/arch.ts";
import { programOf, type RuleCase, ruleCases, savedRules } from "../../core/prove/rule-cases.ts";
import type { Family, ProveCase } from "../../core/prove/types.ts";
import { iptables, type Lab, mustRule, newKernelLines, type Ran } from "./lab.ts";

interface Who {
  readonly lab: Lab;
  readonly abi: Abi;
  readonly family: Family;
}

type Tried = Pick<ProveCase, "case" | "variant" | "ok" | "detail"> & {
  readonly evidence?: readonly string[];
};

function add({ lab, abi, family }: Who, tried: Tried): void {
  const { evidence, ...rest } = tried;
  const packets = !tried.ok && evidence && evidence.length > 0 ? { packets: evidence } : {};
  lab.results.push({ abi: abi.name, path: "rule", family, ...rest, ...packets });
}

async function flush({ lab, abi, family }: Who): Promise<void> {
  await mustRule(lab.target, abi, family, ["-F"]);
  await mustRule(lab.target, abi, family, ["-X"]);
}

const said = (ran: Ran): string =>
  ran.err === "" ? "nothing" : `"${ran.err.split("\n")[0] ?? ""}"`;

async function tryCase(who: Who, one: RuleCase): Promise<void> {
  const { lab, abi, family } = who;
  for (const rule of one.before ?? []) await mustRule(lab.target, abi, family, rule);
  await newKernelLines(lab, "target");
  const ran = await iptables(lab.target, abi, programOf(family), one.rule);
  const log = await newKernelLines(lab, "target");
  const reason = one.refused?.by === "kernel" ? log.join("\n") : ran.err;
  const matched = one.refused?.saying.exec(reason)?.[0];
  const ok = one.refused ? ran.rc !== 0 && matched !== undefined : ran.rc === 0;
  const wanted = one.refused ? `refused by the ${one.refused.by}` : "accepted";
  const detail = `${one.rule.join(" ")}: must be ${wanted}; exit code ${ran.rc}, ${matched ? `"${matched}"` : said(ran)}`;
  add(who, {
    case: one.name,
    variant: one.variant,
    ok,
    detail,
    evidence: [...ran.err.split("\n"), ...log],
  });
  await flush(who);
}

/** Without the artifact's .so iptables must not know TARPIT: else the other cases would prove somebody else's file. */
async function tryWithoutExtension(who: Who): Promise<void> {
  const ran = await iptables(
    who.lab.target,
    who.abi,
    programOf(who.family),
    ["-A", "INPUT", "-p", "tcp", "-j", "TARPIT"],
    false,
  );
  const ok = ran.rc !== 0 && /Couldn't load target/.test(ran.err);
  add(who, {
    case: "needs-extension",
    variant: "tarpit",
    ok,
    detail: `without the extension: exit code ${ran.rc}, ${said(ran)}`,
  });
}

const savedVariants = ["tarpit", "honeypot", "reset"] as const;

/** -S and iptables-save show the option, iptables-restore reads it back to the same rules, -C finds them and -D removes them. */
async function trySaveAndRestore(who: Who): Promise<void> {
  const { lab, abi, family } = who;
  const rule = (variant: string) => ["INPUT", "-p", "tcp", "-j", "TARPIT", `--${variant}`];
  for (const variant of savedVariants)
    await mustRule(lab.target, abi, family, ["-A", ...rule(variant)]);
  const save = () => iptables(lab.target, abi, `${programOf(family)}-save`, ["-t", "filter"]);
  const before = await save();
  const shown = savedVariants.filter((variant) =>
    before.out.includes(`-A INPUT -p tcp -j TARPIT --${variant}`),
  );
  add(who, {
    case: "save",
    variant: "tarpit",
    ok: shown.length === 3,
    detail: `${programOf(family)}-save shows ${shown.join(", ")}`,
    evidence: before.out.split("\n"),
  });
  await flush(who);
  await lab.target.must("write", "/tmp/rules", `${before.out}\n`);
  const restored = await iptables(lab.target, abi, `${programOf(family)}-restore`, ["/tmp/rules"]);
  const after = await save();
  const same = savedRules(after.out) === savedRules(before.out);
  add(who, {
    case: "restore",
    variant: "tarpit",
    ok: restored.rc === 0 && same && shown.length === 3,
    detail: `${programOf(family)}-restore: exit code ${restored.rc}, ${same ? "the same rules" : "other rules"} after it`,
    evidence: [restored.err, ...after.out.split("\n")],
  });
  await tryDelete(who, rule);
}

/**
 * Deleting one variant must take that rule and no other: what is compared is the option's byte and its
 * padding. Looked at with -S, as ip6tables 1.8.9 finds any rule with the same target when asked with -C.
 */
async function tryDelete(who: Who, rule: (variant: string) => string[]): Promise<void> {
  const { lab, abi, family } = who;
  const call = (...args: string[]) => iptables(lab.target, abi, programOf(family), args);
  const checked = (await call("-C", ...rule("honeypot"))).rc;
  const deleted = (await call("-D", ...rule("honeypot"))).rc;
  const listed = (await call("-S", "INPUT")).out;
  const left = [...listed.matchAll(/-j TARPIT --(\w+)/g)].map((match) => match[1]).join(" ");
  const ok = checked === 0 && deleted === 0 && left === "tarpit reset";
  add(who, {
    case: "check-delete",
    variant: "honeypot",
    ok,
    detail: `exit codes: -C ${checked}, -D ${deleted}; left after it: ${left}`,
    evidence: listed.split("\n"),
  });
  await flush(who);
}

/** Every rule case, with every ABI and family. */
export async function proveRules(lab: Lab): Promise<void> {
  for (const [index, abi] of lab.artifacts.abis.entries()) {
    for (const family of lab.families) {
      const who: Who = { lab, abi, family };
      await tryWithoutExtension(who);
      for (const one of ruleCases) {
        const wanted = (one.needs ?? []).every((symbol) => lab.artifacts.symbols.has(symbol));
        if (wanted && (!one.once || (index === 0 && family === "ipv4"))) await tryCase(who, one);
      }
      await trySaveAndRestore(who);
    }
  }
}
