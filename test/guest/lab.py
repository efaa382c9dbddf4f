"""
What the programs that are PID 1 of a test guest share: mounts, commands, namespaces, the report.

The report is JSON, one object a line, on the second serial port: {"key": ..., "at": seconds, more fields}, and
{"key": "done"} at the very end. Settings come from the kernel's command line, as environment.
"""

import contextlib
import ctypes
import json
import os
import subprocess
import sys
import time
import traceback

libc = ctypes.CDLL(None, use_errno=True)
home = -1  # the namespace the guest starts in
_report = None


def report(key, **fields):
    _report.write(json.dumps({"key": key, "at": round(time.monotonic(), 1), **fields}) + "\n")
    _report.flush()


def setting(name, default):
    """From the command line: NAME=value, of the default's type."""
    return type(default)(os.environ.get(name, default))


def must(value):
    """A libc call's result, or its errno as an exception."""
    if value < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return value


def run(*command, seconds=60):
    """A program without a standard input, whatever it returns."""
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=seconds, check=False)


def need(*command, seconds=600):
    """A program that must succeed; its output."""
    done = run(*command, seconds=seconds)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.returncode} {done.stdout}{done.stderr}")
    return done.stdout


def ip(words):
    return need("ip", *words.split())


def read(path):
    with open(path, encoding="utf-8", errors="replace") as text:
        return text.read()


def write(path, text):
    with open(path, "w", encoding="utf-8") as out:
        out.write(str(text))


def sysctl(name, value):
    write("/proc/sys/" + name, value)


@contextlib.contextmanager
def namespace(name):
    """The body runs in network namespace `name`; None is the one the guest started in."""
    if name is None:
        yield
        return
    there = os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        must(libc.setns(there, 0))
        yield
    finally:
        must(libc.setns(home, 0))
        os.close(there)


def make_namespace(name):
    """Addresses are usable at once, and a source is nobody's business."""
    ip(f"netns add {name}")
    with namespace(name):
        open_network()


def open_network():
    for key in ("all", "default"):
        sysctl(f"net/ipv6/conf/{key}/accept_dad", 0)
        sysctl(f"net/ipv4/conf/{key}/rp_filter", 0)
    ip("link set lo up")


def cable(near, far, where, prefix4, prefix6, number):
    """
    A veth pair: device `near` here, `far` in namespace `where`; this end is .1 and ::1. Neither end
    looks for its neighbour. Returns the hardware address of this end.
    """
    macs = [f"02:00:00:00:{number:02x}:{end:02x}" for end in (1, 2)]
    ip(f"link add {near} address {macs[0]} type veth peer name {far} address {macs[1]} netns {where}")
    for end, device, own, other in ((None, near, 1, 2), (where, far, 2, 1)):
        with namespace(end):
            ip(f"addr add {prefix4}.{own}/24 dev {device}")
            ip(f"addr add {prefix6}::{own}/64 dev {device} nodad")
            ip(f"link set {device} up")
            for neighbour in (f"{prefix4}.{other}", f"{prefix6}::{other}"):
                ip(f"neigh replace {neighbour} lladdr {macs[other - 1]} dev {device} nud permanent")
    return macs[0]


def target_parameters():
    """Of whichever xt_TARPIT is loaded; the stock one has none."""
    try:
        return os.listdir("/sys/module/xt_TARPIT/parameters")
    except FileNotFoundError:
        return []


def start(body):
    """Mounts, runs the body, reports what it raises, powers off."""
    global _report, home
    for kind, path in (("devtmpfs", "/dev"), ("proc", "/proc"), ("sysfs", "/sys"), ("tmpfs", "/run")):
        os.makedirs(path, exist_ok=True)
        libc.mount(kind.encode(), path.encode(), kind.encode(), 0, None)
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    _report = open("/dev/ttyS1", "w", encoding="utf-8")
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        open_network()
        body()
    except Exception:
        report("error", text=traceback.format_exc()[-3000:])
    report("done")
    os.sync()
    must(libc.reboot(0x4321FEDC))  # LINUX_REBOOT_CMD_POWER_OFF
    sys.exit(1)
