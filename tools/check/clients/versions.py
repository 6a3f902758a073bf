# SPDX-License-Identifier: GPL-2.0-only
"""One guest in three releases of QEMU: Debian 12's, which has no other door to
vhost-pin; Debian 13's; and its backports'."""

import contextlib

import basic
import qemus
import recovery
from life import LOADS, Life
from module import Module
from server import Serve
from tap import Failed

# What all three can be.
MACHINE = "pc-q35-7.2"


def run(tap, kind, quick):
    with contextlib.suppress(Failed), tap.module(Module() if kind is Serve else None), \
            Life(kind, MACHINE, shared=True, qemu=qemus.oldest()) as life:
        life.begin(tap)
        basic.run(tap, life, quick=True)
        if kind is Serve:
            with tap.test(f"{life.vm.version.name}: the server killed"):
                # It connects again after a second at the earliest.
                for name in "boot", "data":
                    life.host.servers[name].kill()
                    life.host.servers[name].start()
                life.alive()
        for there in qemus.OURS, qemus.newest():
            with tap.test(f"{life.vm.version.name}: moves to {there.name}"):
                life.move(kind, there)
                life.alive()
        if not quick:
            with tap.test(f"{life.vm.version.name}: boots"):
                life.vm.loaded(*LOADS)
                life.vm.qmp("system_reset")
                life.vm.boot()
                life.vm.load(*LOADS)
        basic.run(tap, life, quick=True)
        if kind is Serve:
            with tap.test(f"{life.vm.version.name}: the server killed"):
                recovery.killed(life, recovery.chance())
        life.end(tap)
