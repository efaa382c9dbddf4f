import { findSection, sectionBytes, type ElfFile } from "./file.ts";

/** `.modinfo`: NUL-ended key=value strings (include/linux/moduleparam.h, MODULE_INFO); a key may come often. */
export function readModinfo(file: ElfFile): ReadonlyMap<string, readonly string[]> {
  const section = findSection(file, ".modinfo");
  const bytes = section && sectionBytes(file, section);
  const found = new Map<string, string[]>();
  for (const text of bytes?.toString("latin1").split("\0") ?? []) {
    const equals = text.indexOf("=");
    if (equals <= 0) continue;
    const key = text.slice(0, equals);
    const values = found.get(key);
    if (values) values.push(text.slice(equals + 1));
    else found.set(key, [text.slice(equals + 1)]);
  }
  return found;
}
