export interface SignedTag {
  readonly object: string;
  readonly name: string;
  /** The bytes that are signed. */
  readonly payload: Buffer;
  readonly signature: Buffer;
}

const mark = "-----BEGIN PGP SIGNATURE-----";

/** Takes a tag object apart (git's Documentation/gitformat-signature, "Tag signatures"): the signature ends it. */
export function splitSignedTag(content: string): SignedTag | undefined {
  const at = content.startsWith(mark) ? 0 : content.indexOf(`\n${mark}`) + 1;
  if (at <= 0) return undefined;
  const payload = content.slice(0, at);
  const head = /^object ([0-9a-f]{40,64})\ntype commit\ntag ([^\n]+)\n/.exec(payload);
  if (!head) return undefined;
  const [, object, name] = head as unknown as [string, string, string];
  return { object, name, payload: Buffer.from(payload), signature: Buffer.from(content.slice(at)) };
}
