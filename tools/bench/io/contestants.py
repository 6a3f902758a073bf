# SPDX-License-Identifier: GPL-2.0-only
"""Who takes part, and what they need.

The same client, libblkio, drives vhost-pin, the kernel's vDPA simulator and
QEMU's VDUSE server; it and fio also use the disks themselves, by io_uring,
which is what a server in user space cannot do better than."""

import json
import re
import subprocess
from contextlib import contextmanager
from typing import NamedTuple

from disks import DISKS, Failure, Setup, vdpa_node

__all__ = ["FIRST", "NICE", "REST", "Client", "Failure", "Group", "Setup"]

# Where many are under way, one request in so many is timed: in no step with batches.
TIMED = 31


class Group(NamedTuple):
    """What is asked of all contestants alike."""
    operation: str
    size: int           # bytes of a request
    depth: int          # on each queue
    queues: int = 1

    def name(self, part):
        """Of its bench in that part."""
        name = f"{part}/{self.operation}/{self.size // 1024}k/depth={self.depth}"
        return name if self.queues == 1 else f"{name}/queues={self.queues}"


def output(command):
    """What a command prints on stdout."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, check=False,
                          capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise Failure(f"{' '.join(command)}: status {done.returncode}: {done.stderr}")
    return done.stdout


class Client:
    """Our client, on a disk of any kind."""

    def __init__(self, name, option, needs, path=None, more=(), queues=64, only=""):
        self.name = name
        self.option = option
        self.more = more
        self.needs = needs
        self.path = path or DISKS[needs]
        self.queues = queues            # that the disk has
        self.only = only                # of which groups

    def takes(self, group):
        """Whether it takes part."""
        return group.queues <= self.queues and re.search(self.only, group.name("io"))

    def command(self, group, seconds, more=()):
        """The command of one turn."""
        path = self.path
        if self.option == "--vdpa":
            path = ",".join(vdpa_node(name) for name in path.split())
        return ["io-client", self.option, path, "--rw", group.operation,
                "--bs", str(group.size), "--depth", str(group.depth),
                "--queues", str(group.queues), "--seconds", str(seconds),
                *self.more, *more]

    def run(self, group, seconds):
        """One turn; iops, cpu_us and what it timed."""
        every = TIMED if group.depth > 1 else 1
        return json.loads(output(self.command(group, seconds, ["--latency", str(every)])))

    @contextmanager
    def held(self, group, seconds, more=()):
        """One turn, whose disk is there until the context ends."""
        command = self.command(group, seconds, more) + ["--hold"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True) as process:
            line = process.stdout.readline()
            if not line.startswith("{"):
                raise Failure(f"{' '.join(command)}: {line.strip()}")
            yield json.loads(line)
            said = process.communicate(timeout=60)[0]
        if process.returncode:
            raise Failure(f"{' '.join(command)}: status {process.returncode}: {said}")


class Fio:
    """fio with io_uring, batches, and all that spares it work."""

    def __init__(self, needs, more=()):
        self.name = f"fio/{needs}"
        self.needs = needs
        self.more = more

    @staticmethod
    def takes(_group):
        """Whether it takes part: always."""
        return True

    def run(self, group, seconds):
        """One turn; iops and cpu_us."""
        depth = group.depth
        said = output([
            "fio", "--name=fio", f"--filename={DISKS[self.needs]}", "--direct=1",
            f"--rw={group.operation}", f"--bs={group.size}", "--norandommap",
            f"--numjobs={group.queues}", "--group_reporting",
            "--ioengine=io_uring", "--fixedbufs", "--registerfiles",
            f"--iodepth={depth}", f"--iodepth_batch_submit={depth}",
            "--iodepth_batch_complete_min=1", f"--iodepth_batch_complete_max={depth}",
            "--time_based", f"--runtime={int(seconds * 1000)}ms", "--thread",
            "--gtod_reduce=1", "--exec_prerun=cat /proc/stat",
            "--exec_postrun=cat /proc/stat", "--output-format=json", *self.more])
        # What it prints before the object are notes.
        job = json.loads(said[said.index("{"):])["jobs"][0]
        if job["error"]:
            raise Failure(f"fio: error {job['error']}")
        half = job["write" if group.operation == "randwrite" else "read"]
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
    Client("vdpa_sim", "--vdpa", "vdpa_sim", more=["--queue-size", "256"],
           queues=1),
    Client("vduse/null", "--vdpa", "vduse", queues=1),
    Client("io_uring/null_blk", "--io-uring", "null_blk"),
    Fio("null_blk"),
]

# Whoever polls does so where there is little to do, and where there is much.
POLLED = r"randread/4k/depth=(1|32)$"

# The threads' share of the processor, where its client is on it too.
NICE = ["--nice", "-10"]
SHARED = r"randread/4k/"

# What the other door costs, and the dirty log.
DOORS = r"randread/4k/depth=\d+$"

# The second half moves data: null_mem is a null_blk with memory.
REST = [
    Client("vhost-pin/null_blk/busyloop", "--vhost-pin", "null_blk",
           more=["--busyloop", "50"], only=POLLED),
    Client("vhost-pin/null_blk/log", "--vhost-pin", "null_blk", more=["--log"], only=DOORS),
    Client("vhost-pin/null_blk/vhost-user", "--vhost-user", "vhost-user", only=DOORS),
    # Its disk is polled, and so is fio's.
    Client("vhost-pin/null_poll", "--vhost-pin", "null_poll", more=["--poll-disk"]),
    Fio("null_poll", more=["--hipri"]),
    Client("vhost-pin/null_blk/poll", "--vhost-pin", "null_blk", more=["--poll"],
           only=POLLED),
    Client("vhost-pin/null_blk/busyloop/poll", "--vhost-pin", "null_blk",
           more=["--busyloop", "50", "--poll"], only=POLLED),
    Client("ceiling/nice", "--vhost-pin", "vhost-pin", "/dev/null", more=NICE, only=SHARED),
    Client("vhost-pin/null_blk/nice", "--vhost-pin", "null_blk", more=NICE, only=SHARED),
] + [kind for disk in ("null_mem", "ram", "tmpfs") for kind in
        (Client(f"vhost-pin/{disk}", "--vhost-pin", disk), Fio(disk),
         Client(f"vhost-pin/{disk}/nice", "--vhost-pin", disk, more=NICE, only=SHARED))]
