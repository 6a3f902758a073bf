# SPDX-License-Identifier: GPL-2.0-only
"""Clients that are no VMs: QEMU's tools by libblkio, nbdkit by the same, and a
front-end on rust-vmm's crate that calls in Cloud Hypervisor's and in Firecracker's
order.  What they write is compared with what the host finds."""

import json
import os
import re
import subprocess
import time

import disks
from guest import GuestError
from image import ImageError
from module import Module
from server import Serve
from tap import Failed

MIB = 64
SIZES = [512 << shift for shift in range(0, 16, 3)]
CONNECTIONS = 4
FRONTEND = "/lab/clients/frontend/frontend"
ORDERS = ("cloud-hypervisor", "firecracker")


def run(tap, kind, quick):
    try:
        with tap.module(Module() if kind is Serve else None):
            clients(tap, kind)
    except Failed:
        pass


def clients(tap, kind):
    path = disks.blank("programs", MIB)
    with kind({"disk": path}, queues=4) as server:
        socket = server.socket("disk")
        blockdev = f"driver=virtio-blk-vhost-user,path={socket},cache.direct=on"
        with tap.test("qemu-io: requests of 512 bytes to 16 MiB", alone=True):
            qemu_io(blockdev)
        with tap.test("qemu-img: bench, then convert and compare", alone=True):
            qemu_img(blockdev, path)
        with tap.test("qemu-storage-daemon hands it on by NBD", alone=True):
            handed_on(blockdev, path)
        with tap.test(f"nbdkit: nbdcopy there and back, {CONNECTIONS} connections", alone=True):
            nbd(socket, path)
        for order in ORDERS:
            with tap.test(f"a front-end on rust-vmm's crate, as {order} calls",
                          alone=True) as tell:
                said = program(FRONTEND, order, socket, str(MIB << 20))
                done = re.findall("^ok (.*)$", said, re.MULTILINE)
                if len(done) < 3:
                    raise GuestError(said)
                tell(", ".join(done))
        with tap.test("libblkio with 4 queues", alone=True) as tell:
            said = json.loads(program("io-client", "--vhost-user", socket, "--rw", "randwrite",
                                      "--queues", "4", "--depth", "8", "--requests", "2000"))
            tell(f"{said['requests']} requests")
        with tap.test("another client is there at once when one is gone", alone=True):
            for _ in range(10):
                qemu_io_run(blockdev, "read 0 4k")


def program(*command):
    """Runs it; what it says.  It must end well."""
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, timeout=300,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise GuestError(f"{' '.join(command)}: status {done.returncode}: {done.stdout}")
    return done.stdout


def qemu_io_run(blockdev, *commands):
    words = [word for command in commands for word in ("-c", command)]
    said = program("qemu-io", "--image-opts", blockdev, *words)
    if re.search(r"failed|[Ee]rror|verification", said):
        raise GuestError(said)
    return said


def qemu_io(blockdev):
    """Each size at a place of its own, with a pattern of its own."""
    places, offset = [], 0
    for pattern, size in enumerate(SIZES, 1):
        places.append(f"-P {pattern} {offset} {size}")
        offset += size
    said = qemu_io_run(blockdev, *(f"write {place}" for place in places), "flush",
                       *(f"read {place}" for place in reversed(places)),
                       "discard 0 1M", "write -z 1M 1M", "read -P 0 1M 1M")
    if said.count("wrote ") != len(SIZES) + 1 or said.count("read ") != len(SIZES) + 1:
        raise GuestError(said)


def qemu_img(blockdev, path):
    program("qemu-img", "bench", "--image-opts", "-w", "--pattern=7", "-t", "none", "-d", "32",
            "-c", "512", "-s", "65536", blockdev)
    same(path, b"\x07" * (512 << 16))
    source = random_image()
    program("qemu-img", "convert", "-n", "-t", "none", "-f", "raw", "--target-image-opts", source,
            blockdev)
    compare(source, path)
    program("qemu-img", "compare", "--image-opts",
            f"driver=raw,file.driver=file,file.filename={source}", blockdev)


def handed_on(blockdev, path):
    """A server of another protocol in between."""
    socket = "/tmp/programs.nbd"
    source = random_image()
    daemon = subprocess.Popen([
        "qemu-storage-daemon", "--blockdev", f"{blockdev},node-name=disk",
        "--nbd-server", f"addr.type=unix,addr.path={socket},max-connections=8",
        "--export", "type=nbd,id=export,node-name=disk,writable=on"])
    try:
        wait_for(socket, daemon)
        program("nbdcopy", f"--connections={CONNECTIONS}", source, f"nbd+unix:///disk?socket={socket}")
    finally:
        daemon.terminate()
        daemon.wait(60)
    compare(source, path)


def nbd(vhost_user, path):
    socket = "/tmp/programs.nbdkit"
    source, back = random_image(), disks.blank("back", MIB)
    nbdkit = subprocess.Popen(["nbdkit", "-f", "-U", socket, "blkio",
                               "virtio-blk-vhost-user", f"path={vhost_user}"])
    try:
        wait_for(socket, nbdkit)
        url = f"nbd+unix:///?socket={socket}"
        program("nbdcopy", "--flush", f"--connections={CONNECTIONS}", source, url)
        program("nbdcopy", f"--connections={CONNECTIONS}", url, back)
    finally:
        nbdkit.terminate()
        nbdkit.wait(60)
    compare(source, path)
    compare(source, back)


def wait_for(socket, server):
    end = time.monotonic() + 60
    while not os.path.exists(socket):
        if server.poll() is not None or time.monotonic() > end:
            raise GuestError(f"{server.args[0]} made no {socket}")
        time.sleep(0.02)


def random_image():
    path = "/tmp/random.img"
    with open(path, "wb") as file:
        for _ in range(MIB):
            file.write(os.urandom(1 << 20))
    return path


def same(path, wanted):
    with open(path, "rb") as file:
        if file.read(len(wanted)) != wanted:
            raise ImageError(f"the host finds something else on {path}")


def compare(one, other):
    program("cmp", one, other)
