# SPDX-License-Identifier: GPL-2.0-only
"""A disk that grows under a guest that works on it."""

import os
import subprocess

from server import Serve

DISK, NAME = "data", "/dev/vdb"
GROWS = 4 << 20


def run(tap, life, quick):
    if life.kind is not Serve:
        return                  # this daemon does not
    path, vm = life.images[DISK], life.vm
    with tap.test("resize: the guest sees a larger disk, and uses it"):
        for _ in range(1 if quick else 5):
            size = os.stat(path).st_size + GROWS
            os.truncate(path, size)
            subprocess.run(["vhost-pin", "resize", "--control", life.host.servers[DISK].control,
                            life.host.socket(DISK)], check=True, capture_output=True)
            vm.until(lambda: vm.size("vdb") == size, 60, f"the disk has {size} bytes, for the"
                     " guest it has not")
            life.alive()
            vm.loaded(NAME)
            vm.load(NAME)
