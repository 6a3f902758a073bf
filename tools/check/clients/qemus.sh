# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Other QEMUs than the lab's: each in a directory with all that it links to,
# unpacked and not configured, to which scripts in the lab change their root.

# What there is.
# shellcheck disable=SC2034 # who sources this reads it
QEMUS=(qemu-7.2 qemu-11)

# qemu_root NAME: the directory; it is made if need be
qemu_root() {
	local dir=$CACHE/$1
	[[ -e $dir ]] || with_lock "$1" qemu_unpack "$1" "$dir"
	printf '%s\n' "$dir"
}

qemu_unpack() {
	local name=$1 dir=$2 release=trixie pin=() mode=root
	[[ ! -e $dir ]] || return 0
	need mmdebstrap
	apt_ready
	((EUID == 0)) || mode=unshare
	case $name in
	qemu-7.2) release=bookworm ;;
	qemu-11) pin=(--aptopt='APT::Default-Release "trixie-backports"') ;;
	esac
	say "unpacking $name of Debian $release: half a minute"
	rm -rf "$dir.partial"
	mkdir "$dir.partial"
	grep " ${release}[ -]" "$APT_SOURCES" |
		mmdebstrap --mode="$mode" --variant=extract --quiet --format=tar "${pin[@]}" \
			--include=qemu-system-x86,seabios,base-files \
			--aptopt='APT::Install-Recommends "false"' \
			--dpkgopt='path-exclude=/usr/share/doc/*' \
			--dpkgopt='path-exclude=/usr/share/man/*' \
			--dpkgopt='path-exclude=/usr/share/locale/*' \
			"$release" - - |
		tar -x -C "$dir.partial" --no-same-owner --exclude='./dev/*' ||
		die "mmdebstrap could not unpack $name; see above"
	mkdir -p "$dir.partial"/{dev,proc,sys,tmp,lab}
	mv "$dir.partial" "$dir"
}
