# SPDX-License-Identifier: GPL-2.0-only
"""The life of one guest: it boots once, works on its root disk and on another,
and all that the tests do happens to it.  At the end it tells what it wrote, and
the host looks for that."""

import os

import disks
from guest import GuestError
from qemus import OURS
from server import Serve, StorageDaemon
from tap import note
from vm import PAGE, Vm, differing

ROOT_FILE = "/stamps"
LOADS = ("/dev/vdb", ROOT_FILE)
SPARE = 2               # the number of the disk that comes and goes
# Bytes a second: as much as there is.
BANDWIDTH = 1 << 34
# What QEMU says of a server that is gone, or going.
GONE = (r"ring restore failed|vhost|Failed to (connect|read|write|set)|[Dd]isconnect"
        r"|Connection (reset|refused)|Broken pipe|Unexpected end-of-file"
        # And of a migration that is cancelled.
        r"|failed to save SaveStateEntry"
        # And of a machine that an older QEMU has, too.
        r"|Machine type '.*' is deprecated")


class Host:
    """The disks, served by one process each."""

    def __init__(self, kind, images, queues=1, shared=False):
        # Where a guest moves two hosts have a disk: QEMU sees to it that only
        # one of them uses it.
        options = ",share" if shared and kind is Serve else ""
        self.servers = {name: kind({name: path}, queues, options)
                        for name, path in images.items()}
        for server in self.servers.values():
            server.start()

    def socket(self, name):
        return self.servers[name].socket(name)

    def stop(self):
        for server in self.servers.values():
            server.stop()

    def __enter__(self):
        return self

    def __exit__(self, *rest):
        for server in self.servers.values():
            server.__exit__(*rest)


class Life:
    """A guest, the host on which it is, and how it gets to another."""

    def __init__(self, kind, machine="q35", mem=256, queues=1, shared=False, options=(),
                 qemu=OURS):
        self.kind, self.type, self.mem, self.queues = kind, machine, mem, queues
        self.shared, self.options = shared, options
        self.images = {"boot": disks.boot_disk(), "data": disks.blank("data", 32),
                       "spare": disks.blank("spare", 16)}
        self.moves = self.pages = 0
        self.rests = False
        self.host_kind = kind
        self.left = []          # hosts and VMs that were made for a move
        self.host = Host(kind, self.images, queues, shared)
        self.vm = self.machine(qemu, self.host)

    def machine(self, qemu, host, *more):
        return Vm([host.socket("boot"), host.socket("data"), None], qemu, self.type,
                  self.mem, self.queues, [*self.options, *more], f"# {self.type}| ")

    def begin(self, tap, rate=0):
        with tap.test(f"{self.type}: a guest boots from a vhost-user disk"):
            self.vm.boot()
        with tap.test(f"{self.type}: it works on root and data disk"):
            self.vm.load(*LOADS, rate=rate)

    def alive(self, **more):
        self.vm.alive(*LOADS, **more)

    def end(self, tap):
        """It tells what it wrote, and powers off."""
        with tap.test(f"{self.type}: the guest read what it wrote"):
            told = self.vm.loaded(*LOADS)
        with tap.test(f"{self.type}: it powers off"):
            self.vm.off(quiet=False)
            self.vm.complaints(GONE)
            self.host.stop()
        with tap.test(f"{self.type}: the host finds what the guest wrote"):
            disks.agree(told["/dev/vdb"], disks.sums(self.images["data"]), "data disk")
            disks.agree(told[ROOT_FILE], disks.root_sums(self.images["boot"], ROOT_FILE),
                        "root disk")
        if self.moves:
            note(f"{self.moves} migrations, {self.pages} pages compared")

    # Live migration

    def set_out(self, kind, qemu=OURS, bandwidth=BANDWIDTH, **parameters):
        """The other host and its QEMU; the guest is on its way there, with these of
        migration's parameters."""
        host = Host(kind, self.images, self.queues, shared=True)
        self.left.append(host)
        vm = self.machine(qemu, host, "-S", "-incoming", "defer")
        self.left.append(vm)
        way = f"unix:/tmp/way.{os.getpid()}.{self.moves}"
        vm.qmp("migrate-incoming", uri=way)
        self.vm.qmp("migrate-set-parameters", max_bandwidth=bandwidth, **parameters)
        self.vm.qmp("migrate", uri=way)
        return host, vm

    def move(self, kind, qemu=OURS, rest=False):
        """To another host; what QEMU says of it, in milliseconds and bytes.  The guest
        may rest when it leaves."""
        if rest:
            self.vm.run(f"rest {' '.join(LOADS)}")
        self.rests = rest
        info = self.arrive(kind, *self.set_out(kind, qemu))
        self.rests = False
        if rest:
            self.vm.run(f"work {' '.join(LOADS)}")
        return info

    def arrive(self, kind, host, vm):
        """What was set out comes to its end; the same."""
        self.arrived(self.vm)
        self.arrived(vm)
        info = self.vm.qmp("query-migrate")
        self.compare(vm)
        vm.beats, vm.pending = self.vm.beats, self.vm.rest()
        self.vm.qmp("quit")
        self.vm.finish(quiet=False)
        self.vm.complaints(GONE)
        self.vm.forget()
        self.host.stop()
        self.host, self.vm, self.host_kind = host, vm, kind
        vm.qmp("cont")
        self.moves += 1
        return info

    def stay(self, kind):
        """It sets out, turns back half-way, and goes on where it was."""
        host, vm = self.set_out(kind, bandwidth=16 << 20)
        self.vm.listen(1)
        self.turn_back(host, vm)

    def turn_back(self, host, vm):
        """What was set out stays."""
        self.vm.qmp("migrate_cancel")
        self.arrived(self.vm, "cancelled")
        vm.kill()
        vm.forget()
        host.stop()

    def arrived(self, vm, wanted="completed"):
        def status():
            now = vm.qmp("query-migrate").get("status")
            if now != wanted and now in ("failed", "cancelled", "completed"):
                raise GuestError(f"migration {now}: {vm.qmp('query-migrate')} {vm.stderr()}")
            return now == wanted
        self.vm.until(status, 300, f"migration has not {wanted} in 300 s")

    def compare(self, vm):
        """Both have stopped: not a page may differ.  But QEMU's storage daemon says that
        it has stopped while requests are under way (libvhost-user answers
        VHOST_USER_GET_VRING_BASE at once): what they write then is lost, which is told,
        and not held against the other server."""
        found, pages = differing(self.vm.ram, vm.ram)
        self.pages += pages
        if not found:
            return
        said = (f"{len(found)} of {pages} pages differ after move {self.moves + 1}, in so many"
                f" words: {', '.join(f'{page * PAGE:#x}: {n}' for page, n in found.items())}")
        if self.host_kind is not StorageDaemon or self.kind is StorageDaemon or self.rests:
            raise GuestError(said[:1000])
        note(f"from the storage daemon: {said[:200]}")

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        if kind:
            for line in self.vm.stderr().splitlines()[-12:]:
                note(f"QEMU said: {line}")
        for one in (self.vm, *self.left, self.host):
            one.__exit__(kind, *rest)
