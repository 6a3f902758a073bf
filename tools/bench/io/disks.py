# SPDX-License-Identifier: GPL-2.0-only
"""The disks of the benches: made, filled once, and taken away."""

import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../guest"))

from module import Module

MIB = 1 << 20
NULLB = "/sys/kernel/config/nullb"
VDPA = "/sys/bus/vdpa"

# Paths of those that are files or sockets, names of those that are vDPA devices.
DISKS = {
    "vhost-pin": "/dev/null",
    "null_blk": "/dev/null_blk",
    "null_poll": "/dev/null_poll",
    "null_mem": "/dev/null_mem",
    "ram": "/dev/ram0",
    "tmpfs": "/tmp/disk.img",
    "vhost-user": "/tmp/null_blk.sock",
    "vdpa_sim": "sim0",
    "vdpa_sims": "sim0 sim1 sim2 sim3",
    "vduse": "vduse",
}


class Failure(Exception):
    """A contestant could not take its turn, or a disk not be made."""


def call(*command):
    """Runs a command that says nothing."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise Failure(f"{' '.join(command)}: {done.stdout}")


def put(path, value):
    """Writes to a file of sysfs or configfs."""
    with open(path, "w", encoding="ascii") as file:
        file.write(str(value))


def null_blk(name, **options):
    """A null_blk of the block layer's usual kind, which ends requests at once."""
    os.mkdir(f"{NULLB}/{name}")
    for option, value in {"queue_mode": 2, "irqmode": 0, "submit_queues": 1,
                          **options}.items():
        put(f"{NULLB}/{name}/{option}", value)
    put(f"{NULLB}/{name}/power", 1)


def fill(path, size=None):
    """Writes to all of it: memory that was never written is cheaper to read."""
    block = b"\x5a" * MIB
    with open(path, "r+b" if size is None else "wb", buffering=0) as file:
        if size is None:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
        for _ in range(size // MIB):
            file.write(block)
        os.fsync(file.fileno())


def vdpa_add(name, management):
    """A vDPA device of the kernel's, for user space to drive."""
    call("vdpa", "dev", "add", "name", name, "mgmtdev", management)
    put(f"{VDPA}/drivers/vhost_vdpa/bind", name)


def vdpa_node(name):
    """Path of the device's node."""
    for entry in os.listdir(f"{VDPA}/devices/{name}"):
        if entry.startswith("vhost-vdpa-"):
            return f"/dev/{entry}"
    raise Failure(f"vDPA device {name} has no node")


class Setup:
    """The module, and the disks that are needed, while it lasts."""

    def __init__(self, needs):
        self.needs = needs
        self.module = Module()
        self.server = None
        self.vhost_user = None
        self.simulators = []

    def __enter__(self):
        self.module.__enter__()
        put(f"{VDPA}/drivers_autoprobe", 0)
        for need in sorted(self.needs):
            getattr(self, "make_" + need.replace("-", "_"))()
        return self

    def make_vhost_pin(self):
        """Needs nothing but the module."""

    def make_null_blk(self):
        """Touches no data."""
        null_blk("null_blk", size=1024)

    def make_vhost_user(self):
        """vhost-pin's other door to the null_blk."""
        if not os.path.exists(DISKS["null_blk"]):
            self.make_null_blk()
        self.vhost_user = subprocess.Popen(
            ["vhost-pin", "serve", "--disk",
             f"{DISKS['null_blk']},socket={DISKS['vhost-user']}"], stdin=subprocess.DEVNULL)
        for _ in range(100):
            if os.path.exists(DISKS["vhost-user"]):
                return
            time.sleep(0.1)
        raise Failure("vhost-pin serve: no socket")

    def make_null_poll(self):
        """Likewise, and has a queue for those who poll."""
        null_blk("null_poll", size=1024, poll_queues=1)

    def make_null_mem(self):
        """Keeps data in pages of its own."""
        null_blk("null_mem", size=256, memory_backed=1)
        fill(DISKS["null_mem"])

    def make_ram(self):
        """brd, which works without the block layer's queues."""
        fill(DISKS["ram"])

    def make_tmpfs(self):
        """A file, which takes direct I/O."""
        fill(DISKS["tmpfs"], 256 * MIB)

    def make_vdpa_sim(self):
        """128 MiB of the kernel's memory."""
        self.add_simulators(DISKS["vdpa_sim"])

    def make_vdpa_sims(self):
        """Several of them."""
        self.add_simulators(DISKS["vdpa_sims"])

    def add_simulators(self, names):
        """Those that there are not yet."""
        for name in names.split():
            if name not in self.simulators:
                vdpa_add(name, "vdpasim_blk")
                self.simulators.append(name)

    def make_vduse(self):
        """A server in user space, with nothing behind it."""
        pid = "/tmp/vduse.pid"
        call("qemu-storage-daemon", "--blockdev",
             f"null-co,node-name=null,size={1024 * MIB},read-zeroes=off", "--export",
             "vduse-blk,id=export,node-name=null,name=vduse,num-queues=1,"
             "queue-size=1024,writable=on", "--daemonize", "--pidfile", pid)
        with open(pid, encoding="ascii") as file:
            self.server = int(file.read())
        vdpa_add("vduse", "vduse")

    def __exit__(self, *exception):
        if self.vhost_user:
            self.vhost_user.terminate()
            self.vhost_user.wait()
        for name in self.simulators:
            call("vdpa", "dev", "del", name)
        if self.server:
            call("vdpa", "dev", "del", "vduse")
            os.kill(self.server, signal.SIGTERM)
        self.module.__exit__(*exception)
