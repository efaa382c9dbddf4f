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


def start_kit(*args, **more):
    return subprocess.Popen([*KIT, *args], text=True, env={**os.environ, "HOME": "/tmp", "TARPIT_KIT_CACHE": "/tmp/cache"},
                            **{"stdout": subprocess.PIPE, **more})


def told(*args, **more):
    """What --json says; everything that was said when it is an error."""
    done = kit(*args, "--json", **more)
    answer = json.loads(done.stdout or "{}")
    if "error" in answer or not answer:
        raise RuntimeError(f"{' '.join(args)}: {done.returncode} {done.stdout}{done.stderr}")
    return answer


def until(seen, what):
    for _ in range(1200):
        if seen():
            return
        time.sleep(0.1)
    raise RuntimeError(f"never came: {what}")


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
    """Every rule and own chain of the machine, both backends and families, without counters and dates."""
    found = []
    for backend in BACKENDS:
        for name in ("iptables", "ip6tables"):
            out = lab.run(f"{name}-{backend}-save").stdout
            found += [f"{backend} {name} {line}" for line in out.splitlines()
                      if not line.startswith(("#", ":")) or " - [" in line]
    return found


def rules(lines):
    """Of what is saved. A table that a rule brought in stays when it is empty: no command of iptables takes it out."""
    return sorted(line for line in lines if line.split()[2][0] in "-:")


def namespaces():
    found = set()
    for path in glob.glob("/proc/[0-9]*/ns/net"):
        try:
            found.add(os.readlink(path))
        except OSError:
            pass
    return len(found)


def peers():
    """Processes that run the test of verify --live."""
    found = 0
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            found += "live-peer" in lab.read(path)
        except OSError:
            pass
    return found


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
               findings=[{"code": one["code"], "severity": one["severity"], "what": one["what"], "args": one["args"],
                          "where": one["evidence"]["file"]}
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
    process = start_kit("verify", "--live", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: peers() and namespaces() > 1, "the test in its namespace")
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


def shell(lines):
    return [subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False) for line in lines]


def printed():
    """Each set of rules is accepted, and goes away again by its own last words; what is saved meanwhile is linted."""
    for case in json.loads(lab.read("/printed.json")):
        backend, program = case["backend"], case["program"]
        use(backend)
        empty = rules(saved())
        ran = shell(case["commands"])
        text = lab.need(f"{program}-save", "-c")
        if case["name"] == "all":
            piped = told("rules", "lint", text=text)["findings"]
            lab.report("piped", lint=[one["code"] for one in piped if one["severity"] != "info"])
        ran += shell([*case["undo"], f"{program} -D INPUT -j DROP"])
        after = rules(saved())
        lab.report("printed", backend=backend, name=case["name"], saved=text,
                   failed=[f"{one.args[2]}: {one.stderr}" for one in ran if one.returncode],
                   gone=after == empty, left=[one for one in after if one not in empty])
        if "restore" in case:
            restored(case)
    use("nft")


