# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# The guest of the administrator's guide.  In an emulator in an emulator Linux takes too
# long to start, so it is GRUB, which reads and writes by its BIOS, and takes orders.

# guest_make DIR: DIR/guest.qcow2, and DIR/guest.sum of its file of 2 MiB
guest_make() {
	local dir=$1 work
	grub_need
	work=$(mktemp -d)
	mkdir "$work/root"
	head -c 2M /dev/urandom >"$work/root/data"
	grub-editenv "$work/root/written" set door=nobody
	sha256sum <"$work/root/data" | cut -d ' ' -f 1 >"$dir/guest.sum"
	truncate -s 17M "$work/disk"
	echo "1M,+,83,*" | sfdisk --quiet "$work/disk"
	grub_install "$work/disk" "$INSTALL/guest.cfg" hashsum gcry_sha256 loadenv halt
	mke2fs -q -t ext2 -F -d "$work/root" -E offset=1048576 "$work/disk" 16M 2>/dev/null
	qemu-img convert -f raw -O qcow2 "$work/disk" "$dir/guest.qcow2"
	rm -r "$work"
}
