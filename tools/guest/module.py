# SPDX-License-Identifier: GPL-2.0-only
"""The module's life in the lab, and whether it leaves anything behind."""

import glob
import os
import re
import subprocess

MODULE = "/lab/module/vhost_pin.ko"
NODE = "/dev/vhost-pin"


class ModuleError(Exception):
    """The module did not load or unload, or left something behind."""


class Module:
    """with Module(): ... loads it, and unloads it at the end; unless quiet is
    False, it must not have warned of anything meanwhile."""

    def __init__(self, quiet=True):
        self.quiet = quiet

    def __enter__(self):
        subprocess.run(["insmod", MODULE], check=True)
        if not os.path.exists(NODE):
            raise ModuleError(f"the module made no {NODE}")
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.unload()

    def unload(self):
        if left := threads(r"vpin-\d"):
            raise ModuleError(f"threads of queues left: {left}")
        result = subprocess.run(["rmmod", "vhost_pin"], check=False,
                                capture_output=True, text=True)
        if result.returncode:
            raise ModuleError(f"rmmod: {result.stderr.strip()}")
        if left := threads("vpin"):
            raise ModuleError(f"threads left: {left}")
        acquired, released = pins()
        if acquired != released:
            raise ModuleError(f"{acquired} pages pinned, {released} released")
        if self.quiet and (complaints := log()):
            raise ModuleError("the kernel's log:\n" + "\n".join(complaints))


def threads(pattern):
    """The names of the threads that match, of all processes; a worker's is
    vpin-DEVICE-WORKER."""
    names = []
    for path in glob.glob("/proc/[0-9]*/task/[0-9]*/comm"):
        try:
            with open(path, encoding="utf-8") as file:
                name = file.read().strip()
        except OSError:
            continue
        if re.match(pattern, name):
            names.append(name)
    return names


def pins():
    """How many pages were pinned and released since boot."""
    refresh = "/proc/sys/vm/stat_refresh"
    if os.path.exists(refresh):		# with SMP, processors count for themselves
        with open(refresh, "w", encoding="utf-8") as file:
            file.write("1")
    with open("/proc/vmstat", encoding="utf-8") as file:
        stat = dict(line.split() for line in file)
    return int(stat["nr_foll_pin_acquired"]), int(stat["nr_foll_pin_released"])


def log():
    """Lines of the kernel's log where the module warns."""
    lines = subprocess.run(["dmesg", "--level=emerg,alert,crit,err,warn"],
                           check=True, capture_output=True, text=True).stdout
    return [line for line in lines.splitlines()
            if re.search(r"vhost[_-]pin|vpin", line)
            # What the kernel says of any module that it was not built with.
            and not re.search(r"taints kernel|module verification failed", line)]
