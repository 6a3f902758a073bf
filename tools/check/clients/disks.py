# SPDX-License-Identifier: GPL-2.0-only
"""The images that guests have in these tests, and what the host finds on them."""

import os
import subprocess

from image import ImageError, fsck, mounted

BOOT = None             # an image, of which each guest has a copy


def boot_disk(name="boot"):
    """A copy of the guest's boot disk."""
    path = f"/tmp/{name}.img"
    subprocess.run(["cp", "--sparse=always", BOOT, path], check=True)
    return path


def blank(name, mib):
    path = f"/tmp/{name}.img"
    with open(path, "wb") as file:
        file.truncate(mib << 20)
    return path


def sums(path):
    """What the stamps on a disk, or in a file on it, add up to."""
    done = subprocess.run(["stamps", "check", path], check=False, capture_output=True, text=True)
    if done.returncode:
        raise ImageError(f"{path}: {done.stdout}{done.stderr}")
    return done.stdout.strip().split(": ", 2)[2]


def root_sums(path, file):
    """The same of a file on a boot disk's root partition, which must be sound."""
    part = subprocess.run(["losetup", "--find", "--show", "--offset", str(1 << 20), path],
                          check=True, capture_output=True, text=True).stdout.strip()
    try:
        fsck(part, replay=True)
        with mounted(part) as root:
            return sums(os.path.join(root, file.lstrip("/")))
    finally:
        subprocess.run(["losetup", "--detach", part], check=True)


def agree(guest, host, what):
    if guest != host:
        raise ImageError(f"{what}: the guest knows {guest}, the host finds {host}")
