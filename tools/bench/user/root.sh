# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# The Debian root directory in which the bench is built: one compiler for C and
# one for Rust on every machine, and the crates as Debian packages them.

BENCH_RELEASE=trixie
# The lab's root.sh reads it.
# shellcheck disable=SC2034
ROOT_PACKAGES=(gcc libc6-dev make cargo rustc librust-virtio-queue-dev
	librust-vhost-dev librust-vmm-sys-util-dev)

# bench_root: its path; it is made if need be
bench_root() {
	local key dir
	key=$({ printf '%s\n' "${ROOT_PACKAGES[@]}"; cat "$LAB/lib/root.sh"; } |
		sha256sum)
	dir=$CACHE/bench-root-${key:0:10}
	[[ -d $dir ]] ||
		with_lock "${dir##*/}" root_build "$BENCH_RELEASE" "$dir"
	printf '%s\n' "$dir"
}
