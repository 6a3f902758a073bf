# SPDX-License-Identifier: GPL-2.0-only
"""What must hold of a disk on any host: the columns of tools/check/hosts.

Each is a function of the cell.  It raises Failed if the property does not hold, and
returns what it measured, if anything."""

import os
import time

from host import (PATIENCE, USER, Broken, Cgroup, Disk, Failed, Meter, drop_caches, pins, run,
                  wait_for)

PLACE = 2048			# sector
LENGTH = 8192			# bytes
MIB = 1 << 20

# What a full queue of 1,024 may take of the host, however long its chains are.
MEMORY_LIMIT = 2 * MIB
THREADS_LIMIT = 20
UNCHARGED_LIMIT = 1 * MIB


class Cell:
    """A row that is made, its guest, and the host's own hand."""

    def __init__(self, row, way):
        self.row, self.way = row, way
        self.host = Disk("-")
        self.disks = []
        self.held = False

    def disk(self, *options, **more):
        disk = Disk(self.row.path, [self.way, *options], **more)
        self.disks.append(disk)
        if not disk.ready:
            raise Failed(disk.first)
        return disk

    def hold(self):
        self.row.freeze()
        self.held = True

    def release(self):
        if self.held:
            self.held = False
            self.row.thaw()

    def close(self):
        """True if everybody went in time."""
        self.release()
        good = all([disk.close() for disk in self.disks])
        self.host.close()
        return good

    # The host's own view of the disk.
    def seen(self, how, seed, why, path=None):
        self.host.must(f"pread {how} {path or self.row.path} {PLACE} {LENGTH} {seed}",
                       "same", why)

    def host_writes(self, seed):
        self.host.must(f"pwrite cached {self.row.path} {PLACE} {LENGTH} {seed}")

    def sync(self):
        run(["sync", "-d", self.row.path])


def coherent(cell):
    """S02: the host and the guest see the same bytes."""
    cell.host_writes(6)
    disk = cell.disk()
    disk.must(f"read {PLACE} {LENGTH} 6", "same", "a guest's read of what the host wrote before")
    cell.seen("cached", 6, "the host's read")
    for odd in 0, 1:
        disk.must(f"write {PLACE} {LENGTH} {10 + odd} {odd}")
        disk.must("flush")
        cell.seen("cached", 10 + odd, "the host's cached read after the guest's write and flush")
        cell.seen("direct", 10 + odd, "the host's direct read after the guest's write and flush")
        cell.host_writes(20 + odd)
        disk.must(f"read {PLACE} {LENGTH} {20 + odd} {odd}", "same",
                  "the guest's read after the host's write")
        # The host's page is dirty now.
        cell.host_writes(30 + odd)
        disk.must(f"write {PLACE} {LENGTH} {40 + odd} {odd}")
        disk.must("flush")
        cell.sync()
        drop_caches()
        cell.seen("direct", 40 + odd, "what the guest wrote over a dirty page of the host's")
        disk.must(f"read {PLACE} {LENGTH} {40 + odd} {odd}", "same",
                  "what the guest wrote over a dirty page of the host's")


def durable(cell):
    """S04: after a power cut there is what was promised to be stable."""
    disk = cell.disk()
    for odd in 0, 1:
        disk.must(f"write {PLACE} {LENGTH} {50 + odd} {odd}")
        if cell.way != "writethrough":
            disk.must("flush")
        path = cell.row.cut()
        cell.seen("cached", 50 + odd, "what is left after a power cut", path)
        if cell.row.file:
            cell.row.undo.pop()()	# unmounts it, for the next cut


def settled(what):
    """The last value of what() once it does not change any more."""
    last, value = None, what()
    for _ in range(40):
        time.sleep(0.25)
        last, value = value, what()
        if last == value:
            break
    return value


def bounded(cell):
    """T02: a full queue takes a bounded part of the host's memory."""
    group = Cgroup()
    disk = cell.disk(cgroup=group)
    disk.must(f"write {PLACE} {LENGTH} 1")
    disk.must("flush")
    before, charged = Meter(), group.memory()
    cell.hold()
    disk.must(f"flood 0 write {PLACE} 1024 254 512")
    settled(lambda: Meter().threads)
    grown, charged = Meter().since(before), group.memory() - charged
    cell.release()
    said = disk.ask("reap 0 1024 60000", 90)
    disk.close()
    group.remove()
    taken = grown.slab + grown.stacks
    measured = (f"{grown.slab >> 10} KiB of slab, {grown.threads} threads with "
                f"{grown.stacks >> 10} KiB of stacks, {charged >> 10} KiB charged")
    if said != "reaped 1024 bad 0":
        raise Failed(f"{said} of 1024 after it went on; {measured}")
    if taken > MEMORY_LIMIT or grown.threads > THREADS_LIMIT:
        raise Failed(measured)
    if taken - charged > UNCHARGED_LIMIT:
        raise Failed(f"not charged: {measured}")
    return measured


