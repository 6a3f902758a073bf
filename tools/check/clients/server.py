# SPDX-License-Identifier: GPL-2.0-only
"""Who serves disks by vhost-user: `vhost-pin serve`, and QEMU's storage daemon,
beside which it is measured and to which a guest can leave."""

import os
import signal
import stat
import subprocess
import time

PATIENCE = 6 if os.path.exists("/sys/kernel/debug/kmemleak") else 1


class ServerError(Exception):
    """A server did not do what was asked of it."""


class Server:
    """Serves disks, {name: path}, each at socket(name)."""

    made = 0

    def __init__(self, disks, queues=1, options=""):
        Server.made += 1
        self.disks = disks
        self.queues = queues
        self.options = options
        self.tag = f"{type(self).__name__}.{os.getpid()}.{Server.made}"
        self.log = f"/tmp/{self.tag}.log"
        self.process = None

    def socket(self, name):
        return f"/tmp/{self.tag}.{name}"

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        end = time.monotonic() + 20 * PATIENCE
        while not all(os.path.exists(self.socket(name)) for name in self.disks):
            if self.process.poll() is not None:
                raise ServerError(f"{self.tag} ended with {self.process.returncode}: {self.said()}")
            if time.monotonic() > end:
                raise ServerError(f"{self.tag} made no sockets: {self.said()}")
            time.sleep(0.005)

    def kill(self):
        """As bad as it gets; returns when all of it is gone."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        for name in self.disks:
            if os.path.exists(self.socket(name)):
                os.unlink(self.socket(name))

    def stop(self):
        """Asks it to end; it must end well."""
        self.process.terminate()
        try:
            status = self.process.wait(30 * PATIENCE)
        except subprocess.TimeoutExpired:
            raise ServerError(f"{self.tag} still runs: {self.said()}") from None
        if status:
            raise ServerError(f"{self.tag} ended with {status}: {self.said()}")

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read().strip()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is not None:
            return
        if kind:
            for line in self.said().splitlines()[-12:]:
                print(f"# {self.tag} said: {line}", flush=True)
            self.kill()
        else:
            self.stop()


class Serve(Server):
    """vhost-pin's own."""

    label = "vhost-pin"

    @property
    def control(self):
        return f"/tmp/{self.tag}.control"

    def command(self):
        command = ["vhost-pin", "serve", "--control", self.control]
        for name, path in self.disks.items():
            command += ["--disk", f"{path},socket={self.socket(name)},"
                        f"queues={self.queues}{self.options}"]
        return command


class StorageDaemon(Server):
    """QEMU's."""

    label = "qemu-storage-daemon"

    def command(self):
        command = ["qemu-storage-daemon"]
        for name, path in self.disks.items():
            driver = "host_device" if stat.S_ISBLK(os.stat(path).st_mode) else "file"
            command += [
                "--blockdev", f"driver={driver},node-name={name},filename={path},"
                "cache.direct=on,discard=unmap,locking=off",
                "--export", f"type=vhost-user-blk,id={name},node-name={name},"
                f"addr.type=unix,addr.path={self.socket(name)},writable=on,"
                f"num-queues={self.queues}"]
        return command


KINDS = {"serve": Serve, "qsd": StorageDaemon}
