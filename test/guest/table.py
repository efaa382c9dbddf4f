#!/usr/bin/python3 -B
"""
The list of who is held at its largest, full, read in small pieces while rows make room for others.
"""

import collections
import os
import subprocess
import time

import lab

PORT, ROOM = 80, 65536


def prepare():
    for module in ("veth", "iptable_filter", "xt_tcpudp", "x_tables"):
        lab.run("modprobe", module)
    lab.make_namespace("crowd")
    gateway = lab.cable("t0", "p0", "crowd", "10.77.0", "fd77", 1)
    for net in ("10.78.0.0/16", "10.79.0.0/16"):
        lab.ip(f"route add {net} via 10.77.0.2 dev t0")
    lab.need("insmod", "/ours/xt_TARPIT.ko", f"peers={ROOM}", "reply_rate=1000000")
    lab.need("iptables-legacy", "-A", "INPUT", "-p", "tcp", "--dport", str(PORT), "-j", "TARPIT")
    return gateway


def crowd(gateway, first, count, sources):
    """Connections that say nothing more once they are there."""
    return subprocess.Popen(["crowd", "/run/netns/crowd", "p0", gateway, first, "10.77.0.1", str(PORT), str(count),
                             str(sources), "1000000"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def in_pieces(size):
    reader = os.open("/proc/net/tarpit", os.O_RDONLY)
    while piece := os.read(reader, size):
        yield piece
    os.close(reader)


def rows(text):
    """Source, ports, destination; and since when, as the same ports again would be another connection."""
    return [tuple(line.split(b" ")[1:6]) for line in text.splitlines() if line[:1] != b"#"]


def whole():
    return rows(b"".join(in_pieces(1 << 20)))


def totals():
    return {name: int(value) for name, value in
            (line.split("=") for line in lab.read("/proc/net/stat/tarpit").splitlines())}


def main():
    gateway = prepare()
    many = crowd(gateway, "10.78.0.1", lab.setting("CONNECTIONS", 140000), 4000)
    established = many.stdout.readline().strip()
    start = time.monotonic()
    before = set(whole())
    seconds = time.monotonic() - start
    held = totals()
    lab.report("full", rows=len(before), established=established, head=lab.read("/proc/net/tarpit").split("\n", 1)[0],
               held=held["held"], evicted=held["evicted"], seconds=round(seconds, 3))

    more = crowd(gateway, "10.79.0.1", 4000, 400)
    pieces = []
    for piece in in_pieces(lab.setting("PIECE", 512)):
        pieces.append(piece)
        if len(pieces) > 100000:
            break
    going_on = totals()["evicted"]
    more.stdout.readline()
    after = set(whole())
    seen = collections.Counter(rows(b"".join(pieces)))
    stayed = before & after
    lab.report("read", pieces=len(pieces), rows=sum(seen.values()), stayed=len(stayed), gone=len(before - after),
               during=going_on - held["evicted"], missed=sum(1 for row in stayed if not seen[row]),
               twice=sum(1 for row in stayed if seen[row] > 1))
    for one in (many, more):
        one.kill()
        one.wait()
    lab.need("iptables-legacy", "-F")
    lab.need("rmmod", "xt_TARPIT")


if __name__ == "__main__":
    lab.start(main)
