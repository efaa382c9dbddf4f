/** What a guest says on its console (guest/guest.h): `@tk ID KEY VALUE`. Anything else is the kernel's. */
export interface GuestLine {
  readonly id: string;
  readonly key: string;
  readonly value: string;
}

const mark = "@tk ";

export function parseGuestLine(line: string): GuestLine | undefined {
  const at = line.indexOf(mark);
  if (at < 0) return undefined;
  const [id = "", key = "", ...value] = line
    .slice(at + mark.length)
    .replace(/\r$/, "")
    .split(" ");
  return { id, key, value: value.join(" ") };
}

const escapes: Readonly<Record<string, string>> = { "\n": "\\n", "\t": "\\t", "\\": "\\\\" };

/** Tab separated, with newlines and tabs in arguments escaped: what follows a request's number and length. */
export const requestText = (words: readonly string[]): string =>
  words.map((word) => word.replaceAll(/[\n\t\\]/g, (c) => escapes[c] ?? c)).join("\t");

/** A request as the guest reads it (guest/guest.h). */
export function guestRequest(id: number, words: readonly string[]): string {
  const text = requestText(words);
  return `${id}\t${Buffer.byteLength(text)}\t${text}\n`;
}

/** All the lines that answered one request. */
export class Answer {
  readonly lines: readonly GuestLine[];
  /** 0 or an errno of the guest. */
  readonly code: number;
  constructor(lines: readonly GuestLine[], code: number) {
    this.lines = lines;
    this.code = code;
  }
  all(key: string): readonly string[] {
    return this.lines.filter((line) => line.key === key).map((line) => line.value);
  }
  text(key: string): string {
    return this.all(key).join("\n");
  }
  number(key: string): number | undefined {
    const value = this.all(key)[0];
    return value === undefined ? undefined : Number(value);
  }
}

/** State names of TCP in include/net/tcp_states.h, by number. */
const states = [
  "",
  "ESTABLISHED",
  "SYN_SENT",
  "SYN_RECV",
  "FIN_WAIT1",
  "FIN_WAIT2",
  "TIME_WAIT",
  "CLOSE",
  "CLOSE_WAIT",
  "LAST_ACK",
  "LISTEN",
  "CLOSING",
] as const;

export const tcpStateName = (state: number | undefined): string => states[state ?? 0] || "gone";

/**
 * State of the connection to `port` in /proc/net/tcp or tcp6 (Documentation/networking/proc_net_tcp.rst):
 * `sl local_address rem_address st ...`, ports and states in hexadecimal.
 */
export function stateInProc(lines: readonly string[], port: number): string {
  for (const line of lines) {
    const [, , remote, state] = line.trim().split(/\s+/);
    if (remote === undefined || state === undefined) continue;
    if (Number.parseInt(remote.slice(remote.lastIndexOf(":") + 1), 16) === port)
      return tcpStateName(Number.parseInt(state, 16));
  }
  return "gone";
}
