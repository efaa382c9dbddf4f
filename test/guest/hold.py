#!/usr/bin/python3 -B
"""
How long a Linux peer stays: real sockets of a namespace 50 ms away from the rule, each left in one of
the states a peer can be in, watched until it is gone or the horizon is reached.

With QEMU's -icount idle time passes at once, so hours of waiting take minutes.
"""

import os
import select
import socket
import struct
import time

import lab

PORT = 80
PLUGINS = "/usr/lib/x86_64-linux-gnu/xtables"
TCP_USER_TIMEOUT, TCP_INFO = 18, 11

# What a peer does once it is connected, and the options it set before. "At once" is before the answer
# to the handshake's last segment, while the window of the SYN-ACK is still open.
CASES = {
    "idle": (lambda s: None, ()),
    "data blocked": (lambda s: s.send(b"x" * 1000), ()),
    "data at once": (lambda s: s.send(b"x" * 1000), ()),
    "3 bytes at once": (lambda s: s.send(b"xyz"), ()),
    "data blocked, closed": (lambda s: (s.send(b"x" * 1000), s.close()), ()),
    "closed at once": (lambda s: s.close(), ()),
    "closed later": (lambda s: s.close(), ()),
    "user timeout of 60 s": (lambda s: s.send(b"x" * 1000), ((socket.IPPROTO_TCP, TCP_USER_TIMEOUT, 60_000),)),
    "keepalive every 75 s": (lambda s: None, ((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
                                              (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 75),
                                              (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 75))),
}


class Held:
    """One connection. A closed socket is an orphan, which only the kernel's table still shows."""

    def __init__(self, peer, family, address, port, case):
        self.fields = {"peer": peer, "family": family, "case": case}
        act, options = CASES[case]
        self.socket = socket.socket(socket.AF_INET6 if family == "ipv6" else socket.AF_INET)
        for option in ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), *options):
            self.socket.setsockopt(*option)
        self.socket.settimeout(10)
        self.socket.connect((address, port))
        self.port = self.socket.getsockname()[1]
        self.socket.setblocking(False)
        self.start = time.monotonic()
        self.act, self.lost, self.why = act, None, ""
        if "at once" in case:
            self.begin()

    def begin(self):
        self.act(self.socket)

    def look(self, rows):
        """`rows` are the local ports in the table of the namespace."""
        if self.lost is not None:
            return
        if self.socket.fileno() < 0:
            if self.port not in rows:
                self.end("gone")
            return
        ready = select.select([self.socket], [], [], 0)[0]
        if ready:
            try:
                self.end("end of stream" if self.socket.recv(1) == b"" else "data")
            except OSError as error:
                self.end(error.strerror)

    def end(self, why):
        self.lost, self.why = time.monotonic() - self.start, why

    def result(self):
        info = {}
        if self.socket.fileno() >= 0:
            raw = self.socket.getsockopt(socket.IPPROTO_TCP, TCP_INFO, 192)  # linux/tcp.h
            _, _, retransmits, probes, backoff = struct.unpack_from("5B", raw)
            unacked = struct.unpack_from("=I", raw, 24)[0]
            segments = struct.unpack_from("=I", raw, 136)[0]
            info = {"probes": probes, "backoff": backoff, "retransmits": retransmits,
                    "unacked": unacked, "segments": segments}
            self.socket.close()
        return {**self.fields, "seconds": round(self.lost if self.lost is not None else time.monotonic() - self.start),
                "held": self.lost is None, "why": self.why, **info}


def prepare():
    for module in ("veth", "iptable_filter", "ip6table_filter", "xt_tcpudp", "sch_netem"):
        lab.run("modprobe", module)
    for number, retries in enumerate(retries_wanted(), 1):
        name = f"retries2={retries}"
        lab.make_namespace(name)
        lab.cable(f"t{number}", "p0", name, f"10.{70 + number}.0", f"fd{70 + number}", number)
        with lab.namespace(name):
            lab.sysctl("net/ipv4/tcp_retries2", retries)
        # both ways: a segment or its answer
        for device, where in ((f"t{number}", ()), ("p0", ("-n", name))):
            lab.need("tc", *where, "qdisc", "add", "dev", device, "root", "netem",
                     "delay", "25ms", "loss", f"{lab.setting('LOSS', 0.0)}%")


def retries_wanted():
    return lab.setting("RETRIES2", "15,6").split(",")


def load(which):
    lab.need("modprobe", "x_tables")
    lab.need("insmod", f"/{which}/xt_TARPIT.ko")


def rules(verb, arguments):
    for program in ("iptables-legacy", "ip6tables-legacy"):
        lab.need("env", f"XTABLES_LIBDIR=/ours:{PLUGINS}" if arguments else "LC_ALL=C", program,
                 verb, "INPUT", "-p", "tcp", "--dport", str(PORT), "-j", "TARPIT", *arguments)


def runs():
    """The module, the families it answers, and the options of the rule, from OPTIONS=--a+1,--b."""
    more = [tuple(one.split("+")) for one in lab.setting("OPTIONS", "").split(",") if one]
    for which, families, arguments in (("stock", ["ipv4"], ()), ("ours", ["ipv4", "ipv6"], ()),
                                       *(("ours", ["ipv4", "ipv6"], one) for one in more)):
        if os.path.exists(f"/{which}/xt_TARPIT.ko"):
            yield which, families, arguments


def table_of(peer):
    with lab.namespace(peer):
        return {int(line.split()[1].rsplit(":", 1)[1], 16)
                for name in ("tcp", "tcp6") for line in lab.read(f"/proc/net/{name}").splitlines()[1:]}


def connect(families):
    held = []
    for number, retries in enumerate(retries_wanted(), 1):
        peer = f"retries2={retries}"
        with lab.namespace(peer):
            for family in families:
                address = f"10.{70 + number}.0.1" if family == "ipv4" else f"fd{70 + number}::1"
                held += [Held(peer, family, address, PORT, case)
                         for case in CASES for _ in range(lab.setting("COPIES", 1))]
    time.sleep(1)  # the answer to the handshake's last segment has closed the window by now
    for one in held:
        if "at once" not in one.fields["case"]:
            one.begin()
    return held


def watch(held, horizon):
    end = time.monotonic() + horizon
    while time.monotonic() < end and any(one.lost is None for one in held):
        peers = {f"retries2={retries}": table_of(f"retries2={retries}") for retries in retries_wanted()}
        for one in held:
            one.look(peers[one.fields["peer"]])
        time.sleep(1 if time.monotonic() < end - horizon + 300 else 5)


def main():
    prepare()
    horizon = lab.setting("HORIZON", 2000)
    for which, families, arguments in runs():
        load(which)
        rules("-A", arguments)
        held = connect(families)
        watch(held, horizon)
        for one in held:
            lab.report("hold", target=" ".join((which, *arguments)), **one.result())
        rules("-D", arguments)
        lab.need("rmmod", "xt_TARPIT")


if __name__ == "__main__":
    lab.start(main)
