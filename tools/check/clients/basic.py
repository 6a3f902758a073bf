# SPDX-License-Identifier: GPL-2.0-only
"""The life of a VM whose disks all come by vhost-user: boot, filled disk, stop
and continue, resets, disks plugged in and out, and the end."""

import disks
from guest import GuestError
from image import fsck, treesum
from vm import Vm

ROOT_FILE = "/stamps"
MACHINES = ("q35", "pc")


def run(tap, kind, quick):
    for machine in MACHINES:
        life(tap, kind, machine, short=quick and machine != MACHINES[0])


def life(tap, kind, machine, short):
    boot, data = disks.boot_disk(), disks.blank("data", 32)
    tree, spare = disks.blank("tree", 400), disks.blank("spare", 16)
    images = {"boot": boot, "data": data, "tree": tree, "spare": spare}
    with kind(images) as server, \
            Vm([server.socket("boot"), server.socket("data"), server.socket("tree"), None],
               machine=machine, prefix=f"# {machine}| ") as vm:
        with tap.test(f"{machine}: a guest boots from a vhost-user disk"):
            vm.boot()
        if not short:
            with tap.test(f"{machine}: it fills another"):
                filled = next(line for line in vm.run("fill vdc") if line.startswith("tree "))
        with tap.test(f"{machine}: stop and continue, under load on root and data disk"):
            vm.load("/dev/vdb", ROOT_FILE)
            for _ in range(5):
                vm.qmp("stop")
                vm.listen(0.1)
                if said := vm.listen(0.3):
                    raise GuestError(f"a stopped guest said: {said}")
                vm.qmp("cont")
                vm.alive("/dev/vdb", ROOT_FILE)
        with tap.test(f"{machine}: a disk is plugged in and out, twice, while others work"):
            for _ in range(2):
                plug(vm, 3, server.socket("spare"))
        with tap.test(f"{machine}: reset by QEMU, under load"):
            vm.qmp("system_reset")
            vm.boot()
            vm.load("/dev/vdb", ROOT_FILE)
        with tap.test(f"{machine}: all that was written is there"):
            told = vm.loaded("/dev/vdb", ROOT_FILE)
        with tap.test(f"{machine}: it reboots itself, and powers off"):
            if not short:
                vm.send("reboot")
                vm.boot()
            vm.off()
    with tap.test(f"{machine}: the host finds what the guest wrote"):
        disks.agree(told["/dev/vdb"], disks.sums(data), "data disk")
        disks.agree(told[ROOT_FILE], disks.root_sums(boot, ROOT_FILE), "root disk")
        if not short:
            fsck(tree)
            disks.agree(filled, treesum(tree), "the filled disk")


def plug(vm, number, socket):
    """The guest gets a disk, works on it, and gives it back."""
    name = f"vd{'abcdefgh'[number]}"
    vm.plug(number, socket)
    vm.until(lambda: vm.has(name), 60, f"the guest does not see {name}")
    vm.load(f"/dev/{name}", threads=4)
    vm.loaded(f"/dev/{name}")
    vm.unplug(number)
    vm.until(lambda: not vm.has(name), 60, f"the guest still has {name}")
