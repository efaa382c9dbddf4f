import type { Diagnostic } from "../build-log.ts";

/** What the kernel changed, as the compiler's errors show it. */
export type Change =
  | {
      readonly kind:
        | "argument-gained"
        | "argument-lost"
        | "gone"
        | "prototype"
        | "header-gone"
        | "callback"
        | "type-hidden";
      readonly name: string;
    }
  | { readonly kind: "argument-type"; readonly name: string; readonly position: number }
  | { readonly kind: "member-gone"; readonly name: string; readonly member: string }
  | { readonly kind: "other"; readonly name: string };

type Reading = readonly [RegExp, (match: readonly string[]) => Change];
const named =
  (kind: Exclude<Change["kind"], "argument-type" | "member-gone">) =>
  (match: readonly string[]): Change => ({ kind, name: match[1] ?? "" });

/** gcc's and clang's messages (c-family/c-common.cc, c/c-typeck.cc; DiagnosticSemaKinds.td), the telling ones first. */
const readings: readonly Reading[] = [
  [/^too few arguments to function '([^']+)'/, named("argument-gained")],
  [/^too many arguments to function '([^']+)'/, named("argument-lost")],
  [/^macro "([^"]+)" requires \d+ arguments, but only \d+ given/, named("argument-gained")],
  [/^macro "([^"]+)" passed \d+ arguments, but takes just \d+/, named("argument-lost")],
  [/^(?:implicit declaration of function|call to undeclared function) '([^']+)'/, named("gone")],
  [
    /^(?:passing argument|incompatible type for argument) (\d+) of '([^']+)'/,
    ([, position, name]) => ({
      kind: "argument-type",
      name: name ?? "",
      position: Number(position),
    }),
  ],
  [
    /^'(?:const )?(?:struct |union )?([^']+)' has no member named '([^']+)'/,
    ([, name, member]) => ({ kind: "member-gone", name: name ?? "", member: member ?? "" }),
  ],
  [
    /^no member named '([^']+)' in '(?:struct |union )?([^']+)'/,
    ([, member, name]) => ({ kind: "member-gone", name: name ?? "", member: member ?? "" }),
  ],
  [/^'([^']+)' undeclared/, named("gone")],
  [/^use of undeclared identifier '([^']+)'/, named("gone")],
  [/^unknown type name '([^']+)'/, named("gone")],
  [/^conflicting types for '([^']+)'/, named("prototype")],
  [/^invalid use of undefined type '(?:struct |union )?([^']+)'/, named("type-hidden")],
  [
    /^(?:dereferencing|invalid use of) .*incomplete type '(?:struct |union )?([^']+)'/,
    named("type-hidden"),
  ],
  [
    /^(?:initialization|assignment) (?:of|to) '([^']+)' .*from incompatible pointer type/,
    named("callback"),
  ],
  [/^([^ :]+): No such file or directory/, named("header-gone")],
  [/^'([^' ]+)' file not found/, named("header-gone")],
];

/** The first error that tells what changed; else the first error there is. */
export function changeOf(diagnostics: readonly Diagnostic[]): Change | undefined {
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  for (const [pattern, read] of readings) {
    for (const { message } of errors) {
      const match = pattern.exec(message);
      if (match) return read(match);
    }
  }
  const [first] = errors;
  return first && { kind: "other", name: first.message };
}
