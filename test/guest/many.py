#!/usr/bin/python3 -B
"""
Very many connections held at once: a crowd of generated ones, each a Linux peer whose probes are as
far apart as they get, and real sockets with data blocked. What they cost: bytes a second, memory,
conntrack entries.
"""

import re
import resource
import socket
import subprocess
import time

import lab

PORT = 80
PERIOD = 120  # seconds between two probes of a Linux peer, at most (TCP_RTO_MAX)


def prepare():
    for module in ("veth", "iptable_filter", "ip6table_filter", "xt_tcpudp", "xt_conntrack", "nf_conntrack"):
        lab.run("modprobe", module)
    lab.make_namespace("crowd")
    lab.make_namespace("sockets")
    gateway = lab.cable("t0", "p0", "crowd", "10.77.0", "fd77", 1)
    lab.cable("t1", "p0", "sockets", "10.76.0", "fd76", 2)
    lab.ip("route add 10.78.0.0/16 via 10.77.0.2 dev t0")
    lab.need("insmod", "/ours/xt_TARPIT.ko")
    lab.need("iptables-legacy", "-A", "OUTPUT", "-m", "conntrack", "--ctstate", "NEW")
    lab.need("iptables-legacy", "-A", "INPUT", "-p", "tcp", "--dport", str(PORT), "-j", "TARPIT")
    return gateway


def state():
    fields = dict(line.split(":", 1) for line in lab.read("/proc/meminfo").splitlines())
    memory = {name: int(fields[name].split()[0]) for name in ("Slab", "Percpu", "VmallocUsed")}
    return {**memory, "conntrack": int(lab.read("/proc/sys/net/netfilter/nf_conntrack_count"))}


def traffic():
    """Bytes of IP, both ways: without the 14 of each frame."""
    total = {"bytes": 0, "packets": 0}
    for device in ("t0", "t1"):
        for way in ("rx", "tx"):
            packets = int(lab.read(f"/sys/class/net/{device}/statistics/{way}_packets"))
            total["packets"] += packets
            total["bytes"] += int(lab.read(f"/sys/class/net/{device}/statistics/{way}_bytes")) - 14 * packets
    return total


def connect(count):
    """Real sockets of the namespace next to the rule, with more to send than they will ever get rid of."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 200, count + 200))
    found = []
    with lab.namespace("sockets"):
        for _ in range(count):
            one = socket.create_connection(("10.76.0.1", PORT), timeout=30)
            one.send(b"x" * 1000)
            found.append(one)
    return found


def alive(sockets):
    with lab.namespace("sockets"):
        rows = lab.read("/proc/net/tcp").splitlines()[1:]
    # state 1 is established, timer 4 the zero window's (Documentation/networking/proc_net_tcp.rst)
    blocked = sum(1 for row in rows if row.split()[3] == "01" and row.split()[5].startswith("04"))
    broken = sum(1 for one in sockets if one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    return {"blocked": blocked, "broken": broken}


def table():
    """What the target itself says, where it keeps a table."""
    try:
        rows = [line for line in lab.read("/proc/net/tarpit").splitlines() if not line.startswith("#")]
        return {"rows": len(rows), "totals": lab.read("/proc/net/stat/tarpit").split()}
    except OSError:
        return {}


def numbers(line):
    return [int(one) for one in re.findall(r"\d+", line)]


def main():
    gateway = prepare()
    real, count = lab.setting("SOCKETS", 2000), lab.setting("CONNECTIONS", 100000)
    generated = count - real
    before = state()
    crowd = subprocess.Popen(["crowd", "/run/netns/crowd", "p0", gateway, "10.78.0.1", "10.77.0.1", str(PORT),
                              str(generated), str(lab.setting("SOURCES", 4000)), str(PERIOD)],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    established = numbers(crowd.stdout.readline())[0]
    time.sleep(2)
    lab.report("established", generated=established, wanted=generated, before=before, after=state())
    sockets = connect(real)
    for _ in range(lab.setting("SETTLE", 8)):  # until the sockets' probes are as far apart
        crowd.stdout.readline()
    periods, start, first = lab.setting("PERIODS", 3), time.monotonic(), traffic()
    for _ in range(periods):
        answered, of, wrong = numbers(crowd.stdout.readline())
        lab.report("period", answered=answered, of=of, wrong=wrong, **alive(sockets))
    seconds, last = time.monotonic() - start, traffic()
    lab.report("traffic", seconds=round(seconds, 1), real=real, **{
        name: round((last[name] - first[name]) / seconds, 1) for name in last}, **state(), **table())
    crowd.stdin.close()
    crowd.wait(600)


if __name__ == "__main__":
    lab.start(main)
