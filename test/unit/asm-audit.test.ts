import { describe, expect, test } from "vitest";
import { auditAsm, type Dialect } from "../../src/core/asm/audit.ts";
import { parseAsm } from "../../src/core/asm/parse.ts";

const access = (source: string, dialect: Dialect = "sparc"): (string | undefined)[] =>
  parseAsm(source).map((statement) => auditAsm(statement, dialect)?.access);

describe("asm statements of preprocessed C", () => {
  test("template, operands, clobbers and place", () => {
    const source = `# 12 "include/asm/x.h" 1
static inline int f(int *p)
{
 int r;
 __asm__ __volatile__("lduw [%1], %0\\n\\t"
# 14 "include/asm/x.h"
  "nop" : "=r" (r) : [it] "r" ((p) + g(")")), "i" (8) : "cc", "g7");
 return r;
}`;
    expect(parseAsm(source)).toEqual([
      {
        file: "include/asm/x.h",
        line: 15,
        isVolatile: true,
        template: "lduw [%1], %0\n\tnop",
        outputs: [{ name: undefined, constraint: "=r", expression: "r" }],
        inputs: [
          { name: "it", constraint: "r", expression: '(p) + g(")")' },
          { name: undefined, constraint: "i", expression: "8" },
        ],
        clobbers: ["cc", "g7"],
      },
    ]);
  });
  test("register variables and code without end are passed over", () => {
    expect(access('register long g1 __asm__("g1") = 1;')).toEqual([undefined]);
    expect(parseAsm('asm("nop"')).toEqual([]);
  });
});

describe("memory that the compiler is not told of", () => {
  const body = '"lduw [%1], %0" : "=r" (r) : "r" (p)';
  test("a load through a pointer", () => {
    expect(access(`asm(${body});`)).toEqual(["reads"]);
    expect(access(`asm(${body} : "memory");`)).toEqual([undefined]);
    expect(access(`asm(${body}, "m" (*p));`)).toEqual([undefined]);
  });
  test("a store needs a clobber, or a memory operand that is an output", () => {
    const store = (operands: string) => access(`asm("stx %0, [%1]" : ${operands});`);
    expect(store(': "r" (v), "r" (p)')).toEqual(["writes"]);
    expect(store(': "r" (v), "r" (p), "m" (*p)')).toEqual(["writes"]);
    expect(store('"=m" (*p) : "r" (v), "r" (p)')).toEqual([undefined]);
    expect(store(': "r" (v), "r" (p) : "memory"')).toEqual([undefined]);
  });
  test("the checksum of sparc64's Linux 2.4, as it was", () => {
    const sum = `__asm__ __volatile__("sub %2, 4, %%g7 ! IEU0\\n" "lduw [%1 + 0x00], %0 ! Load\\n" "1: addcc %%g3, %0, %0\\n"
      : "=r" (sum), "=&r" (iph) : "r" (ihl), "1" (iph) : "g2", "g3", "g7", "cc");`;
    expect(access(sum)).toEqual(["reads"]);
  });
  test("address spaces that are no memory do not count; those that are, and %asi, do", () => {
    const from = (asi: string, value: string) =>
      access(`asm("ldxa [%1] ${asi}, %0" : "=r" (r) : "r" (a), "i" (${value}));`);
    expect(from("%2", "0x58")).toEqual([undefined]);
    expect(from("%2", "0x88")).toEqual(["reads"]);
    expect(from("%%asi", "0")).toEqual(["reads"]);
  });
  test("atomics and calls", () => {
    expect(access('asm("cas [%1], %%g7, %0" : "+r" (v) : "r" (p));')).toEqual(["reads and writes"]);
    expect(access('asm("jmpl %%g1 + %%lo(f), %%g0" : : "i" (1) : "g1");')).toEqual(["calls"]);
    expect(access('asm(".globl f\\nf: lduw [%o0], %o0\\n");')).toEqual([undefined]);
  });
  test("x86: brackets are parentheses, and strings move memory", () => {
    expect(access('asm("movl (%1), %0" : "=r" (r) : "r" (p));', "x86")).toEqual(["reads"]);
    expect(access('asm("movl %0, 4(%1)" : : "r" (r), "r" (p));', "x86")).toEqual(["writes"]);
    expect(access('asm("rep; stosl" : : "D" (p), "c" (n));', "x86")).toEqual(["writes"]);
    expect(access('asm("rep ; movsl" : : "D" (p) : "memory");', "x86")).toEqual([undefined]);
    expect(access('asm("lock ; incl %0" : "=m" (*p) : "m" (*p));', "x86")).toEqual([undefined]);
    expect(access('asm("leal 4(%1), %0" : "=r" (r) : "r" (p));', "x86")).toEqual([undefined]);
  });
});
