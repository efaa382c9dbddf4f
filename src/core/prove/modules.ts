/**
 * The guest's modprobe reads one file: PATTERN FILE FILE ..., in the order to
 * insert (guest/file.c). Here it is made from what depmod wrote: modules.dep
 * (modules.dep(5)) and modules.alias.
 */
export interface ModuleTable {
  readonly text: string;
  /** Every module file, relative to the release's directory. */
  readonly files: readonly string[];
}

/** modprobe takes '-' and '_' in a module's name for the same. */
const moduleName = (path: string): string =>
  path
    .slice(path.lastIndexOf("/") + 1)
    .replace(/\.ko$/, "")
    .replaceAll("-", "_");

/** modules.dep names what a module needs so that the last one has to be inserted first. */
function insertOrder(dep: string): ReadonlyMap<string, readonly string[]> {
  const order = new Map<string, readonly string[]>();
  for (const line of dep.split("\n")) {
    const colon = line.indexOf(":");
    if (colon < 0) continue;
    const needs = line
      .slice(colon + 1)
      .split(" ")
      .filter((name) => name !== "");
    order.set(line.slice(0, colon), [...needs.toReversed(), line.slice(0, colon)]);
  }
  return order;
}

export function moduleTable(dep: string, alias: string, directory: string): ModuleTable {
  const order = insertOrder(dep);
  const byName = new Map([...order.keys()].map((path) => [moduleName(path), path]));
  const lines: string[] = [];
  const add = (pattern: string, path: string): void => {
    const files = (order.get(path) ?? []).map((file) => `${directory}/${file}`);
    lines.push(`${pattern.replaceAll("-", "_")} ${files.join(" ")}\n`);
  };
  for (const [name, path] of byName) add(name, path);
  for (const line of alias.split("\n")) {
    const [keyword, pattern, module] = line.split(" ");
    const path = byName.get(moduleName(module ?? ""));
    // Patterns with a range are device ids; a '-' in one must stay, and no guest needs them.
    if (keyword === "alias" && pattern && path && !pattern.includes("[")) add(pattern, path);
  }
  return { text: lines.join(""), files: [...order.keys()] };
}
