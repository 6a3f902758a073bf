# SPDX-License-Identifier: GPL-2.0-only
"""The server killed under a guest that works, and the module replaced under it.
What the guest was told is done must be done, once; and it must get on."""

import os
import random
import re
import statistics
import subprocess
import time

import disks
from module import MODULE, NODE, pins
from server import Serve, ServerError
from tap import note
from vm import Vm

ROOT_FILE = "/stamps"
LOADS = ("/dev/vdb", ROOT_FILE)
KILLS = {True: 10, False: 200}
REPLACED = {True: 2, False: 10}
# Another build, if there is one.
OTHER = "/lab/other/vhost_pin.ko"


def run(tap, kind, quick):
    boot, data = disks.boot_disk(), disks.blank("data", 32)
    seed = random.randrange(1 << 32)
    note(f"seed {seed}")
    chance = random.Random(seed)
    with kind({"boot": boot}) as root, kind({"data": data}) as other, \
            Vm([root.socket("boot"), other.socket("data")], prefix="# recovery| ") as vm:
        with tap.test("recovery: a guest works on root and data disk"):
            vm.boot()
            vm.load(*LOADS)
            vm.send("programs")
            vm.alive("programs", more=1, timeout=300)
        with tap.test(f"recovery: {KILLS[quick]} times SIGKILL of a server") as tell:
            times = [killed(vm, chance, root, other) for _ in range(KILLS[quick])]
            tell(summary(times))
        if kind is Serve:
            with tap.test(f"recovery: the module replaced {REPLACED[quick]} times") as tell:
                tell(summary([replaced(vm, root, other) for _ in range(REPLACED[quick])]))
        with tap.test("recovery: the guest read what it wrote"):
            vm.alive("programs", more=1, timeout=300)
            told = vm.loaded(*LOADS)
        with tap.test("recovery: it powers off"):
            vm.off(quiet=False)
            vm.complaints(r"Disconnect|[Uu]nexpected|restore failed|Failed to connect"
                          r"|[Rr]ead_reply|Connection (reset|refused)|Broken pipe|vhost")
    with tap.test("recovery: the host finds what the guest wrote"):
        disks.agree(told["/dev/vdb"], disks.sums(data), "data disk")
        disks.agree(told[ROOT_FILE], disks.root_sums(boot, ROOT_FILE), "root disk")


def summary(times):
    """Milliseconds from the blow to the next request that ends."""
    times = sorted(times)
    return (f"{len(times)} times; at work again after {statistics.median(times) * 1000:.0f} ms"
            f" (median), {times[-1] * 1000:.0f} ms at most")


def killed(vm, chance, *servers):
    """One of them, or all of them, at a random moment; seconds until all loads go on."""
    victims = chance.choice([[server] for server in servers] + [list(servers)])
    vm.listen(chance.uniform(0, 0.3))
    start = time.monotonic()
    for server in victims:
        server.kill()
    for server in victims:
        server.start()
    vm.alive(*LOADS, more=1)
    took = time.monotonic() - start
    vm.alive(*LOADS, more=20)
    return took


def replaced(vm, *servers):
    """Servers and module go, another build of the module comes."""
    start = time.monotonic()
    for server in servers:
        server.stop()
    subprocess.run(["rmmod", "vhost_pin"], check=True)
    acquired, released = pins()
    if acquired != released:
        raise ServerError(f"{acquired} pages pinned, {released} released")
    replaced.turn += 1
    subprocess.run(["insmod", OTHER if replaced.turn % 2 and os.path.exists(OTHER) else MODULE],
                   check=True)
    while not os.path.exists(NODE):
        time.sleep(0.001)
    for server in servers:
        server.start()
    vm.alive(*LOADS, more=1)
    return time.monotonic() - start


replaced.turn = 0
