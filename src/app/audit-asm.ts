import { dirname, join } from "node:path";
import { asmKey, auditAsm, type AsmFinding, type Dialect } from "../core/asm/audit.ts";
import { parseAsm } from "../core/asm/parse.ts";
import { badInput, failure } from "../core/errors.ts";
import type { Toolchain } from "../core/generation.ts";
import type { Ports } from "../ports.ts";

export interface AsmAudit {
  readonly files: number;
  /** Different statements. */
  readonly statements: number;
  readonly findings: readonly (AsmFinding & {
    readonly places: number;
    readonly reviewed?: string;
  })[];
}

/**
 * Preprocesses every C file that was compiled in a built tree of before kbuild, with its own flags,
 * and judges each asm statement that comes out: what a header's inline functions and macros bring is
 * seen as the compiler saw it. The flags are those that the tree's Rules.make keeps beside each object.
 */
export async function auditTree(
  request: {
    readonly tree: string;
    /** The compiler and what always goes with it, as CC= had it. */
    readonly cc: readonly string[];
    readonly dialect: Dialect;
    readonly reviewed: Toolchain["reviewedAsm"];
  },
  ports: Ports,
): Promise<AsmAudit> {
  const units = await compiled(request.tree, ports);
  const found = new Map<string, AsmFinding & { places: number }>();
  const statements = new Set<string>();
  const queue = [...units];
  const worker = async (): Promise<void> => {
    for (let unit = queue.pop(); unit; unit = queue.pop()) {
      for (const statement of parseAsm(await preprocessed(unit, request.cc, ports))) {
        const finding = auditAsm(statement, request.dialect);
        statements.add(statement.template);
        if (!finding) continue;
        const key = asmKey(finding);
        const known = found.get(key);
        if (known) known.places += 1;
        else found.set(key, { ...finding, places: 1 });
      }
    }
  };
  await Promise.all(Array.from({ length: ports.host.cpus }, worker));
  const findings = [...found.values()].map((one) => {
    const why = request.reviewed.find(({ template }) =>
      one.statement.template.replaceAll(/\s+/g, " ").includes(template),
    )?.why;
    return why === undefined ? one : { ...one, reviewed: why };
  });
  return { files: units.length, statements: statements.size, findings };
}

interface Unit {
  readonly source: string;
  readonly flags: readonly string[];
}

/** Objects with a `.NAME.o.flags` beside them, and a .c file. */
async function compiled(tree: string, ports: Ports): Promise<readonly Unit[]> {
  const found = await ports.processes.run({
    program: "find",
    args: [tree, "-name", ".*.o.flags", "-print"],
  });
  const units: Unit[] = [];
  for (const path of found.stdout.split("\n").filter(Boolean)) {
    const name = /\/\.([^/]+)\.o\.flags$/.exec(path)?.[1] ?? "";
    const source = join(dirname(path), `${name}.c`);
    const text = await ports.files.readText(path);
    const flags = /^ifeq \((.*?),\$\(strip/.exec(text)?.[1];
    if (flags === undefined || !(await ports.files.stat(source))) continue;
    units.push({ source, flags: flags.replaceAll(":", ",").split(/\s+/).filter(Boolean) });
  }
  if (units.length > 0) return units;
  throw badInput("audit.tree", {
    what: "nothing was compiled in this tree, or not in the manner of Linux 2.4",
    where: tree,
    next: "give the tree of a finished build: `tarpit-kit build` keeps it in the cache, below builds/",
  });
}

async function preprocessed(unit: Unit, cc: readonly string[], ports: Ports): Promise<string> {
  const [program = "gcc", ...always] = cc;
  const result = await ports.processes.run({
    program,
    args: [...always, ...unit.flags, "-E", unit.source],
    cwd: dirname(unit.source),
  });
  if (result.code === 0) return result.stdout;
  throw failure("audit.preprocess", {
    what: "this file cannot be preprocessed with the flags it was compiled with",
    where: unit.source,
    next: "the lines above are the compiler's own",
    evidence: result.stderr.trim().split("\n").slice(0, 5),
  });
}
