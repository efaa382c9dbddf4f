#!/usr/bin/python3 -B
"""
PID 1 of the guest that tests the TARPIT target with crafted segments and with Linux peers.

Namespaces make up the network: this one holds the rules; `peer` is next to it, `server` behind it
(so that FORWARD is passed), `vpeer` in a VRF of it, `left` and `right` on a bridge of it.

Each check is a line {"key": "check", "group", "name", "ok", "info"} of the report.
"""

import collections
import ctypes
import errno
import fcntl
import json
import os
import random
import socket
import struct
import subprocess
import sys
import time
import traceback

import lab
from lab import ip, libc, make_namespace, must, namespace, need, run, sysctl, write
from wire import (MASK, PATIENCE, Peer, Wire, checksum, ip4, ip6, is_six, packed, packet, pseudo_header,
                  tcp, told)

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))

TARPIT, HONEYPOT, RESET, MANGLED = 80, 81, 82, 83  # ports the rules are for
WINDOW, HONEYPOT_WINDOW = 5, 64240

EDGES = (1000, 0x7FFFFFF0, 0xFFFFFFFA, 0xFFFFFFFF)  # ISS before, at and behind each wrap

_group = ""


def check(name, ok, info=""):
    lab.report("check", group=_group, name=name, ok=bool(ok), info="" if ok else str(info)[:600])


def until(condition, seconds=PATIENCE):
    """Polls; returns the condition's last value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.05)


# ---- judgements

def silent(name, answers):
    check(name + ": silent", not answers, told(answers))


def answered(name, peer, answers, **wanted):
    """Exactly one answer, well formed, DF, no payload, no option but an MSS on a SYN; returns it."""
    wanted = {"size": 0, "intact": True, "urgent": 0, "ttl": 64, "source": peer.target,
              "target": peer.source, "options": b"", **wanted}
    if wanted["flags"] & SYN:
        wanted["options"] = struct.pack("!BBH", 2, 4, peer.mss)
    if not peer.six:
        wanted["fragment"] = 0x4000
        if wanted["flags"] & (SYN | RST):
            wanted["ident"] = 0
    ok = len(answers) == 1 and all(getattr(answers[0], key) == value for key, value in wanted.items())
    check(name, ok, f"{told(answers)} instead of {wanted}")
    return answers[0] if answers else None


# ---- what each variant answers

def tarpit_talk(name, peer, iss, port=TARPIT):
    """A whole talk with the tarpit from one initial sequence number; returns its ACKs."""
    ports = (Peer.port(), port)
    first = answered(f"{name} SYN", peer, peer.ask(ports, SYN, iss, options=b"\2\4\5\xb4\1\1\4\2"),
                     flags=SYN | ACK, ack=iss + 1 & MASK, window=WINDOW)
    if not first:
        return []
    accept = {"flags": SYN | ACK, "seq": first.seq, "ack": iss + 1 & MASK, "window": WINDOW}
    answered(f"{name} SYN again: the same ISN", peer, peer.ask(ports, SYN, iss), **accept)
    answered(f"{name} SYN with data, ECE and CWR", peer,
             peer.ask(ports, SYN | ECE | CWR, iss, data=b"fast open"), **accept)
    edge = first.seq + 1 & MASK
    hold = {"flags": ACK, "seq": edge, "ack": iss + 1 & MASK, "window": 0}
    acks = []
    for what, flags, distance, more in (
            ("handshake ACK", ACK, 1, {}),
            ("window probe of Linux, empty, d=0", ACK, 0, {}),
            ("keepalive of one byte, d=0", ACK, 0, {"data": b"x"}),
            ("data", ACK | PSH, 1, {"data": b"GET /"}),
            ("data, own window closed", ACK | PSH, 1, {"data": b"GET / HTTP" * 100, "window": 0}),
            ("FIN with payload", ACK | PSH | FIN, 6, {"data": b"x"}),
            ("ACK, d=W+1", ACK, WINDOW + 1, {}),
            ("ACK, d=W+2", ACK, WINDOW + 2, {})):
        acks.append(answered(f"{name} {what}", peer,
                             peer.ask(ports, flags, iss + distance, edge, **more), **hold))
    for what, flags, distance, ack, more in (
            ("ACK, d=W+3", ACK, WINDOW + 3, edge, {}),
            ("data, d=W+3", ACK, WINDOW + 3, edge, {"data": b"x"}),
            ("ACK, d=-1", ACK, -1, edge, {}),
            ("data, d=-1", ACK, -1, edge, {"data": b"x"}),
            ("ACK of what was never sent", ACK, 1, edge + 1000, {}),
            ("data without a cookie", ACK | PSH, 1, edge ^ 1 << 31, {"data": b"x"}),
            ("empty, own window closed", ACK, 1, edge, {"window": 0}),
            ("FIN", ACK | FIN, 1, edge, {}),
            ("RST with ACK", ACK | RST, 1, edge, {}),
            ("RST", RST, 1, edge, {})):
        silent(f"{name} {what}", peer.ask(ports, flags, iss + distance, ack, **more))
    return [one for one in acks if one]


def tarpit(name, peer, edges=EDGES):
    acks = [ack for iss in edges for ack in tarpit_talk(f"{name} iss={iss:x}", peer, iss)]
    if not peer.six:
        # Random, so one may be 0: but not most of them (defect 7: 0 on every segment).
        check(f"{name} IP id of established segments", len({ack.ident for ack in acks}) > len(acks) / 2,
              [ack.ident for ack in acks])
    isns = {one.seq for _ in range(4) for one in peer.ask((Peer.port(), TARPIT), SYN, 1000)}
    check(f"{name} ISN differs from flow to flow", len(isns) == 4 and 0 not in isns, isns)
    for what, flags in (("FIN scan", FIN), ("Xmas scan", FIN | PSH | URG)):
        silent(f"{name} {what}", peer.ask((Peer.port(), TARPIT), flags, 5))
    every_variant(name, peer, TARPIT)


def honeypot(name, peer):
    ports, stamps = (Peer.port(), HONEYPOT), b"\1\1\x08\x0a" + bytes(8)
    first = answered(f"{name} SYN", peer, peer.ask(ports, SYN, 500),
                     flags=SYN | ACK, ack=501, window=HONEYPOT_WINDOW)
    if not first:
        return
    edge = first.seq + 1 & MASK
    answered(f"{name} SYN again: the same ISN", peer, peer.ask(ports, SYN, 500),
             flags=SYN | ACK, seq=first.seq, ack=501)
    silent(f"{name} pure ACK", peer.ask(ports, ACK, 501, edge))
    silent(f"{name} pure ACK with options", peer.ask(ports, ACK, 501, edge, options=stamps))
    answered(f"{name} data behind options: the payload alone is acknowledged", peer,
             peer.ask(ports, ACK | PSH, 501, edge, data=b"z" * 100, options=stamps),
             flags=ACK, seq=edge, ack=601, window=HONEYPOT_WINDOW)
    answered(f"{name} data over the wrap", peer,
             peer.ask(ports, ACK | PSH, 0xFFFFFFF0, edge, data=b"z" * 32), flags=ACK, seq=edge, ack=0x10)
    answered(f"{name} data and FIN", peer,
             peer.ask(ports, ACK | PSH | FIN, 601, edge, data=b"z" * 10), flags=ACK, seq=edge, ack=611)
    answered(f"{name} FIN", peer, peer.ask(ports, ACK | FIN, 611, edge), flags=RST, seq=edge, ack=0)
    every_variant(name, peer, HONEYPOT)


def reset(name, peer):
    """RFC 9293 section 3.10.7.1: with ACK the sequence number is taken from it, without it SEG.LEN counts."""
    ports = (Peer.port(), RESET)
    for what, flags, ack, more, wanted in (
            ("SYN", SYN, 0, {}, {"flags": RST | ACK, "seq": 0, "ack": 501}),
            ("SYN with 3 bytes", SYN, 0, {"data": b"abc"}, {"flags": RST | ACK, "seq": 0, "ack": 504}),
            ("ACK", ACK, 900, {}, {"flags": RST, "seq": 900, "ack": 0}),
            ("data", ACK | PSH, 900, {"data": b"abc"}, {"flags": RST, "seq": 900, "ack": 0}),
            ("FIN with ACK", ACK | FIN, 900, {}, {"flags": RST, "seq": 900, "ack": 0}),
            ("FIN alone", FIN, 0, {}, {"flags": RST | ACK, "seq": 0, "ack": 501})):
        answered(f"{name} {what}", peer, peer.ask(ports, flags, 500, ack, **more), window=0, **wanted)
    every_variant(name, peer, RESET)


def every_variant(name, peer, port):
    ports = (Peer.port(), port)
    for what, flags, more in (
            ("no flags", 0, {}), ("SYN and FIN", SYN | FIN, {}), ("SYN, FIN and ACK", SYN | FIN | ACK, {}),
            ("PSH alone", PSH, {}), ("URG alone", URG, {}), ("SYN and RST", SYN | RST, {}),
            ("SYN with a bad checksum", SYN, {"damage": True}),
            ("data offset of 4", SYN, {"offset": 4}),
            ("data offset behind the end", SYN, {"offset": 15}),
            ("RST (defect 5)", RST, {}), ("RST with ACK (defect 5)", RST | ACK, {})):
        silent(f"{name} {what}", peer.ask(ports, flags, 77, 99, **more))
    answered(f"{name} SYN-ACK", peer, peer.ask(ports, SYN | ACK, 77, 99),
             flags=RST, seq=99, ack=0, window=0)


# ---- the network

def mac_of(number):
    return f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}"


def mac_bytes(number):
    return bytes.fromhex(mac_of(number).replace(":", ""))


def link_local(number):
    """RFC 4291 appendix A, of mac_of(number)."""
    return f"fe80::ff:fe00:{number:x}"


NAMESPACES = ("peer", "server", "vpeer", "left", "right", "a", "b")


def make_namespaces():
    for name in NAMESPACES:
        make_namespace(name)


def cable(here, there, number):
    """A veth pair; ends are (namespace, device, addresses). Neighbours need no discovery."""
    (near, device, addresses), (far, other, others) = here, there
    ip(f"link add {device} address {mac_of(number)} type veth peer name {other} "
       f"address {mac_of(number + 1)}")
    for end, name, own, mac, theirs in ((near, device, addresses, number + 1, others),
                                        (far, other, others, number, addresses)):
        if end:
            ip(f"link set {name} netns {end}")
        with namespace(end):
            for address in own:
                ip(f"addr add {address} dev {name}")
            ip(f"link set {name} up")
            for address in theirs:
                ip(f"neigh replace {address.split('/')[0]} lladdr {mac_of(mac)} dev {name} nud permanent")


def make_network():
    sysctl("net/ipv4/ip_forward", 1)
    sysctl("net/ipv6/conf/all/forwarding", 1)
    cable((None, "t0", ("10.9.0.1/24", "fd09::1/64")), ("peer", "p0", ("10.9.0.2/24", "fd09::2/64")), 0x900)
    cable((None, "t1", ("10.10.0.1/24", "fd10::1/64")), ("server", "s0", ("10.10.0.2/24", "fd10::2/64")), 0xA00)
    for address in ("10.9.0.66", "fd09::66", "fe80::66"):
        ip(f"neigh replace {address} lladdr {mac_of(0x901)} dev t0 nud permanent")
    for where, four, six in (("peer", "10.9.0.1", "fd09::1"), ("server", "10.10.0.1", "fd10::1")):
        ip(f"-n {where} route add default via {four}")
        ip(f"-n {where} -6 route add default via {six}")


class Paths:
    """The crafted peers, by the way their segments take."""

    def __init__(self):
        self.wire = Wire("peer", "p0", mac_bytes(0x901), mac_bytes(0x900), ("10.9.0.66", "10.9.0.1"))
        self.input4 = Peer(self.wire, "10.9.0.66", "10.9.0.1", 1460)
        self.input6 = Peer(self.wire, "fd09::66", "fd09::1", 1440)
        self.local6 = Peer(self.wire, "fe80::66", link_local(0x900), 1440)
        self.forward4 = Peer(self.wire, "10.9.0.66", "10.10.0.2", 1460)
        self.forward6 = Peer(self.wire, "fd09::66", "fd10::2", 1440)

    def all(self):
        return (("INPUT IPv4", self.input4), ("INPUT IPv6", self.input6),
                ("INPUT IPv6 link-local", self.local6),
                ("FORWARD IPv4", self.forward4), ("FORWARD IPv6", self.forward6))


# ---- rules

class Firewall:
    """Debian's own iptables and extensions, with one of its two back ends."""

    def __init__(self, back_end):
        self.programs = (f"iptables-{back_end}", f"ip6tables-{back_end}")

    def both(self, rule):
        for program in self.programs:
            need(program, *rule.split())

    def set_up(self):
        for chain in ("INPUT", "FORWARD"):
            self.both(f"-A {chain} -p tcp --dport {TARPIT} -j TARPIT")
            self.both(f"-A {chain} -p tcp --dport {HONEYPOT} -j TARPIT --honeypot")
            self.both(f"-A {chain} -p tcp --dport {RESET} -j TARPIT --reset")
        self.both(f"-t mangle -A FORWARD -p tcp --dport {MANGLED} -j TARPIT")

    def clear(self):
        for table in ("filter", "mangle", "raw"):
            self.both(f"-t {table} -F")
            self.both(f"-t {table} -X")


