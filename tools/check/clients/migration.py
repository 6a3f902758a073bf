# SPDX-License-Identifier: GPL-2.0-only
"""Live migration by unmodified QEMU, from one to the next on the same disks: at
the end of the one and the start of the other all of the guest's memory must be
the same, and the load that works meanwhile must find what it wrote."""

import statistics

from server import StorageDaemon

COUNT = {True: 2, False: 50}


def run(tap, life, quick):
    with tap.test(f"migration: {COUNT[quick]} in a row, no page of memory differs") as tell:
        times = []
        for _ in range(COUNT[quick]):
            times.append(life.move(life.kind)["downtime"])
            life.alive()
        tell(f"downtime {statistics.median(times):.0f} ms (median), {max(times)} ms at most")
    with tap.test("migration: it turns back half-way, then goes"):
        life.stay(life.kind)
        life.alive()
        life.move(life.kind)
        life.alive()
    with tap.test("migration: to qemu-storage-daemon and back"):
        life.move(StorageDaemon)
        life.alive()
        # What the storage daemon has under way when it stops would be lost.
        life.move(life.kind, rest=True)
        life.alive()
