/**
 * Patches as they come out of mail programs, editors, cut-off downloads and bad intentions, each
 * with what has to become of it on `malformedTree`:
 *   damaged:N        it cannot be read, and the message names line N
 *   refused:REASON   it can be read, but nothing is changed
 *   nothing          there is no diff in it
 *   applies          odd, but GNU patch and git know what is meant, and so do we
 */
export interface Malformed {
  readonly name: string;
  readonly text: string;
  readonly outcome: string;
}

export const malformedTree: Readonly<Record<string, string>> = {
  f: "one\ntwo\nthree\nfour\nfive\nsix\nseven\n",
  "sub/g": "a\nb\nc\n",
  empty: "",
  tail: "no newline",
  binary: "\0\x01\x02",
};

const names = "--- a/f\n+++ b/f\n";
const body = " one\n-two\n+TWO\n three\n";
const good = `${names}@@ -1,3 +1,3 @@\n${body}`;
const create = (path: string): string => `--- /dev/null\n+++ ${path}\n@@ -0,0 +1 @@\n+x\n`;

type Row = readonly [name: string, text: string, outcome: string];

/** The good patch, cut off after so many of its bytes' lines. */
const cutOff: Row[] = good
  .split("\n")
  .slice(0, -2)
  .map((_, index, lines): Row => {
    const text = `${lines.slice(0, index + 1).join("\n")}\n`;
    // Names without a hunk are prose; a hunk has to be whole.
    return [
      `cut off after line ${index + 1}`,
      text,
      index < 2 ? "nothing" : `damaged:${index + 1}`,
    ];
  });

const headers: Row[] = [
  ...[
    "@@ -1,3 +1,2 @@",
    "@@ -1,3 +1,4 @@",
    "@@ -1,2 +1,3 @@",
    "@@ -1,4 +1,3 @@",
    "@@ -1,9 +1,9 @@",
    "@@ -1 +1 @@",
    "@@ -1,3 +1 @@",
    "@@ -1,0 +1,3 @@",
    "@@ -1,3 +1,0 @@",
  ].map((head, index): Row => [
    `counts that are wrong: ${head}`,
    `${names}${head}\n${body}`,
    `damaged:${[7, 7, 7, 7, 7, 3, 6, 4, 4][index]}`,
  ]),
  ...[
    "@@ -1,3 +1,3",
    "@@ 1,3 1,3 @@",
    "@@ -a,3 +1,3 @@",
    "@@ -1,3 +b,3 @@",
    "@@ -1,3 @@",
    "@@ -,3 +1,3 @@",
    "@@ --1,3 +1,3 @@",
    "@@ -1,3 + 1,3 @@",
    "@@@ -1,3 -1,3 +1,3 @@@",
    "@@ -1;3 +1,3 @@",
    "@ -1,3 +1,3 @",
    "@@-1,3 +1,3@@",
    "@@ -1,-3 +1,3 @@",
    "@@ -1,3 +1,3@@",
    "@@ -0x1,3 +1,3 @@",
    "@@ -1,1234567890123 +1,3 @@",
    "@@ -1234567890123,3 +1,3 @@",
    "@@ -1,3\t+1,3 @@",
  ].map((head): Row => [`no hunk header: ${head}`, `${names}${head}\n${body}`, "nothing"]),
  ...[
    "@@ -999999999999,3 +1,3 @@",
    "@@ -1,3 +999999999999,3 @@",
    "@@ -1,3 +1,3 @@ func() @@ -9,9 +9,9 @@",
    "@@ -01,03 +01,03 @@",
    "@@ -1,3 +1,3 @@\t",
    "@@ -5,3 +5,3 @@",
    "@@ -3,3 +1,3 @@",
  ].map((head): Row => [
    `a header that is good enough: ${head}`,
    `${names}${head}\n${body}`,
    "applies",
  ]),
  [
    "more lines than any file",
    `${names}@@ -1,999999999999 +1,999999999999 @@\n${body}`,
    "damaged:7",
  ],
];

