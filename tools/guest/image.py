# SPDX-License-Identifier: GPL-2.0-only
"""What the host finds on a disk image, once the guest is done with it."""

import contextlib
import os
import subprocess

MOUNTPOINT = "/tmp/image"
TREESUM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "treesum")


class ImageError(Exception):
    """The image is not what the guest said it is."""


def fsck(path, replay=False):
    """Checks the file system; replays its journal first where asked to."""
    if replay:
        # 1: the journal was replayed, or the free counts set right.
        result = subprocess.run(["e2fsck", "-p", path], check=False,
                                capture_output=True, text=True)
        if result.returncode not in (0, 1):
            raise ImageError(f"e2fsck -p: {result.stdout}{result.stderr}")
    result = subprocess.run(["e2fsck", "-fn", path], check=False,
                            capture_output=True, text=True)
    if result.returncode:
        raise ImageError(f"e2fsck -fn: {result.stdout}{result.stderr}")
    return result.stdout.strip().splitlines()[-1]


@contextlib.contextmanager
def mounted(path):
    os.makedirs(MOUNTPOINT, exist_ok=True)
    subprocess.run(["mount", "-o", "loop,ro", path, MOUNTPOINT], check=True)
    try:
        yield MOUNTPOINT
    finally:
        subprocess.run(["umount", MOUNTPOINT], check=True)


def treesum(path):
    """The line that the guest prints for the same tree."""
    with mounted(path) as root:
        return subprocess.run([TREESUM, f"{root}/tree"], check=True,
                              capture_output=True, text=True).stdout.strip()
