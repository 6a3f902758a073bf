# SPDX-License-Identifier: GPL-2.0-only
"""Ways in which hosts keep disks: what a row of tools/check/hosts is made of.

A row is made for one cell and gone after it.  Its name is in its devices' names,
so that what hangs does not keep the next one from being made."""

import os

from host import Absent, Broken, get, is_put, put, run, wait_for

MIB = 1 << 20
NULLB = "/sys/kernel/config/nullb"
FORGET = "/sys/kernel/debug/forget"
# Nobody but dmsetup makes its devices' nodes.
os.environ["DM_DISABLE_UDEV"] = "1"


class Row:
    """One way to serve a disk."""

    name = meaning = ""
    ways = ("direct", "buffered", "writethrough")
    quick = False			# in the half that takes two minutes
    columns = ()
    file = False
    skip = ()				# of its columns, (way, column) that mean nothing
    reserves = False			# has quota, and blocks that are root's
    numbers = iter(range(1 << 30))

    def __init__(self):
        self.id = f"h{next(self.numbers)}"
        self.path = None		# what is attached
        self.undo = []			# functions, last first
        self.base = None		# the device whose I/O is accounted

    def make(self):
        raise NotImplementedError

    def remove(self):
        for function in reversed(self.undo):
            try:
                function()
            except (Broken, OSError):
                pass

    # What can be done to it from outside; a row that cannot has None.
    freeze = thaw = None		# the backend stops, and goes on
    fail = mend = None			# every access fails
    cut = None				# the path of what a power cut leaves

    # Parts that rows are made of.
    size = 48				# MiB of a disk that forgets

    def add_forget(self, options=""):
        if not os.path.exists(FORGET):
            raise Absent("no disks that forget")
        put(f"{FORGET}/add", f"{self.id} size={self.size} {options}")
        self.undo.append(lambda: put(f"{FORGET}/remove", self.id))
        self.base = f"/dev/{self.id}"
        return self.base

    def add_null(self, **options):
        directory = f"{NULLB}/{self.id}"
        if not os.path.exists(NULLB):
            raise Absent("no null_blk")
        os.mkdir(directory)
        self.undo.append(lambda: os.rmdir(directory))
        for name, value in {"size": 48, "memory_backed": 1, **options, "power": 1}.items():
            put(f"{directory}/{name}", str(value))
        self.undo.append(lambda: put(f"{directory}/power", "0"))
        self.base = f"/dev/{self.id}"
        return self.base

    def table(self, target, *rest):
        sectors = int(get(f"/sys/class/block/{os.path.basename(self.base)}/size"))
        if target == "error":
            return f"0 {sectors} error"
        if target == "linear":
            return f"0 {sectors} linear {self.base} 0"
        return f"0 {sectors} {target} {self.base} " + " ".join(map(str, rest))

    def add_dm(self, *table):
        if table[0] not in run("dmsetup targets").stdout:
            raise Absent(f"no dm-{table[0]}")
        self.dm("create", "--table", self.table(*table))
        self.undo.append(lambda: self.dm("remove", "--retry"))
        return f"/dev/mapper/{self.id}d"

    def dm(self, verb, *rest):
        run(["dmsetup", verb, f"{self.id}d", *rest])

    def reload(self, *table):
        self.dm("load", "--table", self.table(*table))
        self.dm("suspend", "--nolockfs", "--noflush")
        self.dm("resume")

    def suspend(self):
        self.dm("suspend", "--nolockfs", "--noflush")

    def resume(self):
        self.dm("resume")


ALL = ("coherent", "durable", "bounded", "isolated", "charged", "killable", "errors")


class Brd(Row):
    name, meaning = "brd", "a RAM disk"
    columns = ("coherent", "charged")
    quick = True
    # The inode of its page cache is older than any owner's cgroup.
    skip = (("buffered", "charged"),)

    def make(self):
        self.base = self.path = "/dev/ram0"
        if not os.path.exists(self.path):
            raise Absent("no /dev/ram0")


class Null(Row):
    name, meaning = "null_blk", "a null_blk with memory and a queue that is polled"
    ways = ("direct", "buffered", "polled")
    columns = ("coherent", "charged")

    def make(self):
        self.path = self.add_null(submit_queues=1, poll_queues=1)


class Null4k(Row):
    name, meaning = "4Kn", "a null_blk with memory and blocks of 4096 bytes"
    columns = ("coherent",)

    def make(self):
        self.path = self.add_null(blocksize=4096)


class Loop(Row):
    name, meaning = "loop", "a loop device over a file of a tmpfs"
    columns = ("coherent",)
    quick = True

    def make(self):
        image = f"/tmp/{self.id}.img"
        with open(image, "wb") as file:
            file.truncate(64 * MIB)
        self.undo.append(lambda: os.unlink(image))
        self.base = self.path = run(f"losetup -f --show {image}").stdout.strip()
        self.undo.append(lambda: run(f"losetup -d {self.path}"))