def restored(case):
    program = case["program"]
    done = [subprocess.run([f"{program}-restore", "--noflush", *more], input=case["restore"], capture_output=True,
                           text=True, check=False)
            for more in (["--test"], [])]
    lab.report("restored", backend=case["backend"], name=case["name"],
               failed=[one.stderr for one in done if one.returncode],
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


def at_once(*commands):
    """What each of them prints: both processors have something to do."""
    return [one.communicate(timeout=300)[0] for one in [start_kit(*words) for words in commands]]


def stuck():
    """Seven connections of one peer are held: what stuck says of them in each of its forms."""
    lab.make_namespace("peer")
    lab.cable("near", "far", "peer", "10.7.0", "fd07", 7)
    lab.need("iptables", "-A", "INPUT", "-p", "tcp", "--dport", "23", "-j", "TARPIT")
    with open("/tmp/stuck.log", "w", encoding="utf-8") as out:
        log = start_kit("stuck", "--log", "--interval", "1", stdout=out)
    held = []
    with lab.namespace("peer"):
        for _ in range(7):
            one = socket.create_connection(("10.7.0.1", 23), timeout=10)
            one.setblocking(False)
            one.send(b"x" * 64)
            held.append(one)
    until(lambda: "held" in lab.read("/tmp/stuck.log"), "the line of who is held")
    table = lab.read("/proc/net/tarpit")
    now, metrics, human, verify = at_once(("stuck", "--json"), ("stuck", "--prometheus"), ("stuck",), ("verify", "--json"))
    for one in held:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        one.close()
    until(lambda: "let-go" in lab.read("/tmp/stuck.log"), "the line of who has let go")
    after = told("stuck")["results"][0]
    log.send_signal(signal.SIGINT)
    log.wait(timeout=60)
    lab.report("stuck", told=json.loads(now)["results"][0], table=table, metrics=metrics, human=human,
               verify=[one["code"] for one in json.loads(verify)["findings"]], after=after,
               log=lab.read("/tmp/stuck.log").splitlines(), log_code=log.returncode)


def stock():
    """The same with the module of xtables-addons in the place of ours."""
    lab.need("iptables", "-F")
    lab.need("rmmod", "xt_TARPIT")
    if os.path.exists("/stock/xt_TARPIT.ko"):
        os.rename(MODULE, "/tmp/ours.ko")
        subprocess.run(["cp", "/stock/xt_TARPIT.ko", MODULE], check=True)
        lab.need("depmod", "-a")
        live("stock, nft")
        lab.need("iptables", "-A", "INPUT", "-p", "tcp", "--dport", "23", "-j", "TARPIT")
        shown, metrics = start_kit("stuck"), start_kit("stuck", "--prometheus", stderr=subprocess.DEVNULL)
        lab.report("estimate", text=shown.communicate(timeout=300)[0], code=shown.returncode,
                   metrics=metrics.communicate(timeout=300)[0], metrics_code=metrics.returncode)


def prepare():
    """Debian's own extension is in its place: ours takes it. The module is new to modules.dep."""
    lab.write("/etc/os-release", 'PRETTY_NAME="a guest of the tests"\n')
    os.symlink("../bin/kmod", "/usr/sbin/depmod")
    for name in ("libipt_TARPIT.so", "libxt_TARPIT.so"):
        if os.path.exists(f"{PLUGINS}/{name}"):
            os.unlink(f"{PLUGINS}/{name}")
        shutil.copy(f"/ours/{name}", f"{PLUGINS}/{name}")
    lab.need("depmod", "-a")


def causes():
    """Nothing is wrong, then one thing of iptables' own: verify --live has to name it."""
    for backend in BACKENDS:
        use(backend)
        live(f"ours, {backend}")
    without("TARPIT", "/tmp/no-tarpit")
    for backend in BACKENDS:
        use(backend)
        live(f"no extension, {backend}", env={"XTABLES_LIBDIR": "/tmp/no-tarpit"})
    without("TARPIT", "/tmp/wrong-size")
    os.symlink("/wrong-size.so", "/tmp/wrong-size/libxt_TARPIT.so")
    for backend in BACKENDS:
        use(backend)
        live(f"wrong size, {backend}", env={"XTABLES_LIBDIR": "/tmp/wrong-size"})


def no_module():
    os.rename(MODULE, "/tmp/xt_TARPIT.ko")
    lab.need("depmod", "-a")
    for backend in BACKENDS:
        use(backend)
        live(f"no module, {backend}")
    os.rename("/tmp/xt_TARPIT.ko", MODULE)
    lab.need("depmod", "-a")


def uses():
    """What a running target is asked, and the modules that are not ours."""
    use("nft")
    for number in (signal.SIGKILL, signal.SIGTERM):
        killed(number)
    lab.run("rmmod", "xt_TARPIT")
    no_module()
    use("nft")
    lab.need("modprobe", "xt_TARPIT")
    messages()
    printed()
    stuck()
    stock()


def main():
    prepare()
    own_rules()
    {"causes": causes, "uses": uses}[lab.setting("PART", "")]()


if __name__ == "__main__":
    lab.start(main)
