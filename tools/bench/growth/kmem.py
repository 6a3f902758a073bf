# SPDX-License-Identifier: GPL-2.0-only
"""What the module has allocated: by kmalloc, as the kernel's trace has it, and by
vmalloc, where kvmalloc() goes with what is large.

A memory cgroup would know too, but to within pages that it charges ahead, and
with what the client's own system calls take."""

import os
import re
from collections import defaultdict

from disks import Failure, put

TRACE = "/sys/kernel/tracing"
EVENTS = ("kmalloc", "kfree")

ALLOC = re.compile(r"kmalloc: call_site=(\w+)\S* \[vhost_pin\] ptr=(\w+) .*bytes_alloc=(\d+)")
FREE = re.compile(r"kfree: .*ptr=(\w+)")
# A vmap is of pages that are counted elsewhere.
VMALLOC = re.compile(r" (\w+)\S* \[vhost_pin\] pages=(\d+) .*vmalloc")
ENTRIES = re.compile(r"# entries-in-buffer/entries-written: (\d+)/(\d+)")


def vmallocs():
    """(function, bytes) of each that there is now."""
    with open("/proc/vmallocinfo", encoding="ascii") as file:
        for line in file:
            if found := VMALLOC.search(line):
                yield found[1], int(found[2]) * os.sysconf("SC_PAGE_SIZE")


class Allocations:
    """Of the devices that were opened since the with."""

    def __enter__(self):
        put(f"{TRACE}/buffer_size_kb", 16384)
        put(f"{TRACE}/trace", "")
        for event in EVENTS:
            put(f"{TRACE}/events/kmem/{event}/enable", 1)
        return self

    def __exit__(self, *_):
        for event in EVENTS:
            put(f"{TRACE}/events/kmem/{event}/enable", 0)

    def bytes(self):
        """What is allocated now, by the module's functions."""
        alive = {}
        with open(f"{TRACE}/trace", encoding="ascii") as trace:
            for line in trace:
                if found := ALLOC.search(line):
                    alive[found[2]] = (found[1], int(found[3]))
                elif found := FREE.search(line):
                    alive.pop(found[1], None)
                elif (found := ENTRIES.match(line)) and found[1] != found[2]:
                    raise Failure("the trace has lost events")
        if not alive:
            raise Failure("the trace has nothing of the module")
        total = defaultdict(int)
        for function, size in [*alive.values(), *vmallocs()]:
            total[function] += size
        return total