class Forget(Row):
    name, meaning = "forgets", "a disk with a volatile write cache, many requests of which it can keep"
    ways = ("direct", "buffered", "writethrough", "polled")
    columns = ALL
    quick = True

    def make(self):
        self.path = self.add_forget("poll=1 tags=128")

    def freeze(self):
        put(f"/sys/block/{self.id}/forget/hold", "1")

    def thaw(self):
        put(f"/sys/block/{self.id}/forget/hold", "0")

    def fail(self):
        put(f"/sys/block/{self.id}/forget/fail", "writes")

    def mend(self):
        put(f"/sys/block/{self.id}/forget/fail", "none")

    def cut(self):
        # It is refused while somebody still looks at what the last one left.
        if not wait_for(lambda: is_put(f"/sys/block/{self.id}/forget/cut", "0"), 5):
            raise Broken("the power cannot be cut")
        return f"{self.base}-after"


class Linear(Row):
    name, meaning = "dm-linear", "the device mapper on such a disk; suspended, and with its table replaced by dm-error"
    columns = ALL

    def make(self):
        self.add_forget()
        self.path = self.add_dm("linear")

    freeze, thaw = Row.suspend, Row.resume
    cut = Forget.cut

    def fail(self):
        self.reload("error")

    def mend(self):
        self.reload("linear")


class Delay(Row):
    name, meaning = "dm-delay", "a device that takes 5 ms for each request"
    ways = ("direct", "buffered")
    columns = ("coherent", "killable", "prompt")

    def make(self):
        self.add_forget()
        self.path = self.add_dm("delay", 0, 5)

    freeze, thaw = Row.suspend, Row.resume


class Flakey(Row):
    name, meaning = "dm-flakey", "a device that comes to fail all that is written"
    ways = ("direct", "buffered")
    columns = ("errors",)

    def make(self):
        self.add_forget()
        self.path = self.add_dm("linear")

    def fail(self):
        self.reload("flakey", 0, 0, 3600, 1, "error_writes")

    def mend(self):
        self.reload("linear")


class Dust(Row):
    name, meaning = "dm-dust", "a device with a block that cannot be read"
    ways = ("direct", "buffered")
    columns = ("errors",)
    reads = True

    def make(self):
        self.add_forget()
        self.path = self.add_dm("dust", 0, 512)

    def fail(self):
        run(f"dmsetup message {self.id}d 0 addbadblock 2048")
        run(f"dmsetup message {self.id}d 0 enable")

    def mend(self):
        run(f"dmsetup message {self.id}d 0 disable")
        run(f"dmsetup message {self.id}d 0 removebadblock 2048", check=False)


class ReadOnly(Row):
    name, meaning = "read-only", "a device that is set read-only"
    ways = ("direct",)
    columns = ("read_only",)
    quick = True

    def make(self):
        self.path = self.add_forget()
        run(f"blockdev --setro {self.path}")


class Zoned(Row):
    name, meaning = "zoned", "a host-managed zoned device"
    ways = ("direct",)
    columns = ("refused",)
    quick = True

    def make(self):
        self.path = self.add_null(zoned=1, zone_size=4, zone_nr_conv=0)


class File(Row):
    """A file of a file system on a device-mapper device on a disk that forgets."""

    file = True
    columns = ALL + ("shrunk", "rights")
    mkfs = fs = ""
    size = 80
    mount_options = after_options = ""

    def make(self):
        self.add_forget()
        device = self.add_dm("linear")
        self.mount_new(device)
        self.make_file(self.mount)

    def mount_new(self, device):
        self.mount = f"/tmp/{self.id}"
        os.makedirs(self.mount, exist_ok=True)
        run(f"{self.mkfs} {device}")
        run(f"mount -t {self.fs} {self.mount_options} {device} {self.mount}")
        self.undo.append(lambda: run(f"umount {self.mount}"))

    def make_file(self, directory, written=True):
        self.path = f"{directory}/disk"
        with open(self.path, "wb") as file:
            if written:
                for _ in range(16):
                    file.write(b"\0" * MIB)
            file.truncate(32 * MIB)
            file.flush()
            os.fsync(file.fileno())

    def freeze(self):
        run(f"fsfreeze -f {self.mount}")

    def thaw(self):
        run(f"fsfreeze -u {self.mount}")

    def fail(self):
        self.reload("error")

    def mend(self):
        self.reload("linear")

    def cut(self):
        Forget.cut(self)
        after = f"{self.mount}-after"
        os.makedirs(after, exist_ok=True)
        run(f"mount -t {self.fs} {self.after_options} {self.base}-after {after}")
        self.undo.append(lambda: run(f"umount {after}"))
        return f"{after}/disk"


