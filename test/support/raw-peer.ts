import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { type Made, makeSegment } from "./segment-24.ts";

const ethernet = 14;

/** The other end of QEMU's `-netdev stream`: frames over a socket, each behind its length (32 bits, big-endian). */
export class RawPeer {
  readonly #socket: Socket;
  #left = Buffer.alloc(0);
  onFrame: (bytes: Buffer) => void = () => undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
  }

  /** QEMU makes the socket when it starts. */
  static async open(path: string): Promise<RawPeer> {
    for (let attempt = 0; ; attempt += 1) {
      const socket = connect(path);
      const error = await new Promise<Error | undefined>((resolve) => {
        socket.once("connect", () => resolve(undefined));
        socket.once("error", resolve);
      });
      if (!error) return new RawPeer(socket);
      if (attempt === 100) throw error;
      await delay(100);
    }
  }

  send(bytes: Buffer): void {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    this.#socket.write(Buffer.concat([length, bytes]));
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    let rest = this.#left.length === 0 ? chunk : Buffer.concat([this.#left, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE(0)) {
      const end = 4 + rest.readUInt32BE(0);
      this.onFrame(rest.subarray(4, end));
      rest = rest.subarray(end);
    }
    this.#left = Buffer.from(rest);
  }
}

const octets = (address: string): Buffer => Buffer.from(address.split(".").map(Number));

export interface Link {
  readonly macs: { readonly from: Buffer; readonly to: Buffer };
  readonly from: string;
  readonly to: string;
}

export type Sent = Omit<Made, "from" | "to">;

/** An Ethernet frame with one TCP segment over IPv4. */
export const tcpFrame = ({ macs, from, to }: Link, one: Sent): Buffer =>
  Buffer.concat([macs.to, macs.from, Buffer.from([8, 0]), makeSegment({ ...one, from, to })]);

/** Asks until it is told which hardware address `to` has; the card may have one of its own. */
export async function askMac(
  peer: RawPeer,
  mac: Buffer,
  from: string,
  to: string,
): Promise<Buffer> {
  const everyone = Buffer.alloc(6, 0xff);
  const head = Buffer.from([8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
  const nobody = Buffer.alloc(6);
  const question = Buffer.concat([everyone, mac, head, mac, octets(from), nobody, octets(to)]);
  const found: Buffer[] = [];
  peer.onFrame = (bytes) => {
    const isAnswer = bytes.readUInt16BE(12) === 0x0806 && bytes.readUInt16BE(ethernet + 6) === 2;
    if (isAnswer) found.push(Buffer.from(bytes.subarray(ethernet + 8, ethernet + 14)));
  };
  for (let attempt = 0; attempt < 300; attempt += 1) {
    peer.send(question);
    await delay(100);
    if (found[0]) return found[0];
  }
  throw new Error(`${to} does not answer`);
}

/** The answer to an ARP request for `address`; undefined for any other frame (RFC 826). */
export function arpAnswer(bytes: Buffer, address: string, mac: Buffer): Buffer | undefined {
  if (bytes.length < ethernet + 28 || bytes.readUInt16BE(12) !== 0x0806) return undefined;
  if (!bytes.subarray(ethernet + 24, ethernet + 28).equals(octets(address))) return undefined;
  const asker = bytes.subarray(ethernet + 8, ethernet + 18);
  const head = Buffer.from([8, 6, 0, 1, 8, 0, 6, 4, 0, 2]);
  return Buffer.concat([bytes.subarray(6, 12), mac, head, mac, octets(address), asker]);
}