REFUSED = (("OUTPUT", "-A OUTPUT -p tcp"), ("without -p tcp", "-A INPUT"), ("UDP", "-A INPUT -p udp"),
           ("anything but TCP", "-A INPUT ! -p tcp"), ("raw PREROUTING", "-t raw -A PREROUTING -p tcp"),
           ("mangle POSTROUTING", "-t mangle -A POSTROUTING -p tcp"))


def rules(firewall):
    """Where the target must not be; each rule is one that -j ACCEPT may have."""
    for program in firewall.programs:
        for name, rule in REFUSED:
            refused, taken = (run(program, *rule.split(), "-j", target) for target in ("TARPIT", "ACCEPT"))
            check(f"{program} refuses {name}", refused.returncode and not taken.returncode,
                  refused.stderr + taken.stderr)
        need(program, "-N", "U")
        need(program, *"-A U -p tcp -j TARPIT".split())
        check(f"{program} refuses a chain reached from OUTPUT", run(program, *"-A OUTPUT -j U".split()).returncode)
        check(f"{program} takes a chain reached from INPUT", not run(program, *"-A INPUT -j U".split()).returncode)
    firewall.clear()
    firewall.set_up()
    for program in firewall.programs:
        listed = need(program, "-S", "INPUT")
        for option in ("--tarpit", "--honeypot", "--reset"):
            check(f"{program} lists {option}", f"-j TARPIT {option}" in listed, listed)


def table_call(family, option, data, get=False):
    """get/setsockopt of the legacy interface (linux/netfilter_ipv4/ip_tables.h); errno or 0."""
    raw = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
    level = socket.IPPROTO_IP if family == socket.AF_INET else socket.IPPROTO_IPV6
    with raw:
        if get:
            failed = libc.getsockopt(raw.fileno(), level, option, data,
                                     ctypes.byref(ctypes.c_int(len(data))))
        else:
            failed = libc.setsockopt(raw.fileno(), level, option, data, len(data))
    return ctypes.get_errno() if failed else 0


def replace_variant(family, variant):
    """Hands the filter table back to the kernel with another variant byte in the first TARPIT rule."""
    info = ctypes.create_string_buffer(b"filter", 84)
    must(-table_call(family, 64, info, get=True))
    hooks, points, count, size = info.raw[32:36], info.raw[36:76], info.raw[76:80], info.raw[80:84]
    blob = ctypes.create_string_buffer(40 + int.from_bytes(size, sys.byteorder))
    blob[:6], blob[32:36] = b"filter", size
    must(-table_call(family, 65, blob, get=True))
    entries = bytearray(blob.raw[40:])
    target = entries.index(b"TARPIT\0") - 2  # struct xt_entry_target: u16, name[29], u8, data
    entries[target + 32] = variant
    counters = ctypes.create_string_buffer(16 * int.from_bytes(count, sys.byteorder))
    head = b"filter".ljust(32, b"\0") + hooks + count + size + points + count
    head += struct.pack("P", ctypes.addressof(counters))
    whole = head + bytes(entries)
    return table_call(family, 64, ctypes.create_string_buffer(whole, len(whole)))


def variant_byte(_firewall):
    """Defect 11: the stock target takes every byte."""
    for name, family in (("IPv4", socket.AF_INET), ("IPv6", socket.AF_INET6)):
        for variant, wanted in ((1, 0), (2, 0), (3, errno.EINVAL), (0x80, errno.EINVAL),
                                (255, errno.EINVAL), (0, 0)):
            got = replace_variant(family, variant)
            check(f"{name} variant {variant}: {errno.errorcode.get(wanted, 'accepted')}", got == wanted,
                  errno.errorcode.get(got, got))


# ---- crafted segments

def crafted_tarpit(paths):
    for name, peer in paths.all():
        tarpit(name, peer)
    answered("mangle FORWARD", paths.forward4, paths.forward4.ask((Peer.port(), MANGLED), SYN, 5),
             flags=SYN | ACK)


def crafted_honeypot(paths):
    for name, peer in paths.all():
        honeypot(name, peer)


def crafted_reset(paths):
    for name, peer in paths.all():
        reset(name, peer)


