# SPDX-License-Identifier: GPL-2.0-only
"""Results, numbered as they come."""

import contextlib
import subprocess
import time

from guest import GuestError
from image import ImageError
from module import ModuleError
from qmp import QmpError
from server import ServerError

ERRORS = (GuestError, ImageError, ModuleError, QmpError, ServerError, OSError,
          subprocess.SubprocessError)


class Failed(Exception):
    """A test failed, and was told; those that build on it cannot go on."""


class Tap:
    """with tap.test(name): ... is one."""

    def __init__(self):
        self.number = self.failed = 0

    @contextlib.contextmanager
    def test(self, name, alone=False):
        """Unless it stands alone, what comes after it builds on it."""
        start = time.monotonic()
        told = []
        try:
            yield told.append
        except ERRORS as error:
            self.verdict("not ok", f"{name}: {type(error).__name__}: {error}")
            self.failed += 1
            if alone:
                return
            raise Failed from error
        told.append(f"{time.monotonic() - start:.1f} s")
        self.verdict("ok", f"{name}: {', '.join(told)}")

    @contextlib.contextmanager
    def module(self, module):
        """The module's life, if there is one; that it leaves nothing behind is a test."""
        if not module:
            yield
            return
        with module:
            try:
                yield
            except Failed:
                # What that left behind says nothing.
                subprocess.run(["rmmod", "vhost_pin"], check=False)
                raise
            with self.test("the host is clean"):
                module.unload()
            module.unload = lambda: None

    def verdict(self, word, text):
        self.number += 1
        print(f"{word} {self.number} - {text}", flush=True)

    def plan(self):
        print(f"1..{self.number}", flush=True)


def note(text):
    print(f"# {text}", flush=True)
