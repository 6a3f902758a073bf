# SPDX-License-Identifier: GPL-2.0-only
"""The server killed under a guest that works, and the module replaced under it.
What the guest was told is done must be done, once; and it must get on."""

import os
import random
import statistics
import subprocess
import time

from module import MODULE, NODE, ModuleError, pins
from server import Serve
from tap import note

KILLS = {True: 10, False: 200}
REPLACED = {True: 2, False: 10}
# Another build of it.
OTHER = "/lab/other/vhost_pin.ko"


def run(tap, life, quick):
    if life.kind is not Serve:
        return                  # the others do not promise it
    numbers = chance()
    with tap.test("recovery: programs are read from the root disk meanwhile"):
        life.vm.run("programs")
        programs_go_on(life)
    with tap.test(f"recovery: servers killed {KILLS[quick]} times") as tell:
        tell(summary([killed(life, numbers) for _ in range(KILLS[quick])]))
        programs_go_on(life)
    with tap.test(f"recovery: the module replaced {REPLACED[quick]} times") as tell:
        tell(summary([replaced(life, turn) for turn in range(REPLACED[quick])]))
        programs_go_on(life)


def chance():
    """Numbers that can be had again."""
    seed = random.randrange(1 << 32)
    note(f"seed {seed}")
    return random.Random(seed)


def programs_go_on(life):
    life.vm.alive("programs", more=1, timeout=300)


def summary(times):
    """Seconds from the blow to the next request that ends on each disk."""
    return (f"at work again after {statistics.median(times) * 1000:.0f} ms (median),"
            f" {max(times) * 1000:.0f} ms at most")


def killed(life, numbers):
    """One of them, or all, at a random moment."""
    servers = [life.host.servers[name] for name in ("boot", "data")]
    victims = numbers.choice([*([server] for server in servers), servers])
    life.vm.listen(numbers.uniform(0, 0.3))
    start = time.monotonic()
    for server in victims:
        server.kill()
    for server in victims:
        server.start()
    life.alive(more=1)
    took = time.monotonic() - start
    life.alive()
    return took


def replaced(life, turn):
    """Servers and module go, another build of it comes."""
    start = time.monotonic()
    life.host.stop()
    subprocess.run(["rmmod", "vhost_pin"], check=True)
    acquired, released = pins()
    if acquired != released:
        raise ModuleError(f"{acquired} pages pinned, {released} released")
    build = MODULE if turn % 2 or not os.path.exists(OTHER) else OTHER
    subprocess.run(["insmod", build], check=True)
    while not os.path.exists(NODE):
        time.sleep(0.001)
    for server in life.host.servers.values():
        server.start()
    life.alive(more=1)
    return time.monotonic() - start