def fragments4(peer, cut, ident):
    """A SYN in two fragments (RFC 791 section 3.2)."""
    ports = (Peer.port(), TARPIT)
    whole = peer.segment(ports, SYN, 1000, options=b"\2\4\5\xb4" + b"\1" * 20)
    return peer.answers(ports, [ip4(peer.source, peer.target, whole[:cut], 0x2000, ident),
                                ip4(peer.source, peer.target, whole[cut:], cut // 8, ident)])


def fragments6(peer, cut, ident):
    """The same with fragment headers (RFC 8200 section 4.5); without `cut` an atomic fragment (RFC 6946)."""
    ports = (Peer.port(), TARPIT)
    whole = peer.segment(ports, SYN, 1000, options=b"\2\4\5\xb4" + b"\1" * 20)
    parts = [(whole[:cut], 1), (whole[cut:], cut)] if cut else [(whole, 0)]
    return peer.answers(ports, [ip6(peer.source, peer.target, struct.pack("!BBHI", 6, 0, where, ident) + part, 44)
                                for part, where in parts])


def fragments(paths):
    """Defect 14; and what nothing reassembled cannot be checked, so it must not be answered."""
    answered("IPv4 SYN in two fragments, INPUT", paths.input4, fragments4(paths.input4, 24, 101), flags=SYN | ACK)
    answered("IPv4 SYN cut inside the header, INPUT", paths.input4, fragments4(paths.input4, 16, 102),
             flags=SYN | ACK)
    silent("IPv4 SYN in two fragments, FORWARD without defragmentation", fragments4(paths.forward4, 24, 103))
    silent("IPv6 SYN in two fragments without defragmentation", fragments6(paths.input6, 24, 104))
    silent("IPv6 SYN in two fragments, FORWARD without defragmentation", fragments6(paths.forward6, 24, 105))
    silent("IPv6 atomic fragment without defragmentation", fragments6(paths.input6, 0, 106))


def packets(paths):
    """Headers and destinations out of the ordinary."""
    four, six = paths.input4, paths.input6
    ports = (Peer.port(), TARPIT)
    options = struct.pack("!BBBBBBBB", 6, 0, 1, 4, 0, 0, 0, 0)  # one PadN, RFC 8200 section 4.2
    answered("IPv6 SYN behind destination options", six, six.answers(
        ports, [ip6(six.source, six.target, options + six.segment(ports, SYN, 1000), 60)]),
        flags=SYN | ACK, ack=1001)
    ports = (Peer.port(), RESET)
    for name, peer in (("IPv4", four), ("IPv6", six)):
        answered(f"{name} padding of the link is no payload", peer, peer.answers(
            ports, [packet(peer.source, peer.target, peer.segment(ports, SYN, 1000)) + bytes(30)]),
            flags=RST | ACK, ack=1001)
    everybody = b"\xff" * 6
    for name, source, target, mac in (
            ("IPv4 broadcast of the net", four.source, "10.9.0.255", everybody),
            ("IPv4 broadcast", four.source, "255.255.255.255", everybody),
            ("IPv4 multicast", four.source, "224.0.0.1", b"\1\0\x5e\0\0\1"),
            ("IPv4 unicast in a broadcast frame", four.source, four.target, everybody),
            ("IPv4 from a broadcast address", "10.9.0.255", four.target, None),
            ("IPv4 from a multicast address", "224.0.0.1", four.target, None),
            ("IPv6 multicast", six.source, "ff02::1", b"\x33\x33\0\0\0\1"),
            ("IPv6 unicast in a broadcast frame", six.source, six.target, everybody),
            ("IPv6 from a multicast address", "ff02::1", six.target, None),
            ("IPv6 from the unspecified address", "::", six.target, None)):
        ports = (Peer.port(), TARPIT)
        silent(name, four.answers(ports, [packet(source, target, tcp(source, target, ports, SYN, 1))], mac))


def ways(paths):
    """IP options, ECN in the IP header, a VLAN, a way back that is not the way there."""
    peer = paths.input4
    for name, head in (("IPv4 options", b"\1\1\1\0"), ("IPv4 router alert", b"\x94\4\0\0")):
        ports = (Peer.port(), TARPIT)
        body = peer.segment(ports, SYN, 1000)
        whole = ip4(peer.source, peer.target, head + body)
        fixed = bytes([0x45 + len(head) // 4]) + whole[1:10] + b"\0\0" + whole[12:20] + head
        fixed = fixed[:10] + struct.pack("!H", checksum(fixed)) + fixed[12:]
        answered(f"{name}: a reply without", peer, peer.answers(ports, [fixed + body]), flags=SYN | ACK, ack=1001)
    for family, peer in (("IPv4", paths.input4), ("IPv6", paths.input6)):
        for ecn in (1, 2, 3):
            ports = (Peer.port(), TARPIT)
            whole = packet(peer.source, peer.target, peer.segment(ports, SYN | ECE | CWR, 1000))
            if peer.six:
                whole = whole[:1] + bytes([ecn << 4]) + whole[2:]
            else:
                whole = whole[:1] + bytes([ecn]) + whole[2:10] + b"\0\0" + whole[12:]
                whole = whole[:10] + struct.pack("!H", checksum(whole[:20])) + whole[12:]
            answered(f"{family} ECN {ecn}", peer, peer.answers(ports, [whole]), flags=SYN | ACK, ack=1001)
    asymmetric(paths)
    vlan()


def asymmetric(paths):
    """A peer whose segments come in by one device and whose replies belong out of another."""
    wire = Wire("server", "s0", mac_bytes(0xA01), mac_bytes(0xA00), ("10.10.0.2", "10.10.0.1"))
    for source, target, gateway, six, mss in (
            ("10.88.0.7", "10.9.0.1", "10.10.0.2", "", 1460), ("fd88::7", "fd09::1", "fd10::2", "-6 ", 1440)):
        ip(f"{six}route add {source} via {gateway}")
        there, back = Peer(paths.wire, source, target, mss), Peer(wire, source, target, mss)
        for what, flags, seq, ack in (("SYN", SYN, 1000, 0), ("data", ACK, 1001, None)):
            ports = (30000, TARPIT)
            edge = back_edge if ack is None else 0
            wire.settle()
            silent(f"{source} {what}: not by the way it came",
                   there.ask(ports, flags, seq, edge, data=b"x" if ack is None else b""))
            answers = [one for one in wire.settle() if one.ports == ports[::-1]]
            got = answered(f"{source} {what}: by the route back", back, answers, ack=1001,
                           flags=ACK if ack is None else SYN | ACK)
            back_edge = got.seq + 1 if got else 0
        ip(f"{six}route del {source}")


def vlan():
    """Tagged, with the tag where veth leaves it: beside the packet."""
    for where, device, addresses in ((None, "t0", ("10.60.0.1/24", "fd60::1/64")),
                                     ("peer", "p0", ("10.60.0.2/24", "fd60::2/64"))):
        with namespace(where):
            ip(f"link add link {device} name {device}.7 type vlan id 7")
            ip(f"link set {device}.7 up")
            for address in addresses:
                ip(f"addr add {address} dev {device}.7 {'nodad' if is_six(address) else ''}")
    held([Client("VLAN IPv4", "peer", "10.60.0.1"), Client("VLAN IPv6", "peer", "fd60::1")])


class OffloadWire:
    """The wire's device again, with the header of linux/virtio_net.h before each frame."""

    def __init__(self, wire, where, device):
        with namespace(where):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.socket.bind((device, 0))
        self.socket.setsockopt(263, 15, 1)  # SOL_PACKET, PACKET_VNET_HDR
        self.wire = wire

    def send(self, peer, segment, size=0):
        """With the checksum left to the device; `size` makes a large segment of many of that size."""
        head, kind = (40, 4) if peer.six else (20, 1)  # VIRTIO_NET_HDR_GSO_TCPV6, _TCPV4
        value = ~checksum(pseudo_header(packed(peer.source), packed(peer.target), len(segment))) & MASK
        segment = segment[:16] + struct.pack("!H", value & 0xFFFF) + segment[18:]
        before = struct.pack("=BBHHHH", 1, kind if size else 0, 14 + head + 20, size, 14 + head, 16)
        body = packet(peer.source, peer.target, segment)
        self.socket.send(before + self.wire.gateway + self.wire.mac
                         + (b"\x86\xdd" if peer.six else b"\x08\0") + body)


def receive_offload(device, on):
    """GRO of a device, which also verifies checksums there (linux/ethtool.h: ETHTOOL_SGRO)."""
    value = ctypes.create_string_buffer(struct.pack("=II", 0x2C, on))
    request = struct.pack("16sP16x", device.encode(), ctypes.addressof(value))
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, 0x8946, request)  # SIOCETHTOOL


def offloads(paths):
    """Segments whose checksum a device computes or has verified, and large ones that were put together."""
    offload = OffloadWire(paths.wire, "peer", "p0")
    told_to(f"key {KEY.hex()} 0")
    for state in ("receive offload off", "receive offload on"):
        receive_offload("t0", state.endswith("on"))
        for name, peer in (("IPv4", paths.input4), ("IPv6", paths.input6), ("FORWARD IPv4", paths.forward4),
                           ("FORWARD IPv6", paths.forward6)):
            for what, port, size, ack in (("checksum left to the device", TARPIT, 0, 1001),
                                          ("large segment", TARPIT, 1000, 1001),
                                          ("large segment, honeypot", HONEYPOT, 1000, 21001)):
                ports = (Peer.port(), port)
                segment = peer.segment(ports, ACK | PSH, 1001, edge_of(peer, ports, 1000),
                                       data=b"x" * (20 * size or 9))
                paths.wire.settle()
                offload.send(peer, segment, size)
                answered(f"{name}, {state}: {what}", peer,
                         [one for one in paths.wire.settle() if one.ports == ports[::-1]], flags=ACK, ack=ack)
            ports = (Peer.port(), TARPIT)
            edge = edge_of(peer, ports, 1000)
            # PSH: GRO does not wait for more, which the fence would overtake.
            answered(f"{name}, {state}: its own checksum", peer, peer.ask(ports, ACK | PSH, 1001, edge, data=b"x"),
                     flags=ACK, ack=1001)
            silent(f"{name}, {state}: a wrong checksum",
                   peer.ask(ports, ACK | PSH, 1001, edge, data=b"x", damage=True))
    receive_offload("t0", False)
    offload.socket.close()


def queue_lengths(device):
    """Packets that went through each queueing discipline of a device."""
    said = json.loads(need("tc", "-s", "-j", "qdisc", "show", "dev", device))
    return {one["handle"]: one["packets"] for one in said}


def leftovers(paths):
    """
    A reply may have the memory of the segment: what the way in has left there must not count on the way out.
    Here that is a priority, for which there is a queue of its own, and the time of arrival, which fq takes
    for the time to send at and is far ahead of its clock.
    """
    bands = " ".join("0" if priority == 6 else "1" for priority in range(16))
    for words in ("qdisc add dev t0 clsact",
                  "filter add dev t0 ingress matchall action skbedit priority 6",
                  f"qdisc add dev t0 root handle 1: prio bands 2 priomap {bands}",
                  "qdisc add dev t0 parent 1:1 handle 10: pfifo",
                  "qdisc add dev t0 parent 1:2 handle 20: fq"):
        need("tc", *words.split())
    stamped = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stamped.setsockopt(socket.SOL_SOCKET, 29, 1)  # SO_TIMESTAMP: every packet gets its time
    for state in ("in the segment's memory", "in its own, as somebody listens"):
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        if "listens" in state:
            tap.bind(("t0", 3))
        for name, peer in (("IPv4", paths.input4), ("IPv6", paths.input6)):
            before = queue_lengths("t0")
            tarpit_talk(f"{name}, {state}", peer, 1000)
            sent = {queue: count - before[queue] for queue, count in queue_lengths("t0").items()}
            check(f"{name}, {state}: its own priority", sent["10:"] == 0 and sent["20:"] >= 11, sent)
        tap.close()
    stamped.close()
    need("tc", "qdisc", "del", "dev", "t0", "root")
    need("tc", "qdisc", "del", "dev", "t0", "clsact")


def random_frame(dice, peer):
    """Any flags, numbers, options, lengths, and for some damage, fragments and extension headers."""
    body = peer.segment((dice.randrange(40000, 60000), dice.choice((TARPIT, HONEYPOT, RESET))),
                        dice.randrange(256), dice.getrandbits(32), dice.getrandbits(32),
                        window=dice.choice((0, 1, 64000)),
                        data=dice.randbytes(dice.choice((0, 0, 1, 5, 100, 1300))),
                        options=dice.randbytes(4 * dice.randrange(11)),
                        offset=dice.choice((None, None, None, dice.randrange(16))))
    if dice.random() < 0.2:
        body = body[:dice.randrange(len(body) + 1)]
    if body and dice.random() < 0.2:
        at = dice.randrange(len(body))
        body = body[:at] + dice.randbytes(1) + body[at + 1:]
    if not peer.six:
        return ip4(peer.source, peer.target, body, dice.choice((0, 0, 0, 0x2000, 3)), dice.randrange(65536))
    following = 6
    for _ in range(dice.choice((0, 0, 0, 1, 2, 3))):
        kind = dice.choice((0, 43, 44, 51, 60))
        length = 0 if kind == 44 else dice.choice((0, 0, 0, 1, 200))
        body = struct.pack("!BBBBI", following, length, dice.choice((0, 1)), dice.choice((0, 1, 4)), 0) + body
        following = kind
    return ip6(peer.source, peer.target, body, following)


def random_packets(paths):
    """Whatever arrives, what goes out is well formed, and the kernel stays as it is."""
    dice, seen, bad = random.Random(7), 0, []
    for _ in range(40):
        for _ in range(50):
            frame = random_frame(dice, dice.choice((paths.input4, paths.input6, paths.forward6)))
            if len(frame) <= 1500:
                paths.wire.send(frame)
        answers = [one for one in paths.wire.settle() if one.target in ("10.9.0.66", "fd09::66")]
        seen += len(answers)
        bad += [one for one in answers if not one.intact or one.size
                or one.flags not in (ACK, RST, RST | ACK, SYN | ACK)]
    check("2000 random packets: some are answered", seen > 100, seen)
    check("2000 random packets: every answer is well formed", not bad, told(bad))


def ceiling(paths):
    """Defect 4: replies a second and namespace are limited."""
    rate, four = "/sys/module/xt_TARPIT/parameters/reply_rate", paths.input4
    write(rate, 50)
    four.wire.settle()
    start = time.monotonic()
    for number in range(400):
        ports = (Peer.port(), TARPIT)
        four.wire.send(packet(four.source, four.target, four.segment(ports, SYN, number)))
    answers = [one for one in four.wire.settle() if one.target == four.source]
    seconds = time.monotonic() - start
    # One second's worth at once, and what was earned meanwhile: on a slow machine a few more.
    check("50 a second: 400 SYNs get about 50 answers", 50 <= len(answers) <= min(52 + 50 * seconds, 399),
          f"{len(answers)} in {seconds} s")
    write(rate, 10000)
    time.sleep(0.1)
    answered("after it", four, four.ask((Peer.port(), TARPIT), SYN, 5), flags=SYN | ACK)


# ---- the cookie, from outside

def siphash(key, data):
    """SipHash-2-4 (Aumasson and Bernstein, 2012)."""
    def rounds(v, count):
        for _ in range(count):
            a, b, c, d = v
            a, c = (a + b) & WORD, (c + d) & WORD
            b, d = turned(b, 13) ^ a, turned(d, 16) ^ c
            a = turned(a, 32)
            c, a = (c + b) & WORD, (a + d) & WORD
            b, d = turned(b, 17) ^ c, turned(d, 21) ^ a
            v = [a, b, turned(c, 32), d]
        return v

    k0, k1 = struct.unpack("<QQ", key)
    state = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]
    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) & 255])
    for (word,) in struct.iter_unpack("<Q", padded):
        state[3] ^= word
        state = rounds(state, 2)
        state[0] ^= word
    state[2] ^= 0xFF
    a, b, c, d = rounds(state, 4)
    return a ^ b ^ c ^ d


