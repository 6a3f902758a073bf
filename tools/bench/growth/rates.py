# SPDX-License-Identifier: GPL-2.0-only
"""Axes along which requests a second are counted."""

import re
from glob import glob

from turn import GUEST_MIB, LESS_NICE, OURS, SIMULATOR, SIMULATORS, URING, Turn, check_runs

from contestants import Failure, Group

STATE = "/sys/kernel/debug/vhost_pin/[0-9]*/state"


def state():
    """What the module says of the one device that there is, if it is one."""
    paths = glob(STATE)
    if len(paths) != 1:
        return {}
    with open(paths[0], encoding="ascii") as file:
        text = file.read()
    chains, turns, signals = (
        sum(int(number) for number in re.findall(rf"{word} (\d+)", text))
        for word in ("chains", "turns", "signals"))
    # Who is signalled had gone to sleep.
    return {"ranges": int(re.search(r"memory: (\d+) ranges", text)[1]),
            "requests_a_turn": chains / turns, "signals_a_turn": signals / turns}


def regions_kept(value, result):
    """The rings have regions of their own."""
    if "ranges" in result and result["ranges"] <= value:
        raise Failure(f"{result['ranges']} ranges for {value} regions and the rings")


def runs_kept(value, result):
    """The kernel may have had none that long, or have had some side by side."""
    check_runs(result, value / 2, value * 2)


class Rates:
    """An axis."""

    def __init__(self, name, points, group, more=lambda value: (), check=None,
                 where="", smoke=()):
        self.name = name
        self.points = points            # value -> contestants
        self.group = group              # value -> group
        self.more = more                # value -> options of the client
        self.check = check              # (value, result)
        self.where = where              # appended to the name of a bench
        self.smoke = smoke              # values of a smoke test; none: the ends

    def turns(self, smoke):
        """All of a round, or of a smoke test's."""
        values = list(self.points)
        for value in (self.smoke or (values[0], values[-1])) if smoke else values:
            for client in self.points[value]:
                yield self.turn(value, client)

    def turn(self, value, client):
        """One of them."""
        def take(seconds):
            more = [str(word) for word in self.more(value)]
            with client.held(self.group(value), seconds, more) as result:
                result.update(state())
            if self.check:
                self.check(value, result)
            sample = {"bench": bench, "who": client.name,
                      "value": round(result["iops"] / 1000, 2), "unit": "kIOPS"}
            for key in ("cpu_us", "requests_a_turn", "signals_a_turn", "run_pages", "huge",
                        "ranges"):
                if key in result:
                    sample[key] = round(result[key], 2)
            return [sample]

        bench = f"growth/{self.name}={value}{self.where}"
        return Turn(bench, client, take)


ALL = (*OURS, SIMULATOR)
THREADS = (*OURS, LESS_NICE, URING)
READS = Group("randread", 4096, 32)


def queues(where=""):
    """The simulator takes no part: it has one."""
    return Rates("queues", {1: THREADS, 2: THREADS, 4: THREADS},
                 lambda value: READS._replace(queues=value), where=where, smoke=(1, 2))


RATES = [
    queues(),
    Rates("regions", {1: ALL, 4: ALL, 16: ALL, 64: ALL}, lambda value: READS,
          lambda value: ("--memory", GUEST_MIB, "--regions", value), regions_kept),
    Rates("runs", {512: ALL, 64: ALL, 8: ALL, 1: ALL}, lambda value: READS,
          lambda value: ("--memory", GUEST_MIB, "--runs", value), runs_kept),
    # Eight requests of 64 pieces still fit into the longest ring of ours, of
    # 16 into the simulator's.
    Rates("segments", {1: ALL, 2: ALL, 4: ALL, 16: ALL, 64: OURS},
          lambda value: Group("randread", 4096 * value, 8),
          lambda value: ("--memory", GUEST_MIB, "--segments", value)),
    # Each simulator is a disk of its own in memory: a few must do.
    Rates("devices", {1: (*THREADS, SIMULATORS), 2: (*THREADS, SIMULATORS),
                      4: (*THREADS, SIMULATORS), 16: THREADS, 64: THREADS},
          lambda value: Group("randread", 4096, 4), lambda value: ("--devices", value)),
]

RATES_SMP = [queues("/cpus=2")]
