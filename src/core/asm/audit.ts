import type { AsmOperand, AsmStatement } from "./parse.ts";

/** What an instruction does to memory that the compiler is not told of. */
export type Access = "reads" | "writes" | "reads and writes" | "calls";

export interface AsmFinding {
  readonly statement: AsmStatement;
  readonly access: Access;
  /** The instructions that do it. */
  readonly instructions: readonly string[];
}

/** How the assembler of a machine writes memory accesses. */
export type Dialect = "sparc" | "x86";

/**
 * Whether a statement touches memory that it neither names as an operand nor lists as clobbered.
 * The compiler may then keep what should be in memory in registers, leave a store out as dead, or
 * use what it read before (gcc manual, "Extended Asm", Clobbers: "memory").
 */
export function auditAsm(statement: AsmStatement, dialect: Dialect): AsmFinding | undefined {
  if (statement.clobbers.includes("memory")) return undefined;
  const all = [...statement.outputs, ...statement.inputs];
  if (isFileScope(statement)) return undefined;
  const touched = instructionsOf(statement.template, dialect).flatMap((text) => {
    const access = dialect === "sparc" ? sparcAccess(text, all) : x86Access(text);
    return access === undefined ? [] : [{ text, access }];
  });
  if (
    touched.length === 0 ||
    covered(
      touched.map(({ access }) => access),
      statement,
    )
  )
    return undefined;
  return {
    statement,
    access: together(touched.map(({ access }) => access)),
    instructions: touched.map(({ text }) => text),
  };
}

/** Whole functions and sections written in assembly, outside of any function of the compiler's. */
const isFileScope = ({ template, outputs, inputs }: AsmStatement): boolean =>
  outputs.length + inputs.length === 0 &&
  /^\s*\.(?:globl|global|text|section|type|data)\b/m.test(template);

/** A memory operand tells what is read; only one among the outputs tells what is written. */
function covered(accesses: readonly Access[], statement: AsmStatement): boolean {
  if (accesses.includes("calls")) return false;
  const named = (list: readonly AsmOperand[]) =>
    list.some(({ constraint }) => isMemory(constraint));
  const writes = accesses.some((access) => access !== "reads");
  return writes ? named(statement.outputs) : named(statement.outputs) || named(statement.inputs);
}

const isMemory = (constraint: string): boolean => /[mQoV]/.test(constraint);

function together(accesses: readonly Access[]): Access {
  if (accesses.includes("calls")) return "calls";
  const kinds = new Set(accesses);
  if (kinds.size === 1) return accesses[0] ?? "reads";
  return "reads and writes";
}

/** Instructions without labels and comments. */
function instructionsOf(template: string, dialect: Dialect): readonly string[] {
  return template
    .split("\n")
    .map((line) => (dialect === "sparc" ? line.replace(/!.*$/, "") : line.replace(/#.*$/, "")))
    .flatMap((line) => line.split(";"))
    .map((text) =>
      text
        .replace(/^\s*(?:[\w.$%=]+:\s*)*/, "")
        .replaceAll(/\s+/g, " ")
        .trim(),
    )
    .filter((text) => text !== "" && !text.startsWith("."));
}

const sparcLoad = /^(?:ld(?:ub|uh|uw|sb|sh|sw|x|d|q)?)(a?)(?:,\w+)? /;
const sparcStore = /^(?:st(?:b|h|w|x|d|q|ub|uh|uw)?)(a?)(?:,\w+)? /;
const sparcAtomic = /^(?:swap|ldstub|cas|casx)(a?) /;
const sparcCall = /^(?:call|jmpl) /;

/** Address spaces that are memory (The SPARC Architecture Manual V9, 6.3.1.3; UltraSPARC User's Manual, 8.3). */
const memorySpaces = new Set([
  0x04, 0x0c, 0x10, 0x11, 0x14, 0x18, 0x19, 0x1c, 0x24, 0x2c, 0x70, 0x71, 0x78, 0x79, 0x80, 0x81,
  0x82, 0x83, 0x88, 0x89, 0x8a, 0x8b, 0xe0, 0xe1, 0xf0, 0xf1, 0xf8, 0xf9,
]);

function sparcAccess(text: string, operands: readonly AsmOperand[]): Access | undefined {
  if (sparcCall.test(text)) return "calls";
  const kinds: readonly (readonly [RegExp, Access])[] = [
    [sparcLoad, "reads"],
    [sparcStore, "writes"],
    [sparcAtomic, "reads and writes"],
  ];
  for (const [shape, access] of kinds) {
    const match = shape.exec(text);
    if (!match) continue;
    if (!text.includes("[")) return undefined;
    return match[1] === "a" && !isMemorySpace(text, operands) ? undefined : access;
  }
  return undefined;
}

/** The space is an operand, a number, or %asi, which may be any. */
function isMemorySpace(text: string, operands: readonly AsmOperand[]): boolean {
  const named = /\]\s*(%?%?\w+|\(\S+\))/.exec(text)?.[1] ?? "";
  const operand = /^%(\d+)$/.exec(named)?.[1];
  const value = operand === undefined ? named : (operands[Number(operand)]?.expression ?? "");
  const number = Number(value.replaceAll(/[()\s]/g, ""));
  return Number.isNaN(number) || memorySpaces.has(number);
}

const x86String = /^(?:rep\w*\s+)?(lods|stos|movs|scas|cmps)[bwlq]?\b/;

function x86Access(text: string): Access | undefined {
  const string = x86String.exec(text)?.[1];
  if (string !== undefined) {
    if (string === "movs") return "reads and writes";
    return string === "stos" ? "writes" : "reads";
  }
  if (/^call\b/.test(text)) return "calls";
  if (/^(?:lea|prefetch|invlpg|nop|lgdt|lidt|clflush)/.test(text)) return undefined;
  // A size or offset before a parenthesis with a register: memory at what an operand points to.
  if (!/\((?:%%?\w|%\[)/.test(text)) return undefined;
  const last = text.split(",").at(-1) ?? "";
  if (/^(?:cmp|test|push|bt)[bwlq]? /.test(text)) return "reads";
  if (/^(?:mov|movz|movs)\w* /.test(text))
    return last.includes("(") || last.includes(")") ? "writes" : "reads";
  return last.includes(")") && !/^(?:add|adc|sub|xor|or|and)[bwlq]? [^,]*\(/.test(text)
    ? "reads and writes"
    : "reads";
}

/** One line for all places where a macro or an inline function brings the same statement. */
export const asmKey = ({ statement }: AsmFinding): string =>
  [
    statement.template.replaceAll(/\s+/g, " ").trim(),
    statement.outputs.map(({ constraint }) => constraint).join(","),
    statement.inputs.map(({ constraint }) => constraint).join(","),
    statement.clobbers.join(","),
  ].join(" : ");
