# SPDX-License-Identifier: GPL-2.0-only
"""How long a guest of 1 GiB stands still when it moves, and what it costs its disk
that what is written to memory is logged: vhost-pin beside QEMU's storage daemon, turn
by turn in the same run."""

import contextlib
import statistics

from guest import GuestError
from life import LOADS, Life
from module import Module
from server import Serve, StorageDaemon
from tap import Failed, note

TURNS, MOVES = 4, 3     # of each kind in a turn
LOGGED_TURNS, REST = 3, 5       # seconds
MEM = 1024
KINDS = (Serve, StorageDaemon)
# Requests a second of each load.  Both servers have as much to do, and the guest writes as
# much memory, which QEMU has to send.  It is little, and sent slowly, in bytes a second:
# of one process User-Mode Linux runs one thread at a time, and a guest that computes or a
# sender that is busy keeps the thread waiting that stops the guest, for a tick or more.
RATE = 5
BANDWIDTH = 32 << 20
# So slow that the log is on for as long as it is measured.
SLOW = 16 << 20
# Milliseconds of sending that QEMU may leave for when it has stopped: of the 300 that it
# leaves itself, most would be the time of memory, and a matter of luck for both.
LEFT = 20
MOST = 1.2              # times the other's downtime


def run(tap, kind, quick):
    del kind, quick
    with contextlib.suppress(Failed), tap.module(Module()), \
            Life(Serve, mem=MEM, shared=True) as life:
        life.begin(tap, RATE)
        with tap.test("downtime: not 1.2 times the storage daemon's") as tell:
            tell(downtime(life))
        with tap.test("downtime: what the log costs"):
            cost(life)
        life.end(tap)


def downtime(life):
    """The guest moves from host to host."""
    times = {kind: [] for kind in KINDS}
    # The first move meets memory and programs that nobody has used yet.
    life.move(Serve)
    for _ in range(TURNS):
        for kind in KINDS:
            # Between two of a kind: from one to the other kind measures both.
            settle(life, kind)
            for _ in range(MOVES):
                info = life.arrive(kind, *life.set_out(kind, bandwidth=BANDWIDTH,
                                                       downtime_limit=LEFT))
                life.alive()
                times[kind].append(info["downtime"])
                note(f"{kind.label}: downtime {info['downtime']} ms,"
                     f" {info['ram']['downtime-bytes'] >> 10} KiB sent in it,"
                     f" after {info['total-time'] / 1000:.1f} s")
    ours, others = (statistics.median(times[kind]) for kind in KINDS)
    if ours > MOST * others:
        raise GuestError(f"{ours} ms beside {others}")
    return f"{ours:.0f} ms beside {others:.0f}"


def settle(life, kind):
    """The guest is on a host of that kind, and works."""
    if life.host_kind is not kind:
        life.move(kind)
    life.alive()


def cost(life):
    """It sets out, and stays; meanwhile it works as fast as it can."""
    for kind in KINDS:
        settle(life, kind)
        life.vm.loaded(*LOADS)
        life.vm.load(*LOADS)
        speeds = []
        for _ in range(LOGGED_TURNS):
            # What began, or was made for nothing and ends, takes processors.
            life.vm.listen(REST)
            quiet = speed(life)
            host, vm = life.set_out(kind, bandwidth=SLOW)
            logged = speed(life)
            life.turn_back(host, vm)
            speeds.append(logged / quiet)
            note(f"{kind.label}: {logged:.0f} of {quiet:.0f} requests a second with the log on")
        note(f"{kind.label}: with the log on {statistics.median(speeds):.2f} of the speed without,"
             " in a guest whose memory is also sent")


def speed(life, seconds=4):
    """Requests a second on both disks."""
    before = sum(life.vm.beats.values())
    life.vm.listen(seconds)
    return (sum(life.vm.beats.values()) - before) / seconds