const lines: Row[] = [
  ...[
    "x three",
    "|three",
    "*three",
    "=three",
    "\u00a0three",
    "<three",
    ">three",
    "#three",
    "1three",
    "\rthree",
    "@three",
    "!three",
  ].map((line): Row => [
    `a line that is of no hunk: ${JSON.stringify(line)}`,
    `${names}@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n${line}\n`,
    "damaged:7",
  ]),
  [
    "a tab where the space was",
    `${names}@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n\tthree\n`,
    "refused:no-match",
  ],
  ["its spaces were eaten", `${names}@@ -1,3 +1,3 @@\none\n-two\n+TWO\nthree\n`, "damaged:4"],
  [
    "lines wrapped by a mail program",
    `${names}@@ -1,3 +1,3 @@\n one\n-two\n+TWO and\nmore\n three\n`,
    "damaged:7",
  ],
  ["quoted in a reply", good.replaceAll(/^/gm, "> "), "nothing"],
  ["indented", good.replaceAll(/^(?=.)/gm, "    "), "nothing"],
  ["as HTML", good.replaceAll("+", "&#43;"), "nothing"],
  ["quoted-printable", good.replaceAll("\n", "=\n"), "refused:missing"],
  ["changes nothing", `${names}@@ -1,3 +1,3 @@\n one\n two\n three\n`, "damaged:3"],
  ["changes nothing, of nothing", `${names}@@ -1,0 +1,0 @@\n`, "damaged:3"],
  ["changes nothing, after one that does", `${good}@@ -5,2 +5,2 @@\n five\n six\n`, "damaged:8"],
  ["CRLF line ends in all of it", good.replaceAll("\n", "\r\n"), "refused:no-match"],
  [
    "CRLF in its body alone",
    `${names}@@ -1,3 +1,3 @@\n one\r\n-two\r\n+TWO\r\n three\r\n`,
    "refused:no-match",
  ],
  ["CR alone", good.replaceAll("\n", "\r"), "nothing"],
  ["in UTF-16", [...good].map((char) => `${char}\0`).join(""), "nothing"],
  ["a byte order mark before it", `\u00ef\u00bb\u00bf${good}`, "applies"],
  ["a NUL in its context", good.replace(" one", " o\0e"), "refused:no-match"],
  ["a NUL in what it adds", good.replace("+TWO", "+T\0O"), "applies"],
  ["no newline at its own end", good.slice(0, -1), "refused:no-match"],
  [
    "no newline said of the middle",
    `${names}@@ -1,3 +1,3 @@\n one\n\\ No newline at end of file\n-two\n+TWO\n three\n`,
    "refused:no-match",
  ],
  [
    "no newline said first",
    `${names}@@ -1,3 +1,3 @@\n\\ No newline at end of file\n one\n-two\n+TWO\n three\n`,
    "damaged:4",
  ],
  [
    "no newline said twice",
    "--- a/tail\n+++ b/tail\n@@ -1 +1 @@\n-no newline\n\\ No newline at end of file\n\\ No newline at end of file\n+x\n",
    "applies",
  ],
  [
    "no newline said in another language",
    "--- a/tail\n+++ b/tail\n@@ -1 +1 @@\n-no newline\n\\ Kein Zeilenumbruch am Dateiende.\n+x\n",
    "applies",
  ],
  [
    "a newline where the file has none",
    "--- a/tail\n+++ b/tail\n@@ -1 +1 @@\n-no newline\n+x\n",
    "refused:no-match",
  ],
  ["trailing garbage", `${good}garbage\nmore\n`, "applies"],
  ["a hunk line too many", `${good} four\n`, "applies"],
  ["a hunk line too many, that adds", `${good}+four\n`, "applies"],
];

