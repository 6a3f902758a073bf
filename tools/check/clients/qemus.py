# SPDX-License-Identifier: GPL-2.0-only
"""QEMU of other releases than the lab's, each with its own libraries."""

import os
import subprocess
from typing import NamedTuple

from guest import QEMU


class Qemu(NamedTuple):
    """How one is started, and how it says to connect again."""
    name: str
    command: list
    reconnect: dict

    def argument(self):
        return ",".join(f"{key}={value}" for key, value in self.reconnect.items())


OURS = Qemu("QEMU 10.0", QEMU, {"reconnect-ms": 20})


def other(name, reconnect):
    """Unpacked at /lab/NAME: sees the lab's /tmp, /dev, /proc and /sys."""
    root = f"/lab/{name}"
    for directory in "tmp", "dev", "proc", "sys":
        if not os.path.ismount(f"{root}/{directory}"):
            subprocess.run(["mount", "--rbind", f"/{directory}", f"{root}/{directory}"], check=True)
    version = subprocess.run(["chroot", root, QEMU[0], "--version"], check=True,
                             capture_output=True, text=True).stdout.split()[3]
    return Qemu(f"QEMU {version}", ["chroot", root, *QEMU], reconnect)


def oldest():
    return other("qemu-7.2", {"reconnect": 1})


def newest():
    return other("qemu-11", {"reconnect-ms": 20})
