# SPDX-License-Identifier: GPL-2.0-only
"""A turn of a contestant, and who takes turns."""

import os
import sys
from typing import Callable, NamedTuple

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../io"))

from contestants import NICE, Client, Failure

# Of the guest, where not all that matters is how much there is of it.
GUEST_MIB = 64

# Pages of a huge page.
HUGE = 512

OURS = (Client("vhost-pin/ceiling", "--vhost-pin", "vhost-pin", "/dev/null"),
        Client("vhost-pin/null_blk", "--vhost-pin", "null_blk"))

# As quick with its requests as a client on the same processor lets it.
LESS_NICE = Client("vhost-pin/null_blk/nice", "--vhost-pin", "null_blk", more=NICE)

# A ring of its has 256 entries.
SIMULATOR, SIMULATORS = (Client("vdpa_sim", "--vdpa", needs, more=["--queue-size", "256"])
                         for needs in ("vdpa_sim", "vdpa_sims"))

# No virtio: the client's threads by themselves.
URING = Client("io_uring/null_blk", "--io-uring", "null_blk")


class Turn(NamedTuple):
    """One contestant at one point of an axis."""
    bench: str
    client: Client
    take: Callable[[float], list]       # seconds -> samples


def check_runs(result, shortest, longest):
    """Whether the guest's memory lies as it should; pages.  What is as long as a
    huge page has to be aligned as well."""
    if not shortest <= result["run_pages"] <= longest:
        raise Failure(f"runs of {result['run_pages']} pages, "
                      f"not {shortest} to {longest}")
    if shortest >= HUGE / 2 and result["huge"] < 0.9:
        raise Failure(f"of the runs, only {result['huge']} are as good as huge pages")
