#!/usr/bin/python3 -B
"""One bug of each kind on demand: whoever judges the fuzz must hear every one of them."""

import os
import subprocess
import time

import lab

KMEMLEAK = "/sys/kernel/debug/kmemleak"
CRASH = "/sys/kernel/debug/provoke-crash/DIRECT"


def provoke(kind):
    """In a process of its own, which may not survive it (Documentation/fault-injection/provoke-crashes.rst)."""
    lab.write("/dev/kmsg", f"tarpit-kit: {kind}\n")
    code = f"open({CRASH!r}, 'w', encoding='utf-8').write({kind!r})"
    child = subprocess.Popen(["/usr/bin/python3", "-I", "-S", "-c", code])
    try:
        child.wait(5)
    except subprocess.TimeoutExpired:
        pass


def beyond_vmalloc():
    """Past the end of what vmalloc gave, and not yet in the guard page: lkdtm has no such bug, KASAN's own tests do."""
    lab.write("/dev/kmsg", "tarpit-kit: vmalloc_oob\n")
    lab.need("modprobe", "kunit", "enable=1", "filter_glob=kasan.vmalloc_oob")
    lab.need("modprobe", "kasan_test")


def main():
    lab.libc.mount(b"debugfs", b"/sys/kernel/debug", b"debugfs", 0, None)
    lab.write(KMEMLEAK, "scan")
    lab.write(KMEMLEAK, "clear")
    lab.need("modprobe", "lkdtm")
    lab.run("modprobe", "kmemleak-test")
    for _ in range(3):
        time.sleep(6)
        lab.write(KMEMLEAK, "scan")
    lab.report("leaks", after="control", text=lab.read(KMEMLEAK)[:4000])
    for kind in lab.setting("KINDS", "").split(","):
        provoke(kind)
    beyond_vmalloc()
    os.sync()


if __name__ == "__main__":
    lab.start(main)
