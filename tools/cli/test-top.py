# SPDX-License-Identifier: GPL-2.0-only
"""test-top.py VHOST-PIN: top on a terminal: its keys, a window that changes, and whether
the terminal is as it was before, however it ends.  Prints what is wrong."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

SEQUENCE = re.compile(r"\x1b\[[?0-9;]*[a-zA-Z]")
BACK = "\x1b[?1049l"
SHOWN = "\x1b[K\x1b[J"


class Terminal:
    def __init__(self, *arguments, kind="xterm"):
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.environ["TERM"] = kind
            # Until there is a size.
            os.read(0, 1)
            os.execv(sys.argv[1], [sys.argv[1], "top", *arguments])
        self.before = termios.tcgetattr(self.fd)
        self.resize(24, 100)
        os.write(self.fd, b"\n")

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def see(self, text, seconds=20):
        """All that is written until there is the text."""
        seen, end = "", time.monotonic() + seconds
        while text not in seen:
            if not select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError(f"no {text!r} in {seen!r}")
            try:
                seen += os.read(self.fd, 65536).decode()
            except OSError as error:
                raise AssertionError(f"it has ended, without {text!r}: {seen!r}") from error
        return seen

    def key(self, key, text):
        os.write(self.fd, key.encode())
        return self.see(text)

    def end(self):
        """Its status, when the terminal is as it was."""
        self.see(BACK)
        assert termios.tcgetattr(self.fd) == self.before, "the terminal is not as it was"
        _, status = os.waitpid(self.pid, 0)
        return status


def keys():
    top = Terminal("-d", "60")
    top.see("ERR/S")
    assert termios.tcgetattr(top.fd)[3] & (termios.ECHO | termios.ICANON) == 0
    assert "sort by bytes" in top.key("h", "Any key goes back")
    top.key("x", "ERR/S")
    top.key("z", "there is no such key")
    names = [line.split()[0] for line in
             SEQUENCE.sub("", top.key("N", "web1.2")).split("\r\n") if "running" in line]
    assert names[1:] == sorted(names[1:]), names
    top.key("d", "seconds between screenfuls")
    top.key("x\x7f0.1\r", "every 0.1 s")
    top.key("s0\r", "is not a number of seconds")
    # That often, now.
    for _ in range(3):
        top.see("vhost-pin top")
    os.write(top.fd, b"q")
    assert top.end() == 0


def window():
    top = Terminal("-d", "60")
    top.see(SHOWN)
    top.resize(6, 40)
    lines = SEQUENCE.sub("", top.see(SHOWN)).split("\r\n")
    assert max(map(len, lines)) <= 40 and len(lines) <= 6, lines
    os.write(top.fd, b"q")
    top.end()
    # What troubleshooting looks at is there on the smallest that is usual.
    for columns, there, not_there in ((80, ("99%", "DEPTH", "CPU%", "ERR/S"), ("READ/S", "WRITE/S")),
                                      (120, ("READ/S", "WRITE/S", "50%", "ERR/S", "qemu-kvm"), ())):
        top = Terminal("-d", "60")
        top.see(SHOWN)
        top.resize(24, columns)
        seen = SEQUENCE.sub("", top.see(SHOWN))
        lines = seen.split("\r\n")
        assert max(map(len, lines)) <= columns, lines
        for text in there:
            assert text in seen, (text, lines)
        for text in not_there:
            assert text not in seen, (text, lines)
        help_lines = SEQUENCE.sub("", top.key("h", SHOWN))
        assert "no longer; '-' if it is not taken (key l)" in help_lines, help_lines
        assert "READ/S and 50% are left out." in help_lines and "Any key goes back" in help_lines, help_lines
        os.write(top.fd, b"xq")
        assert top.end() == 0


def wide():
    """Characters of two columns are no more than there is room for."""
    there = os.environ["VHOST_PIN_ROOT"] + "/proc/321/comm"
    with open(there, encoding="utf-8") as comm:
        name = comm.read()
    with open(there, "w", encoding="utf-8") as comm:
        comm.write(60 * "\u65e5")
    top = Terminal("-d", "60")
    top.see(SHOWN)
    top.resize(24, 121)
    lines = SEQUENCE.sub("", top.see(SHOWN)).split("\r\n")
    widths = [len(line) + line.count("\u65e5") for line in lines]
    assert 120 <= max(widths) <= 121 and any("\u65e5" in line for line in lines), lines
    os.write(top.fd, b"q")
    assert top.end() == 0
    with open(there, "w", encoding="utf-8") as comm:
        comm.write(name)


def dumb():
    """A terminal that obeys nothing is sent nothing to obey."""
    top = Terminal(kind="dumb")
    assert "\x1b" not in top.see("top -b"), "a sequence"
    _, status = os.waitpid(top.pid, 0)
    assert os.WEXITSTATUS(status) == 2, status


def signals():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        top = Terminal()
        top.see("ERR/S")
        os.kill(top.pid, number)
        assert os.WTERMSIG(top.end()) == number, number
    top = Terminal()
    top.see("ERR/S")
    os.kill(top.pid, signal.SIGTSTP)
    top.see(BACK)
    _, status = os.waitpid(top.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    assert termios.tcgetattr(top.fd) == top.before
    os.kill(top.pid, signal.SIGCONT)
    top.see("ERR/S")
    os.write(top.fd, b"q")
    assert top.end() == 0


def module_gone():
    there = os.environ["VHOST_PIN_ROOT"] + "/sys/class/vhost-pin"
    top = Terminal("-d", "0.1")
    top.see("ERR/S")
    os.rename(there, there + ".gone")
    try:
        # On the screen that was there before: the other one vanishes.
        seen = top.see("is not loaded")
        assert BACK in seen.partition("is not loaded")[0], seen
        _, status = os.waitpid(top.pid, 0)
        assert os.WEXITSTATUS(status) == 1
    finally:
        os.rename(there + ".gone", there)


for test in (keys, window, wide, dumb, signals, module_gone):
    test()
