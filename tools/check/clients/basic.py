# SPDX-License-Identifier: GPL-2.0-only
"""What happens to every VM: it is stopped and goes on, disks are plugged in and
out, it is reset and reboots, and its disks fill."""

from guest import GuestError
from life import LOADS, SPARE


def run(tap, life, quick):
    vm, machine = life.vm, life.type
    with tap.test(f"{machine}: stop and continue, 5 times"):
        for _ in range(5):
            vm.qmp("stop")
            vm.listen(0.1)
            if said := vm.listen(0.3):
                raise GuestError(f"a stopped guest said: {said}")
            vm.qmp("cont")
            life.alive()
    with tap.test(f"{machine}: a disk is plugged in and out, twice"):
        for _ in range(2):
            plug(vm, life.host.socket("spare"))
    if not quick or machine == "pc":
        with tap.test(f"{machine}: reset by QEMU"):
            vm.qmp("system_reset")
            vm.boot()
            vm.load(*LOADS)
    if not quick:
        with tap.test(f"{machine}: it reboots"):
            vm.loaded(*LOADS)
            vm.send("reboot")
            vm.boot()
            vm.load(*LOADS)


def plug(vm, socket):
    """The guest gets a disk, works on it, and gives it back."""
    name = "vdc"
    vm.plug(SPARE, socket)
    vm.until(lambda: vm.has(name), 60, f"the guest does not see {name}")
    vm.load(f"/dev/{name}", threads=4)
    vm.loaded(f"/dev/{name}")
    vm.unplug(SPARE)
    vm.until(lambda: not vm.has(name), 60, f"the guest still has {name}")
