import { isAbsolute, resolve } from "node:path";
import { badInput } from "./errors.ts";
import { type KernelVersion, lineOf, parseKernelVersion } from "./kernel-version.ts";

/** Where a kernel source tree is to come from, as the user said it. */
export type SourceSpec =
  | { readonly kind: "release"; readonly version: KernelVersion; readonly text: string }
  /** The newest point release of a line. */
  | { readonly kind: "line"; readonly line: string; readonly text: string }
  | { readonly kind: "debian"; readonly series: string; readonly text: string }
  | { readonly kind: "url"; readonly url: string; readonly sha256?: string; readonly text: string }
  | { readonly kind: "git"; readonly url: string; readonly ref?: string; readonly text: string }
  | { readonly kind: "tarball"; readonly path: string; readonly text: string }
  | { readonly kind: "tree"; readonly path: string; readonly text: string };

/** What is at a path; a symbolic link is followed by the caller. */
export type PathKind = "file" | "directory" | undefined;

export const specExamples =
  "6.1.192, 2.4.37.11, 6.12 (newest point release), debian:6.1, https://…/linux-6.1.tar.xz, " +
  "git:https://…/linux.git#v6.1, ./linux-6.1.tar.xz, ./linux-6.1";

const refuse = (text: string, what: string, next = `give one of: ${specExamples}`) =>
  badInput("spec.bad", { what, where: `kernel source "${text}"`, next });

/** No control character: what is printed, passed to git or put in a file name must be one visible line. */
// oxlint-disable-next-line no-control-regex
const unprintable = /[\u0000-\u001f\u007f]/;

/** A name git accepts as a ref (git-check-ref-format(1)), and that no program takes for an option. */
const safeRef = /^(?!-)(?!.*(?:\.\.|@\{|\/\/|\.lock(?:\/|$)))[^\s~^:?*[\\]+(?<![/.])$/;

/**
 * git's own helpers run commands (`ext::sh -c …`, gitremote-helpers(7)), so
 * transports are named one by one.
 */
const gitTransport = /^(?:https|ssh|git|file):\/\//;

function gitSpec(text: string, cwd: string): SourceSpec {
  const rest = text.slice("git:".length);
  const hash = rest.lastIndexOf("#");
  const where = hash < 0 ? rest : rest.slice(0, hash);
  const ref = hash < 0 ? undefined : rest.slice(hash + 1);
  const path = isAbsolute(where) || /^\.{1,2}(?:\/|$)/.test(where);
  if (!path && !gitTransport.test(where)) {
    throw refuse(
      text,
      `"${where}" is no git address that is taken`,
      "give git:https://…#TAG, git:ssh://…#TAG or git:./directory#TAG",
    );
  }
  if (ref !== undefined && !safeRef.test(ref)) {
    throw refuse(
      text,
      `"${ref}" is no name of a git tag, branch or commit`,
      "give a tag after #, e.g. #v6.1.192",
    );
  }
  return {
    kind: "git",
    url: path ? `file://${resolve(cwd, where)}` : where,
    ...(ref === undefined ? {} : { ref }),
    text,
  };
}

function debianSpec(text: string): SourceSpec {
  const series = text.slice("debian:".length);
  const version = parseKernelVersion(series);
  if (version && /^\d+\.\d+$/.test(series)) return { kind: "debian", series, text };
  const next = version ? `give debian:${lineOf(version)}` : "give debian:6.1";
  throw refuse(text, "Debian names its kernel sources by line, not by release", next);
}

function urlSpec(text: string): SourceSpec {
  if (!URL.canParse(text)) throw refuse(text, `"${text}" is no address`);
  const url = new URL(text);
  const loopback = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(url.hostname);
  if (url.protocol === "http:" && !loopback) {
    throw refuse(
      text,
      "sources are not taken over plain http",
      `give ${text.replace(/^http:/i, "https:")}`,
    );
  }
  if (url.username || url.password)
    throw refuse(text, "an address with a password in it is not taken");
  const pinned = /^#sha256=([0-9a-f]{64})$/i.exec(url.hash)?.[1]?.toLowerCase();
  if (url.hash !== "" && pinned === undefined) {
    throw refuse(
      text,
      `"${url.hash}" is not understood`,
      "after #, only sha256=<64 hex digits> may follow",
    );
  }
  url.hash = "";
  return { kind: "url", url: url.href, ...(pinned === undefined ? {} : { sha256: pinned }), text };
}

function pathSpec(text: string, cwd: string, kind: PathKind): SourceSpec {
  const path = resolve(
    cwd,
    text.startsWith("file://") ? decodeURIComponent(text.slice("file://".length)) : text,
  );
  if (kind === "directory") return { kind: "tree", path, text };
  if (kind === "file") return { kind: "tarball", path, text };
  throw refuse(text, `there is no file or directory ${path}`);
}

/** A relative name without `./` is a path only when something is there, so that a typing error stays one. */
const looksLikePath = (text: string): boolean =>
  isAbsolute(text) || /^\.{1,2}(?:\/|$)/.test(text) || text.startsWith("file://");

/** The path a spec would be, should it be one: what the caller has to look at before `parseSpec`. */
export const pathOfSpec = (text: string, cwd: string): string =>
  resolve(cwd, text.startsWith("file://") ? text.slice("file://".length) : text);

/**
 * Reads a SPEC. `at` says what is at `pathOfSpec(text, cwd)`. A version
 * always means kernel.org, even if a directory of that name is there.
 */
export function parseSpec(text: string, cwd: string, at: PathKind): SourceSpec {
  if (text === "") throw refuse(text, "the kernel source is empty");
  if (unprintable.test(text))
    throw refuse(JSON.stringify(text).slice(1, -1), "the kernel source holds a control character");
  if (text.startsWith("-")) throw refuse(text, "a kernel source does not begin with -");
  const version = parseKernelVersion(text);
  if (version && /^\d+\.\d+$/.test(text)) return { kind: "line", line: text, text };
  if (version) return { kind: "release", version, text };
  if (text.startsWith("debian:")) return debianSpec(text);
  if (text.startsWith("git:")) return gitSpec(text, cwd);
  if (/^https?:\/\//i.test(text)) return urlSpec(text);
  if (looksLikePath(text) || at !== undefined) return pathSpec(text, cwd, at);
  if (/^\d+\.\d/.test(text)) {
    const near = /^\d+\.\d+(?:\.\d+){0,2}/.exec(text)?.[0];
    throw refuse(
      text,
      `"${text}" is no kernel release`,
      `give a release number such as ${near ?? "6.1.192"}`,
    );
  }
  throw refuse(text, `"${text}" is no kernel source that is understood`);
}