WORD = (1 << 64) - 1


def turned(value, bits):
    return (value << bits | value >> 64 - bits) & WORD


def cookie(key, source, target, ports):
    """H: IPv4 as three numbers, IPv6 as it stands in the header."""
    if is_six(source):
        return siphash(key, packed(source) + packed(target) + struct.pack("!HH", *ports)) & MASK
    numbers = struct.unpack("!II", packed(source) + packed(target))
    return siphash(key, struct.pack("<III", *numbers, ports[0] << 16 | ports[1])) & MASK


KEY = bytes(range(0xF0, 0x100))


def edge_of(peer, ports, iss, key=KEY):
    return iss + cookie(key, peer.source, peer.target, ports) + 1 & MASK


def told_to(text, path="/proc/net/tarpit"):
    """0 or the errno of a write."""
    try:
        write(path, text)
    except OSError as error:
        return error.errno
    return 0


def keys(paths):
    """The formula, from a key that is known; and what a new key leaves of the old ones."""
    check("set a key", not told_to(f"key {KEY.hex()} 0\n"))
    for name, peer in paths.all():
        for iss in EDGES:
            ports = (Peer.port(), TARPIT)
            answered(f"{name} iss={iss:x}: ISN = ISS + H", peer, peer.ask(ports, SYN, iss),
                     flags=SYN | ACK, seq=edge_of(peer, ports, iss) - 1 & MASK)
            answered(f"{name} iss={iss:x}: held by the cookie alone", peer,
                     peer.ask(ports, ACK, iss + 1, edge_of(peer, ports, iss), data=b"x"),
                     flags=ACK, ack=iss + 1 & MASK)
    for name, peer in (("IPv4", paths.input4), ("IPv6", paths.input6)):
        ports = (Peer.port(), TARPIT)
        told_to(f"key {KEY.hex()}")
        probe = lambda: peer.ask(ports, ACK, 1000, edge_of(peer, ports, 1000))
        for count in range(4):
            answered(f"{name} {count} keys later: held", peer, probe(), flags=ACK, ack=1001)
            check(f"{name} rekey {count}", not told_to("rekey"))
        silent(f"{name} 4 keys later", probe())
        told_to(f"key {KEY.hex()}")
        answered(f"{name} the same key again: held", peer, probe(), flags=ACK, ack=1001)
        told_to("rekey 0")
        silent(f"{name} rekey that keeps no old key", probe())
    for bad in ("key", "key 00", "key " + "g" * 32, f"key {KEY.hex()}00", f"key {KEY.hex()} 4", "rekey 4",
                "rekey -1", "rekey 1 2", "clear 1", "nonsense", "", "\n", "key " * 1000):
        check(f"{bad[:20]!r}... is refused", told_to(bad) == (errno.EINVAL if bad else 0))


