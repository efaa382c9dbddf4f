import { X509Certificate } from "node:crypto";
import { join, resolve } from "node:path";
import { badInput, failure } from "../../core/errors.ts";
import { sha256Of } from "../../core/inputs.ts";
import { type Request, type Settings } from "../../core/kconfig/dotconfig.ts";
import type { Ports } from "../../ports.ts";

/** The user's key for modules: one PEM file with the private key and its certificate. */
export interface Signing {
  readonly path: string;
  /** What names it in metadata; of the private key nothing is kept anywhere. */
  readonly certificate: {
    readonly name: "module signing certificate";
    readonly digest: { readonly sha256: string };
  };
}

const variable = "TARPIT_KIT_SIGNING_KEY";

/** The name it has in the build directory: a link to it, so that no path of the user's gets into .config. */
const keyName = "tarpit-kit-signing-key.pem";

/** Documentation/admin-guide/module-signing.rst: what CONFIG_MODULE_SIG_KEY takes. */
export async function signingKey(ports: Ports): Promise<Signing | undefined> {
  const given = ports.host.env[variable];
  if (given === undefined || given === "") return undefined;
  const path = resolve(ports.host.cwd, given);
  const text = await ports.files.readText(path).catch((error: unknown) => {
    throw unusable(path, `it cannot be read (${(error as NodeJS.ErrnoException).code ?? "?"})`);
  });
  if (!/-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/.test(text))
    throw unusable(path, "it holds no private key");
  const pem = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(text)?.[0];
  if (pem === undefined) throw unusable(path, "it holds no certificate");
  const sha256 = sha256Of(derOf(pem, path));
  return { path, certificate: { name: "module signing certificate", digest: { sha256 } } };
}

function derOf(pem: string, path: string): Buffer {
  try {
    return new X509Certificate(pem).raw;
  } catch (error) {
    throw unusable(path, `its certificate cannot be read: ${(error as Error).message}`);
  }
}

const unusable = (path: string, what: string) =>
  badInput("build.signing-key", {
    what: `the key to sign modules with cannot be used: ${what}`,
    where: `${path} (${variable})`,
    next: "give a PEM file with both: cat key.pem certificate.pem > signing.pem",
  });

/** A kernel that knows the certificate, and signs every module when it installs them. */
export const signingRequests = (signing: Signing | undefined): readonly Request[] =>
  signing === undefined
    ? []
    : Object.entries({
        MODULE_SIG: "y",
        MODULE_SIG_ALL: "y",
        MODULE_SIG_SHA256: "y",
        MODULE_SIG_KEY: `"${keyName}"`,
      }).map(([symbol, value]) => ({ symbol, value, origin: variable }));

export async function linkKey(
  signing: Signing | undefined,
  buildDir: string,
  ports: Ports,
): Promise<void> {
  if (!signing) return;
  await ports.files.remove(join(buildDir, keyName));
  await ports.files.symlink(signing.path, join(buildDir, keyName));
}

/** Signs a lone module as `make modules_install` would, with the kernel's own scripts/sign-file. */
export async function signModule(
  { path }: Signing,
  module: string,
  signFile: string,
  settings: Settings,
  ports: Ports,
): Promise<void> {
  const hash = /^"?(\w+)"?$/.exec(settings.get("MODULE_SIG_HASH") ?? "")?.[1] ?? "sha256";
  const args = [hash, path, path, module];
  const result = await ports.processes.run({ program: signFile, args });
  if (result.code === 0) return;
  throw failure("build.sign", {
    what: "the module could not be signed",
    where: signFile,
    next: "the program comes with the kernel's headers (Debian: linux-kbuild); a key with a passphrase takes it from KBUILD_SIGN_PIN",
    evidence: result.stderr.trim().split("\n").slice(-5),
  });
}
