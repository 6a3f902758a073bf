# SPDX-License-Identifier: GPL-2.0-only
"""A guest whose disks come by vhost-user, what works in it, and the file that
its memory is."""

import contextlib
import os
import re
import time

from guest import Guest, GuestError
from qemus import OURS
from qmp import QmpError

PAGE = 4096
CHUNK = 1 << 20


class Vm(Guest):
    """sockets: those of its disks; None is a socket to plug one in later."""

    made = 0

    def __init__(self, sockets, qemu=OURS, machine="q35", mem=256, queues=1,
                 options=(), prefix="# guest| "):
        Vm.made += 1
        self.version = qemu
        self.machine = machine
        self.queues = queues
        self.ram = f"/dev/shm/ram.{os.getpid()}.{Vm.made}"
        self.beats = {}
        self.gaps = {}
        super().__init__(sockets, mem=f"{mem}M", options=options, prefix=prefix)

    def command(self, disks, mem):
        command = [*self.version.command, "-machine", f"{self.machine},memory-backend=ram",
                   "-m", f"{mem},slots=4,maxmem=2G", "-object",
                   f"memory-backend-file,id=ram,mem-path={self.ram},size={mem},share=on"]
        if self.express():
            # One more, for what is not a disk.
            for number in range(len(disks) + 1):
                command += ["-device", f"pcie-root-port,id=port{number},chassis={number}"]
        for number, socket in enumerate(disks):
            name = f"disk{number}"
            if socket:
                command += ["-chardev", f"socket,id={name},path={socket},{self.version.argument()}",
                            "-device", ",".join(f"{key}={value}" for key, value in
                                                self.device(number).items())]
        return command

    def express(self):
        """Whether it has PCI Express, and a port for each device that comes and goes."""
        return "q35" in self.machine

    def device(self, number):
        """What QEMU is told of a disk."""
        place = {"bus": f"port{number}"} if self.express() else {}
        return {"driver": "vhost-user-blk-pci", "id": f"disk{number}",
                "chardev": f"disk{number}", "num-queues": self.queues, **place}

    def plug(self, number, socket):
        """Hot plug: a chardev, then a device."""
        self.qmp("chardev-add", id=f"disk{number}", backend={
            "type": "socket", "data": {
                "addr": {"type": "unix", "data": {"path": socket}},
                "server": False, **self.version.reconnect}})
        self.qmp("device_add", **self.device(number))

    def unplug(self, number, timeout=60):
        """Asks the guest to let go of a disk; returns when QEMU has."""
        self.qmp("device_del", id=f"disk{number}")
        self.until(lambda: f"disk{number}" not in self.devices(), timeout,
                   f"the guest keeps disk{number}")
        # It is gone from the bus before QEMU has let go of all that it had.
        self.until(lambda: self.gone(f"disk{number}"), timeout, f"QEMU keeps disk{number}")

    def gone(self, chardev):
        """Removes a chardev, unless a device still has it."""
        try:
            self.qmp("chardev-remove", id=chardev)
        except QmpError as error:
            if "busy" not in str(error):
                raise
            return False
        return True

    def devices(self):
        """The ids of all that is on a PCI bus, also behind bridges."""
        found, busses = [], self.qmp("query-pci")
        for bus in busses:
            for device in bus["devices"]:
                found.append(device["qdev_id"])
                if "devices" in device.get("pci_bridge", {}):
                    busses.append(device["pci_bridge"])
        return found

    def has(self, disk):
        """Whether the guest sees a disk of that name."""
        return self.size(disk) is not None

    def size(self, disk):
        """In bytes; None if there is no such disk."""
        self.send(f"size {disk}")
        said = self.expect(r"^guest: status ")
        return next((int(line) for line in said if line.isdigit()), None)

    def until(self, true, timeout, otherwise):
        """Waits, and listens to the console meanwhile."""
        end = time.monotonic() + timeout
        while not true():
            if time.monotonic() > end:
                raise GuestError(otherwise)
            self.listen(0.05)

    # The load

    def show(self, text):
        if beat := re.fullmatch(r"guest: beat (\S+) (\d+) (\d+)", text):
            self.beats[beat[1]] = int(beat[2])
            self.gaps[beat[1]] = max(self.gaps.get(beat[1], 0), int(beat[3]))
        else:
            if text.startswith("guest: stamps ") and ": " in text[14:] and "differ" in text:
                super().show(text)
                raise GuestError(text)
            super().show(text)

    def load(self, *files, threads=8, mib=8, rate=0):
        """Works on each; at most `rate` requests a second, 0: as many as it can."""
        for file in files:
            # It counts from none again.
            self.beats.pop(os.path.basename(file), None)
            self.run(f"load {file} -t {threads} -m {mib} -r {rate}")
        self.alive(*files)

    def loaded(self, *files):
        """Ends the load; {file: what its stamps add up to}."""
        sums = {}
        for file in files:
            said = self.run(f"loaded {file}")
            sums[file] = next(line for line in said if "sum" in line).split(": ", 2)[2]
        return sums

    def alive(self, *files, more=20, timeout=60):
        """Every load gets on: so many more requests end."""
        names = [os.path.basename(file) for file in files]
        before = {name: self.beats.get(name, 0) for name in names}
        self.until(lambda: all(self.beats.get(name, 0) >= before[name] + more
                               for name in names), timeout,
                   f"no progress: {before} before, {self.beats} now")

    def complaints(self, expected):
        """Nothing but that may be in what QEMU said."""
        if bad := [line for line in self.stderr().splitlines() if not re.search(expected, line)]:
            raise GuestError("QEMU said: " + "; ".join(bad[:5]))

    # The end

    def rest(self):
        """What was begun on the console and has no end yet."""
        self.listen(0.01)
        return self.pending

    def forget(self):
        """Gives the memory back."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.ram)

    def __exit__(self, *rest):
        super().__exit__(*rest)
        self.forget()


def differing(one, other):
    """Where two files differ, the numbers of the pages and by how many of their 16-bit
    words; and how many pages there are."""
    found, pages = {}, 0
    with open(one, "rb") as first, open(other, "rb") as second:
        while True:
            left, right = first.read(CHUNK), second.read(CHUNK)
            for at in range(0, max(len(left), len(right)), PAGE) if left != right else ():
                here, there = left[at:at + PAGE], right[at:at + PAGE]
                if here != there:
                    found[pages + at // PAGE] = sum(here[i:i + 2] != there[i:i + 2]
                                                    for i in range(0, PAGE, 2))
            pages += len(left) // PAGE
            if not left and not right:
                return found, pages
