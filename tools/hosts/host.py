# SPDX-License-Identifier: GPL-2.0-only
"""The host on which the rows of tools/check/hosts are made, and who looks at it
from outside of the module."""

import os
import re
import select
import signal
import subprocess
import time

HOSTDISK = "/lab/bin/hostdisk"
CGROUPS = "/sys/fs/cgroup"
USER = 1000
# The debug kernel is slow.
PATIENCE = 6 if os.path.exists("/sys/kernel/debug/kmemleak") else 1


class Failed(Exception):
    """A cell's property does not hold."""


class Broken(Exception):
    """The cell could not be tried."""


class Absent(Exception):
    """This lab cannot make the row."""


def run(command, check=True, **options):
    result = subprocess.run(command, shell=isinstance(command, str), check=False,
                            capture_output=True, text=True, **options)
    if check and result.returncode:
        raise Broken(f"{command}: {result.stdout.strip()} {result.stderr.strip()}")
    return result


def put(path, text):
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
    except OSError as error:
        raise Broken(f"{path}: {error}") from error


def is_put(path, text):
    """Whether it is taken."""
    try:
        put(path, text)
    except Broken:
        return False
    return True


def get(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def wait_for(what, seconds):
    """Whether what() becomes true in time."""
    end = time.monotonic() + seconds * PATIENCE
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def drop_caches():
    """Inodes, too, which remember who dirtied them first, once they are clean."""
    os.sync()
    put("/proc/sys/vm/drop_caches", "3")


def pins():
    if os.path.exists("/proc/sys/vm/stat_refresh"):
        put("/proc/sys/vm/stat_refresh", "1")
    stat = dict(line.split() for line in get("/proc/vmstat").splitlines())
    return int(stat["nr_foll_pin_acquired"]) - int(stat["nr_foll_pin_released"])


class Meter:
    """What of the host a device takes: bytes, and kernel threads."""

    def __init__(self):
        info = dict(re.findall(r"(\w+):\s+(\d+)", get("/proc/meminfo")))
        self.slab = int(info["Slab"]) * 1024
        self.stacks = int(info["KernelStack"]) * 1024
        self.threads = 0
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                stat = get(f"/proc/{pid}/stat")
            except OSError:
                continue
            # Of the kernel's, whose parent is kthreadd.
            self.threads += stat.rpartition(")")[2].split()[1] == "2"

    def since(self, before):
        grown = Meter.__new__(Meter)
        for name, value in vars(self).items():
            setattr(grown, name, value - getattr(before, name))
        return grown


class Cgroup:
    """An owner's: what it is charged with."""

    numbers = iter(range(1 << 30))

    def __init__(self):
        put(f"{CGROUPS}/cgroup.subtree_control", "+io +memory +pids")
        self.path = f"{CGROUPS}/host-{next(self.numbers)}"
        os.mkdir(self.path)

    def enter(self):
        put(f"{self.path}/cgroup.procs", str(os.getpid()))

    def written(self, device):
        """Bytes written to the device, as io.stat counts them."""
        number = f"{os.major(device)}:{os.minor(device)}"
        for line in get(f"{self.path}/io.stat").splitlines():
            if line.split()[0] == number:
                # A device that has had nothing yet has no counts.
                match = re.search(r"wbytes=(\d+)", line)
                return int(match[1]) if match else 0
        return 0

    def memory(self):
        return int(get(f"{self.path}/memory.current"))

    def pages(self):
        """Bytes of page cache, without the guests' memory, which is a memfd."""
        stat = dict(line.split() for line in get(f"{self.path}/memory.stat").splitlines())
        return int(stat["file"]) - int(stat["shmem"])

    def remove(self):
        wait_for(lambda: not get(f"{self.path}/cgroup.procs"), 5)
        try:
            os.rmdir(self.path)
        except OSError:
            pass


class Disk:
    """A guest with its disk: tools/hosts/hostdisk, or the host's own hand."""

    def __init__(self, path, ways=(), user=None, cgroup=None):
        def prepare():
            if cgroup:
                cgroup.enter()
            if user:
                os.setgroups([])
                os.setgid(user)
                os.setuid(user)

        self.process = subprocess.Popen([HOSTDISK, path, *ways], bufsize=0,
                                        stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, preexec_fn=prepare)
        self.pid = self.process.pid
        self.rest = b""
        self.first = self.line(20)

    @property
    def ready(self):
        return self.first.startswith("ready")

    def line(self, seconds):
        end = time.monotonic() + seconds * PATIENCE
        while b"\n" not in self.rest:
            left = end - time.monotonic()
            if left < 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise Failed(f"the guest has no answer after {seconds} s")
            more = os.read(self.process.stdout.fileno(), 4096)
            if not more:
                raise Failed("the guest died")
            self.rest += more
        line, _, self.rest = self.rest.partition(b"\n")
        return line.decode()

    def send(self, command):
        self.process.stdin.write(command.encode() + b"\n")

    def ask(self, command, seconds=30):
        self.send(command)
        return self.line(seconds)

    def must(self, command, answer="ok", why=None):
        said = self.ask(command)
        if said != answer:
            raise Failed(f"{why or command}: {said}, not {answer}")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)

    def gone(self, seconds):
        return wait_for(lambda: self.process.poll() is not None, seconds)

    def close(self):
        """True if it went in time."""
        if self.process.poll() is None:
            try:
                self.process.stdin.close()
            except OSError:
                pass
            if not self.gone(20):
                self.kill()
                return self.gone(20)
        return True