class Other:
    """Another owner's disk, on another file system of another device."""

    disk = None

    def __init__(self):
        mount = "/tmp/other"
        os.mkdir(mount)
        run("mkfs.ext4 -q /dev/ram1 65536")
        run(f"mount /dev/ram1 {mount}")
        with open(f"{mount}/disk", "wb") as file:
            file.truncate(16 * MIB)
        self.disk = Disk(f"{mount}/disk", ["direct"])

    def latency(self, seconds):
        """Of a write and a flush, in seconds; Failed if longer than that."""
        begin = time.monotonic()
        for command in "write 0 4096 1", "flush":
            said = self.disk.ask(command, seconds)
            if said != "ok":
                raise Failed(f"another disk's {command}: {said}")
        return time.monotonic() - begin

    def close(self):
        self.disk.close()
        run("umount /tmp/other")
        os.rmdir("/tmp/other")


def isolated(cell):
    """T01: another's disk does not feel that this one's backend stands still."""
    other = Other()
    try:
        usual = max(other.latency(10) for _ in range(5))
        disk = cell.disk("queues=2")
        disk.must(f"write {PLACE} {LENGTH} 1")
        cell.hold()
        disk.must(f"flood 0 write {PLACE} 1024 1 4096")
        disk.must(f"flood 1 write {PLACE} 256 254 4096")
        time.sleep(1)
        try:
            meanwhile = max(other.latency(5) for _ in range(5))
        except Failed as error:
            cell.release()
            disk.ask("reap 0 1024 60000", 90)
            disk.ask("reap 1 256 60000", 90)
            raise Failed("another disk's write and flush have no answer for 5 s") from error
        cell.release()
        for queue, count in (0, 1024), (1, 256):
            disk.must(f"reap {queue} {count} 60000", f"reaped {count} bad 0")
    finally:
        cell.release()
        other.close()
    measured = f"another's write and flush {meanwhile * 1000:.1f} ms, before {usual * 1000:.1f}"
    if meanwhile > max(1, 20 * usual):
        raise Failed(measured)
    return measured


def charged(cell):
    """T05: I/O and memory are charged to the owner's cgroup, as dd's are."""
    mine, theirs = Cgroup(), Cgroup()
    device = os.stat(cell.row.base).st_rdev if cell.row.base else None
    written, pages, tells = [], [], []
    for odd in 0, 1:
        drop_caches()
        before = mine.written(device) if device else 0
        disk = cell.disk(cgroup=mine)
        for i in range(128):
            disk.must(f"write {PLACE + i * 128} 65536 {i} {odd}")
        disk.must("flush")
        pages.append(mine.pages())
        written.append(mine.written(device) - before if device else 0)
        disk.close()
    # In what cgroup a page is written back is a matter of the file, whose owner
    # for that changes slowly: the host's own copy comes last, to another place.
    flags = "conv=notrunc,fsync" + (" oflag=direct" if cell.way != "buffered" else "")
    path = f"{cell.row.mount}/dd" if cell.row.file else cell.row.path
    drop_caches()
    run(f"dd if=/dev/zero of={path} bs=64k count=128 {flags}", preexec_fn=theirs.enter)
    cached, expected = theirs.pages(), theirs.written(device) if device else 0
    mine.remove()
    theirs.remove()
    if device:
        if not cell.row.file:
            expected = 128 * 65536
        tells.append(f"written {written[0] >> 10} KiB, odd {written[1] >> 10}, "
                     f"dd {expected >> 10}")
        if min(written) < 0.9 * expected:
            raise Failed(f"io.stat: {tells[-1]}")
    if cell.way == "buffered" and cell.row.file:
        tells.append(f"cache {pages[0] >> 10} KiB, odd {pages[1] >> 10}, dd {cached >> 10}")
        if min(pages) < 0.9 * min(cached, 128 * 65536):
            raise Failed(f"memory.stat: {tells[-1]}")
    return "; ".join(tells)


