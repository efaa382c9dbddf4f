/** SHA256SUMS as sha256sum(1) writes and checks it: hash, two characters, name. */
export interface SumLine {
  readonly hash: string;
  readonly file: string;
}

export interface Sums {
  readonly lines: readonly SumLine[];
  readonly malformed: readonly { readonly line: number; readonly text: string }[];
}

const form = /^([0-9a-f]{64}) [ *](.+)$/;

export function parseSums(text: string): Sums {
  const lines: SumLine[] = [];
  const malformed: { line: number; text: string }[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (line === "") continue;
    const match = form.exec(line);
    const file = match?.[2] ?? "";
    const inside = file !== "" && !file.startsWith("/") && !file.split("/").includes("..");
    if (match && inside) lines.push({ hash: match[1] ?? "", file });
    else malformed.push({ line: index + 1, text: line.slice(0, 100) });
  }
  return { lines, malformed };
}