class Ext4(File):
    name, meaning = "ext4", "a file of an ext4"
    mkfs, fs = "mkfs.ext4 -q -m 20 -O quota -E quotatype=usrquota", "ext4"
    mount_options = "-o usrquota"
    quick = True
    reserves = True


class Xfs(File):
    name, meaning = "xfs", "a file of an XFS"
    mkfs, fs = "mkfs.xfs --unsupported -q -f", "xfs"
    after_options = "-o nouuid"


class Btrfs(File):
    name, meaning = "btrfs", "a file of a btrfs, which checksums it"
    mkfs, fs = "mkfs.btrfs -q -f", "btrfs"
    size = 160


class Overlay(File):
    name, meaning = "overlay", "a file of an overlay over an ext4"
    mkfs, fs = "mkfs.ext4 -q", "ext4"
    columns = ("coherent", "durable", "charged")

    def make_file(self, directory, written=True):
        for name in "upper", "work", "lower", "merged":
            os.mkdir(f"{directory}/{name}")
        File.make_file(self, f"{directory}/lower")
        run(f"mount -t overlay -o lowerdir={directory}/lower,upperdir={directory}/upper,"
            f"workdir={directory}/work overlay {directory}/merged")
        self.undo.append(lambda: run(f"umount {directory}/merged"))
        self.path = f"{directory}/merged/disk"

    def cut(self):
        return File.cut(self).replace("/disk", "/upper/disk")


class Tmpfs(File):
    name, meaning = "tmpfs", "a file of a tmpfs, which takes no direct I/O"
    ways = ("direct",)
    columns = ("coherent", "charged")

    def make(self):
        self.mount = f"/tmp/{self.id}"
        os.makedirs(self.mount, exist_ok=True)
        run(f"mount -t tmpfs tmpfs {self.mount}")
        self.undo.append(lambda: run(f"umount {self.mount}"))
        self.make_file(self.mount, written=False)


class Squashfs(File):
    name, meaning = "squashfs", "a file of a squashfs, which nobody can write or fsync"
    ways = ("direct",)
    columns = ("read_only",)
    quick = True

    def make(self):
        source, image = f"/tmp/{self.id}s", f"/tmp/{self.id}.img"
        self.mount = f"/tmp/{self.id}"
        os.mkdir(source)
        os.makedirs(self.mount, exist_ok=True)
        self.make_file(source, written=False)
        run(f"mksquashfs {source} {image} -quiet -no-progress")
        os.unlink(f"{source}/disk")
        run(f"mount -t squashfs -o loop,ro {image} {self.mount}")
        self.undo.append(lambda: run(f"umount {self.mount}"))
        self.path = f"{self.mount}/disk"


class Nfs(File):
    name, meaning = "nfs", "a file of an NFS (version 4) on the loopback"
    ways = ("direct", "buffered")
    columns = ("coherent",)

    def make(self):
        self.exported = "/tmp/nfs-export"
        if not os.path.exists(self.exported):
            self.serve()
        self.mount = f"/tmp/{self.id}"
        os.makedirs(self.mount, exist_ok=True)
        result = run(f"timeout 30 mount -t nfs4 -o soft,timeo=50 localhost:/ {self.mount}",
                     check=False)
        if result.returncode:
            raise Absent(f"no NFS: {result.stderr.strip()}")
        self.undo.append(lambda: run(f"umount -f {self.mount}"))
        self.make_file(self.mount)

    def serve(self):
        os.mkdir(self.exported)
        try:
            run(f"mount -t tmpfs tmpfs {self.exported}")
            run("mount -t tmpfs tmpfs /var/lib/nfs")
            run("mkdir -p /var/lib/nfs/rpc_pipefs /var/lib/nfs/v4recovery /var/lib/nfs/sm")
            run("touch /var/lib/nfs/etab /var/lib/nfs/rmtab")
            run("mount -t nfsd nfsd /proc/fs/nfsd")
            run("rpcbind -w")
            run(f"exportfs -o rw,no_root_squash,insecure,fsid=0,no_subtree_check "
                f"localhost:{self.exported}")
            run("rpc.mountd -N 2 -N 3")
            put("/proc/fs/nfsd/nfsv4leasetime", "10")
            put("/proc/fs/nfsd/nfsv4gracetime", "10")
            run("rpc.nfsd -N 3 2")
        except Broken as error:
            raise Absent(f"no NFS: {error}") from error


ROWS = (Brd, Null, Null4k, Loop, Forget, Linear, Delay, Flakey, Dust, ReadOnly, Zoned,
        Ext4, Xfs, Btrfs, Overlay, Tmpfs, Nfs, Squashfs)
