import { letGo, type Held, type HeldTable } from "./table.ts";

/** One address, with all its connections. */
export interface Peer {
  readonly address: string;
  readonly connections: number;
  readonly held: number;
  /** Seconds since its first connection came that is still held; of all of them when none is. */
  readonly since: number;
  readonly silent: number;
  readonly segments: number;
  readonly bytes: number;
  readonly ports: readonly number[];
}

export interface Summary {
  readonly peers: readonly Peer[];
  readonly connections: number;
  readonly held: number;
  readonly heldPeers: number;
  readonly letGo: number;
  readonly segments: number;
  readonly bytes: number;
  /** Of all rows together: how long they were held. */
  readonly seconds: number;
  /** Bytes of replies a second, over the life of what is held. */
  readonly rate: number;
  readonly histogram: readonly Bucket[];
  readonly room: number | undefined;
  readonly strange: number;
  readonly now: number;
}

export interface Bucket {
  readonly upTo: number;
  readonly label: string;
  readonly count: number;
}

/** Hold times: what a scanner, a default timeout of Linux (15 min), an hour and days look like. */
export const bounds: readonly (readonly [upTo: number, label: string])[] = [
  [60, "up to 1 min"],
  [600, "up to 10 min"],
  [960, "up to 16 min"],
  [3600, "up to 1 h"],
  [21_600, "up to 6 h"],
  [86_400, "up to 1 day"],
  [604_800, "up to 7 days"],
  [Number.POSITIVE_INFINITY, "longer"],
];

const limits = bounds.map(([upTo]) => upTo);

/**
 * A peer while its rows come in: `since` and `silent` are still times of the boot clock, the first and the
 * last. One object for each address, not two: with 65,536 of them that is a tenth of a second.
 */
type Gathered = Omit<{ -readonly [Key in keyof Peer]: Peer[Key] }, "ports"> & { ports: number[] };

/** Peers grouped by address, the longest held first. */
export function summarize(table: HeldTable, silent?: number): Summary {
  const { now, rows } = table;
  const groups = new Map<string, Gathered>();
  const counts = bounds.map(() => 0);
  let [held, segments, bytes, rate, sum] = [0, 0, 0, 0, 0];
  for (const one of rows) {
    const gone = letGo(one, now, silent);
    const seconds = Math.max(0, (gone ? one.last : now) - one.first);
    sum += seconds;
    let bucket = 0;
    while (seconds > (limits[bucket] as number)) bucket += 1;
    counts[bucket] = (counts[bucket] as number) + 1;
    if (!gone) {
      held += 1;
      rate += one.bytes / Math.max(1, seconds);
    }
    segments += one.segments;
    bytes += one.bytes;
    gather(groups, one, gone);
  }
  const peers = Array.from(groups.values(), (group) => settled(group, now));
  return {
    peers: peers.toSorted(
      (a, b) => b.held - a.held || b.since - a.since || (a.address < b.address ? -1 : 1),
    ),
    connections: rows.length,
    held,
    heldPeers: peers.filter((one) => one.held > 0).length,
    letGo: rows.length - held,
    segments,
    bytes,
    seconds: sum,
    rate,
    histogram: bounds.map(([upTo, label], at) => ({ upTo, label, count: counts[at] ?? 0 })),
    room: table.room,
    strange: table.strange,
    now,
  };
}

function gather(groups: Map<string, Gathered>, one: Held, gone: boolean): void {
  const group = groups.get(one.source);
  if (!group) {
    groups.set(one.source, {
      address: one.source,
      connections: 1,
      held: gone ? 0 : 1,
      since: one.first,
      silent: one.last,
      segments: one.segments,
      bytes: one.bytes,
      ports: [one.dport],
    });
    return;
  }
  group.connections += 1;
  // What is held decides since when: the first of all counts only as long as nothing is.
  if (gone === (group.held === 0)) group.since = Math.min(group.since, one.first);
  else if (!gone) group.since = one.first;
  group.held += gone ? 0 : 1;
  group.silent = Math.max(group.silent, one.last);
  group.segments += one.segments;
  group.bytes += one.bytes;
  if (group.ports.length < 64 && !group.ports.includes(one.dport)) group.ports.push(one.dport);
}

/** Times of the clock become seconds before `now`. */
function settled(group: Gathered, now: number): Peer {
  group.since = Math.max(0, now - group.since);
  group.silent = Math.max(0, now - group.silent);
  if (group.ports.length > 1) group.ports.sort((a, b) => a - b);
  return group;
}

/** Who came and who went between two readings: addresses, not connections. */
export function changes(
  before: Summary | undefined,
  after: Summary,
): { readonly came: readonly Peer[]; readonly went: readonly Peer[] } {
  const was = new Map(before?.peers.filter((one) => one.held > 0).map((one) => [one.address, one]));
  const is = new Map(after.peers.map((one) => [one.address, one]));
  return {
    came: after.peers.filter((one) => one.held > 0 && !was.has(one.address)),
    // A row that was evicted or cleared is gone from the table: its last words are those of the reading before.
    went: [...was.values()].flatMap((one) => {
      const now = is.get(one.address);
      return now === undefined ? [one] : now.held === 0 ? [now] : [];
    }),
  };
}
