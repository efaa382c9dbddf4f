// Looks for asm statements that use memory behind the compiler's back, in what an artifact directory
// of Linux 2.4 was compiled from: node bench/audit-asm.mjs OUT/2.4.37.11-sparc64. Exit code 1 when one is
// neither told to the compiler nor reviewed (reviewedAsm in data/toolchains).
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { auditTree } from "../dist/app/audit-asm.js";
import { realWorld } from "../dist/infra/world.js";

const [dir = "out"] = process.argv.slice(2);
const metadata = JSON.parse(readFileSync(join(dir, "metadata.json"), "utf8"));
const [, ...args] = metadata.commands[0];
const tree = args[args.indexOf("-C") + 1];
const cc = args
  .find((arg) => arg.startsWith("CC="))
  .slice(3)
  .split(" ");
const name = metadata.toolchain?.name;
const profile = new URL(`../data/toolchains/${name}.json`, import.meta.url);
const reviewed = name ? JSON.parse(readFileSync(profile, "utf8")).reviewedAsm : [];
const nothing = () => undefined;
const log = { stage: nothing, info: nothing, warn: nothing, detail: nothing, progress: nothing };
const dialect = metadata.arch === "sparc64" ? "sparc" : "x86";
const { ports } = realWorld(log);
const audit = await auditTree({ tree, cc, dialect, reviewed }, ports);
const open = audit.findings.filter((one) => one.reviewed === undefined);
for (const one of audit.findings) {
  const { file, line } = one.statement;
  const mark = one.reviewed === undefined ? "FOUND   " : "reviewed";
  console.log(
    `${mark}  ${file}:${line}  ${one.access}, ${one.places} places: ${one.instructions[0]}`,
  );
  if (one.reviewed !== undefined) console.log(`          ${one.reviewed}`);
}
console.log(
  `${audit.files} files, ${audit.statements} different asm statements, ${open.length} that use memory untold, ${audit.findings.length - open.length} reviewed`,
);
process.exitCode = open.length === 0 ? 0 : 1;
