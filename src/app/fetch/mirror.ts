import { isAbsolute, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { badInput } from "../../core/errors.ts";
import { kernelOrg, releasesJson } from "../../core/fetch-kernel-org.ts";
import type { Ports } from "../../ports.ts";
import { downloadSmall } from "./download.ts";
import type { FetchRequest } from "./types.ts";

/** A place laid out as https://cdn.kernel.org/pub/linux/kernel. */
export type Mirror =
  | { readonly kind: "http"; readonly base: string }
  | { readonly kind: "directory"; readonly path: string };

const loopback = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/;

function refuse(text: string, what: string): Error {
  return badInput("fetch.mirror", {
    what: `the mirror "${text}" is not taken: ${what}`,
    where: "--mirror or TARPIT_KIT_MIRROR",
    next: "give https://HOST/…/pub/linux/kernel, file:///DIRECTORY or a directory",
  });
}

export function mirrorOf(request: FetchRequest, ports: Ports): Mirror {
  const text = request.mirror ?? ports.host.env["TARPIT_KIT_MIRROR"];
  if (text === undefined || text === "") return { kind: "http", base: kernelOrg };
  if (isAbsolute(text) || /^\.{1,2}(?:\/|$)/.test(text))
    return { kind: "directory", path: resolve(ports.host.cwd, text) };
  if (!URL.canParse(text)) throw refuse(text, "it is no address and no directory");
  const url = new URL(text);
  if (url.protocol === "file:" && url.hostname === "")
    return { kind: "directory", path: fileURLToPath(url) };
  const plain = url.protocol === "http:" && loopback.test(url.hostname);
  if (url.protocol !== "https:" && !plain)
    throw refuse(text, `${url.protocol}// is not verified on the way`);
  if (url.username || url.password || url.hash || url.search)
    throw refuse(text, "it has more than a host and a path");
  return { kind: "http", base: url.href.replace(/\/+$/, "") };
}

export const shownMirror = (mirror: Mirror): string =>
  mirror.kind === "http" ? mirror.base : mirror.path;

/** A small file of the mirror, as text. */
async function readSmall(mirror: Mirror, name: string, ports: Ports): Promise<string | undefined> {
  if (mirror.kind === "http")
    return (await downloadSmall(`${mirror.base}/${name}`, ports))?.toString("utf8");
  return ports.files.readText(join(mirror.path, name)).catch(() => undefined);
}

/** releases.json: kernel.org keeps it at another place than its files; a mirror may have it at its root. */
export const readReleasesJson = async (mirror: Mirror, ports: Ports): Promise<string | undefined> =>
  mirror.kind === "http" && mirror.base === kernelOrg
    ? (await downloadSmall(releasesJson, ports))?.toString("utf8")
    : readSmall(mirror, "releases.json", ports);

/** The names in one of the mirror's directories; only names, so it needs no signature. */
export async function listDirectory(
  mirror: Mirror,
  directory: string,
  ports: Ports,
): Promise<string> {
  if (mirror.kind === "http")
    return (await readSmall(mirror, `${directory}/sha256sums.asc`, ports)) ?? "";
  const names = [
    await ports.files.list(join(mirror.path, directory)),
    await ports.files.list(mirror.path),
  ];
  return names.flat().join("\n");
}
