#!/usr/bin/python3 -B
"""
Generated packets against the target, on a kernel with KASAN, UBSAN, lockdep and kmemleak, while rules
and the module come and go and the table is read. Then the module alone, loaded and unloaded.

Two generators run: one in front of INPUT and FORWARD, one on a bridge. What the kernel has to say of
it all is on the console; the host judges.
"""

import os
import random
import subprocess
import time

import lab

PLUGINS = "/usr/lib/x86_64-linux-gnu/xtables"
OURS = f"/ours:{PLUGINS}"
MODULE = "xt_TARPIT"
TABLE, TOTALS = "/proc/net/tarpit", "/proc/net/stat/tarpit"
PROGRAMS = [f"{name}-{kind}" for kind in ("legacy", "nft") for name in ("iptables", "ip6tables")]
KMEMLEAK = "/sys/kernel/debug/kmemleak"
FAILSLAB = "/sys/kernel/debug/failslab"

# Port 83 is what only revision 1 can say; a module that has no such revision refuses it.
RULES = ("80 -j TARPIT", "81 -j TARPIT --honeypot", "82 -j TARPIT --reset")
LATER_RULES = ("83 -j TARPIT --window 100", "83 -j TARPIT --options", "83 -j TARPIT --adopt",
               "83 -j TARPIT --no-cookie --max-reply-rate 500/second", "83 -j TARPIT --no-track-peers")


def prepare():
    """source -- here -- server, and two namespaces on a bridge of ours."""
    lab.libc.mount(b"debugfs", b"/sys/kernel/debug", b"debugfs", 0, None)
    for module in ("bridge", "br_netfilter", "nf_conntrack", "nf_tables", "nft_compat", MODULE):
        lab.need("modprobe", module)
    for name in ("source", "server", "left", "right"):
        lab.make_namespace(name)
    gateways = {"source": lab.cable("t0", "p0", "source", "10.88.0", "fd88", 1)}
    lab.cable("t1", "s0", "server", "10.90.0", "fd90", 2)
    lab.ip("link add br0 type bridge")
    lab.ip("link set br0 up")
    for number, name in ((3, "left"), (4, "right")):
        lab.ip(f"link add {name} type veth peer name e0 address 02:00:00:00:{number:02x}:02 netns {name}")
        lab.ip(f"link set {name} master br0 up")
        lab.ip(f"-n {name} addr add 10.91.0.{number}/24 dev e0")
        lab.ip(f"-n {name} addr add fd91::{number}/64 dev e0 nodad")
        lab.ip(f"-n {name} link set e0 up")
    gateways["left"] = "02:00:00:00:04:02"
    for family, peers, hop in (("-4", "10.89.0.0/16", "10.88.0.2"), ("-6", "fd89::/64", "fd88::2")):
        lab.ip(f"{family} route add {peers} via {hop}")
    lab.sysctl("net/ipv4/ip_forward", 1)
    lab.sysctl("net/ipv6/conf/all/forwarding", 1)
    lab.sysctl("net/ipv4/conf/all/accept_source_route", 1)
    lab.sysctl("net/ipv6/conf/all/accept_source_route", 1)
    return gateways


def tables(program, *arguments):
    """Not every rule is one the module takes; the environment makes our extension be found first."""
    return subprocess.run([program, *arguments], env={**os.environ, "XTABLES_LIBDIR": OURS},
                          capture_output=True, stdin=subprocess.DEVNULL, timeout=120, check=False).returncode


