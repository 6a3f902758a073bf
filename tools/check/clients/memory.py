# SPDX-License-Identifier: GPL-2.0-only
"""Memory that comes and goes while a guest works: balloon, free-page reporting,
virtio-mem, memory plugged in and out.  Not a byte may be wrong in the guest, and
what it gave back the host must have: blocks of the file that the memory is."""

import os
import time

from guest import GuestError
from life import ROOT_FILE

# Who works all the time, and who now and then with all the memory there is.
LOAD, FILL = ROOT_FILE, "/dev/vdb"
CYCLES = {True: 1, False: 20}
MIB = 1 << 20
PORT = 3                # a free one
SMALL = 144             # MiB that the balloon leaves a guest of 256
REPORTED = 8            # MiB, at least: a guest reports whole pageblocks that are free
# Of what should have been given back, so much must have been.
GIVEN_BACK = 0.8
BLOCK = 2               # MiB of virtio-mem's
ASK_AGAIN = 20          # seconds


def run(tap, life, quick):
    memory = Memory(life)
    life.vm.loaded(FILL)
    with tap.test(f"memory: balloon, inflated and deflated {CYCLES[quick]} times") as tell:
        tell(memory.balloon(CYCLES[quick]))
    with tap.test("memory: what is free is reported, and given back") as tell:
        tell(memory.reporting())
    with tap.test(f"memory: plugged in and out {CYCLES[quick] // 2 or 1} times") as tell:
        tell(memory.dimm(CYCLES[quick] // 2 or 1))
    with tap.test(f"memory: virtio-mem, {CYCLES[quick] // 2 or 1} times") as tell:
        tell(memory.virtio_mem(CYCLES[quick] // 2 or 1))
    life.vm.load(FILL)


class Memory:
    """Of a life; the devices that it takes are plugged in."""

    def __init__(self, life):
        self.life = life
        self.vm = life.vm
        self.files = 0

    # What is measured

    @staticmethod
    def used(path):
        """MiB that the host has in the file."""
        return os.stat(path).st_blocks * 512 / MIB

    def guest_mib(self):
        """What the guest thinks it has."""
        said = self.vm.run("memory")
        return next(int(line.split()[1]) for line in said if line.startswith("MemTotal")) / 1024

    def back(self, path, before, wanted):
        """Waits until so many MiB less are used than before; how many it were."""
        def gone():
            return before - self.used(path) >= wanted * GIVEN_BACK
        self.vm.until(gone, 300, f"{before:.0f} MiB were used, {self.used(path):.0f} are:"
                      f" of {wanted} MiB too few came back")
        return before - self.used(path)

    # The four

    def balloon(self, cycles):
        self.vm.qmp("device_add", driver="virtio-balloon-pci", id="balloon", **self.place(PORT))
        full, given = self.life.mem, []
        for _ in range(cycles):
            self.fill()
            before = self.used(self.vm.ram)
            self.resize(SMALL)
            given.append(self.back(self.vm.ram, before, full - SMALL))
            self.vm.alive(LOAD)
            self.resize(full)
            self.vm.alive(LOAD)
            self.fill()
        self.remove("balloon")
        return f"{min(given):.0f} MiB of {full - SMALL} given back each time"

    def resize(self, mib):
        self.vm.qmp("balloon", value=mib * MIB)
        self.vm.until(lambda: self.vm.qmp("query-balloon")["actual"] == mib * MIB, 120,
                      f"the balloon is not {mib} MiB")

    def fill(self):
        """All memory that the guest has free is read into, and written from."""
        self.vm.run(f"pass {FILL}")

    def reporting(self):
        # The balloon left some of it unused.
        self.fill()
        before = self.used(self.vm.ram)
        self.vm.qmp("device_add", driver="virtio-balloon-pci", id="reporter",
                    free_page_reporting=True, **self.place(PORT))
        given = self.back(self.vm.ram, before, REPORTED)
        self.vm.alive(LOAD)
        self.fill()
        self.remove("reporter")
        return f"{given:.0f} MiB given back"

    def dimm(self, cycles):
        base = self.guest_mib()
        for _ in range(cycles):
            path = self.backend("dimm", 128)
            self.vm.qmp("device_add", driver="pc-dimm", id="dimm", memdev="dimm-mem")
            self.vm.until(lambda: self.guest_mib() > base + 100, 60, "no memory came")
            self.fill()
            self.vm.alive(LOAD)
            self.remove("dimm")
            self.vm.qmp("object-del", id="dimm-mem")
            self.vm.alive(LOAD)
            os.unlink(path)
        return f"the guest had {base:.0f} MiB, and 128 more"

    def virtio_mem(self, cycles):
        path = self.backend("vmem", 256)
        self.vm.qmp("device_add", driver="virtio-mem-pci", id="vmem", memdev="vmem-mem",
                    requested_size=0, **self.place(PORT))
        base, given = self.guest_mib(), []
        for _ in range(cycles):
            self.plugged(128)
            self.fill()
            before = self.used(path)
            self.plugged(0)
            given.append(self.back(path, before, 128))
            self.vm.alive(LOAD)
        left = self.used(path)
        self.remove("vmem")
        self.vm.qmp("object-del", id="vmem-mem")
        os.unlink(path)
        return f"{base:.0f} MiB and 128 more; {min(given):.0f} given back, {left:.0f} left"

    def plugged(self, mib):
        """A driver that finds a page busy tries again in 50 seconds, and then in up to
        300; but at once if it is asked for something else."""
        asked = 0

        def is_plugged():
            nonlocal asked
            if time.monotonic() - asked > ASK_AGAIN:
                asked = time.monotonic()
                for size in mib + BLOCK, mib:
                    self.vm.qmp("qom-set", path="/machine/peripheral/vmem",
                                property="requested-size", value=size * MIB)
            return self.vm.qmp("qom-get", path="/machine/peripheral/vmem",
                               property="size") == mib * MIB
        self.vm.until(is_plugged, 600, f"virtio-mem has not {mib} MiB plugged")

    # Devices

    def backend(self, name, mib):
        self.files += 1
        path = f"/dev/shm/{name}.{os.getpid()}.{self.files}"
        self.vm.qmp("object-add", qom_type="memory-backend-file", id=f"{name}-mem",
                    mem_path=path, size=mib * MIB, share=True)
        return path

    def place(self, port):
        return {"bus": f"port{port}"} if self.life.type == "q35" else {}

    def remove(self, name):
        self.vm.qmp("device_del", id=name)

        def gone():
            names = {entry["name"] for entry in self.vm.qmp("qom-list", path="/machine/peripheral")}
            return name not in names
        self.vm.until(gone, 300, f"the guest keeps {name}")
        if self.vm.qmp("query-status")["status"] != "running":
            raise GuestError("the VM has stopped")
