/** The machine's apt sources (sources.list(5)), read to make a deb-src line of a deb line. */
export interface AptSource {
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** Options to keep, by their deb822 names: Signed-By (which may go over several lines), Check-Valid-Until. */
  readonly keep: readonly string[];
}

export interface AptFile {
  readonly name: string;
  readonly text: string;
}

/** What is carried over; never `Trusted`, which would switch verification off. */
const kept: Readonly<Record<string, string>> = {
  "signed-by": "Signed-By",
  "check-valid-until": "Check-Valid-Until",
};

const words = (text: string | undefined): readonly string[] =>
  (text ?? "").split(/\s+/).filter((word) => word !== "");

/** `deb [option=value] URI SUITE COMPONENT...`, the one-line style. */
function oneLine(line: string): AptSource | undefined {
  const match = /^\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line);
  if (!match) return undefined;
  const [, options, uri = "", suite = "", components] = match;
  const keep = words(options).flatMap((option) => {
    const [name = "", value = ""] = option.split("=", 2);
    const field = kept[name.toLowerCase()];
    return field ? [`${field}: ${value.replaceAll(",", " ")}`] : [];
  });
  return { uris: [uri], suites: [suite], components: words(components), keep };
}

/** The fields of a deb822 stanza: name in lower case, value with its continuation lines. */
function fields(stanza: string): ReadonlyMap<string, string> {
  const result = new Map<string, string>();
  let last = "";
  for (const line of stanza.split("\n")) {
    if (line.startsWith("#") || line.trim() === "") continue;
    if (/^\s/.test(line)) {
      result.set(last, `${result.get(last) ?? ""}\n${line}`);
      continue;
    }
    const colon = line.indexOf(":");
    last = line.slice(0, colon).toLowerCase();
    result.set(last, line.slice(colon + 1).trim());
  }
  return result;
}

function deb822(stanza: string): AptSource | undefined {
  const all = fields(stanza);
  const enabled = !/^(no|false|0)$/i.test(all.get("enabled") ?? "yes");
  if (!enabled || !words(all.get("types")).includes("deb")) return undefined;
  const keep = Object.entries(kept).flatMap(([name, field]) => {
    const value = all.get(name);
    return value === undefined ? [] : [`${field}: ${value}`];
  });
  return {
    uris: words(all.get("uris")),
    suites: words(all.get("suites")),
    components: words(all.get("components")),
    keep,
  };
}

/** Every enabled binary source, from sources.list, *.list and *.sources. */
export function parseAptSources(files: readonly AptFile[]): readonly AptSource[] {
  return files.flatMap(({ name, text }) => {
    const parts = name.endsWith(".sources")
      ? text.split(/\n\s*\n/).map(deb822)
      : text.split("\n").map(oneLine);
    return parts.filter((source) => source !== undefined);
  });
}

/** Where apt would take a package from: the `500 URI SUITE/COMPONENT ARCH Packages` lines of `apt-cache policy`. */
export function policyOrigins(
  policy: string,
): readonly { readonly uri: string; readonly suite: string }[] {
  return [...policy.matchAll(/^\s+-?\d+\s+(\S+)\s+(\S+)\/\S+\s+\S+\s+Packages/gm)].map((match) => ({
    uri: match[1] ?? "",
    suite: match[2] ?? "",
  }));
}

const withoutSlash = (uri: string): string => uri.replace(/\/+$/, "");

/** deb-src stanzas for the sources that offer the package; empty when none of them does. */
export function sourceStanzas(sources: readonly AptSource[], policy: string): string {
  const origins = policyOrigins(policy);
  const stanzas = sources.flatMap((source) => {
    const uris = source.uris.filter((uri) =>
      origins.some((origin) => withoutSlash(origin.uri) === withoutSlash(uri)),
    );
    const suites = source.suites.filter((suite) =>
      origins.some((origin) => origin.suite === suite),
    );
    if (uris.length === 0 || suites.length === 0) return [];
    const lines = ["Types: deb-src", `URIs: ${uris.join(" ")}`, `Suites: ${suites.join(" ")}`];
    return [
      [...lines, `Components: ${source.components.join(" ")}`, ...source.keep, ""].join("\n"),
    ];
  });
  return stanzas.join("\n");
}
