# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# GRUB for a PC's BIOS on a disk with an MBR.  Needs no root and mounts nothing.

GRUB=/usr/lib/grub/i386-pc

grub_need() {
	need sfdisk=fdisk grub-mkimage=grub-common
	[[ -e $GRUB/boot.img ]] || need grub-pc-bin
}

# grub_install DISK CONFIG MODULE...: in GRUB's own layout: its first sector in the boot
# record, the rest from sector 1 on, which is where the first looks for it.
grub_install() {
	local disk=$1 config=$2 core
	core=$(mktemp)
	grub-mkimage -O i386-pc -d "$GRUB" -c "$config" -o "$core" -p /boot/grub \
		biosdisk part_msdos ext2 serial terminal echo "${@:3}"
	dd if="$GRUB/boot.img" of="$disk" bs=440 count=1 conv=notrunc status=none
	dd if="$core" of="$disk" bs=512 seek=1 conv=notrunc status=none
	rm "$core"
}