def set_user_id(cell):
    os.chown(cell.row.path, USER, USER)
    os.chmod(cell.row.path, 0o6755)
    disk = cell.disk(user=USER)
    disk.must(f"write {PLACE} {LENGTH} 1")
    disk.must("flush")
    disk.close()
    mode = os.stat(cell.row.path).st_mode & 0o7777
    if mode & 0o6000:
        raise Failed(f"the mode is {mode:o} after a user's guest wrote")


def user_file(cell, name):
    """A sparse file of the user's, which takes the place of the row's."""
    path = f"{cell.row.mount}/{name}"
    with open(path, "wb") as file:
        file.truncate(32 * MIB)
    os.chown(path, USER, USER)
    cell.row.path = path
    return path


def refused(cell, why, path):
    """A write that the user himself may not do; the guest's is told so."""
    control = cell.row.mount + "/control"
    with open(control, "wb"):
        os.chown(control, USER, USER)
    result = run(f"dd if=/dev/zero of={control} bs=1M count=8 conv=fsync", check=False,
                 user=USER, group=USER, extra_groups=[])
    if not result.returncode:
        raise Broken(f"{why}: the user's own dd was not refused")
    os.unlink(control)
    disk = cell.disk(user=USER)
    statuses = {disk.ask(f"write {i * 2048} {MIB} 1") for i in range(8)}
    statuses.add(disk.ask("flush"))
    blocks = os.stat(path).st_blocks * 512
    disk.close()
    if not any(status.startswith("status") for status in statuses):
        raise Failed(f"{why}: a user's guest wrote {blocks >> 20} MiB, and was told {statuses}")


def rights(cell):
    """T06: the guest has the rights of whoever opened the backend."""
    os.chmod("/dev/vhost-pin", 0o666)
    failures = []
    original = cell.row.path
    # Only ext4 has all of them.
    for question in (set_user_id, quota, reserved) if cell.row.reserves else (set_user_id,):
        try:
            cell.row.path = original
            question(cell)
        except Failed as error:
            failures.append(str(error))
    if failures:
        raise Failed("; ".join(failures))


def quota(cell):
    run(f"setquota -u {USER} 0 4096 0 0 {cell.row.mount}")
    path = user_file(cell, "quota")
    try:
        refused(cell, "over quota", path)
    finally:
        run(f"setquota -u {USER} 0 0 0 0 {cell.row.mount}")
        os.unlink(path)


def reserved(cell):
    # Root leaves nothing but what is reserved for him.
    stat = os.statvfs(cell.row.mount)
    run(f"dd if=/dev/zero of={cell.row.mount}/rest bs={stat.f_bsize} count={stat.f_bavail} "
        "conv=fsync")
    refused(cell, "reserved blocks", user_file(cell, "reserved"))


def killable(cell):
    """T09: an owner can be killed while his backend stands still."""
    usual = pins()
    disk = cell.disk("queues=2")
    disk.must(f"write {PLACE} {LENGTH} 1")
    cell.hold()
    disk.must(f"flood 0 write {PLACE} 64 16 4096")
    disk.must("flood 1 flush 0 4 0 0")
    time.sleep(0.5)
    begin = time.monotonic()
    disk.kill()
    gone = disk.gone(10)
    seconds = time.monotonic() - begin
    cell.release()
    if not gone:
        after = " and not when it goes on" if not disk.gone(20) else ""
        raise Failed(f"the process is there 10 s after SIGKILL{after}")
    if not wait_for(lambda: pins() == usual, 20):
        raise Failed(f"{pins() - usual} pages are still pinned after the backend went on")
    return f"gone after {seconds * 1000:.0f} ms"


def prompt(cell):
    """T03: neither a reset nor SIGKILL waits for more than what is in flight."""
    for odd in 0, 1:
        disk = cell.disk()
        # 64 requests of 4 MiB; the device takes 5 ms for each of its own.
        disk.must(f"flood 0 write {PLACE} 64 254 16384 {odd}")
        time.sleep(0.3)
        begin = time.monotonic()
        disk.kill()
        if not disk.gone(8):
            disk.gone(60)
            raise Failed(f"{'odd' if odd else 'aligned'}: the process was there "
                         f"{time.monotonic() - begin:.0f} s after SIGKILL")
        disk = cell.disk()
        disk.must(f"flood 0 write {PLACE} 64 254 16384 {odd}")
        time.sleep(0.3)
        begin = time.monotonic()
        said = disk.ask("reset", 90)
        seconds = time.monotonic() - begin
        if said != "ok" or seconds > 8 * PATIENCE:
            raise Failed(f"{'odd' if odd else 'aligned'}: a reset took {seconds:.0f} s: {said}")
    return f"a reset takes {seconds:.1f} s"