def policies(paths):
    """What to do with segments of connections that are older than the rule."""
    for name, peer in paths.all():
        ports = (Peer.port(), TARPIT)
        data = lambda: peer.ask(ports, ACK | PSH, 5000, 7000, data=b"GET /")
        silent(f"{name} strict", data())
        told_to("adopt")
        answered(f"{name} adopt: nothing is acknowledged that the window did not have", peer, data(),
                 flags=ACK, seq=7000, ack=5000, window=0)
        silent(f"{name} adopt: not another tarpit", peer.ask(ports, ACK, 5000, 7000, window=0))
        silent(f"{name} adopt: FIN", peer.ask(ports, FIN | ACK, 5000, 7000))
        silent(f"{name} adopt: RST", peer.ask(ports, RST | ACK, 5000, 7000))
        told_to("strict")
        silent(f"{name} strict again", data())


# ---- who is held

Row = collections.namedtuple("Row", "family source sport target dport first last segments bytes marks")


def table():
    with open("/proc/net/tarpit", encoding="utf-8") as lines:
        return [line.rstrip("\n") for line in lines]


def held_rows():
    rows = [Row(*line.split(" ")) for line in table() if not line.startswith("#")]
    return {(row.source, int(row.sport), row.target, int(row.dport)): row for row in rows}


def totals():
    with open("/proc/net/stat/tarpit", encoding="utf-8") as lines:
        return {name: int(value) for name, value in (line.split("=") for line in lines)}


def counted(name, before, **wanted):
    """Which totals have changed, and by how much."""
    after = totals()
    changes = {key: after[key] - before[key] for key in after if after[key] != before[key]}
    check(name, changes == wanted, f"{changes} instead of {wanted}")


def without_capability(number, text):
    """The errno of a write by root without one capability (capabilities(7)); 0 if it went well."""
    child = os.fork()
    if not child:
        mask = ~(1 << number) & 0xFFFFFFFF
        sets = struct.pack("IIIIII", mask, mask, 0, 0xFFFFFFFF, 0xFFFFFFFF, 0)
        libc.syscall(126, struct.pack("Ii", 0x20080522, 0), sets)  # capset
        os._exit(told_to(text))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def peer_table(paths):
    told_to(f"key {KEY.hex()} 0")
    for path, mode in (("/proc/net/tarpit", 0o600), ("/proc/net/stat/tarpit", 0o400)):
        check(f"{path}: mode", os.stat(path).st_mode & 0o7777 == mode, oct(os.stat(path).st_mode))
    check("clear", not told_to("clear"))
    lines = table()
    words = lines[0].split(" ")
    check("empty: two lines, the first with version and size",
          len(lines) == 2 and words[:4] == ["#", "version", "1", "now"] and words[5:] == ["peers", "4096"], lines)
    check("the second names the columns", lines[1] ==
          "# family source sport destination dport first last segments bytes marks", lines)
    check("writing needs CAP_NET_ADMIN", without_capability(12, "clear") == errno.EPERM)
    check("writing needs no other capability", without_capability(21, "clear") == 0)
    with namespace("peer"):
        check("a namespace without a rule has no table", table()[0].endswith(" peers 0"), table())
        with open("/proc/net/stat/tarpit", encoding="utf-8") as stat:
            check("nor totals", stat.read() == "version=1\n")
    for name, peer in (("IPv4", paths.input4), ("IPv6", paths.input6)):
        table_of_one(name, peer, 20 if not peer.six else 40)
    flood(paths.input4)
    one_source(paths.input4)


def table_of_one(name, peer, header):
    ports, iss = (Peer.port(), TARPIT), 1000
    edge, before = edge_of(peer, ports, iss), totals()
    key = (peer.source, ports[0], peer.target, ports[1])
    row = lambda: held_rows().get(key)
    told_as = lambda: row() and (row().segments, row().bytes, row().marks)

    def said(what, wanted):
        check(f"{name} {what}", told_as() == wanted, f"{row()} instead of {wanted}")

    peer.ask(ports, SYN, iss)
    said("SYN: no row", None)
    for what, flags, seq, ack, more in (
            ("stray ACK", ACK, 1, edge + 9, {}), ("RST", RST, 1, 0, {}), ("RST with ACK", RST | ACK, 1, edge, {}),
            ("damaged ACK", ACK, 1, edge, {"damage": True})):
        peer.ask(ports, flags, iss + seq, ack, **more)
        said(f"{what}: no row", None)
    counted(f"{name} totals without a row", before, segments=5, syn=1, replies=1, bytes=header + 24,
            dropped_cookie=1, dropped_flags=2, dropped_checksum=1)
    before, one, count, sent = totals(), header + 20, 0, 0
    for what, flags, seq, ack, more, replies, marks in (
            ("handshake", ACK, 1, edge, {}, 1, "----"),
            ("own window closed", ACK, 1, edge, {"window": 0}, 0, "----"),
            ("data", ACK | PSH, 1, edge, {"data": b"x" * 9}, 1, "d---"),
            ("probe", ACK, 0, edge, {}, 1, "dp--"),
            ("FIN", ACK | FIN, 1, edge, {}, 0, "dpf-"),
            ("RST with the cookie", RST | ACK, 1, edge, {}, 0, "dpfr"),
            ("a segment after it", ACK, 1, edge, {}, 1, "dpf-"),
            ("RST in the window", RST, 1, 0, {}, 0, "dpfr")):
        peer.ask(ports, flags, iss + seq, ack, **more)
        count, sent = count + 1, sent + replies
        said(what, (str(count), str(sent * one), marks))
    peer.ask(ports, RST, iss + 900)
    peer.ask(ports, RST | ACK, iss + 1, edge + 900)
    said("RST out of the window, RST without the cookie: unchanged", (str(count), str(sent * one), "dpfr"))
    counted(f"{name} totals with a row", before, segments=10, held=1, replies=4, bytes=4 * one,
            dropped_window=1, dropped_flags=4, dropped_cookie=1)
    now = int(table()[0].split(" ")[4])
    check(f"{name} times", now - 100 <= int(row().first) <= int(row().last) <= now, row())
    peer.ask(ports, ACK, 9001, edge_of(peer, ports, 9000))
    said("the same ports again: another connection", ("1", str(one), "----"))


def flood(peer):
    """Defect 12's cure must not be a way to hide: SYNs from everywhere change no row."""
    before, seen = totals(), held_rows()
    for number in range(500):
        source = f"10.{number % 200}.{number // 200}.9"
        whole = tcp(source, peer.target, (1024 + number, TARPIT), SYN, number)
        peer.wire.send(packet(source, peer.target, whole))
        whole = tcp(source, peer.target, (1024 + number, TARPIT), ACK, number, number, data=b"x")
        peer.wire.send(packet(source, peer.target, whole))
    peer.wire.settle()
    check("500 forged SYNs and ACKs change no row", held_rows() == seen)
    after = totals()
    check("but the totals", after["syn"] - before["syn"] == 500
          and after["dropped_cookie"] - before["dropped_cookie"] == 500, f"{before} {after}")


def one_source(peer):
    """A source has a sixteenth of the table at most; what does not fit shows in the totals."""
    told_to("clear")
    before = totals()
    for port in range(1024, 1024 + 1500):
        ports = (port, TARPIT)
        peer.wire.send(packet(peer.source, peer.target,
                              peer.segment(ports, ACK, 1001, edge_of(peer, ports, 1000), data=b"x")))
    peer.wire.settle()
    rows, after = held_rows(), totals()
    check("1500 connections of one source: 256 rows", len(rows) == 256, len(rows))
    check("1500 held, 1244 evicted", after["held"] - before["held"] == 1500
          and after["evicted"] - before["evicted"] == 1244, after)


