# SPDX-License-Identifier: GPL-2.0-only
"""libvirt's vhostuser disks: a domain is defined, started, gets a disk and gives it
back, loses its servers, and moves to another host, which is another libvirtd that
shares nothing with the first but the disks' servers' directory."""

import contextlib
import os
import subprocess
import time

import disks
import recovery
from guest import GuestError
from life import LOADS, ROOT_FILE, Host
from module import Module
from server import PATIENCE, Serve
from tap import Failed, note
from vm import Vm

HERE = os.path.dirname(os.path.abspath(__file__))
NAME = "guest"
PRIVATE = ("/etc/libvirt", "/var/lib/libvirt", "/var/log/libvirt", "/var/cache/libvirt",
           "/run/libvirt")
QEMU_CONF = """user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
cgroup_controllers = []
namespaces = []
stdio_handler = "file"
"""


class Libvirt:
    """A libvirtd, as on a host of its own."""

    def __init__(self, number):
        self.name = f"host{number}"
        self.dir = f"/tmp/{self.name}"
        os.makedirs(self.dir, exist_ok=True)
        self.uri = f"qemu+unix:///system?socket={self.dir}/libvirt-sock"
        with open(f"{self.dir}/qemu.conf", "w", encoding="ascii") as file:
            file.write(QEMU_CONF)
        with open(f"{self.dir}/libvirtd.conf", "w", encoding="ascii") as file:
            file.write(f'host_uuid = "00000000-0000-4000-8000-{number:012}"\n'
                       f'unix_sock_dir = "{self.dir}"\nauth_unix_rw = "none"\n'
                       'log_outputs = "3:stderr"\n')
        mounts = "; ".join(f"mkdir -p {place} 2>/dev/null; mount -t tmpfs tmpfs {place}"
                           for place in PRIVATE)
        with open(f"{self.dir}/log", "wb") as log:
            self.daemon = subprocess.Popen(
                ["unshare", "--mount", "--uts", "sh", "-ec",
                 f"hostname {self.name}; {mounts}; cp {self.dir}/qemu.conf /etc/libvirt/;"
                 f"exec libvirtd --config {self.dir}/libvirtd.conf"
                 f" --pid-file {self.dir}/libvirtd.pid"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def run(self, *command, timeout=300):
        done = subprocess.run(["virsh", "-c", self.uri, *command], check=False,
                              capture_output=True, text=True, timeout=timeout * PATIENCE)
        if done.returncode:
            raise GuestError(f"virsh {' '.join(command)}: {done.stdout}{done.stderr}"
                             f"{self.said()}")
        return done.stdout

    def ready(self):
        end = time.monotonic() + 120 * PATIENCE
        while not os.path.exists(f"{self.dir}/libvirt-sock"):
            if self.daemon.poll() is not None or time.monotonic() > end:
                raise GuestError(f"libvirtd does not start: {self.said()}")
            time.sleep(0.1)
        self.run("version")

    def said(self):
        with open(f"{self.dir}/log", encoding="utf-8", errors="replace") as file:
            return "\n# ".join(file.read().splitlines()[-4:])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["virsh", "-c", self.uri, "destroy", NAME], check=False,
                       capture_output=True)
        self.daemon.terminate()
        self.daemon.wait()


def describe(host, where):
    """The domain's XML in a file; and where its console is."""
    console = f"/tmp/console.{where.name}"
    with open(f"{HERE}/domain.xml", encoding="ascii") as file:
        text = file.read().format(name=NAME, boot=host.socket("boot"), data=host.socket("data"),
                                  console=console)
    path = f"{where.dir}/domain.xml"
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    return path, console


class Domain(Vm):
    """The guest as libvirt has it: what differs is who starts QEMU."""

    def __init__(self, console):
        self.console = console
        super().__init__([], prefix="# libvirt| ")

    def command(self, disks, mem):
        return [f"{HERE}/console", self.console]


def run(tap, kind, quick):
    images = {"boot": disks.boot_disk(), "data": disks.blank("data", 32),
              "spare": disks.blank("spare", 16)}
    with contextlib.suppress(Failed), tap.module(Module() if kind is Serve else None), \
            Libvirt(1) as here, Host(kind, images, shared=True) as host:
        with tap.test("libvirt: a domain is defined and started") as tell:
            here.ready()
            path, console = describe(host, here)
            here.run("define", path)
            here.run("start", NAME)
            tell(here.run("version").splitlines()[0])
        with Domain(console) as vm:
            with tap.test("libvirt: it boots, and works on both disks"):
                vm.boot()
                vm.load(*LOADS)
            with tap.test("libvirt: suspend and resume"):
                here.run("suspend", NAME)
                vm.listen(0.3)
                here.run("resume", NAME)
                vm.alive(*LOADS)
            with tap.test("libvirt: attach-device and detach-device"):
                for _ in range(2):
                    attach(vm, here, host)
            if kind is Serve:
                with tap.test("libvirt: the servers killed"):
                    for server in host.servers.values():
                        server.kill()
                        server.start()
                    vm.alive(*LOADS)
            move(tap, kind, images, vm, here)


def attach(vm, libvirt, host):
    path = f"{libvirt.dir}/disk.xml"
    with open(path, "w", encoding="ascii") as file:
        file.write(f"""<disk type='vhostuser' device='disk'>
  <driver name='qemu' type='raw'/>
  <source type='unix' path='{host.socket("spare")}'/>
  <target dev='vdc' bus='virtio'/>
</disk>
""")
    libvirt.run("attach-device", NAME, path)
    vm.until(lambda: vm.has("vdc"), 60, "the guest does not see vdc")
    vm.load("/dev/vdc", threads=4)
    vm.loaded("/dev/vdc")
    libvirt.run("detach-device", NAME, path)
    vm.until(lambda: "spare" not in libvirt.run("dumpxml", NAME), 60, "it keeps vdc")


def move(tap, kind, images, vm, here):
    with Libvirt(2) as there, Host(kind, images, shared=True) as host:
        with tap.test("libvirt: migrate --live to another host"):
            there.ready()
            path, console = describe(host, there)
            here.run("migrate", "--live", "--unsafe", "--xml", path, NAME, there.uri,
                     "--migrateuri", "unix:///tmp/libvirt.migration")
        with Domain(console) as moved:
            with tap.test("libvirt: it works there, and reads what it wrote"):
                moved.beats = vm.beats
                moved.alive(*LOADS)
                told = moved.loaded(*LOADS)
                moved.send("off")
                ends(there)
    with tap.test("libvirt: the host finds what the guest wrote"):
        disks.agree(told["/dev/vdb"], disks.sums(images["data"]), "data disk")
        disks.agree(told[ROOT_FILE], disks.root_sums(images["boot"], ROOT_FILE), "root disk")


def ends(libvirt):
    """Waits until the domain is off."""
    end = time.monotonic() + 60 * PATIENCE
    while NAME in libvirt.run("list"):
        if time.monotonic() > end:
            raise GuestError("the domain still runs")
        time.sleep(0.2)
