#!/usr/bin/python3
"""
tarpit-kit itself in a guest, on Debian's own kernel with Debian's own iptables: verify --live, the rules that
`rules print` gives, `stuck` beside what is really held. One JSON line a fact; test/e2e/verify-live.test.ts judges.
"""

import glob
import json
import os
import shutil
import signal
import socket
import subprocess
import time

import lab

KIT = [lab.setting("NODE", "/usr/bin/node"), lab.setting("KIT", "/dist/bin.js")]
BACKENDS = ("nft", "legacy")
PLUGINS = "/usr/lib/x86_64-linux-gnu/xtables"
RELEASE = os.uname().release
MODULE = f"/usr/lib/modules/{RELEASE}/xt_TARPIT.ko"


def kit(*args, env=None, text=None):
    return subprocess.run([*KIT, *args], capture_output=True, text=True, timeout=300, check=False, input=text,
                          env={**os.environ, "HOME": "/tmp", "TARPIT_KIT_CACHE": "/tmp/cache", **(env or {})})


def use(backend):
    for name in ("iptables", "ip6tables"):
        for verb in ("", "-save", "-restore"):
            path = f"/usr/sbin/{name}{verb}"
            if os.path.lexists(path):
                os.unlink(path)
            os.symlink(f"xtables-{backend}-multi", path)


def modules():
    return sorted(line.split()[0] for line in lab.read("/proc/modules").splitlines())


def saved():
    """Every rule of the machine, both backends and families, without counters and dates."""
    found = []
    for backend in BACKENDS:
        for name in ("iptables", "ip6tables"):
            out = lab.run(f"{name}-{backend}-save").stdout
            found += [f"{backend} {name} {line}" for line in out.splitlines() if not line.startswith(("#", ":"))]
    return found


def namespaces():
    found = set()
    for path in glob.glob("/proc/[0-9]*/ns/net"):
        try:
            found.add(os.readlink(path))
        except OSError:
            pass
    return len(found)


def live(name, *args, env=None):
    """verify --live, and whether the machine is as it was."""
    before = (saved(), namespaces(), modules())
    done = kit("verify", "--live", "--json", *args, env=env)
    after = (saved(), namespaces(), modules())
    try:
        findings = json.loads(done.stdout)["findings"]
        checked = json.loads(done.stdout)["checked"]
    except (ValueError, KeyError):
        findings, checked = [], []
        lab.report("trouble", name=name, text=(done.stdout + done.stderr)[-2000:])
    lab.report("live", name=name, code=done.returncode, same_rules=before[0] == after[0],
               same_namespaces=before[1] == after[1], left=[one for one in after[2] if one not in before[2]],
               findings=[{"code": one["code"], "severity": one["severity"], "what": one["what"], "args": one["args"]}
                         for one in findings],
               checked=[one["check"] for one in checked])


def own_rules():
    """The machine's own rules, which the tests must not touch."""
    lab.need("iptables-nft", "-A", "INPUT", "-s", "192.0.2.1", "-j", "DROP")
    lab.need("iptables-legacy", "-A", "FORWARD", "-s", "192.0.2.2", "-j", "DROP")
    lab.need("ip6tables-nft", "-A", "INPUT", "-s", "2001:db8::1", "-j", "DROP")


def without(name, env_dir):
    """A directory with Debian's extensions but this one."""
    os.makedirs(env_dir, exist_ok=True)
    for plugin in os.listdir(PLUGINS):
        if name not in plugin:
            os.symlink(f"{PLUGINS}/{plugin}", f"{env_dir}/{plugin}")