def errors(cell):
    """Errors are told, and end with their cause."""
    row = cell.row
    disk = cell.disk()
    disk.must(f"write {PLACE} {LENGTH} 1")
    disk.must("flush")
    for odd in 0, 1:
        row.fail()
        if not getattr(row, "reads", False):
            said = [disk.ask(f"write {PLACE} {LENGTH} 2 {odd}"), disk.ask("flush")]
            if said == ["ok", "ok"]:
                raise Failed("a write that failed, and the flush after it, were answered ok")
            if "timeout" in said:
                raise Failed(f"no answer: {said}")
        else:
            drop_caches()
            said = disk.ask(f"read {PLACE} {LENGTH} 1 {odd}")
            if said != "status 1":
                raise Failed(f"a read that fails: {said}")
        row.mend()
        if row.file:
            return	# a journal that failed stays so
        disk.must(f"write {PLACE} {LENGTH} 3 {odd}")
        disk.must("flush")
        disk.must(f"read {PLACE} {LENGTH} 3 {odd}", "same")


def shrunk(cell):
    """S07: an image that is cut short, and a file system that is full."""
    disk = cell.disk()
    disk.must(f"write {PLACE} {LENGTH} 1")
    failures = []
    os.truncate(cell.row.path, 4096)
    for command in (f"write {PLACE} {LENGTH} 2", f"write {PLACE} {LENGTH} 2 1",
                    f"zero {PLACE} 16", f"read {PLACE} {LENGTH} 0"):
        said = disk.ask(command)
        if not said.startswith("status"):
            failures.append(f"{command} beyond the end of a file that was cut: {said}")
    size = os.stat(cell.row.path).st_size
    if size != 4096:
        failures.append(f"the file that was cut grew again, to {size} bytes")
    disk.close()

    with open(cell.row.path, "r+b") as file:
        file.truncate(0)
        file.truncate(32 * MIB)
    run(f"dd if=/dev/zero of={cell.row.mount}/rest bs=1M oflag=direct", check=False)
    run(f"dd if=/dev/zero of={cell.row.mount}/rest2 bs=4k conv=fsync", check=False)
    disk = cell.disk()
    said = {disk.ask(f"write {i * 2048} {MIB} 1 {i % 2}") for i in range(16)}
    said.add(disk.ask("flush"))
    if "timeout" in said or not any(word.startswith("status") for word in said):
        failures.append(f"a full file system: {said}")
    if failures:
        raise Failed("; ".join(failures))


def read_only(cell):
    """S06, S12: a backend that cannot be written."""
    disk = Disk(cell.row.path, ["direct"])
    cell.disks.append(disk)
    if disk.ready:
        raise Failed("was attached for writing")
    disk = cell.disk("ro")
    disk.must("flush", why="a flush, which firmware does too")
    if cell.row.file:
        said = disk.ask(f"read {PLACE} {LENGTH} 0")
        if said not in ("same", "differs"):
            raise Failed(f"a read: {said}")
    else:
        said = disk.ask(f"read {PLACE} {LENGTH} 0 1")
        if said != "differs":
            raise Failed(f"a read: {said}")
    said = disk.ask(f"write {PLACE} {LENGTH} 1")
    if said != "status 1":
        raise Failed(f"a write: {said}")


def not_attached(cell):
    """S12: what cannot be served is refused, and not found out by the guest."""
    disk = Disk(cell.row.path, [cell.way])
    cell.disks.append(disk)
    if disk.ready:
        said = disk.ask(f"write {PLACE} {LENGTH} 1")
        raise Failed(f"was attached; a write: {said}")
    return disk.first


COLUMNS = {
    "coherent": coherent, "durable": durable, "bounded": bounded, "isolated": isolated,
    "charged": charged, "rights": rights, "killable": killable, "prompt": prompt,
    "errors": errors,
    "shrunk": shrunk, "read_only": read_only, "refused": not_attached,
}
