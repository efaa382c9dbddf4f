#!/usr/bin/python3 -B
"""
What a reply costs, in guest instructions: DROP, the stock TARPIT and ours, in turn, in one guest.

QEMU runs it with -icount, so that the guest's clock counts instructions. Frames come out of a
namespace; replies are routed into a dummy device, which counts them.
"""

import os
import time

import lab

FLOWS = 256
PORT = 80
FAMILIES = {"ipv4": ("iptables-legacy", "10.78.0.1", "10.77.0.1"),
            "ipv6": ("ip6tables-legacy", "fd78::1", "fd77::1")}

gateway = ""


def prepare():
    global gateway
    for module in ("veth", "dummy", "iptable_filter", "ip6table_filter", "xt_tcpudp"):
        lab.run("modprobe", module)
    lab.make_namespace("source")
    gateway = lab.cable("t0", "p0", "source", "10.77.0", "fd77", 1)
    lab.sysctl("net/ipv6/conf/dummy0/addr_gen_mode", 1)  # no address, so nothing but replies leaves by it
    lab.ip("link set dummy0 up")
    lab.ip("route add 10.78.0.0/16 dev dummy0")
    lab.ip("-6 route add fd78::/64 dev dummy0")
    time.sleep(30)  # reports of multicast listeners would be counted; guest time costs nothing here


def replies():
    return int(lab.read("/sys/class/net/dummy0/statistics/tx_packets"))


def measure(kind, family, count):
    """One flood, timed from its first to its last frame."""
    _, source, target = FAMILIES[family]
    flood = ("flood", kind, "/run/netns/source", "p0", gateway, "dummy0", source, target, str(PORT))
    lab.need(*flood, str(2 * FLOWS), str(FLOWS))  # routes, caches
    before = replies()
    took, established = map(int, lab.need(*flood, str(count), str(FLOWS)).split())
    handshakes = established
    return {"instructions": took / count, "count": count, "handshakes": established,
            "replies": replies() - before - handshakes}


def rules(target):
    for program, _, _ in FAMILIES.values():
        lab.need(program, "-F", "INPUT")
        lab.need(program, "-A", "INPUT", "-p", "tcp", "--dport", str(PORT), "-j", target)


def load(which, peers):
    """`which` is a directory of modules; its target with the highest ceiling and `peers` rows, if it has any."""
    path = f"/{which}/xt_TARPIT.ko"
    lab.need("modprobe", "x_tables")
    known = lab.need("modinfo", "-F", "parm", path)
    options = [f"{name}={value}" for name, value in (("reply_rate", 1000000), ("peers", peers))
               if f"{name}:" in known and value is not None]
    lab.need("insmod", path, *options)
    return "peers:" in known


def unload():
    for program, _, _ in FAMILIES.values():
        lab.need(program, "-F", "INPUT")
    end = time.monotonic() + 10
    while lab.run("rmmod", "xt_TARPIT").returncode and time.monotonic() < end:
        time.sleep(0.1)


def one_round(number, counts):
    """The order is the same in every round; the clock does not care who else is busy."""
    def flood(name, families=FAMILIES):
        for family in families:
            for kind, count in counts.items():
                lab.report("cost", round=number, target=name, family=family, kind=kind,
                           **measure(kind, family, count))

    rules("DROP")
    flood("DROP")
    if os.path.exists("/stock/xt_TARPIT.ko"):
        load("stock", None)
        rules("TARPIT")
        flood("stock", ["ipv4"])  # it has never answered IPv6 in this mode
        unload()
    has_table = load("ours", None)
    rules("TARPIT")
    flood("ours")
    unload()
    if has_table:
        load("ours", 0)
        rules("TARPIT")
        flood("ours, peers=0")
        unload()


def main():
    prepare()
    counts = {"syn": lab.setting("FRAMES", 20000), "probe": lab.setting("FRAMES", 20000),
              "large": lab.setting("FRAMES", 20000) // 8}
    if lab.setting("CONNTRACK", 0):
        for program, _, _ in FAMILIES.values():
            lab.need("modprobe", "nf_conntrack")
            lab.need(program, "-A", "OUTPUT", "-m", "conntrack", "--ctstate", "NEW")
    for number in range(lab.setting("ROUNDS", 3)):
        one_round(number, counts)


if __name__ == "__main__":
    lab.start(main)