def killed(number):
    """verify --live is killed in the middle of it: nothing of it may stay."""
    before = saved()
    process = subprocess.Popen([*KIT, "verify", "--live"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env={**os.environ, "HOME": "/tmp", "TARPIT_KIT_CACHE": "/tmp/cache"})
    peer = ""
    for _ in range(600):
        peer = lab.run("sh", "-c", "grep -l live-peer /proc/[0-9]*/cmdline 2>/dev/null | grep -v self").stdout
        if peer.strip() and namespaces() > 1:
            break
        time.sleep(0.05)
    was = namespaces()
    process.send_signal(number)
    process.wait()
    for _ in range(100):
        if namespaces() == 1:
            break
        time.sleep(0.1)
    lab.report("killed", signal=int(number), namespaces_before=was, namespaces_after=namespaces(), same_rules=before == saved())


def messages():
    """What iptables really says, for each thing that is wrong; and what the kernel says beside it."""
    bad = {
        "protocol": ["-A", "INPUT", "-j", "TARPIT"],
        "udp": ["-A", "INPUT", "-p", "udp", "-j", "TARPIT"],
        "hook": ["-A", "OUTPUT", "-p", "tcp", "-j", "TARPIT"],
    }
    for backend in BACKENDS:
        for name, words in bad.items():
            before = len(lab.need("dmesg").splitlines())
            done = lab.run(f"iptables-{backend}", *words)
            kernel = lab.need("dmesg").splitlines()[before:]
            lab.report("message", backend=backend, name=name, code=done.returncode, said=done.stderr.strip(),
                       kernel=" ".join(kernel)[:400])


def printed():
    """Each set of rules is accepted, is clean under lint, and goes away again by its own last words."""
    ssh = {"SSH_CONNECTION": "203.0.113.9 50000 192.0.2.1 22"}
    ssh6 = {"SSH_CONNECTION": "2001:db8::9 50000 2001:db8::1 22"}
    cases = [
        ("all", "4", [], {}),
        ("ssh", "4", ["--log"], ssh),
        ("one port", "4", ["--ports", "23", "--own", "192.0.2.0/24", "--log"], ssh),
        ("ports", "4", ["--ports", "23,135:139,445", "--own", "192.0.2.0/24", "--own", "198.51.100.7", "--log"], ssh),
        ("ipv6", "6", ["--ports", "23,445", "--own", "2001:db8:5::/48", "--log"], ssh6),
    ]
    for backend in BACKENDS:
        use(backend)
        # One way into the kernel takes all of them, the other those that differ most.
        for name, family, args, env in cases if backend == "nft" else cases[3:]:
            program = "ip6tables" if family == "6" else "iptables"
            empty = saved()
            form = kit("rules", "print", "INPUT", *args, "--as", "ip6tables" if family == "6" else "iptables", env=env)
            lines = [line for line in form.stdout.splitlines()]
            commands = [line for line in lines if line and not line.startswith("#")]
            back = lines.index("# to go back") + 1
            undo = [line[2:] for line in lines[back:] if line.startswith(f"# {program} -")]
            ran = [subprocess.run(["sh", "-c", one], capture_output=True, text=True, check=False) for one in commands]
            lint = subprocess.run(["sh", "-c", f"{program}-save -c"], capture_output=True, text=True, check=True)
            found = kit("rules", "lint", "--json", text=lint.stdout)
            undone = [subprocess.run(["sh", "-c", one], capture_output=True, text=True, check=False) for one in undo]
            drop = lab.run(program, "-D", "INPUT", "-j", "DROP")
            lab.report("printed", backend=backend, name=name, commands=len(commands), undo=len(undo),
                       failed=[f"{one.args[2]}: {one.stderr}" for one in ran + undone if one.returncode] + ([] if drop.returncode == 0 else [drop.stderr]),
                       lint=[one["code"] for one in json.loads(found.stdout)["findings"] if one["severity"] != "info"],
                       gone=sorted(saved()) == sorted(empty), left=[one for one in saved() if one not in empty])
            if name in ("ssh", "ports"):
                restored(backend, name, program, args, env)
    use("nft")


def restored(backend, name, program, args, env):
    text = kit("rules", "print", "INPUT", *args, "--as", "restore", env=env).stdout
    done = [subprocess.run([f"{program}-restore", "--noflush", *more], input=text, capture_output=True, text=True, check=False)
            for more in (["--test"], [])]
    lab.report("restored", backend=backend, name=name, failed=[one.stderr for one in done if one.returncode],
               tarpit=lab.need(f"{program}-save").count("-j TARPIT"))
    for table in ("raw", "filter"):
        lab.need(program, "-t", table, "-F")
    lab.need(program, "-X")
    own_rules_again(program)


def own_rules_again(program):
    if program == "iptables" and not any("nft iptables -A INPUT -s 192.0.2.1" in line for line in saved()):
        lab.need("iptables-nft", "-A", "INPUT", "-s", "192.0.2.1", "-j", "DROP")
    if not any("legacy iptables -A FORWARD" in line for line in saved()):
        lab.need("iptables-legacy", "-A", "FORWARD", "-s", "192.0.2.2", "-j", "DROP")


def stuck():
    """Seven connections of one peer are held: what stuck says of them in each of its forms."""
    lab.make_namespace("peer")
    lab.cable("near", "far", "peer", "10.7.0", "fd07", 7)
    lab.need("iptables", "-A", "INPUT", "-p", "tcp", "--dport", "23", "-j", "TARPIT")
    log = subprocess.Popen([*KIT, "stuck", "--log", "--interval", "1"], stdout=subprocess.PIPE, text=True,
                           env={**os.environ, "HOME": "/tmp"})
    time.sleep(3)
    held = []
    with lab.namespace("peer"):
        for _ in range(7):
            one = socket.create_connection(("10.7.0.1", 23), timeout=10)
            one.setblocking(False)
            one.send(b"x" * 64)
            held.append(one)
    time.sleep(3)
    told = json.loads(kit("stuck", "--json").stdout)["results"][0]
    table = lab.read("/proc/net/tarpit")
    metrics = kit("stuck", "--prometheus").stdout
    human = kit("stuck").stdout
    facts = [one["code"] for one in json.loads(kit("verify", "--json").stdout)["findings"]]
    for one in held:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        one.close()
    time.sleep(3)
    after = json.loads(kit("stuck", "--json").stdout)["results"][0]
    log.send_signal(signal.SIGINT)
    lines = log.communicate(timeout=30)[0].splitlines()
    lab.report("stuck", told=told, table=table, metrics=metrics, human=human, verify=facts, after=after, log=lines, log_code=log.returncode)


def prepare():
    """Debian's own extension is in its place: ours takes it. The module is new to modules.dep."""
    lab.write("/etc/os-release", 'PRETTY_NAME="a guest of the tests"\n')
    os.symlink("../bin/kmod", "/usr/sbin/depmod")
    for name in ("libipt_TARPIT.so", "libxt_TARPIT.so"):
        if os.path.exists(f"{PLUGINS}/{name}"):
            os.unlink(f"{PLUGINS}/{name}")
        shutil.copy(f"/ours/{name}", f"{PLUGINS}/{name}")
    lab.need("depmod", "-a")


def main():
    prepare()
    own_rules()
    for backend in BACKENDS:
        use(backend)
        live(f"ours, {backend}")
    use("nft")
    without("TARPIT", "/tmp/no-tarpit")
    for backend in BACKENDS:
        use(backend)
        live(f"no extension, {backend}", env={"XTABLES_LIBDIR": "/tmp/no-tarpit"})
    without("TARPIT", "/tmp/wrong-size")
    os.symlink("/wrong-size.so", "/tmp/wrong-size/libxt_TARPIT.so")
    for backend in BACKENDS:
        use(backend)
        live(f"wrong size, {backend}", env={"XTABLES_LIBDIR": "/tmp/wrong-size"})
    use("nft")
    for number in (signal.SIGKILL, signal.SIGTERM):
        killed(number)
    lab.run("rmmod", "xt_TARPIT")
    os.rename(MODULE, "/tmp/xt_TARPIT.ko")
    lab.need("depmod", "-a")
    for backend in BACKENDS:
        use(backend)
        live(f"no module, {backend}")
    os.rename("/tmp/xt_TARPIT.ko", MODULE)
    lab.need("depmod", "-a")
    use("nft")
    lab.need("modprobe", "xt_TARPIT")
    messages()
    printed()
    stuck()
    lab.need("iptables", "-F")
    lab.need("rmmod", "xt_TARPIT")
    if os.path.exists("/stock/xt_TARPIT.ko"):
        os.rename(MODULE, "/tmp/ours.ko")
        lab.write("/tmp/nothing", "")
        subprocess.run(["cp", "/stock/xt_TARPIT.ko", MODULE], check=True)
        lab.need("depmod", "-a")
        live("stock, nft")
        lab.need("iptables", "-A", "INPUT", "-p", "tcp", "--dport", "23", "-j", "TARPIT")
        lab.report("estimate", text=kit("stuck").stdout, code=kit("stuck").returncode,
                   watch=kit("stuck", "--prometheus").returncode)


if __name__ == "__main__":
    lab.start(main)
