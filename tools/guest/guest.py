# SPDX-License-Identifier: GPL-2.0-only
"""The guest, driven from the host: unmodified QEMU on disks that vhost-pin
serves, its serial console, and its QMP socket."""

import os
import re
import selectors
import signal
import subprocess
import time

from qmp import Qmp, QmpError

QEMU = ["qemu-system-x86_64", "-machine", "q35,accel=tcg", "-cpu", "max",
        "-nodefaults", "-display", "none", "-vga", "none",
        "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"]
# A kernel with every checker is slow, and QEMU in it slower.
PATIENCE = 6 if os.path.exists("/sys/kernel/debug/kmemleak") else 1
CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|[^\t\x20-\x7e]")
DEAD = re.compile(r"Kernel panic|I/O error|EXT4-fs error|Buffer I/O|blk_update")
# A read of its own that a guest cut when it powered off.
CUT = re.compile(r"I/O error, .*\(READ\)|I/O error .* page read|EXT4-fs error .*: reading ")


class GuestError(QmpError):
    """The guest, or QEMU, did not do what was asked of it."""


class Guest:
    """disks: what `vhost-pin run --disk` takes, the boot disk first."""

    def __init__(self, disks, mem="256M", prefix="guest| ", options=()):
        self.prefix = prefix
        self.started = time.monotonic()
        self.path = f"/tmp/qmp.{os.getpid()}.{id(self)}"
        self.stderr_path = f"/tmp/qemu.{os.getpid()}.{id(self)}.log"
        command = self.command(disks, mem) + [*options]
        command += ["-qmp", f"unix:{self.path},server=on,wait=off"]
        with open(self.stderr_path, "wb") as stderr:
            self.qemu = subprocess.Popen(command, stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, stderr=stderr)
        self.pending = b""
        self.ending = False
        self.control = None
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.qemu.stdout, selectors.EVENT_READ)

    def command(self, disks, mem):
        """QEMU with its disks."""
        given = [word for disk in disks for word in ("--disk", disk)]
        return ["vhost-pin", "run", *given, "--", *QEMU, "-m", mem]

    # The console

    def lines(self, timeout):
        """The console's lines as they come, until it is silent for so long."""
        while True:
            while b"\n" in self.pending:
                line, self.pending = self.pending.split(b"\n", 1)
                text = CONTROL.sub("", line.decode(errors="replace"))
                self.show(text)
                self.ending |= "sysrq: Power Off" in text
                # What was being read when it ended is no fault of the disk's.
                if DEAD.search(text) and not (self.ending and CUT.search(text)):
                    raise GuestError(f"the guest reports: {text}")
                yield text
            if not self.selector.select(timeout):
                return
            data = os.read(self.qemu.stdout.fileno(), 65536)
            if not data:
                return
            self.pending += data

    def show(self, text):
        if self.prefix and text:
            age = time.monotonic() - self.started
            print(f"{self.prefix}{age:6.1f} {text}", flush=True)

    def expect(self, pattern, timeout=300):
        """Waits for a line that matches; what it and those before it say."""
        seen = []
        timeout *= PATIENCE
        end = time.monotonic() + timeout
        for text in self.lines(timeout):
            seen.append(text)
            if re.search(pattern, text):
                return seen
            if time.monotonic() > end:
                break
        if self.qemu.poll() is not None:
            raise GuestError(f"QEMU ended with status {self.qemu.returncode}"
                             f" before '{pattern}': {self.stderr()}")
        raise GuestError(f"no '{pattern}' on the console in {timeout} s")

    def listen(self, seconds):
        """What the console says in that time."""
        seen = []
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            for text in self.lines(left):
                seen.append(text)
                if time.monotonic() > end:
                    break
            if self.qemu.poll() is not None:
                raise GuestError(f"QEMU ended: {self.stderr()}")
        return seen

    def boot(self, timeout=400):
        """Waits until the guest takes commands."""
        return self.expect(r"^guest: ready", timeout)

    def send(self, command):
        self.qemu.stdin.write(command.encode() + b"\n")
        self.qemu.stdin.flush()

    def run(self, command, timeout=600):
        """Runs a command of the guest's init; its output, as lines."""
        self.send(command)
        seen = self.expect(r"^guest: status ", timeout)
        status = seen.pop().split()[-1]
        if status != "0":
            raise GuestError(f"'{command}' failed in the guest: status {status}")
        return seen

    # QEMU

    def qmp(self, command, **arguments):
        if not self.control:
            self.control = Qmp(self.path)
        return self.control.run(command, **arguments)

    def off(self, quiet=True):
        """Has the guest power off; QEMU must end well and, if quiet, say nothing."""
        self.send("off")
        self.finish(quiet)

    def finish(self, quiet=True, timeout=60 * PATIENCE):
        for _ in self.lines(timeout):
            pass
        try:
            status = self.qemu.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise GuestError(f"QEMU still runs after {timeout} s") from None
        if status or (quiet and self.stderr()):
            raise GuestError(f"QEMU ended with {status}, and said: {self.stderr()}")

    def kill(self):
        self.qemu.send_signal(signal.SIGKILL)
        self.qemu.wait()

    def stderr(self):
        with open(self.stderr_path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.qemu.poll() is None:
            self.kill()
