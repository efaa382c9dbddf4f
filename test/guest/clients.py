#!/usr/bin/python3 -B
"""
Programs people use, from a namespace next to the rules, against each mode of the target: what each of
them does, and for how long. The rules are made by Debian's own iptables with Debian's own extension.
"""

import os
import socket
import subprocess
import time

import lab

MODES = {"tarpit": (80, ()), "honeypot": (81, ("--honeypot",)), "reset": (82, ("--reset",))}
FAMILIES = {"ipv4": ("10.70.0.1", "-4"), "ipv6": ("fd70::1", "-6")}


def prepare():
    for module in ("veth", "iptable_filter", "ip6table_filter", "xt_tcpudp", "sch_netem", "nf_tables", "nft_compat"):
        lab.run("modprobe", module)
    lab.make_namespace("peer")
    lab.cable("t0", "p0", "peer", "10.70.0", "fd70", 1)
    for device, where in (("t0", ()), ("p0", ("-n", "peer"))):
        lab.need("tc", *where, "qdisc", "add", "dev", device, "root", "netem", "delay", "5ms")
    lab.need("insmod", "/ours/xt_TARPIT.ko")
    lab.write("/etc/passwd", "root:x:0:0:root:/tmp:/bin/sh\n")
    lab.write("/etc/services", "http 80/tcp\n")


def rule(mode):
    port, options = MODES[mode]
    return ["INPUT", "-p", "tcp", "-m", "tcp", "--dport", str(port), "-j", "TARPIT", *options]


def saved(program):
    """Without the lines that tell the time, and what was counted meanwhile."""
    lines = lab.need(f"{program}-save", "-t", "filter").splitlines()
    return [line.split(" [")[0] for line in lines if line[:1] in "-*:C"]


def manage(program):
    """Append, check, list, save, restore, delete, in all three modes."""
    def check(name, ok, info=""):
        lab.report("rules", program=program, name=name, ok=bool(ok), info="" if ok else str(info)[:500])

    for mode in MODES:
        done = lab.run(program, "-A", *rule(mode))
        check(f"{mode}: append", done.returncode == 0, done.stderr)
        check(f"{mode}: check", lab.run(program, "-C", *rule(mode)).returncode == 0)
        listed = lab.need(program, "-S", "INPUT")
        check(f"{mode}: list", f"-j TARPIT --{mode}" in listed, listed)
    told = lab.need(program, "-nvL", "INPUT")
    check("list in words", all(f"--{mode}" in told for mode in MODES), told)
    before = saved(program)
    lab.need(program, "-F", "INPUT")
    done = subprocess.run([f"{program}-restore"], input="\n".join(before) + "\n", text=True,
                          capture_output=True, timeout=60, check=False)
    check("restore", done.returncode == 0, done.stderr)
    check("save after restore", saved(program) == before, saved(program))
    for mode in MODES:
        done = lab.run(program, "-D", *rule(mode))
        check(f"{mode}: delete", done.returncode == 0, done.stderr)
    check("nothing left", not any("TARPIT" in line for line in saved(program)), saved(program))


def commands(address, family, port):
    host = f"[{address}]" if family == "-6" else address
    six = ["-6"] if family == "-6" else []
    return {
        "nmap -sT": ["nmap", *six, "-n", "-Pn", "-sT", "-p", str(port), address],
        "nmap -sV": ["nmap", *six, "-n", "-Pn", "-sT", "-sV", "-p", str(port), address],
        "curl": ["curl", "-sS", "-o", "/dev/null", f"http://{host}:{port}/"],
        "curl, 1 MB upload": ["curl", "-sS", "-o", "/dev/null", "--data-binary", "@/tmp/megabyte", f"http://{host}:{port}/"],
        "ssh": ["ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                "-p", str(port), f"root@{address}", "true"],
    }


class Listener:
    """A server that listens on the port of the rule: its peers are the tarpit's, it never sees one."""

    def __init__(self, address, port):
        self.socket = socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.socket.settimeout(0)

    def accepted(self):
        try:
            self.socket.accept()[0].close()
            return 1
        except BlockingIOError:
            return 0


def listeners():
    return [Listener(address, port) for address, _ in FAMILIES.values() for port, _ in MODES.values()]


def begin(backend):
    running = []
    with lab.namespace("peer"):
        for family, (address, flag) in FAMILIES.items():
            for mode, (port, _) in MODES.items():
                for client, command in commands(address, flag, port).items():
                    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                               stderr=subprocess.STDOUT, text=True, env={**os.environ, "HOME": "/tmp"})
                    running.append(({"backend": backend, "family": family, "mode": mode, "client": client},
                                    time.monotonic(), process))
    return running


def watch(running, horizon):
    end = time.monotonic() + horizon
    while running and time.monotonic() < end:
        for one in [one for one in running if one[2].poll() is not None]:
            running.remove(one)
            finish(one, held=False)
        time.sleep(0.1 if time.monotonic() < end - horizon + 60 else 5)
    for one in running:
        one[2].kill()
        finish(one, held=True)


def finish(one, held):
    fields, start, process = one
    seconds = time.monotonic() - start
    said = process.communicate()[0]
    ports = [line.split()[1] for line in said.splitlines() if "/tcp " in line]
    lab.report("client", **fields, held=held, seconds=round(seconds, 1), code=None if held else process.returncode,
               said=(ports[0] if ports else said.strip().splitlines()[-1] if said.strip() else "")[:120])


def main():
    prepare()
    lab.write("/tmp/megabyte", "x" * (1 << 20))
    served = listeners()
    for backend in ("legacy", "nft"):
        programs = [f"{name}-{backend}" for name in ("iptables", "ip6tables")]
        for program in programs:
            manage(program)
            for mode in MODES:
                lab.need(program, "-A", *rule(mode))
        watch(begin(backend), lab.setting("HORIZON", 2000))
        lab.report("listeners", backend=backend, accepted=sum(one.accepted() for one in served))
        for program in programs:
            lab.need(program, "-F")
    done = lab.run("rmmod", "xt_TARPIT")
    lab.report("unloaded", ok=done.returncode == 0, info=done.stderr)


if __name__ == "__main__":
    lab.start(main)
