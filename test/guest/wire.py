"""
Segments as bytes: made, sent over a device of a namespace, and read again.

What must not be answered is not waited for: behind each crafted segment goes an ICMP echo request,
and as device queues keep their order, the echo reply arrives after whatever the segment caused.
"""

import collections
import itertools
import select
import socket
import struct
import time

from lab import namespace

MASK = 0xFFFFFFFF
STORM = 2000  # segments that nothing here causes at once
idents = itertools.count(7)
PATIENCE = 30  # seconds until something that must come is missed, on however busy a machine


def checksum(data):
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def is_six(address):
    return ":" in address


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if is_six(address) else socket.AF_INET, address)


def pseudo_header(source, target, length):
    """RFC 9293 section 3.1 and RFC 8200 section 8.1, from packed addresses."""
    tail = struct.pack("!BBH", 0, 6, length) if len(source) == 4 else struct.pack("!II", length, 6)
    return source + target + tail


def tcp(source, target, ports, flags, seq, ack=0, window=64000, data=b"", options=b"",
        damage=False, offset=None):
    """A TCP segment (RFC 9293 section 3.1); `damage` falsifies its checksum, `offset` its length."""
    words = (20 + len(options)) // 4 if offset is None else offset
    head = struct.pack("!HHIIBBHHH", *ports, seq & MASK, ack & MASK, words << 4, flags, window, 0, 0)
    whole = head + options + data
    value = checksum(pseudo_header(packed(source), packed(target), len(whole)) + whole)
    return whole[:16] + struct.pack("!H", value ^ (0x5555 if damage else 0)) + whole[18:]


def ip4(source, target, payload, fragment=0, ident=None, protocol=6):
    """RFC 791 section 3.1; `fragment` is flags and offset as on the wire. Without `ident` one more than last time."""
    if ident is None:
        ident = next(idents) & 0xFFFF
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), ident, fragment, 64, protocol, 0,
                       packed(source), packed(target))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ip6(source, target, payload, following=6):
    """RFC 8200 section 3."""
    head = struct.pack("!IHBB", 6 << 28, len(payload), following, 64)
    return head + packed(source) + packed(target) + payload


def packet(source, target, payload):
    return (ip6 if is_six(source) else ip4)(source, target, payload)


def echo_request(source, target, number):
    """RFC 792."""
    body = struct.pack("!HH", 0x7A71, number)
    value = checksum(b"\x08\0\0\0" + body)
    return ip4(source, target, struct.pack("!BBH", 8, 0, value) + body, protocol=1)


Segment = collections.namedtuple(
    "Segment", "mac source target ports seq ack flags window urgent options size ident fragment ttl intact")


def parse(frame):
    """The TCP segment in an Ethernet frame, None if there is none."""
    kind, body = frame[12:14], frame[14:]
    if kind == b"\x08\0" and body[9] == 6:
        start, end = (body[0] & 15) * 4, int.from_bytes(body[2:4], "big")
        source, target = body[12:16], body[16:20]
        ident, fragment = struct.unpack("!HH", body[4:8])
        ttl, intact = body[8], checksum(body[:start]) == 0
    elif kind == b"\x86\xdd" and body[6] == 6:
        start, end = 40, 40 + int.from_bytes(body[4:6], "big")
        source, target = body[8:24], body[24:40]
        ident, fragment, ttl, intact = None, None, body[7], True
    else:
        return None
    whole = body[start:end]
    if len(whole) < 20:
        return None
    sport, dport, seq, ack, words, flags, window, _, urgent = struct.unpack("!HHIIBBHHH", whole[:20])
    length = (words >> 4) * 4
    intact = (intact and len(whole) == end - start and words & 15 == 0
              and checksum(pseudo_header(source, target, len(whole)) + whole) == 0)
    family = socket.AF_INET if len(source) == 4 else socket.AF_INET6
    return Segment(frame[6:12], socket.inet_ntop(family, source), socket.inet_ntop(family, target),
                   (sport, dport), seq, ack, flags, window, urgent, whole[20:length],
                   len(whole) - length, ident, fragment, ttl, intact)


class Wire:
    """A device of a namespace, in frames. `fence` is (source, target) of the echo requests."""

    def __init__(self, where, device, mac, gateway, fence):
        with namespace(where):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self.socket.bind((device, 0))
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 1 << 23)  # SO_RCVBUFFORCE
        self.mac, self.gateway, self.fence = mac, gateway, fence
        self.number = 0

    def send(self, body, mac=None):
        kind = b"\x08\0" if body[0] >> 4 == 4 else b"\x86\xdd"
        self.socket.send((mac or self.gateway) + self.mac + kind + body)

    def settle(self, outgoing=False):
        """All segments that came until the answer to an echo request came."""
        self.number = (self.number + 1) & 0xFFFF
        self.send(echo_request(*self.fence, self.number))
        found, end = [], time.monotonic() + PATIENCE
        # A storm would keep the socket readable for ever: it ends this as well.
        while len(found) < STORM and time.monotonic() < end:
            if not select.select([self.socket], [], [], 1)[0]:
                continue
            frame, address = self.socket.recvfrom(65536)
            if address[2] == 4 and not outgoing:  # PACKET_OUTGOING
                continue
            if self.echoed(frame):
                return found
            segment = parse(frame)
            if segment:
                found.append(segment)
        raise RuntimeError(f"no answer to an echo request, but {len(found)} segments, as {told(found[-3:])}")

    def echoed(self, frame):
        body = frame[14:]
        return (frame[12:14] == b"\x08\0" and body[9] == 1 and body[20] == 0
                and body[24:28] == struct.pack("!HH", 0x7A71, self.number))


class Peer:
    """Somebody at `source` who talks to `target` over a wire; each talk has a port of its own."""

    last_port = 20000

    def __init__(self, wire, source, target, mss):
        self.wire, self.source, self.target, self.mss = wire, source, target, mss
        self.six = is_six(source)

    @classmethod
    def port(cls):
        Peer.last_port += 1
        return Peer.last_port

    def segment(self, ports, flags, seq, ack=0, **more):
        return tcp(self.source, self.target, ports, flags, seq, ack, **more)

    def ask(self, ports, flags, seq, ack=0, **more):
        """Sends one segment; returns what comes back."""
        return self.answers(ports, [packet(self.source, self.target,
                                           self.segment(ports, flags, seq, ack, **more))])

    def answers(self, ports, packets, mac=None):
        self.wire.settle()
        for one in packets:
            self.wire.send(one, mac)
        return [one for one in self.wire.settle() if one.ports == ports[::-1]]


def told(answers):
    return [{key: getattr(one, key) for key in
             ("flags", "seq", "ack", "window", "size", "intact", "ident", "ttl")}
            | {"options": one.options.hex()} for one in answers]
