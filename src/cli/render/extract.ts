import type { ExtractResult } from "../../app/extract.ts";
import type { Style } from "./style.ts";

/** The files in the patch; the patch itself is on stdout. */
export function describeExtract({ files, patch }: ExtractResult, style: Style): string {
  const count = (sign: string): number =>
    patch.split("\n").filter((line) => line.startsWith(sign) && !line.startsWith(sign.repeat(3)))
      .length;
  const names = files.map((file) => `  ${file}\n`).join("");
  return `${names}${style.green("extracted")}: ${files.length} files, +${count("+")} -${count("-")} lines; applies with patch -p1 -F0\n`;
}
