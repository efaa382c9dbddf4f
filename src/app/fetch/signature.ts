import { basename, join } from "node:path";
import { environment } from "../../core/errors.ts";
import { dearmor, readGpgStatus, type SignatureVerdict } from "../../core/fetch-openpgp.ts";
import type { Command, Ports, RunResult } from "../../ports.ts";
import { requireProgram } from "./unpack.ts";

/** The pinned keys (data/keys/*.asc) as one binary keyring, which is what gpgv reads. */
async function writeKeyring(work: string, ports: Ports): Promise<string> {
  const directory = join(ports.packageRoot, "data", "keys");
  const names = (await ports.files.list(directory)).filter((name) => name.endsWith(".asc"));
  const keys = await Promise.all(
    names.map(async (name) => {
      const key = dearmor(await ports.files.readText(join(directory, name)));
      if (key) return key;
      throw environment("fetch.keys", {
        what: `the pinned key file ${basename(name)} is damaged`,
        where: join(directory, name),
        next: "install tarpit-kit again",
      });
    }),
  );
  const keyring = join(work, "keyring.gpg");
  await ports.files.write(keyring, Buffer.concat(keys), 0o600);
  return keyring;
}

/**
 * gpgv(1) with the pinned keys only: it trusts every key of the keyring it is
 * given and no other. It reads the signed bytes from standard input, or `file`.
 */
export async function gpgvCommand(
  signature: Buffer,
  work: string,
  ports: Ports,
  file = "-",
): Promise<Command> {
  await requireProgram("gpgv", "gpgv", ports);
  const keyring = await writeKeyring(work, ports);
  const path = join(work, "signature");
  await ports.files.write(path, signature, 0o600);
  return {
    program: "gpgv",
    args: ["--homedir", work, "--status-fd", "1", "--keyring", keyring, "--", path, file],
    env: { LC_ALL: "C", GNUPGHOME: undefined },
  };
}

export const verdictOf = (result: RunResult): SignatureVerdict =>
  readGpgStatus(result.code, result.stdout);

/** For a message. */
export function describeVerdict(verdict: SignatureVerdict): string {
  switch (verdict.verdict) {
    case "good":
      return `signed by ${verdict.signer}, ${verdict.fingerprint}`;
    case "bad":
      return "its signature is wrong: the content was changed";
    case "unknown key":
      return `it is signed with key ${verdict.key}, which is not pinned`;
    case "unreadable":
      return "its signature cannot be read, has expired or was revoked";
  }
}