const order: Row[] = [
  ["a hunk without a file", `@@ -1,3 +1,3 @@\n${body}`, "damaged:1"],
  ["a hunk after prose alone", `Subject: x\n\n@@ -1,3 +1,3 @@\n${body}`, "damaged:3"],
  ["a hunk after a break", `${good}\n@@ -5,1 +5,1 @@\n-five\n+FIVE\n`, "damaged:9"],
  ["only the old name", `--- a/f\n@@ -1,3 +1,3 @@\n${body}`, "applies"],
  ["only the new name", `+++ b/f\n@@ -1,3 +1,3 @@\n${body}`, "applies"],
  ["names the wrong way round", `+++ b/f\n--- a/f\n@@ -1,3 +1,3 @@\n${body}`, "applies"],
  ["names twice", `${names}${good}`, "applies"],
  ["three names", `--- a/f\n+++ b/f\n+++ c/f\n@@ -1,3 +1,3 @@\n${body}`, "applies"],
  ["an index line alone", `Index: a/f\n@@ -1,3 +1,3 @@\n${body}`, "applies"],
  ["a git line alone", `diff --git a/f b/f\n@@ -1,3 +1,3 @@\n${body}`, "applies"],
  [
    "git's names differ, and nothing says why",
    `diff --git a/f b/g\n@@ -1,3 +1,3 @@\n${body}`,
    "refused:missing",
  ],
  [
    "hunks in the wrong order",
    `${names}@@ -6,1 +6,1 @@\n-six\n+SIX\n@@ -2,1 +2,1 @@\n-two\n+TWO\n`,
    "refused:no-match",
  ],
  ["hunks over each other", `${good}@@ -2,2 +2,2 @@\n-two\n+zwei\n three\n`, "refused:no-match"],
  ["the same hunk twice", `${good}@@ -1,3 +1,3 @@\n${body}`, "refused:no-match"],
  ["nothing at all", "", "nothing"],
  ["one newline", "\n", "nothing"],
  ["prose", "Dear all,\n\nplease see the attached patch.\n", "nothing"],
  ["a tar archive's magic", `\0\0ustar\0${"\0".repeat(500)}`, "nothing"],
  ["a compressed patch", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03abc\x00\x01\n", "nothing"],
  [
    "an HTML page instead",
    "<!DOCTYPE html>\n<html>\n<title>404</title>\n--- not\n</html>\n",
    "nothing",
  ],
  ["an ed script", "2c\nTWO\n.\n", "nothing"],
  ["a normal diff", "2c2\n< two\n---\n> TWO\n", "nothing"],
  [
    "a context diff",
    "*** a/f\n--- b/f\n***************\n*** 1,3 ****\n  one\n! two\n  three\n--- 1,3 ----\n  one\n! TWO\n  three\n",
    "nothing",
  ],
  [
    "a combined diff",
    "diff --cc f\nindex 1,2..3\n--- a/f\n+++ b/f\n@@@ -1,3 -1,3 +1,3 @@@\n  one\n- two\n -zwei\n++TWO\n",
    "nothing",
  ],
];

const unsafe = [
  ...[
    "../f",
    "../../etc/passwd",
    "sub/../../f",
    "sub/../f",
    "./../f",
    "..",
    "sub/..",
    "a/b/../../../f",
    "f/../../x",
  ].map((path) => `b/${path}`),
  ...[
    ".git/config",
    ".git/hooks/post-checkout",
    ".GIT/config",
    ".Git/HEAD",
    "sub/.git/config",
    "sub/.gIt/x",
    ".git",
    ".tarpit-kit/state.json",
    ".tarpit-kit/lock",
    "./.git/x",
    ".//.git/x",
  ].map((path) => `b/${path}`),
  "b/" + "n".repeat(256),
  "b/" + "d/".repeat(2100) + "x",
  "b/nul\0byte",
  "b/\u00ff\u00fe",
  "b/caf\u00e9",
  "b//../x",
];
const paths: Row[] = [
  ...unsafe.map((path): Row => [
    `creates ${path.length > 40 ? `${path.slice(0, 20)}… (${path.length})` : JSON.stringify(path)}`,
    create(path),
    "refused:unsafe-path",
  ]),
  ...unsafe
    .slice(0, 20)
    .map((path): Row => [
      `changes ${path}`,
      `--- ${path.replace("b/", "a/")}\n+++ ${path}\n@@ -1 +1 @@\n-x\n+y\n`,
      "refused:unsafe-path",
    ]),
  ...unsafe
    .slice(0, 20)
    .map((path): Row => [
      `renames f to ${path}`,
      `diff --git a/f ${path}\nsimilarity index 100%\nrename from f\nrename to ${path.slice(2)}\n`,
      "refused:unsafe-path",
    ]),
  ...unsafe
    .slice(0, 20)
    .map((path): Row => [
      `copies from ${path}`,
      `diff --git ${path.replace("b/", "a/")} b/new\nsimilarity index 100%\ncopy from ${path.slice(2)}\ncopy to new\n`,
      "refused:unsafe-path",
    ]),
  [
    "one safe name and one that is not",
    `--- a/f\n+++ b/../f\n@@ -1,3 +1,3 @@\n${body}`,
    "refused:unsafe-path",
  ],
  ["an index line that is not safe", `Index: a/../../f\n${good}`, "refused:unsafe-path"],
  ["in quotes: ..", create('"b/\\056\\056/f"'), "refused:unsafe-path"],
  ["in quotes: .git", create('"b/\\056git/config"'), "refused:unsafe-path"],
  ["in quotes that do not end", create('"b/new'), "refused:missing"],
  ["in quotes, an escape that is none", create('"b/\\q"'), "refused:missing"],
  ["an absolute path", create("/etc/cron.d/x"), "applies"],
  ["a name of slashes", create("b///"), "refused:missing"],
  ["no name after stripping", create("b"), "refused:missing"],
  ["no name at all", "--- \n+++ \n@@ -1 +1 @@\n-x\n+y\n", "refused:missing"],
  ["both sides /dev/null", "--- /dev/null\n+++ /dev/null\n@@ -0,0 +1 @@\n+x\n", "refused:missing"],
  [
    "a header line longer than any path",
    `--- a/${"x".repeat(40_000)}\n+++ b/f\n@@ -1,3 +1,3 @@\n${body}`,
    "damaged:1",
  ],
];

const git = (head: string): string => `diff --git a/f b/f\n${head}`;
const gitRows: Row[] = [
  [
    "a binary patch",
    git("index 1..2 100644\nGIT binary patch\nliteral 3\nKcmZSh000000000\n\n"),
    "refused:binary",
  ],
  [
    "a binary patch without its bytes",
    git("index 1..2 100644\nGIT binary patch\n"),
    "refused:binary",
  ],
  [
    "a binary delta",
    git("index 1..2\nGIT binary patch\ndelta 3\nKcmZSh\n\ndelta 3\nKcmZSh\n\n"),
    "refused:binary",
  ],
  [
    "makes a symbolic link",
    "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc\n\\ No newline at end of file\n",
    "refused:unsupported",
  ],
  [
    "makes a submodule",
    "diff --git a/m b/m\nnew file mode 160000\n--- /dev/null\n+++ b/m\n@@ -0,0 +1 @@\n+Subproject commit 0\n",
    "refused:unsupported",
  ],
  ["turns a file into a link", git("old mode 100644\nnew mode 120000\n"), "refused:unsupported"],
  ...["0", "40000", "777", "100648", "1007777", "abc", "-1", "100644 x"].map((mode): Row => [
    `mode ${mode}`,
    git(`old mode 100644\nnew mode ${mode}\n`),
    "refused:unsupported",
  ]),
  ["setuid in a mode", git("old mode 100644\nnew mode 104755\n"), "refused:unsupported"],
  [
    "a rename of what is not there",
    "diff --git a/x b/y\nrename from x\nrename to y\n",
    "refused:missing",
  ],
  [
    "a rename onto what is there",
    "diff --git a/f b/sub/g\nrename from f\nrename to sub/g\n",
    "refused:exists",
  ],
  [
    "a copy onto what is there",
    "diff --git a/f b/sub/g\ncopy from f\ncopy to sub/g\n",
    "refused:exists",
  ],
  [
    "a rename into a file",
    "diff --git a/f b/sub/g/f\nrename from f\nrename to sub/g/f\n",
    "refused:exists",
  ],
  ["a rename without its old name", "diff --git a/f b/y\nrename to y\n", "refused:missing"],
  ["a rename without its new name", "diff --git a/f b/y\nrename from f\n", "refused:missing"],
  [
    "a rename of a directory",
    "diff --git a/sub b/dir\nrename from sub\nrename to dir\n",
    "refused:not-a-file",
  ],
  [
    "two renames of one file",
    "diff --git a/f b/x\nrename from f\nrename to x\ndiff --git a/f b/y\nrename from f\nrename to y\n",
    "applies",
  ],
  [
    "creates what is there",
    "diff --git a/f b/f\nnew file mode 100644\n--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+x\n",
    "refused:exists",
  ],
  [
    "creates an empty file that is there",
    "diff --git a/empty b/empty\nnew file mode 100644\nindex 0..e\n",
    "nothing",
  ],
  [
    "deletes what has other bytes",
    "diff --git a/f b/f\ndeleted file mode 100644\n--- a/f\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-one\n-two\n",
    "refused:content-left",
  ],
  [
    "deletes what is not there",
    "diff --git a/x b/x\ndeleted file mode 100644\n--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n",
    "nothing",
  ],
  [
    "deletes a directory",
    "diff --git a/sub b/sub\ndeleted file mode 100644\n",
    "refused:not-a-file",
  ],
  [
    "created and deleted at once",
    "diff --git a/n b/n\nnew file mode 100644\ndeleted file mode 100644\n",
    "applies",
  ],
  [
    "headers of one file, hunks of another",
    `diff --git a/sub/g b/sub/g\nindex 1..2\n${good}`,
    "applies",
  ],
  ["a file as a directory", create("b/f/x"), "refused:not-a-file"],
  ["a directory as a file", "--- a/sub\n+++ b/sub\n@@ -1 +1 @@\n-x\n+y\n", "refused:not-a-file"],
  ["changes what is not there", "--- a/none\n+++ b/none\n@@ -1 +1 @@\n-x\n+y\n", "refused:missing"],
  ["changes an empty file", "--- a/empty\n+++ b/empty\n@@ -1 +1 @@\n-x\n+y\n", "refused:no-match"],
  [
    "a text hunk for a binary file",
    "--- a/binary\n+++ b/binary\n@@ -1 +1 @@\n-x\n+y\n",
    "refused:no-match",
  ],
  ["git headers alone, that say nothing", "diff --git a/f b/f\nindex 1..2 100644\n", "nothing"],
  ["git headers cut off", "diff --git a/f b/f\nnew file mo", "nothing"],
  ["a git line of one name", `diff --git a/f\n@@ -1,3 +1,3 @@\n${body}`, "refused:missing"],
  ["a git line of nothing", `diff --git \n@@ -1,3 +1,3 @@\n${body}`, "refused:missing"],
];

export const malformed: readonly Malformed[] = [
  ...cutOff,
  ...headers,
  ...lines,
  ...order,
  ...paths,
  ...gitRows,
].map(([name, text, outcome]) => ({ name, text, outcome }));
