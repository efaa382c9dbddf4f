// npm run refresh-patches [-- [--check] [SPEC...]]: the line numbers of patches/ as the trees have them. SPEC is what
// `tarpit-kit fetch` takes; without one, every kernel that Debian has for a line in patches/manifest.json. A hunk
// that lines share keeps its number unless all have it at the same line. --check writes nothing and ends with 1
// when there is something to write.
import { refreshPatches } from "./app/refresh.ts";
import { describeError, systemTrouble } from "./cli/render/errors.ts";
import { makeStyle } from "./cli/render/style.ts";
import { TarpitError } from "./core/errors.ts";
import { realWorld } from "./infra/world.ts";

const say = (text: string): void => void process.stderr.write(`${text}\n`);
const { ports } = realWorld({
  stage: (name, detail) => say([name, detail].filter(Boolean).join(": ")),
  info: say,
  warn: say,
  detail: () => undefined,
  progress: () => undefined,
});

const words = process.argv.slice(2);
const check = words.includes("--check");
try {
  const results = await refreshPatches(
    { specs: words.filter((one) => one !== "--check"), check },
    ports,
  );
  for (const { patch, series, moved, left } of results) {
    const what = [
      ...(moved > 0 ? [`${moved} hunks ${check ? "are elsewhere" : "renumbered"}`] : []),
      ...(left > 0 ? [`${left} hunks are elsewhere, but not in every line that shares it`] : []),
    ];
    say(`${series} ${patch}: ${what.join(", ") || "as it is"}`);
  }
  process.exitCode = check && results.some(({ moved }) => moved > 0) ? 1 : 0;
} catch (thrown) {
  const error = thrown instanceof TarpitError ? thrown : systemTrouble(thrown);
  if (!error) throw thrown;
  process.stderr.write(describeError(error, makeStyle(process.stderr, process.env, true)));
  process.exitCode = error.exit;
}
