/** A package file as apt's verified indexes describe it. */
export interface AptFile {
  readonly url: string;
  readonly file: string;
  readonly size: number;
  readonly sha256: string;
}

/** `apt-get download --print-uris`: `'URI' FILE SIZE SHA256:HEX` (apt-get(8)). */
export function readPrintUris(text: string): AptFile | undefined {
  const match = /^'([^']+)' ([A-Za-z0-9][\w.+~%-]*\.deb) (\d+) SHA256:([0-9a-f]{64})\s*$/m.exec(
    text,
  );
  if (!match) return undefined;
  const [, url, file, size, sha256] = match as unknown as [string, string, string, string, string];
  return { url, file, size: Number(size), sha256 };
}

/** Progress lines of `-o APT::Status-Fd`: `dlstatus:N:PERCENT:text` (apt's README.progress-reporting). */
export function readAptPercent(line: string): number | undefined {
  const percent = /^dlstatus:\d+:([\d.]+):/.exec(line)?.[1];
  return percent === undefined ? undefined : Number(percent);
}

/** Version in a package's file name, `%3a` being the colon of an epoch. */
export const versionInDebName = (file: string): string =>
  (file.split("_")[1] ?? "").replaceAll(/%3a/gi, ":");

/** `apt-cache madison PACKAGE`: ` PACKAGE | VERSION | SOURCE`, newest first (apt-cache(8)); each version once. */
export const readMadison = (text: string): readonly string[] => [
  ...new Set(
    [...text.matchAll(/^\s*\S+ \|\s+([\w.+~:-]+) \| .* Packages$/gm)].map(
      (match) => match[1] ?? "",
    ),
  ),
];

/** The release a Debian version is of: `6.12.115-2~deb12u1` is 6.12.115. */
export const upstreamOf = (version: string): string =>
  version.replace(/^\d+:/, "").replace(/-[^-]*$/, "");
