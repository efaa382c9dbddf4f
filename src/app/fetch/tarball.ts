import { basename } from "node:path";
import { signatureOf } from "../../core/fetch-kernel-org.ts";
import type { Ports } from "../../ports.ts";
import { treeFromTarball } from "./archive.ts";
import { download, downloadSmall } from "./download.ts";
import { cachedOr, slug } from "./store.ts";
import type { Provider } from "./types.ts";

/** The signature that lies beside a file. */
export async function signatureBeside(file: string, ports: Ports): Promise<Buffer | undefined> {
  const path = signatureOf(file);
  return (await ports.files.stat(path)) ? ports.files.readSlice(path, 0, 64 * 1024) : undefined;
}

/** A tarball on the user's disk: trusted as theirs, verified when there is something to verify it with. */
export const fetchTarball: Provider<"tarball"> = async (spec, request, ports) => {
  const file = await ports.files.realpath(spec.path);
  const info = await ports.files.stat(file);
  const signature = await signatureBeside(spec.path, ports);
  const how = request.insecureSkipVerify ? "unverified" : "checked";
  const key = `tarball:${how}:${file}:${info?.size}:${info?.mtimeMs}:${info?.id}:${signature?.length ?? 0}`;
  ports.log.stage("fetch", spec.path);
  return cachedOr({ key, name: `tarball-${slug(basename(file))}` }, ports, (work) =>
    treeFromTarball(
      {
        file,
        shown: basename(spec.path),
        origin: { kind: "tarball" },
        ...(signature ? { signature } : {}),
        unverified: request.insecureSkipVerify ? "skip" : "user",
      },
      work,
      ports,
    ),
  );
};

/** A tarball at an address: nothing is believed without a hash or a signature. */
export const fetchUrl: Provider<"url"> = async (spec, request, ports) => {
  const name = decodeURIComponent(basename(new URL(spec.url).pathname)) || "download";
  const how = request.insecureSkipVerify ? "unverified" : "verified";
  const key = `url:${how}:${spec.url}#${spec.sha256 ?? ""}`;
  ports.log.stage("fetch", spec.url);
  return cachedOr({ key, name: `url-${slug(name)}` }, ports, async (work) => {
    const file = await download(spec.url, slug(name), ports);
    const signature = spec.sha256 ? undefined : await downloadSmall(signatureOf(spec.url), ports);
    const tarball = {
      file: file.path,
      shown: name,
      origin: { kind: "url", url: spec.url } as const,
      ...(signature ? { signature } : {}),
      ...(spec.sha256 === undefined ? {} : { expected: spec.sha256 }),
      unverified: request.insecureSkipVerify ? ("skip" as const) : ("refuse" as const),
    };
    return treeFromTarball(tarball, work, ports).catch(async (error: unknown) => {
      await file.discardIfWrong(error);
      throw error;
    });
  });
};