class Churn:
    """One thing after another that a firewall's owner does, until the generators are through."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.done = {}
        self.turn = [self.rules, self.rules, self.replace, self.read, self.read, self.write_table,
                     self.tracking, self.rate, self.namespace, self.reload, self.starve]

    def step(self):
        what = self.random.choice(self.turn)
        what()
        self.done[what.__name__] = self.done.get(what.__name__, 0) + 1

    def rules(self):
        program = self.random.choice(PROGRAMS)
        tables(program, "-F", self.random.choice(("INPUT", "FORWARD")))
        for chain in ("INPUT", "FORWARD"):
            for rule in (*RULES, self.random.choice(LATER_RULES)):
                tables(program, "-A", chain, "-p", "tcp", "--dport", *rule.split())

    def replace(self):
        """A whole table in one system call."""
        program = self.random.choice(PROGRAMS)
        text = "*filter\n" + "".join(f"-A {chain} -p tcp --dport {rule}\n" for chain in ("INPUT", "FORWARD")
                                     for rule in RULES) + "COMMIT\n"
        subprocess.run([f"{program}-restore"], input=text, text=True, capture_output=True,
                       timeout=120, check=False)

    def read(self):
        for path in (TABLE, TOTALS):
            try:
                with open(path, "rb", buffering=0) as table:
                    while table.read(self.random.choice((1, 100, 4096, 1 << 20))):
                        if self.random.randrange(200) == 0:
                            table.seek(self.random.randrange(5000))
                            break
            except OSError:
                pass

    def write_table(self):
        for text in ("clear", "rekey", "", "key 0", "x" * 5000):
            try:
                with open(TABLE, "wb", buffering=0) as table:
                    table.write(text.encode())
            except OSError:
                pass

    def tracking(self):
        for program in PROGRAMS[:2]:
            if tables(program, "-t", "raw", "-D", "PREROUTING", "-p", "tcp", "-j", "CT", "--notrack"):
                tables(program, "-t", "raw", "-A", "PREROUTING", "-p", "tcp", "-j", "CT", "--notrack")

    def rate(self):
        try:
            lab.write(f"/sys/module/{MODULE}/parameters/reply_rate",
                      self.random.choice((1, 100, 10000, 1000000, 0, 4294967295)))
        except OSError:
            pass

    def namespace(self):
        lab.run("ip", "netns", "add", "guest", seconds=120)
        for program in PROGRAMS[:2]:
            lab.run("ip", "netns", "exec", "guest", program, "-A", "INPUT", "-p", "tcp", "-j", "TARPIT", seconds=120)
        lab.run("ip", "netns", "del", "guest", seconds=120)

    def reload(self):
        for program in PROGRAMS:
            tables(program, "-F")
        lab.run("rmmod", MODULE, seconds=120)
        peers = self.random.choice(("", "peers=0", "peers=16", "peers=65536"))
        lab.run("modprobe", MODULE, *filter(None, [peers]), seconds=120)
        self.rules()

    def starve(self):
        """One in twenty of the allocations that must not wait fails, for a while."""
        lab.write(f"{FAILSLAB}/ignore-gfp-wait", "Y")
        lab.write(f"{FAILSLAB}/times", -1)
        lab.write(f"{FAILSLAB}/verbose", 0)
        lab.write(f"{FAILSLAB}/probability", 5)
        time.sleep(self.random.random() * 2)
        lab.write(f"{FAILSLAB}/probability", 0)


def generators(gateways, seed, count):
    for number, (where, device, targets) in enumerate((
            ("source", "p0", ("10.88.0.1", "fd88::1", "10.90.0.2", "fd90::2")),
            ("left", "e0", ("10.91.0.4", "fd91::4")))):
        share = count * (3, 1)[number] // 4
        yield where, subprocess.Popen(["fuzz", f"/run/netns/{where}", device, gateways[where],
                                       str(seed + number), str(share), *targets],
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def received():
    return sum(int(lab.read(f"/sys/class/net/{device}/statistics/rx_packets")) for device in ("t0", "left"))


def fuzz(gateways, seed, count):
    churn = Churn(seed)
    for program in PROGRAMS[:2]:
        for chain in ("INPUT", "FORWARD"):
            for rule in RULES:
                lab.need(program, "-A", chain, "-p", "tcp", "--dport", *rule.split())
    running = dict(generators(gateways, seed, count))
    last = time.monotonic()
    while any(one.poll() is None for one in running.values()):
        churn.step()
        if time.monotonic() - last > 30:
            last = time.monotonic()
            lab.report("alive", steps=sum(churn.done.values()), packets=received())
    for where, one in running.items():
        said = one.stdout.read().strip()
        numbers = said.split()
        if one.returncode or len(numbers) != 4:
            raise RuntimeError(f"generator in {where}: {one.returncode} {said}")
        lab.report("generator", where=where,
                   **dict(zip(("sent", "answers", "handshakes", "refused"), map(int, numbers))))
    lab.report("churn", **churn.done)


def unload():
    lab.write(f"{FAILSLAB}/probability", 0)
    for program in PROGRAMS:
        for table in ("filter", "raw"):
            lab.run(program, "-t", table, "-F")
    end = time.monotonic() + 60
    while lab.run("rmmod", MODULE).returncode and time.monotonic() < end:
        time.sleep(0.5)


def loads(count):
    """The module, with the rules that make it allocate what it has, loaded and unloaded."""
    done = 0
    for number in range(count):
        lab.need("modprobe", MODULE)
        if number % 10 == 0:
            for program in PROGRAMS[:2]:
                lab.need(program, "-A", "INPUT", "-p", "tcp", "--dport", "80", "-j", "TARPIT")
                lab.need(program, "-F", "INPUT")
        if not lab.run("rmmod", MODULE).returncode:
            done += 1
    lab.report("loads", wanted=count, done=done)


def memory():
    fields = dict(line.split(":", 1) for line in lab.read("/proc/meminfo").splitlines())
    return {name: int(fields[name].split()[0]) for name in ("Slab", "Percpu", "VmallocUsed", "MemAvailable")}


def leaks():
    """Unreferenced objects are reported once they are five seconds old, and in two scans."""
    for _ in range(3):
        time.sleep(6)
        lab.write(KMEMLEAK, "scan")
    return lab.read(KMEMLEAK)


def main():
    gateways = prepare()
    lab.write(KMEMLEAK, "scan")
    lab.write(KMEMLEAK, "clear")
    seed = lab.setting("SEED", 1)
    lab.report("start", seed=seed, parameters=lab.target_parameters(), table=os.path.exists(TABLE))
    fuzz(gateways, seed, lab.setting("PACKETS", 20000))
    unload()
    lab.report("leaks", after="packets", text=leaks()[:4000])
    lab.need("modprobe", MODULE)
    lab.need("rmmod", MODULE)
    before = memory()
    loads(lab.setting("LOADS", 50))
    lab.report("leaks", after="loads", text=leaks()[:4000])
    lab.report("memory", before=before, after=memory())


if __name__ == "__main__":
    lab.start(main)
