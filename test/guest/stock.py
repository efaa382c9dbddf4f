#!/usr/bin/python3 -B
"""
Ours and the stock module in one guest: which of them a rule gets, what they do when they face each other.
And what Debian's own 6.1 is needed for: namespaces of a user without rights, conntrack entries there.

Both modules have one name, so the kernel takes only one of them; for the talk between them the stock one
gets another name, in a copy.
"""

import os
import select
import socket
import struct
import time

import lab

OURS, STOCK, RENAMED = "/ours/xt_TARPIT.ko", "/stock/xt_TARPIT.ko", "/tmp/xt_TARPIU.ko"
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
STORM = 500


def prepare():
    for module in ("veth", "iptable_filter", "ip6table_filter", "iptable_raw", "ip6table_raw", "xt_tcpudp",
                   "xt_conntrack", "xt_CT", "nf_conntrack", "x_tables"):
        lab.need("modprobe", module)
    lab.make_namespace("peer")
    lab.cable("t0", "p0", "peer", "10.70.0", "fd70", 1)


def both(*rule):
    for program in ("iptables-legacy", "ip6tables-legacy"):
        lab.need(program, *rule)


# ---- which one a rule gets

def loaded():
    """Ours is the one that lists who it holds."""
    if not os.path.exists("/sys/module/xt_TARPIT"):
        return "none"
    return "ours" if os.path.exists("/proc/net/tarpit") else "stock"


def coexistence():
    for first, second in ((OURS, STOCK), (STOCK, OURS)):
        lab.need("insmod", first)
        before = loaded()
        again = lab.run("insmod", second)
        lab.report("second", first=first.split("/")[1], code=again.returncode, words=again.stderr.strip(),
                   before=before, after=loaded())
        lab.need("iptables-legacy", "-A", "INPUT", "-p", "tcp", "-j", "TARPIT")
        lab.need("iptables-legacy", "-F", "INPUT")
        lab.need("rmmod", "xt_TARPIT")
    # Under another name there is nothing to stop the second one: rules made from then on are its.
    rename()
    lab.need("insmod", RENAMED)
    lab.need("insmod", OURS)
    lab.need("iptables-legacy", "-A", "INPUT", "-p", "tcp", "-j", "TARPIT")
    used = {name: int(lab.read(f"/sys/module/{name}/refcnt")) for name in ("xt_TARPIT", "xt_TARPIU")}
    lab.report("duplicate", used=used)
    lab.need("iptables-legacy", "-F", "INPUT")
    lab.need("rmmod", "xt_TARPIT")
    lab.need("rmmod", "xt_TARPIU")


def rename():
    """In struct module of a copy without its signature (scripts/sign-file.c: what stands at the end)."""
    with open(STOCK, "rb") as file:
        image = bytearray(file.read())
    trailer = b"~Module signature appended~\n"
    if image.endswith(trailer):
        length = struct.unpack(">I", image[-len(trailer) - 4:-len(trailer)])[0]
        del image[-len(trailer) - 12 - length:]
    table, = struct.unpack_from("<Q", image, 40)
    size, count, names = struct.unpack_from("<HHH", image, 58)
    sections = [struct.unpack_from("<IIQQQQ", image, table + size * number) for number in range(count)]
    for name, _, _, _, offset, length in sections:
        start = sections[names][4] + name
        if image[start:image.index(0, start)] == b".gnu.linkonce.this_module":
            at = image.index(b"xt_TARPIT\0", offset, offset + length)
            image[at:at + 9] = b"xt_TARPIU"
    with open(RENAMED, "wb") as file:
        file.write(image)


# ---- facing each other

def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def frame(ports, flags, seq, ack, window, payload=b""):
    """From the peer's address, 10.70.0.2, to ours (RFC 791, RFC 9293)."""
    source, target = (socket.inet_aton(f"10.70.0.{number}") for number in (2, 1))
    body = struct.pack("!HHIIBBHHH", *ports, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 5 << 4, flags, window, 0, 0) + payload
    even = body + bytes(len(body) % 2)
    value = checksum(source + target + struct.pack("!HH", 6, len(body)) + even)
    body = body[:16] + struct.pack("!H", value) + body[18:]
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 7, 0, 64, 6, 0) + source + target
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return bytes.fromhex("020000000101020000000102") + b"\x08\0" + head + body


class Line:
    """The peer's end of the cable: everything that passes it, either way."""

    def __init__(self):
        with lab.namespace("peer"):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self.socket.bind(("p0", 0))

    def talk(self, first, seconds=0.3):
        """What follows this frame until it has been quiet for a while, or has become a storm."""
        while select.select([self.socket], [], [], 0)[0]:
            self.socket.recv(4096)
        self.socket.send(first)
        found, end = [], time.monotonic() + 20
        while len(found) < STORM and time.monotonic() < end and select.select([self.socket], [], [], seconds)[0]:
            got, address = self.socket.recvfrom(4096)
            if got == first and address[2] == 4:  # PACKET_OUTGOING: the frame itself
                continue
            if got[12:14] == b"\x08\0" and got[23] == 6:
                found.append(got)
        return found


def starters(edge):
    for flags in (0, SYN, ACK, FIN, RST, SYN | ACK, FIN | ACK, RST | ACK, PSH | ACK, SYN | FIN):
        for ack in (0, edge):
            for window in (0, 64000):
                for payload in (b"", b"x"):
                    yield flags, 1001, ack, window, payload


