# SPDX-License-Identifier: GPL-2.0-only
"""Who had the processor, and for how long, by the trace of the scheduler's
switches.  What /proc says of a thread is counted in ticks of 10 ms here: in
User-Mode Linux the scheduler's clock has no finer ones."""

import os
import re
from collections import Counter

from disks import Failure, put

TRACE = "/sys/kernel/tracing/instances/bench"
BUFFER_KB = 32 << 10
SWITCH = re.compile(r" (\d+\.\d+): sched_switch: .* next_pid=(\d+) ")
IDLE = 0


class Switches:
    """with switches: ... records them; of one processor, which is all there is."""

    def __init__(self):
        os.mkdir(TRACE)
        put(f"{TRACE}/tracing_on", 0)
        put(f"{TRACE}/trace_clock", "mono")
        put(f"{TRACE}/buffer_size_kb", BUFFER_KB)
        put(f"{TRACE}/events/sched/sched_switch/enable", 1)

    def __enter__(self):
        put(f"{TRACE}/trace", "")
        put(f"{TRACE}/tracing_on", 1)

    def __exit__(self, *_):
        put(f"{TRACE}/tracing_on", 0)

    def spans(self):
        """(thread, from, to) of each stay on the processor, in seconds."""
        with open(f"{TRACE}/per_cpu/cpu0/stats", encoding="ascii") as stats:
            lost = dict(line.split(": ") for line in stats)["overrun"]
        if int(lost):
            raise Failure(f"the trace lost {lost} switches")
        thread, since = None, None
        with open(f"{TRACE}/trace", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if match := SWITCH.search(line):
                    now = float(match[1])
                    if thread is not None:
                        yield thread, since, now
                    thread, since = int(match[2]), now

    def busy(self, server):
        """Seconds of each thread, from the first stay of one of the server's
        to the last: what comes before and after is no I/O."""
        spans = list(self.spans())
        ours = [index for index, span in enumerate(spans) if span[0] in server]
        if not ours:
            raise Failure("the server's thread never ran")
        busy = Counter()
        for thread, since, until in spans[ours[0]:ours[-1] + 1]:
            busy[thread] += until - since
        del busy[IDLE]
        return busy
