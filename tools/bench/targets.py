# SPDX-License-Identifier: GPL-2.0-only
"""What the benches are to show: ratios of two contestants of one run, or what
one of them may take."""

from typing import NamedTuple, Optional, Tuple


class Target(NamedTuple):
    name: str
    ours: Tuple[str, str]               # (bench, who)
    peer: Optional[Tuple[str, str]]     # what it is compared with
    sense: str                          # ours over the peer is "at most" or "at least" it
    bound: float
    field: str = "value"                # without a peer: this field of ours is
    note: str = ""                      # what can keep it from being met

    def holds(self, ratio):
        return ratio <= self.bound if self.sense == "at most" else ratio >= self.bound


def _walk(where, regions, who="vhost-pin"):
    return f"{where}/walk/direct/3/regions={regions}", who


def _io(size, depth, who="vhost-pin/null_blk"):
    return f"io/randread/{size}/depth={depth}", who


def _stock(kib, depth, who="vhost-pin/null_blk"):
    return f"stock-icount/randread/{kib}k/depth={depth}", who


def _guest(who):
    return "guest/randread/4k/depth=32", who


def _queues(number, where=""):
    return f"growth/queues={number}{where}", "vhost-pin/ceiling"


def _request(who="vhost-pin"):
    return "kernel/request/other-cpu/3/inflight=32", who


TARGETS = [
    Target("walk of 3, over the floor", _walk("kernel", 1), _walk("kernel", 1, "floor"),
           "at most", 2),
    Target("walk of 3, over the floor, in user space", _walk("user", 1),
           _walk("user", 1, "floor"), "at most", 2),
    Target("walk of 3, over rust-vmm's virtio-queue", _walk("user", 1),
           _walk("user", 1, "virtio-queue"), "at most", 1 / 4),
    Target("walk of 3, over vringh_iotlb", _walk("kernel", 1),
           _walk("kernel", 1, "vringh-iotlb"), "at most", 1 / 8),
    Target("walk of 3 with 64 regions, over 1 region", _walk("kernel", 64),
           _walk("kernel", 1), "at most", 1.3),
    Target("walk of 3 with 64 regions, over 1 region, in user space", _walk("user", 64),
           _walk("user", 1), "at most", 1.3),
    Target("a request from another CPU, over the floor", _request(), _request("floor"),
           "at most", 1.5),
    *(Target(f"4 KiB, depth {depth}, over {peer}", _io("4k", depth), _io("4k", depth, who),
             "at least", bound)
      for depth in (32, 128)
      for peer, who, bound in (("the ceiling", "ceiling", 0.85),
                               ("vdpa_sim_blk", "vdpa_sim", 1.3),
                               ("fio's io_uring", "fio/null_blk", 1.0))),
    *(Target(f"4 KiB, depth {depth}, less nice, over {peer}",
             _io("4k", depth, "vhost-pin/null_blk/nice"), _io("4k", depth, who),
             "at least", bound)
      for depth in (32, 128)
      for peer, who, bound in (("the ceiling", "ceiling/nice", 0.85),
                               ("fio's io_uring", "fio/null_blk", 1.0))),
    *(Target(f"4 KiB, depth {depth}, by vhost-user, over vhost-vdpa",
             _io("4k", depth, "vhost-pin/null_blk/vhost-user"), _io("4k", depth),
             "at least", 0.97)
      for depth in (1, 32, 128)),
    Target("4 KiB, depth 32, logged, over not logged", _io("4k", 32, "vhost-pin/null_blk/log"),
           _io("4k", 32), "at least", 0.85),
    Target("4 KiB, depth 1, over vdpa_sim_blk", _io("4k", 1), _io("4k", 1, "vdpa_sim"),
           "at least", 0.95),
    Target("4 KiB, depth 1, polling, over vdpa_sim_blk",
           _io("4k", 1, "vhost-pin/null_blk/busyloop"), _io("4k", 1, "vdpa_sim"),
           "at least", 1),
    Target("64 KiB, depth 32, over vdpa_sim_blk", _io("64k", 32), _io("64k", 32, "vdpa_sim"),
           "at least", 3),
    Target("a guest's 4 KiB, depth 32, over virtio-blk", _guest("vhost-pin"),
           _guest("virtio-blk"), "at least", 1.5),
    Target("mapping and unmapping 1 GiB, over a pass that pins and one that unpins",
           ("kernel/memory/mib=1024", "vhost-pin"), ("kernel/memory/mib=1024", "floor"),
           "at most", 1.25),
    *(Target(f"Debian's kernel, instructions: {size} KiB, depth {depth}, over {peer}",
             _stock(size, depth), _stock(size, depth, who), "at least", bound)
      for size, depth, peer, who, bound in (
          (4, 32, "vdpa_sim_blk", "vdpa_sim", 1.3), (4, 128, "vdpa_sim_blk", "vdpa_sim", 1.3),
          (4, 32, "fio's io_uring", "fio/null_blk", 1), (4, 128, "fio's io_uring", "fio/null_blk", 1),
          (4, 1, "vdpa_sim_blk", "vdpa_sim", 0.95), (64, 32, "vdpa_sim_blk", "vdpa_sim", 3))),
    Target("two queues, over one", _queues(2), _queues(1), "at least", 1.7,
           note="a lab of one CPU cannot show it"),
    Target("two queues, over one, on two CPUs", _queues(2, "/cpus=2"),
           _queues(1, "/cpus=2"), "at least", 1.7,
           note="a queue takes two, the client's and the worker's"),
    *(Target(f"memory of the map in {pages}, % of what is mapped",
             ("growth/memory/mib=1024", f"vhost-pin/ceiling/{pins}"), None, "at most", bound, "percent")
      for pages, pins, bound in (("4 KiB pages", "scattered", 0.25),
                                 ("huge pages", "contiguous", 0.001))),
]
