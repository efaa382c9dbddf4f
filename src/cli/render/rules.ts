import type { Printed } from "../../app/rules.ts";
import type { PrintedRule } from "../../core/rules/print.ts";
import { keepModule, keepRules } from "./old-machine.ts";

export type RulesForm = "iptables" | "ip6tables" | "restore" | "nft";

const program = (family: 4 | 6): string => (family === 6 ? "ip6tables" : "iptables");

/** The rules as a script to read, then to run; how they stay on that kernel (none: today's), and how to go back, are comments. */
export function describeRules(printed: Printed, form: RulesForm, kernel = ""): string {
  if (form === "restore") return restoreText(printed);
  const name = program(printed.family);
  const command = ({ table, rule }: PrintedRule): string =>
    `${name} ${table === "filter" ? "" : `-t ${table} `}${rule}`;
  const lines = printed.rules.flatMap((one) => [
    ...(one.note === undefined ? [] : [`# ${one.note}`]),
    command(one),
  ]);
  const keep = keepRules(kernel, printed.family);
  const after = [
    "",
    `# to keep them over a reboot (${keep.of})`,
    `# ${keep.command}`,
    `# ${keepModule(kernel)}`,
    "# to go back",
    ...printed.undo.map((one) => `# ${command(one)}`),
    "# no way to lock yourself out for long: before you start",
    `# echo '${name}-restore < /root/rules.before' | at now + 5 minutes; ${name}-save > /root/rules.before`,
  ];
  return `${[...(form === "nft" ? nftNote : []), ...lines, ...after].join("\n")}\n`;
}

const nftNote = [
  "# nftables has no tarpit statement: a ruleset of nft's own language cannot hold a connection.",
  "# iptables-nft can: it sends TARPIT as an xtables expression, which the kernel takes with CONFIG_NFT_COMPAT.",
  "# nft list ruleset shows such a rule as a comment; do not feed that listing back with nft -f.",
  "# The commands below are for iptables-nft, beside a ruleset of your own.",
];

/** For iptables-restore --noflush: everything or nothing, one change a table. */
function restoreText({ rules, undo, family }: Printed): string {
  const name = program(family);
  const tables = (["raw", "filter"] as const).flatMap((table) => {
    const those = rules.filter((one) => one.table === table);
    if (those.length === 0) return [];
    const chains = those
      .filter((one) => one.rule.startsWith("-N "))
      .map((one) => `:${one.rule.slice(3)} - [0:0]`);
    return [
      `*${table}`,
      ...chains,
      ...those.filter((one) => !one.rule.startsWith("-N ")).map((one) => one.rule),
      "COMMIT",
    ];
  });
  const back = undo.map(
    (one) => `# ${name} ${one.table === "filter" ? "" : `-t ${one.table} `}${one.rule}`,
  );
  return `# ${name}-restore --noflush --test < FILE, then without --test\n${tables.join("\n")}\n# to go back\n${back.join("\n")}\n`;
}
