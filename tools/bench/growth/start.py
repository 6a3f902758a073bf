# SPDX-License-Identifier: GPL-2.0-only
"""Start-up and the module's memory, by how much memory the guest has.

What is timed: from the open of /dev/vhost-pin to the end of the first request,
by way of attach, DRIVER_OK and the map of the guest's memory, all of which is
there already.  The simulator takes no part: it pins nothing."""

from math import inf
from typing import Callable, NamedTuple

from turn import HUGE, OURS, Turn, check_runs

from contestants import Group
from kmem import Allocations

MIBS = (64, 256, 1024)
MIB = 1 << 20

# User-Mode Linux has a mapping of its host's for each run of the region that is
# being mapped: see the client.  So many MiB a region keep that within bounds.
REGION_MIB = 64


class Layout(NamedTuple):
    options: Callable[[int], tuple]     # of the client, for so many MiB
    shortest: float                     # run, in pages
    longest: float


LAYOUTS = {
    "contiguous": Layout(lambda mib: (), HUGE, inf),
    "scattered": Layout(lambda mib: ("--regions", mib // REGION_MIB, "--runs", 1), 1, 1.1),
}

# Functions that allocate for the guest's memory; all others' is the device's.
MEMORY = ("vpin_pin_", "vpin_snap_")


class Start:
    """The axis."""
    name = "start"

    def turns(self, smoke):
        """All of a round; of a smoke test, the smallest and the largest guest."""
        for mib in (MIBS[0], MIBS[-1]) if smoke else MIBS:
            for layout in LAYOUTS:
                for client in OURS:
                    yield self.turn(mib, layout, client)

    @staticmethod
    def turn(mib, layout, client):
        """One of them."""
        def take(seconds):
            more = ["--requests", "1", "--memory", str(mib),
                    *(str(word) for word in LAYOUTS[layout].options(mib))]
            with Allocations() as allocations:
                with client.held(Group("randread", 4096, 1), seconds, more) as result:
                    allocated = allocations.bytes()
            check_runs(result, LAYOUTS[layout].shortest, LAYOUTS[layout].longest)
            memory = sum(size for function, size in allocated.items()
                         if function.startswith(MEMORY))
            shared = {"who": f"{client.name}/{layout}", "run_pages": result["run_pages"],
                      "huge": result["huge"]}
            return [
                {"bench": bench, "value": result["start_ms"], "unit": "ms",
                 "map_ms": result["map_ms"], **shared},
                {"bench": f"growth/memory/mib={mib}", "value": memory, "unit": "bytes",
                 "percent": round(memory / (mib * MIB) * 100, 6),
                 "device_bytes": sum(allocated.values()) - memory, **shared},
            ]

        bench = f"growth/start/mib={mib}"
        return Turn(bench, client, take)
