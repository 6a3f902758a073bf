# SPDX-License-Identifier: GPL-2.0-only
"""A guest with the same disk twice: served by vhost-pin, and by QEMU."""

import os
import re

from disks import DISKS, Failure, Setup
from guest import Guest
from module import ModuleError
from qmp import QmpError
from switches import Switches

__all__ = ["CONTESTANTS", "Failure", "ModuleError", "Pair", "QmpError"]

VHOST_PIN, QEMU = CONTESTANTS = ("vhost-pin", "virtio-blk")
BOOT = "/lab/boot"
# Rings of QEMU's disk are as long as vhost-pin's.
RING = 1024

# There is no KVM here: QEMU translates the guest's code, so that fio and the
# driver in the guest take many times what they would on a real host, and the
# requests a second say more of them than of who serves the disk.  What a request
# takes of the server's thread is measured for itself.  User-Mode Linux is hard on
# QEMU's there: a system call costs 30 times as much as on a host, and to read the
# clock is one, which QEMU does twice a request; vhost-pin's thread makes none.
COMMAND_LINE = "console=ttyS0 quiet loglevel=4 panic=-1 no_timer_check mitigations=off"


def options(disk):
    """QEMU's, for the kernel and for its own disk.  Its I/O thread does not
    poll, which on the only processor would be at the guest's cost; vhost-pin's
    thread does not either."""
    return ["-kernel", f"{BOOT}/vmlinuz", "-initrd", f"{BOOT}/initrd",
            "-append", COMMAND_LINE,
            "-object", "iothread,id=io,poll-max-ns=0",
            "-blockdev", f"driver=host_device,node-name=disk,filename={disk},"
            "aio=io_uring,cache.direct=on",
            "-device", f"virtio-blk-pci,drive=disk,iothread=io,serial={QEMU},"
            f"num-queues=1,queue-size={RING}"]


def threads(directory, pattern):
    """Ids of those in a directory of /proc whose name matches."""
    found = set()
    for tid in filter(str.isdigit, os.listdir(directory)):
        with open(f"{directory}/{tid}/comm", encoding="utf-8") as name:
            if re.match(pattern, name.read()):
                found.add(int(tid))
    return found


class Pair:
    """The running guest, and the setup that it needs."""

    def __init__(self, disk="null_blk"):
        self.setup = Setup({disk})
        self.disk = DISKS[disk]

    def __enter__(self):
        self.setup.__enter__()
        self.guest = Guest([f"{self.disk},serial={VHOST_PIN},share"],
                           options=options(self.disk))
        self.guest.boot()
        self.guest.prefix = None
        self.names = {line.split()[2]: line.split()[1]
                      for line in self.guest.run("disks") if line.startswith("disk ")}
        if set(self.names) != set(CONTESTANTS):
            raise Failure(f"the guest's disks: {self.names}")
        [vcpu] = self.guest.qmp("query-cpus-fast")
        [iothread] = self.guest.qmp("query-iothreads")
        self.vcpu, self.iothread = vcpu["thread-id"], iothread["thread-id"]
        self.switches = Switches()
        return self

    def __exit__(self, kind, *rest):
        if kind is None:
            self.guest.qmp("quit")
            self.guest.finish()
        self.guest.__exit__()
        self.setup.__exit__(kind, *rest)

    def warm_up(self):
        """The first fio in the guest is read, and its code translated."""
        for who in CONTESTANTS:
            self.turn(who, "randread", 4096, 32, 0.5)

    def server(self, who):
        """Ids of the threads that serve a disk; QEMU's may have helpers, of
        requests that io_uring cannot submit without waiting."""
        if who == VHOST_PIN:
            return threads(f"/proc/{self.guest.qemu.pid}/task", r"vpin-\d")
        return {self.iothread} | threads(f"/proc/{self.guest.qemu.pid}/task",
                                         f"iou-wrk-{self.iothread}")

    def turn(self, who, operation, size, depth, seconds):
        """fio's requests a second in the guest, and the microseconds of the host's
        processor that a request took: by the server's threads, by the guest's
        virtual CPU, by QEMU's main thread, which interrupts the guest, and in
        all."""
        with self.switches:
            self.guest.send(f"turn {self.names[who]} {operation} {size} {depth}"
                            f" {int(seconds * 1000)}")
            said = self.guest.expect(r"^guest: status ", timeout=60)
        fields = next((line.split(";") for line in said if line.startswith("3;")), None)
        if said[-1] != "guest: status 0" or not fields or fields[4] != "0":
            raise Failure(f"fio in the guest: {said}")
        # Of terse version 3: KiB and, three fields on, milliseconds.
        first = 46 if operation == "randwrite" else 5
        requests = int(fields[first]) * 1024 // size
        if not requests:
            raise Failure("fio in the guest made no request")
        server = self.server(who)
        busy = self.switches.busy(server)
        return {"iops": requests / (int(fields[first + 3]) / 1000),
                "server_us": sum(busy[tid] for tid in server) * 1e6 / requests,
                "guest_us": busy[self.vcpu] * 1e6 / requests,
                "qemu_us": busy[self.guest.qemu.pid] * 1e6 / requests,
                "host_cpu_us": sum(busy.values()) * 1e6 / requests}
