// npm run refresh-patches [-- [--check] [SPEC...]]: the line numbers of patches/ as the trees have them. SPEC is what
// `tarpit-kit fetch` takes; without one, Debian's kernel of every line in patches/manifest.json. --check writes
// nothing and ends with 1 when there is something to write.
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
  for (const { patch, series, moved } of results)
    say(
      `${series} ${patch}: ${moved === 0 ? "as it is" : `${moved} hunks ${check ? "are elsewhere" : "renumbered"}`}`,
    );
  process.exitCode = check && results.some(({ moved }) => moved > 0) ? 1 : 0;
} catch (thrown) {
  const error = thrown instanceof TarpitError ? thrown : systemTrouble(thrown);
  if (!error) throw thrown;
  process.stderr.write(describeError(error, makeStyle(process.stderr, process.env, true)));
  process.exitCode = error.exit;
}
