/** Which part of how many, from 1. */
export interface Shard {
  readonly index: number;
  readonly of: number;
}

/** `2/5`; undefined for anything else. */
export function parseShard(text: string): Shard | undefined {
  const [, index, of] = /^(\d{1,6})\/(\d{1,6})$/.exec(text) ?? [];
  const shard = { index: Number(index), of: Number(of) };
  return shard.index >= 1 && shard.index <= shard.of ? shard : undefined;
}

export const showShard = ({ index, of }: Shard): string => `${index}/${of}`;

/**
 * A shard's part: neighbours stay together, since they share a tree and often a kernel. Sizes differ
 * by one at most; the shards of one list have each of its items once.
 */
export const partOf = <T>(items: readonly T[], { index, of }: Shard): readonly T[] =>
  items.slice(
    Math.floor(((index - 1) * items.length) / of),
    Math.floor((index * items.length) / of),
  );