def whole_table(paths):
    """Read in small pieces while rows come and go: what stays is met once, and the reading ends."""
    told_to("clear")
    peer, rate = paths.input4, "/sys/module/xt_TARPIT/parameters/reply_rate"
    write(rate, 1)

    def come(number):
        source = f"10.{100 + number % 60}.{number // 60 % 250}.9"
        ports = (1024 + number % 60000, TARPIT)
        edge = 1001 + cookie(KEY, source, peer.target, ports) & MASK
        peer.wire.send(packet(source, peer.target, tcp(source, peer.target, ports, ACK, 1001, edge, data=b"x")))

    for number in range(3000):
        come(number)
    peer.wire.settle()
    before, seen, rest = set(held_rows()), [], b""
    check("thousands of rows", len(before) > 2000, len(before))
    reader, pieces, number = os.open("/proc/net/tarpit", os.O_RDONLY), 0, 3000
    while pieces < 20000:
        piece = os.read(reader, 4096)
        if not piece:
            break
        pieces, rest = pieces + 1, rest + piece
        for _ in range(10):
            come(number)
            number += 1
    os.close(reader)
    peer.wire.settle()
    for line in rest.decode("utf-8").splitlines():
        if not line.startswith("#"):
            row = Row(*line.split(" "))
            seen.append((row.source, int(row.sport), row.target, int(row.dport)))
    stayed = before & set(held_rows())
    check("the reading ends", pieces < 20000, pieces)
    check("every row that stayed was read", len(stayed) > 1000 and stayed <= set(seen),
          f"{len(stayed - set(seen))} of {len(stayed)} missed")
    twice = [key for key, count in collections.Counter(seen).items() if count > 1 and key in stayed]
    check("none of them twice", not twice, twice[:5])
    write(rate, 10000)
    told_to("clear")
    check("nothing is left after clear", not held_rows())


# ---- revision 1

def revision_1(firewall, paths):
    """Our own extension, and what its options do."""
    os.environ["XTABLES_LIBDIR"] = "/usr/lib/tarpit-kit:/usr/lib/x86_64-linux-gnu/xtables"
    try:
        spelled(firewall)
        options_on_the_wire(firewall, paths)
    finally:
        del os.environ["XTABLES_LIBDIR"]
        firewall.clear()
        firewall.set_up()


SPELLED = (
    "--tarpit", "--honeypot", "--reset", "--tarpit --window 0", "--tarpit --window 65535", "--honeypot --window 5",
    "--tarpit --options", "--tarpit --adopt", "--tarpit --no-cookie", "--tarpit --no-track-peers",
    "--tarpit --max-reply-rate 1/second", "--reset --max-reply-rate 1000000/second",
    "--tarpit --window 20 --options --adopt --no-track-peers --max-reply-rate 50/second")


def spelled(firewall):
    for program in firewall.programs:
        start = ["-A", "INPUT", "-p", "tcp", "-m", "tcp", "--dport", "9", "-j", "TARPIT"]
        for words in SPELLED:
            need(program, "-F")
            need(program, *start, *words.split())
            listed = need(program, "-S", "INPUT").splitlines()[-1]
            check(f"{program} {words}: -S says it", listed == " ".join([*start, words]), listed)
            shown = need(program, "-nL", "INPUT").splitlines()[-1]
            check(f"{program} {words}: -L says it",
                  all(word.lstrip("-") in shown for word in words.split()), shown)
            saved = need(program + "-save", "-t", "filter")
            restored = subprocess.run([program + "-restore"], input=saved, capture_output=True, text=True,
                                      timeout=PATIENCE, check=False)
            again = need(program + "-save", "-t", "filter")
            same = [[line for line in text.splitlines() if line.startswith("-A")] for text in (saved, again)]
            check(f"{program} {words}: saved and restored", not restored.returncode and same[0] == same[1]
                  and same[0], restored.stderr)
            check(f"{program} {words}: -C and -D find it",
                  not run(program, "-C", *start[1:], *words.split()).returncode
                  and not run(program, "-D", *start[1:], *words.split()).returncode)
        need(program, *start)
        check(f"{program} -D --tarpit finds a rule without options",
              not run(program, "-D", *start[1:], "--tarpit").returncode)
        for words in ("--window 65536", "--window -1", "--adopt --no-cookie", "--reset --window 5", "--window 5 --reset",
                      "--honeypot --adopt", "--reset --options", "--max-reply-rate 0/second",
                      "--max-reply-rate 1000001/second", "--max-reply-rate 5", "--max-reply-rate 5/minute",
                      "--tarpit --honeypot", "--honeypot --no-track-peers"):
            refused = run(program, *start, *words.split())
            check(f"{program} refuses {words}", refused.returncode == 2, f"{refused.returncode} {refused.stderr}")


WIDE, OPTIONS, ADOPT, NO_COOKIE, RATE, UNTRACKED = range(90, 96)
STAMPS = bytes((1, 1, 8, 10)) + struct.pack("!II", 0x01020304, 0)


def options_on_the_wire(firewall, paths):
    firewall.clear()
    for port, words in ((WIDE, "--window 20"), (OPTIONS, "--options"), (ADOPT, "--adopt"),
                        (NO_COOKIE, "--no-cookie"), (RATE, "--max-reply-rate 5/second"),
                        (UNTRACKED, "--no-track-peers"), (HONEYPOT, "--honeypot --window 1000 --options")):
        firewall.both(f"-A INPUT -p tcp --dport {port} -j TARPIT {words}")
    told_to(f"key {KEY.hex()} 0")
    for name, peer in (("IPv4", paths.input4), ("IPv6", paths.input6)):
        own_window(name, peer)
        own_options(name, peer)
        ports = (Peer.port(), ADOPT)
        answered(f"{name} --adopt", peer, peer.ask(ports, ACK, 5000, 7000, data=b"x"), flags=ACK, ack=5000, seq=7000)
        answered(f"{name} --adopt: the cookie still counts", peer,
                 peer.ask(ports, ACK, 1000, edge_of(peer, ports, 1000)), flags=ACK, ack=1001)
        ports = (Peer.port(), NO_COOKIE)
        answered(f"{name} --no-cookie", peer, peer.ask(ports, ACK, 1000, edge_of(peer, ports, 1000)),
                 flags=ACK, ack=1000)
        ports = (Peer.port(), UNTRACKED)
        answered(f"{name} --no-track-peers", peer, peer.ask(ports, ACK, 1000, edge_of(peer, ports, 1000)),
                 flags=ACK, ack=1001)
        check(f"{name} --no-track-peers: no row", ports[0] not in {key[1] for key in held_rows()})
        before = totals()
        start = time.monotonic()
        for number in range(200):
            peer.wire.send(packet(peer.source, peer.target, peer.segment((Peer.port(), RATE), SYN, number)))
        answers = [one for one in peer.wire.settle() if one.ports[0] == RATE]
        seconds = time.monotonic() - start
        check(f"{name} --max-reply-rate 5/second: 200 SYNs", 5 <= len(answers) <= min(6 + 5 * seconds, 199),
              len(answers))
        counted(f"{name} --max-reply-rate: totals", before, segments=200, syn=200, replies=len(answers),
                bytes=len(answers) * (64 if peer.six else 44), dropped_rate=200 - len(answers))
    with namespace("peer"):
        sysctl("net/ipv4/tcp_retries2", 3)
    held([Client("--options IPv4", "peer", "10.9.0.1", OPTIONS), Client("--options IPv6", "peer", "fd09::1", OPTIONS)], 6)


def own_window(name, peer):
    ports = (Peer.port(), WIDE)
    answered(f"{name} --window 20", peer, peer.ask(ports, SYN, 1000), flags=SYN | ACK, window=20)
    edge = edge_of(peer, ports, 1000)
    answered(f"{name} --window 20, d=W+2", peer, peer.ask(ports, ACK, 1022, edge), flags=ACK, ack=1001, window=0)
    silent(f"{name} --window 20, d=W+3", peer.ask(ports, ACK, 1023, edge))


def own_options(name, peer):
    """RFC 7323 section 3.2: stamps are in every segment, or in none."""
    def one(what, answers, before, behind=b""):
        got = answers[0].options if len(answers) == 1 else b""
        check(f"{name} --options: {what}", len(answers) == 1 and got.startswith(before) and got.endswith(behind)
              and len(got) == len(before) + len(behind) + (4 if behind else 0) and answers[0].intact, told(answers))

    ports, mss = (Peer.port(), OPTIONS), struct.pack("!BBH", 2, 4, peer.mss)
    echo, sack = struct.pack("!I", 0x01020304), b"\4\2"
    one("SYN with all of them", peer.ask(ports, SYN, 1000, options=mss + sack + STAMPS[2:] + b"\1\3\3\7"),
        mss + sack + b"\x08\x0a", echo)
    one("SYN with SACK", peer.ask(ports, SYN, 1000, options=mss + b"\1\1" + sack), mss + b"\1\1" + sack)
    one("SYN with stamps", peer.ask(ports, SYN, 1000, options=STAMPS), mss + STAMPS[:4], echo)
    one("SYN with none", peer.ask(ports, SYN, 1000), mss)
    one("SYN with broken ones", peer.ask(ports, SYN, 1000, options=b"\x08\x20\4\2"), mss)
    edge = edge_of(peer, ports, 1000)
    one("ACK with stamps", peer.ask(ports, ACK, 1001, edge, options=STAMPS), STAMPS[:4], echo)
    one("ACK without", peer.ask(ports, ACK, 1001, edge), b"")


