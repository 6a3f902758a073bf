# SPDX-License-Identifier: GPL-2.0-only
"""Who takes part, and what they need.

The same client, libblkio, drives vhost-pin, the kernel's vDPA simulator and
QEMU's VDUSE server; it and fio also use the disks themselves, by io_uring,
which is what a server in user space cannot do better than."""

import json
import subprocess

from disks import DISKS, Failure, Setup, vdpa_node

__all__ = ["FIRST", "REST", "Failure", "Setup"]

# One request in so many is timed, where requests come one by one.
TIMED = 8


def output(command):
    """What a command prints on stdout."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, check=False,
                          capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise Failure(f"{' '.join(command)}: status {done.returncode}: {done.stderr}")
    return done.stdout


class Client:
    """Our client, on a disk of any kind."""

    def __init__(self, name, option, needs, path=None, more=()):
        self.name = name
        self.option = option
        self.more = more
        self.needs = needs
        self.path = path or DISKS[needs]

    def run(self, operation, size, depth, seconds):
        """One turn; iops, cpu_us and what it timed."""
        path = vdpa_node(self.path) if self.option == "--vdpa" else self.path
        command = ["io-client", self.option, path, "--rw", operation,
                   "--bs", str(size), "--depth", str(depth), "--seconds", str(seconds),
                   *self.more]
        if depth == 1:
            command += ["--latency", str(TIMED)]
        return json.loads(output(command))


class Fio:
    """fio with io_uring, batches, and all that spares it work."""

    def __init__(self, needs):
        self.name = f"fio/{needs}"
        self.needs = needs

    def run(self, operation, size, depth, seconds):
        """One turn; iops and cpu_us."""
        said = output([
            "fio", "--name=fio", f"--filename={DISKS[self.needs]}", "--direct=1",
            f"--rw={operation}", f"--bs={size}", "--norandommap",
            "--ioengine=io_uring", "--fixedbufs", "--registerfiles",
            f"--iodepth={depth}", f"--iodepth_batch_submit={depth}",
            "--iodepth_batch_complete_min=1", f"--iodepth_batch_complete_max={depth}",
            "--time_based", f"--runtime={int(seconds * 1000)}ms", "--thread",
            "--gtod_reduce=1", "--exec_prerun=cat /proc/stat",
            "--exec_postrun=cat /proc/stat", "--output-format=json"])
        # What it prints before the object are notes.
        job = json.loads(said[said.index("{"):])["jobs"][0]
        if job["error"]:
            raise Failure(f"fio: error {job['error']}")
        half = job["write" if operation == "randwrite" else "read"]
        busy = self.busy_us("postrun") - self.busy_us("prerun")
        return {"iops": half["iops"], "cpu_us": busy / half["total_ios"]}

    @staticmethod
    def busy_us(when):
        """What all processors had done; 100 ticks a second, idle ones aside."""
        with open(f"fio.{when}.txt", encoding="ascii") as stat:
            ticks = [int(word) for word in stat.readline().split()[1:9]]
        return (sum(ticks) - ticks[3] - ticks[4]) * 10000


FIRST = [
    Client("ceiling", "--vhost-pin", "vhost-pin", "/dev/null"),
    Client("vhost-pin/null_blk", "--vhost-pin", "null_blk"),
    # Its rings are no longer, though libblkio thinks so.
    Client("vdpa_sim", "--vdpa", "vdpa_sim", more=["--queue-size", "256"]),
    Client("vduse/null", "--vdpa", "vduse"),
    Client("io_uring/null_blk", "--io-uring", "null_blk"),
    Fio("null_blk"),
]

# These move data: null_mem is a null_blk with memory.
REST = [kind for disk in ("null_mem", "ram", "tmpfs") for kind in
        (Client(f"vhost-pin/{disk}", "--vhost-pin", disk), Fio(disk))]
