// A terminal picture for the README:
//   tmux capture-pane -e -p | node docs/make-picture.mjs > docs/terminal.svg
// Reads SGR sequences (ECMA-48 8.3.117) and writes an SVG; the state carries across lines.
import { readFileSync } from "node:fs";

const colours = { 30: "#3b4252", 31: "#e06c75", 32: "#98c379", 33: "#e5c07b", 34: "#61afef", 35: "#c678dd", 36: "#56b6c2", 37: "#d8dee9" };
const [cell, line, pad] = [8.4, 18, 14];

const escape = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

let style = {};
function apply(codes) {
  for (const code of codes.length === 0 ? [0] : codes) {
    if (code === 0) style = {};
    else if (code === 1) style = { ...style, bold: true };
    else if (code === 2) style = { ...style, dim: true };
    else if (code === 22) style = { ...style, bold: false, dim: false };
    else if (code === 39) style = { ...style, colour: undefined };
    else if (colours[code]) style = { ...style, colour: colours[code] };
  }
}

/** Runs of equal style on one line: column, text, style. */
function runs(text) {
  const found = [];
  let column = 0;
  for (const part of text.split(/(\u001b\[[\d;]*m)/)) {
    const sgr = /^\u001b\[([\d;]*)m$/.exec(part);
    if (sgr) apply(sgr[1].split(";").filter(Boolean).map(Number));
    else if (part !== "") {
      found.push({ column, text: part, ...style });
      column += [...part].length;
    }
  }
  return found;
}

const lines = readFileSync(0, "utf8").replace(/\s+$/, "").split("\n").map(runs);
const columns = Math.max(...lines.flat().map((run) => run.column + [...run.text].length));
const width = Math.ceil(columns * cell + 2 * pad);
const height = lines.length * line + 2 * pad;

const span = (run, row) => {
  const fill = run.colour ?? (run.dim ? "#8b93a5" : "#d8dee9");
  const weight = run.bold ? ' font-weight="bold"' : "";
  const x = (pad + run.column * cell).toFixed(1);
  return `<text x="${x}" y="${pad + (row + 1) * line - 5}" fill="${fill}"${weight} xml:space="preserve">${escape(run.text)}</text>`;
};

console.log(`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<rect width="100%" height="100%" rx="6" fill="#1e222a"/>
<g font-family="ui-monospace, 'DejaVu Sans Mono', monospace" font-size="14">
${lines.flatMap((found, row) => found.map((run) => span(run, row))).join("\n")}
</g>
</svg>`);
