# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Debian root directories: the user space of the lab, made by mmdebstrap.

# What the clients are, and what scripts need.  qemu-block-extra has QEMU's
# libblkio driver and brings libblkio; iproute2 has vdpa(8).
ROOT_PACKAGES=(
	qemu-system-x86 qemu-utils qemu-block-extra seabios
	nbdkit libnbd-bin fio
	e2fsprogs util-linux mount procps kmod iproute2 dmsetup
	python3-minimal strace
	xfsprogs btrfs-progs squashfs-tools nfs-kernel-server nfs-common
	fuse3 bindfs quota
	libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients
)

# root_dir [RELEASE]: where it is, whether it exists yet or not
root_dir() {
	local key
	key=$({ printf '%s\n' "${ROOT_PACKAGES[@]}"; cat "$LAB/lib/root.sh" \
		"$LAB/root/"*; } | sha256sum)
	printf '%s/root/%s-%s\n' "$CACHE" "${1:-trixie}" "${key:0:10}"
}

# root [RELEASE]: the path of the directory, made if need be
root() {
	local dir
	dir=$(root_dir "$@")
	[[ -d $dir ]] || with_lock "${dir##*/}" root_build "${1:-trixie}" "$dir"
	printf '%s\n' "$dir"
}

root_build() {
	local release=$1 dir=$2 work
	[[ -d $dir ]] && return
	need mmdebstrap tar
	root_check_user
	apt_ready
	work=$(mktemp -d "$CACHE/root.XXXXXX")
	say "making a Debian $release root directory: once, about a minute"
	mkdir "$work/tree"
	if ! root_debstrap "$release" "$work" 2>"$work/log"; then
		tail -n 20 "$work/log" >&2
		die "mmdebstrap failed: the whole log is $work/log"
	fi
	root_finish "$work/tree"
	chmod 755 "$work/tree"
	mkdir -p "${dir%/*}"
	mv "$work/tree" "$dir"
	rm -rf "$work"
}

# Packages' scripts want to be root.  An ordinary user is root in a user
# namespace of its own; that takes newuidmap and a range of subordinate ids.
root_check_user() {
	local me
	((EUID)) || return 0
	me=$(id -un)
	need newuidmap=uidmap
	if ! grep -q "^$me:" /etc/subuid || ! grep -q "^$me:" /etc/subgid; then
		die "$me has no subordinate ids, which making a root directory takes" \
			"as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $me"
	fi
	unshare -U true 2>/dev/null ||
		die "this machine lets users have no user namespaces" \
			"as root: sysctl kernel.unprivileged_userns_clone=1"
}

# The tree travels as a tar, so that its files belong to who runs the lab.
root_debstrap() {
	local release=$1 work=$2 mode=root packages suite
	((EUID)) && mode=unshare
	printf -v packages '%s,' "${ROOT_PACKAGES[@]}"
	suite=$(grep " ${release}[ -]" "$APT_SOURCES" | grep -v backports)
	apt-config dump | grep -E '^Acquire::(https?|Check-|Retries)' \
		>"$work/apt.conf" || true
	mmdebstrap --mode="$mode" --variant=apt --format=tar \
		--aptopt="$work/apt.conf" \
		--aptopt='Apt::Install-Recommends "false"' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/info/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--include="${packages%,}" \
		"$release" - - <<<"$suite" |
		tar -x -C "$work/tree" --no-same-owner --exclude='./dev/*'
}

# Mount points and the first program: all that the lab adds.
root_finish() {
	local tree=$1
	mkdir -p "$tree/lab"
	install -m 755 "$LAB/root/lab-init" "$tree/usr/sbin/lab-init"
	install -m 644 "$LAB/root/hosts" "$tree/etc/hosts"
	rm -rf "$tree"/var/cache/apt/* "$tree"/var/lib/apt/lists/*
	chmod -R u+rwX "$tree"
}
