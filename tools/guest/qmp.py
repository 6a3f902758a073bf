# SPDX-License-Identifier: GPL-2.0-only
"""QEMU's control socket."""

import json
import socket
import time


class QmpError(Exception):
    """QEMU refused a command."""


class Qmp:
    """A connection to the socket at a path, which QEMU may still have to make."""

    def __init__(self, path, patience=30):
        end = time.monotonic() + patience
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(120)
        while True:
            try:
                connection.connect(path)
                break
            # It binds before it listens.
            except (FileNotFoundError, ConnectionRefusedError):
                if time.monotonic() > end:
                    raise QmpError(f"QEMU made no {path} in {patience} s") from None
            time.sleep(0.05)
        self.file = connection.makefile("rw")
        self.file.readline()
        self.run("qmp_capabilities")

    def run(self, command, **arguments):
        """Runs a command, returns its answer; events are dropped."""
        # Some argument names have a dash.
        arguments = {name.replace("_", "-"): value for name, value in arguments.items()}
        json.dump({"execute": command, "arguments": arguments}, self.file)
        self.file.flush()
        while line := self.file.readline():
            answer = json.loads(line)
            if "error" in answer:
                raise QmpError(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]
        raise QmpError(f"{command}: QEMU is gone")
