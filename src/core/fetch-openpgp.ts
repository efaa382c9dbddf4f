/**
 * What little OpenPGP is needed to ask gpgv(1): it wants binary keyrings, and
 * answers with status lines (GnuPG doc/DETAILS).
 */

/** CRC-24 of RFC 4880 section 6.1. */
function crc24(data: Uint8Array): number {
  let crc = 0xb704ce;
  for (const byte of data) {
    crc ^= byte << 16;
    for (let bit = 0; bit < 8; bit++)
      crc = crc & 0x800000 ? ((crc << 1) ^ 0x1864cfb) & 0xffffff : (crc << 1) & 0xffffff;
  }
  return crc;
}

const block =
  /-----BEGIN PGP (PUBLIC KEY BLOCK|SIGNATURE)-----\r?\n([\s\S]*?)-----END PGP \1-----/g;

/** All armored blocks of a text as bytes (RFC 4880 section 6.2); undefined for a damaged one. */
export function dearmor(text: string): Buffer | undefined {
  const parts: Buffer[] = [];
  for (const [, , body = ""] of text.matchAll(block)) {
    const content = body.replace(/^(?:[\w-]+: .*\r?\n)*/, "");
    const lines = content.split(/\r?\n/).filter((line) => line !== "");
    const sum = lines.at(-1)?.startsWith("=") ? lines.pop()?.slice(1) : undefined;
    const data = Buffer.from(lines.join(""), "base64");
    if (data.length === 0) return undefined;
    if (sum !== undefined && Buffer.from(sum, "base64").readUIntBE(0, 3) !== crc24(data))
      return undefined;
    parts.push(data);
  }
  return parts.length === 0 ? undefined : Buffer.concat(parts);
}

export type SignatureVerdict =
  | { readonly verdict: "good"; readonly fingerprint: string; readonly signer: string }
  | { readonly verdict: "bad" }
  | { readonly verdict: "unknown key"; readonly key: string }
  | { readonly verdict: "unreadable" };

/**
 * Reads what `gpgv --status-fd` said. Good only with GOODSIG and VALIDSIG and
 * nothing that speaks against it: an expired or revoked key is not good.
 */
export function readGpgStatus(code: number, status: string): SignatureVerdict {
  const lines = [...status.matchAll(/^\[GNUPG:\] (\w+) ?(.*)$/gm)].map(
    ([, word = "", rest = ""]) => ({ word, rest }),
  );
  const find = (word: string) => lines.find((line) => line.word === word)?.rest;
  if (find("BADSIG") !== undefined) return { verdict: "bad" };
  const good = find("GOODSIG");
  const valid = find("VALIDSIG")?.split(" ");
  const against = lines.some(({ word }) =>
    /^(?:ERRSIG|EXPSIG|EXPKEYSIG|REVKEYSIG|NODATA)$/.test(word),
  );
  if (code === 0 && good !== undefined && valid?.[0] && !against) {
    // The last field is the primary key's fingerprint.
    return {
      verdict: "good",
      fingerprint: valid[9] ?? valid[0],
      signer: good.replace(/^\S+ /, ""),
    };
  }
  const missing = find("NO_PUBKEY");
  return missing === undefined
    ? { verdict: "unreadable" }
    : { verdict: "unknown key", key: missing };
}