def facing():
    """The peer's namespace has the stock target, this one first the same and then ours."""
    line = Line()
    lab.need("insmod", RENAMED)
    with lab.namespace("peer"):
        lab.need("iptables-legacy", "-A", "INPUT", "-p", "tcp", "-j", "TARPIT")
    lab.need("iptables-legacy", "-A", "INPUT", "-p", "tcp", "-j", "TARPIT")
    lab.report("war", packets=len(line.talk(frame((30000, 80), ACK, 1001, 5, 64000))))
    lab.need("iptables-legacy", "-F", "INPUT")
    time.sleep(1)

    lab.need("insmod", OURS)
    for policy in ("strict", "adopt"):
        # Not another table for the peer from here on: its rule would go to the module that came last.
        lab.need("iptables-legacy", "-A", "INPUT", "-p", "tcp", "-j", "TARPIT")
        lab.write("/proc/net/tarpit", policy)
        ports, longest, count = (31000, 80), [], 0
        accepted = [got for got in line.talk(frame(ports, SYN, 1000, 0, 64000)) if got[47] == SYN | ACK]
        edge = (int.from_bytes(accepted[0][38:42], "big") + 1) & 0xFFFFFFFF
        for flags, seq, ack, window, payload in starters(edge):
            found = line.talk(frame(ports, flags, seq, ack, window, payload), 0.05)
            longest, count = max(longest, found, key=len), count + 1
        lab.report("peace", policy=policy, starters=count, longest=len(longest),
                   flags=[got[47] for got in longest[:10]])
        lab.need("iptables-legacy", "-F", "INPUT")
    with lab.namespace("peer"):
        lab.need("iptables-legacy", "-F", "INPUT")
    lab.need("rmmod", "xt_TARPIU")


# ---- namespaces that come and go

def in_new_namespace(rule):
    """What a user without any right can do: a namespace of their own, where they are root, with a rule."""
    child = os.fork()
    if not child:
        status = 1
        try:
            lab.must(lab.libc.unshare(0x50000000))  # CLONE_NEWUSER | CLONE_NEWNET
            for name, text in (("setgroups", "deny"), ("uid_map", "0 0 1"), ("gid_map", "0 0 1")):
                lab.write(f"/proc/self/{name}", text)
            status = 0
            if rule:
                status = lab.run("iptables-legacy", *"-A INPUT -p tcp -j TARPIT".split()).returncode
                table = lab.read("/proc/net/tarpit")
                status = status or int(not table.splitlines()[0].endswith("peers 4096"))
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def taken():
    """KiB that the kernel itself uses, once what goes in the background (cleanup_net, grace periods) is gone."""
    least, quiet = None, 0
    while quiet < 5:
        lab.sysctl("vm/drop_caches", 3)  # names and inodes of /proc that nobody uses
        time.sleep(1)
        rows = (line.split() for line in lab.read("/proc/meminfo").splitlines())
        value = {row[0].rstrip(":"): int(row[1]) for row in rows}
        lists = (line.split() for line in lab.read("/proc/zoneinfo").splitlines())
        # MemFree leaves out the pages on the processors' lists, which take from it 4 MiB at a time.
        listed = 4 * sum(int(words[1]) for words in lists if words[:1] == ["count:"])
        now = value["MemTotal"] - value["MemFree"] - listed - value["Cached"] - value["Buffers"] - value["AnonPages"]
        quiet = quiet + 1 if least is not None and now >= least else 0
        least = now if least is None else min(least, now)
    return least


def namespaces():
    """`unshare -Urn` in a loop, without and with a rule: a table of 4096 rows is 264 KiB."""
    for rule, count in ((False, 400), (True, 100)):
        for _ in range(count):
            in_new_namespace(rule)  # what the first ones need and keep
        before = taken()
        failed = sum(1 for _ in range(count) if in_new_namespace(rule))
        lab.report("namespaces", rule=rule, count=count, failed=failed, grown=taken() - before)


# ---- conntrack

def tracked():
    return int(lab.read("/proc/sys/net/netfilter/nf_conntrack_count"))


def conntrack():
    both("-A", "INPUT", "-p", "tcp", "-j", "TARPIT")
    both("-A", "OUTPUT", "-m", "conntrack", "--ctstate", "NEW")
    lab.write("/proc/net/tarpit", "clear")  # of what was crafted before
    for mode in ("tracked", "NOTRACK"):
        if mode == "NOTRACK":
            both("-t", "raw", "-A", "PREROUTING", "-p", "tcp", "-j", "CT", "--notrack")
        with lab.namespace("peer"):
            peers = [socket.create_connection((address, 80 + number), timeout=10)
                     for address in ("10.70.0.1", "fd70::1") for number in range(20)]
        for one in peers:
            one.send(b"x" * 1000)
        time.sleep(10)
        rows = [line for line in lab.read("/proc/net/tarpit").splitlines() if line[0] != "#"]
        lab.report("conntrack", mode=mode, held=len(rows), entries=tracked())
        for one in peers[::2]:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for one in peers:
            one.close()
        time.sleep(5)
        lab.report("conntrack", mode=f"{mode}, closed", held=len(rows), entries=tracked())
        lab.write("/proc/net/tarpit", "clear")
    both("-t", "raw", "-F")
    both("-F")
    lab.need("rmmod", "xt_TARPIT")


def main():
    prepare()
    if os.path.exists(STOCK):
        coexistence()
        facing()
    else:
        lab.need("insmod", OURS)
    namespaces()
    conntrack()


if __name__ == "__main__":
    lab.start(main)