# ---- packets that were in the hands of a program

class Queue:
    """Of NFQUEUE (linux/netfilter/nfnetlink_queue.h): packets wait until they are let through."""

    def __init__(self, number):
        self.number = number
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)  # NETLINK_NETFILTER
        self.socket.bind((0, 0))
        self.socket.settimeout(PATIENCE)
        self.tell(2, 1, struct.pack("!BBH", 1, 0, socket.AF_INET))  # bind
        self.tell(2, 2, struct.pack("!IB", 0, 1))  # no payload

    def tell(self, kind, attribute, data):
        body = struct.pack("!BBH", 0, 0, self.number) + struct.pack("=HH", 4 + len(data), attribute) + data
        body += bytes(-len(body) % 4)
        self.socket.send(struct.pack("=IHHII", 16 + len(body), 3 << 8 | kind, 1, 0, 0) + body)

    def let_through(self):
        """The rules behind the queue then see the packet in this process, not in a softirq."""
        while True:
            got = self.socket.recv(65536)
            if int.from_bytes(got[4:6], sys.byteorder) == 3 << 8:
                break
        at = 20
        while int.from_bytes(got[at + 2:at + 4], sys.byteorder) != 1:  # the packet's number
            at += -(-int.from_bytes(got[at:at + 2], sys.byteorder) // 4) * 4
        self.tell(1, 2, struct.pack("!I", 1) + got[at + 4:at + 8])  # NF_ACCEPT


def queued(firewall, paths):
    firewall.both("-t mangle -A INPUT -p tcp -j NFQUEUE --queue-num 7")
    queue = Queue(7)
    told_to(f"key {KEY.hex()} 0")
    for name, peer in (("IPv4", paths.input4), ("IPv6", paths.input6)):
        ports = (Peer.port(), TARPIT)
        for what, flags, seq, ack, more, wanted in (
                ("SYN", SYN, 1000, 0, {}, SYN | ACK), ("data", ACK, 1001, edge_of(peer, ports, 1000), {"data": b"x"}, ACK),
                ("probe", ACK, 1000, edge_of(peer, ports, 1000), {}, ACK)):
            peer.wire.settle()
            peer.wire.send(packet(peer.source, peer.target, peer.segment(ports, flags, seq, ack, **more)))
            queue.let_through()
            answered(f"{name} {what} behind a queue", peer,
                     [one for one in peer.wire.settle() if one.ports == ports[::-1]], flags=wanted, ack=1001)
        peer.wire.send(packet(peer.source, peer.target, peer.segment(ports, RST, 1001)))
        queue.let_through()
        key = (peer.source, ports[0], peer.target, ports[1])
        check(f"{name}: listed", until(lambda: held_rows().get(key) and held_rows()[key].marks == "dp-r"),
              held_rows().get(key))
    firewall.both("-t mangle -F INPUT")
    queue.socket.close()


# ---- two targets facing each other

def starters(edge):
    """What begins a talk: flags, seq, ack, window, payload. `edge` carries the receiver's cookie."""
    for flags in (0, SYN, ACK, FIN, RST, SYN | ACK, FIN | ACK, RST | ACK, PSH | ACK, SYN | FIN, URG,
                  FIN | PSH | URG):
        for ack in (0, edge):
            for window in (0, 64000):
                for data in (b"", b"x"):
                    yield flags, 1001, ack, window, data


def facing(_paths):
    """Defect 4: no segment, forged or not, makes two targets talk for longer than two answers."""
    cable(("a", "e0", ("10.50.0.1/24", "fd50::1/64")), ("b", "e1", ("10.50.0.2/24", "fd50::2/64")), 0x5000)
    wire = Wire("b", "e1", mac_bytes(0x5001), mac_bytes(0x5000), ("10.50.0.2", "10.50.0.1"))
    variants = (("tarpit", TARPIT), ("honeypot", HONEYPOT), ("reset", RESET))
    for where in ("a", "b"):
        with namespace(where):
            for program in ("iptables-legacy", "ip6tables-legacy"):
                for name, port in variants:
                    need(program, *f"-A INPUT -p tcp --dport {port} -j TARPIT --{name}".split())
    pairs = [(here, there) for here in variants for there in variants]
    # To adopt is to take every segment for one of a connection of one's own: as if its cookie had been
    # guessed, by both sides.
    for policy in ("strict", "adopt"):
        for where in ("a", "b"):
            with namespace(where):
                told_to(policy)
        for family, source, target in (("IPv4", "10.50.0.2", "10.50.0.1"), ("IPv6", "fd50::2", "fd50::1")):
            for (here, sport), (there, dport) in pairs:
                worst = facing_talks(wire, source, target, (sport, dport))
                check(f"{family} {policy} {here} against {there}: three packets at most", len(worst) <= 2,
                      told(worst[:20]))


def facing_talks(wire, source, target, ports):
    """The longest talk, its starter not counted, that any starter causes between two targets."""
    wire.settle()
    wire.send(packet(source, target, tcp(source, target, ports, SYN, 1000)))
    accepted = [one for one in wire.settle() if one.source == target and one.flags & SYN]
    worst, edge = [], accepted[0].seq + 1 if accepted else 1
    for flags, seq, ack, window, data in starters(edge):
        wire.settle()
        wire.send(packet(source, target, tcp(source, target, ports, flags, seq, ack, window, data)))
        # Each round trip of the fence leaves time for at least one more of the talk.
        talk = [one for _ in range(3) for one in wire.settle(outgoing=True)]
        worst = max(worst, talk, key=len)
    return worst


# ---- Linux as the peer

class Client:
    """A connection of the kernel's own TCP, seen through TCP_INFO (linux/tcp.h)."""

    def __init__(self, name, where, address, port=TARPIT, device=None):
        self.name = name
        family = socket.AF_INET6 if is_six(address) else socket.AF_INET
        with namespace(where):
            self.socket = socket.socket(family, socket.SOCK_STREAM)
            scope = socket.if_nametoindex(device) if device else 0
        self.socket.settimeout(10)
        self.place = (address, port, 0, scope) if is_six(address) else (address, port)
        self.error = None

    def connect(self):
        try:
            self.socket.connect(self.place)
        except OSError as error:
            self.error = error
        return self

    def info(self):
        raw = self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
        return {"state": raw[0], "probes": raw[3], "backoff": raw[4],
                "unacked": int.from_bytes(raw[24:28], sys.byteorder),
                "unsent": int.from_bytes(raw[144:148], sys.byteorder)}

    def held(self):
        """Established, nothing delivered, two probes or more sent and every one of them answered."""
        if self.error:
            return True
        info = self.info()
        return (info["state"] == 1 and info["unacked"] == 0 and info["unsent"] == 200
                and info["backoff"] >= 2 and info["probes"] == 0)

    def abort(self):
        """With an RST: closed with data pending, it would go on probing while other checks run."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def delivered(self):
        info = self.info()
        return info["state"] == 1 and info["unacked"] == 0 and info["unsent"] == 0


def held(clients, seconds=0):
    """
    All at once. The peer's probe counter starts over only if the answers acknowledge the very edge of
    the window: an old ACK lets `probes` grow with `backoff` until tcp_retries2 ends the connection.
    """
    for client in clients:
        client.connect()
        if not client.error:
            client.socket.send(b"x" * 200)
    all_held = lambda: all(client.held() for client in clients)
    until(all_held)
    if seconds:
        time.sleep(seconds)
        until(all_held)
    for client in clients:
        info = client.error or client.info()
        check(f"{client.name}: held", not client.error and client.held(), info)
        client.abort()


def refused(name, where, address):
    client = Client(name, where, address, RESET).connect()
    check(f"{name}: refused", isinstance(client.error, ConnectionRefusedError), client.error)
    client.socket.close()


def routed():
    return [Client("INPUT IPv4", "peer", "10.9.0.1"), Client("INPUT IPv6", "peer", "fd09::1"),
            Client("FORWARD IPv4", "peer", "10.10.0.2"), Client("FORWARD IPv6", "peer", "fd10::2")]


def linux_peers(seconds):
    """Defects 1, 3, 5, 8. With tcp_retries2=3 a peer whose counter grows is gone after some 3 seconds."""
    with namespace("peer"):
        sysctl("net/ipv4/tcp_retries2", 3)
    held([*routed(), Client("INPUT IPv6 link-local", "peer", link_local(0x900), device="p0"),
          Client("loopback IPv4", None, "127.0.0.1"), Client("loopback IPv6", None, "::1")], seconds)
    for name, where, address in (("IPv4", "peer", "10.9.0.1"), ("IPv6", "peer", "fd09::1"),
                                 ("FORWARD IPv6", "peer", "fd10::2"), ("loopback IPv4", None, "127.0.0.1")):
        refused(name, where, address)
    for name, address in (("IPv4", "10.9.0.1"), ("IPv6", "fd09::1")):
        client = Client(name, "peer", address, HONEYPOT).connect()
        for size in (5000, 50000):
            client.socket.send(b"q" * size)
            check(f"honeypot {name} swallows {size} bytes", until(client.delivered), client.info())
        client.socket.close()


def policy_routing(firewall, paths):
    """Defect 10: a reply takes the way its original's mark gives it."""
    for six, net, via in (("", "10.99.0.0/24", "10.99.0.66"), ("-6 ", "fd99::/64", "fd99::66")):
        ip(f"{six}rule add fwmark 5 lookup 100")
        ip(f"{six}route add {net} dev t0 table 100")
        ip(f"neigh replace {via} lladdr {mac_of(0x901)} dev t0 nud permanent")
    peers = (("IPv4", Peer(paths.wire, "10.99.0.66", "10.9.0.1", 1460)),
             ("IPv6", Peer(paths.wire, "fd99::66", "fd09::1", 1440)))
    for name, peer in peers:
        silent(f"{name} no route back without the mark", peer.ask((Peer.port(), TARPIT), SYN, 5))
    firewall.both("-t mangle -A PREROUTING -j MARK --set-mark 5")
    for name, peer in peers:
        answered(f"{name} the mark is the reply's too", peer, peer.ask((Peer.port(), TARPIT), SYN, 5),
                 flags=SYN | ACK)
    firewall.both("-t mangle -F PREROUTING")


def vrf_clients(mode):
    return [Client(f"VRF{mode} IPv4", "vpeer", "10.30.0.1"), Client(f"VRF{mode} IPv6", "vpeer", "fd30::1"),
            Client(f"VRF{mode} IPv6 link-local", "vpeer", link_local(0x3000), device="p2")]


def vrf(firewall):
    ip("link add vrf0 type vrf table 10")
    ip("link set vrf0 up")
    cable((None, "t2", ()), ("vpeer", "p2", ("10.30.0.2/24", "fd30::2/64")), 0x3000)
    ip("link set t2 master vrf0")
    for address in ("10.30.0.1/24", "fd30::1/64"):
        ip(f"addr add {address} dev t2")
    held(vrf_clients(""))
    need("modprobe", "nf_conntrack")
    firewall.both("-A OUTPUT -m conntrack --ctstate NEW")
    vrf_conntrack(" tracked")
    # The VRF driver forgets that a packet is untracked when it passes it through output once more.
    firewall.both("-t raw -A PREROUTING -p tcp -j CT --notrack")
    vrf_conntrack(" NOTRACK")
    firewall.both("-t raw -F PREROUTING")
    firewall.both("-F OUTPUT")


def vrf_conntrack(mode):
    held(vrf_clients(mode))
    entries = remote_entries()
    check(f"VRF{mode}: no entry", not entries, entries)


def bridge(_paths):
    """Without an address on the bridge: the reply leaves by the port the segment came in by."""
    need("modprobe", "br_netfilter")
    ip("link add br0 type bridge")
    for where, number, port in (("left", 0x4000, "q1"), ("right", 0x4100, "q2")):
        own = "1" if where == "left" else "2"
        cable((None, port, ()), (where, "e0", (f"10.40.0.{own}/24", f"fd40::{own}/64")), number)
        ip(f"link set {port} master br0")
    sysctl("net/ipv6/conf/br0/disable_ipv6", 1)
    ip("link set br0 up")
    for where, other, number in (("left", "2", 0x4101), ("right", "1", 0x4001)):
        for address in (f"10.40.0.{other}", f"fd40::{other}"):
            ip(f"-n {where} neigh replace {address} lladdr {mac_of(number)} dev e0 nud permanent")
    held([Client("bridge IPv4", "left", "10.40.0.2"), Client("bridge IPv6", "left", "fd40::2")])
    refused("bridge IPv4", "left", "10.40.0.2")
    wire = Wire("left", "e0", mac_bytes(0x4001), mac_bytes(0x4101), ("10.40.0.1", "10.40.0.2"))
    for source, target, mss in (("10.40.0.1", "10.40.0.2", 1460), ("fd40::1", "fd40::2", 1440)):
        peer = Peer(wire, source, target, mss)
        answered(f"{source}: the reply has the server's MAC address", peer,
                 peer.ask((Peer.port(), TARPIT), SYN, 7), flags=SYN | ACK, mac=wire.gateway)


# ---- conntrack

def remote_entries():
    """TCP entries, those of this machine's own loopback connections left out."""
    with open("/proc/net/nf_conntrack", encoding="utf-8") as lines:
        return [line for line in lines if " tcp " in line and "src=127." not in line
                and "src=0000:0000:0000:0000:0000:0000:0000:0001" not in line]


def untouched(mode, paths):
    """Whatever a remote peer does leaves no entry."""
    held([Client(f"{mode} {client.name}", "peer", client.place[0]) for client in routed()])
    refused(f"{mode} IPv4", "peer", "10.9.0.1")
    refused(f"{mode} IPv6", "peer", "fd09::1")
    for name, peer in (("INPUT IPv4", paths.input4), ("FORWARD IPv6", paths.forward6)):
        tarpit(f"{mode} {name}", peer, EDGES[:1])
        honeypot(f"{mode} {name}", peer)
        reset(f"{mode} {name}", peer)
    entries = remote_entries()
    check(f"{mode}: no entry", not entries, entries)


def conntrack(firewall, paths, modes=("tracked", "strict", "untracked")):
    loose = "net/netfilter/nf_conntrack_tcp_loose"
    need("modprobe", "nf_conntrack")
    firewall.both("-A OUTPUT -m conntrack --ctstate NEW")
    if "tracked" in modes:
        untouched("tracked", paths)
        answered("IPv6 SYN in two fragments, reassembled (defect 14)", paths.input6,
                 fragments6(paths.input6, 24, 201), flags=SYN | ACK)
        answered("IPv4 SYN in two fragments, FORWARD, reassembled (defect 14)", paths.forward4,
                 fragments4(paths.forward4, 24, 202), flags=SYN | ACK)
    if "strict" in modes:
        sysctl(loose, 0)
        untouched("tcp_loose=0", paths)
        sysctl(loose, 1)
    if "untracked" in modes:
        firewall.both("-t raw -A PREROUTING -p tcp -j CT --notrack")
        untouched("NOTRACK", paths)


def unload(firewall):
    firewall.clear()
    for where in ("a", "b"):
        with namespace(where):
            firewall.clear()
    done = run("rmmod", "xt_TARPIT")
    check("rmmod", done.returncode == 0, done.stderr)


# ---- everything

def in_group(name, function, *arguments):
    """All groups, or those of groups=A,B on the kernel's command line, which is init's environment."""
    global _group
    wanted = lab.setting("groups", "").replace("_", " ")
    if wanted and name != "network" and name not in wanted.split(","):
        return
    _group = name
    try:
        function(*arguments)
    except Exception:  # reported like any other failure, and the groups after it still run
        check("runs to its end", False, traceback.format_exc()[-600:])


def all_groups():
    paths = Paths()
    legacy, nft = Firewall("legacy"), Firewall("nft")
    in_group("legacy rules", rules, legacy)
    in_group("variant byte", variant_byte, legacy)
    in_group("fragments", fragments, paths)
    in_group("tarpit", crafted_tarpit, paths)
    in_group("honeypot", crafted_honeypot, paths)
    in_group("reset", crafted_reset, paths)
    in_group("packets", packets, paths)
    in_group("ways", ways, paths)
    in_group("offloads", offloads, paths)
    in_group("leftovers", leftovers, paths)
    in_group("Linux peers", linux_peers, 6)
    in_group("policy routing", policy_routing, legacy, paths)
    in_group("VRF", vrf, legacy)
    in_group("bridge", bridge, paths)
    in_group("facing", facing, paths)
    in_group("ceiling", ceiling, paths)
    in_group("random packets", random_packets, paths)
    in_group("conntrack", conntrack, legacy, paths)
    in_group("keys", keys, paths)
    in_group("policies", policies, paths)
    in_group("peer table", peer_table, paths)
    in_group("whole table", whole_table, paths)
    in_group("revision 1", revision_1, legacy, paths)
    in_group("unload", unload, legacy)
    in_group("nft rules", rules, nft)
    in_group("nft variants", nft_variants, paths)
    in_group("nft Linux peers", linux_peers, 0)
    in_group("nft queue", queued, nft, paths)
    in_group("nft revision 1", revision_1, nft, paths)
    in_group("nft conntrack", conntrack, nft, paths, ("untracked",))
    in_group("nft unload", unload, nft)


def nft_variants(paths):
    for name, peer in paths.all():
        tarpit(name, peer, EDGES[:1])
        honeypot(name, peer)
        reset(name, peer)


def main():
    # Softirqs run where the sender runs: one queue, so that the echo reply comes last.
    os.sched_setaffinity(0, {0})
    in_group("network", lambda: (make_namespaces(), make_network(), check("is up", True)))
    all_groups()


if __name__ == "__main__":
    lab.start(main)
