# SPDX-License-Identifier: GPL-2.0-only
"""How long a guest of 1 GiB stands still when it moves, and what it costs its disk
that what is written to memory is logged: vhost-pin beside QEMU's storage daemon, turn
by turn in the same run."""

import contextlib
import statistics

from guest import GuestError
from life import Life
from module import Module
from server import Serve, StorageDaemon
from tap import Failed, note

TURNS = 9
MEM = 1024
MIB_S = 192 << 20       # so slow that the log is on for some time
# Milliseconds of sending that QEMU may leave for when it has stopped: of the 300 that it
# leaves itself, most would be the time of memory, and a matter of luck for both.
LEFT = 10
MOST = 1.2              # times the other's downtime


def run(tap, kind, quick):
    del kind, quick
    with contextlib.suppress(Failed), tap.module(Module()), \
            Life(Serve, mem=MEM, shared=True) as life:
        life.begin(tap)
        times = {Serve: [], StorageDaemon: []}
        speeds = {Serve: [], StorageDaemon: []}
        with tap.test("downtime: a guest of 1 GiB moves from host to host"):
            for _ in range(TURNS):
                # Between two of a kind: from one to the other kind measures both.
                for there in Serve, StorageDaemon:
                    if life.host_kind is not there:
                        life.move(there)
                    life.alive()
                    quiet = speed(life)
                    host, vm = life.set_out(there, bandwidth=MIB_S,
                                            downtime_limit=LEFT)
                    logged = speed(life)
                    info = life.arrive(there, host, vm)
                    times[there].append(info["downtime"])
                    speeds[there].append(logged / quiet)
                    note(f"{there.label}: downtime {info['downtime']} ms, "
                         f"{info['ram']['downtime-bytes'] >> 10} KiB sent in it, "
                         f"{logged:.0f} of {quiet:.0f} requests a second with the log on")
        with tap.test("downtime: not 1.2 times the storage daemon's") as tell:
            ours, others = (statistics.median(times[kind]) for kind in (Serve, StorageDaemon))
            tell(f"{ours:.0f} ms beside {others:.0f}")
            if ours > MOST * others:
                raise GuestError(f"{ours} ms beside {others}")
        for kind, name in (Serve, "vhost-pin"), (StorageDaemon, "qemu-storage-daemon"):
            note(f"{name}: with the log on {statistics.median(speeds[kind]):.2f} of the speed"
                 " without, in a guest whose memory is also sent")
        life.end(tap)


def speed(life, seconds=2):
    """Requests a second on both disks."""
    before = sum(life.vm.beats.values())
    life.vm.listen(seconds)
    return (sum(life.vm.beats.values()) - before) / seconds
