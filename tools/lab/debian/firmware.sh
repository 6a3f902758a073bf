# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Firmware and boot loaders of Debian's, unpacked in the cache, not installed.

FIRMWARE_PACKAGES=(ovmf efi-shell-x64 ipxe u-boot-qemu
	grub-common grub-pc-bin grub-efi-amd64-bin)

# firmware: the directory that holds their usr/
firmware() {
	local key dir
	key=$(printf '%s\n' "${FIRMWARE_PACKAGES[@]}" | sha256sum)
	dir=$CACHE/firmware-${key:0:12}
	[[ -e $dir ]] || with_lock firmware firmware_fetch "$dir"
	printf '%s\n' "$dir"
}

firmware_fetch() {
	local dir=$1 package deb
	[[ ! -e $dir ]] || return 0
	need dpkg-deb=dpkg
	apt_ready
	rm -rf "$dir.partial"
	for package in "${FIRMWARE_PACKAGES[@]}"; do
		mkdir -p "$dir.partial/deb/$package"
		deb=$(apt_fetch "$package" "$dir.partial/deb/$package")
		dpkg-deb -x "$deb" "$dir.partial"
	done
	rm -r "$dir.partial/deb"
	mv "$dir.partial" "$dir"
}

# firmware_grub_mkimage FIRMWARE ROOT ARGS...: that GRUB's own, which needs the
# libraries of its release: those of the lab's Debian, ROOT
firmware_grub_mkimage() {
	local firmware=$1 root=$2
	"$root/lib64/ld-linux-x86-64.so.2" --inhibit-cache \
		--library-path "$root/usr/lib/x86_64-linux-gnu" \
		"$firmware/usr/bin/grub-mkimage" "${@:3}"
}
