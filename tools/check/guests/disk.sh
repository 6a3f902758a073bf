# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# The disk from which firmware boots: GPT, GRUB for a BIOS in the boot record
# and in a partition of its own, and an ESP on which GRUB is what UEFI boots.
# Made by mtools: no root, no mount.

export MTOOLS_SKIP_CHECK=1

DISK_GRUB=2048		# sectors: of the BIOS boot partition
DISK_ESP=4096
DISK_ESP_SECTORS=163840
DISK_MODULES=(part_gpt fat echo ls hashsum gcry_sha256 loadenv)

# disk_make FIRMWARE ROOT DIR: DIR/disk.img, on which DIR/data.bin is
disk_make() {
	local firmware=$1 dir=$3 disk=$3/disk.img
	need mformat=mtools sfdisk=fdisk
	grub_mkimage() { firmware_grub_mkimage "$firmware" "$@"; }
	grub_mkimage "$2" -O i386-pc -d "$firmware/usr/lib/grub/i386-pc" \
		-c "$GUESTS/bios.cfg" -p / -o "$dir/core.img" \
		biosdisk serial terminal "${DISK_MODULES[@]}"
	grub_mkimage "$2" -O x86_64-efi -d "$firmware/usr/lib/grub/x86_64-efi" \
		-c "$GUESTS/efi.cfg" -p / -o "$dir/grub.efi" \
		chain "${DISK_MODULES[@]}"
	rm -f "$disk"
	truncate -s 96M "$disk"
	sfdisk --quiet "$disk" <<-END
		label: gpt
		start=$DISK_GRUB, size=2048, name=grub, type=21686148-6449-6E6F-744E-656564454649
		start=$DISK_ESP, size=$DISK_ESP_SECTORS, name=esp, type=uefi
	END
	disk_boot_record "$firmware/usr/lib/grub/i386-pc/boot.img" "$dir/core.img" "$disk"
	disk_esp "$firmware" "$dir"
}

# Where grub-install writes it: in the boot record which sector to read, and
# in that sector where the rest lies.
disk_boot_record() {
	local boot=$1 core=$2 disk=$3
	dd if="$boot" of="$disk" bs=440 count=1 conv=notrunc status=none
	disk_poke "$disk" 0x5c "$DISK_GRUB"
	disk_poke "$core" 0x1f4 "$((DISK_GRUB + 1))"
	dd if="$core" of="$disk" bs=512 seek="$DISK_GRUB" conv=notrunc status=none
}

# disk_poke FILE OFFSET SECTOR: 64 bits, little-endian
disk_poke() {
	disk_bytes "$3" 0 8 16 24 32 40 48 56 |
		dd of="$1" bs=1 seek="$(($2))" conv=notrunc status=none
}

# disk_bytes NUMBER SHIFT...: that many bytes of it
disk_bytes() {
	local number=$1 shift
	shift
	for shift; do
		# shellcheck disable=SC2059 # the format is the byte
		printf "\\x$(printf %02x "$((number >> shift & 255))")"
	done
}

disk_be32() { disk_bytes "$1" 24 16 8 0; }

# disk_u_boot_script TEXT IMAGE: as U-Boot's mkimage wraps a script
disk_u_boot_script() {
	local text=$1 image=$2
	{ disk_be32 "$(stat -c %s "$text")"; disk_be32 0; cat "$text"; } >"$image.data"
	# Magic number, own sum, time, size, two addresses, sum; Linux, x86, a
	# script, not packed; the name.
	{
		disk_be32 0x27051956 && disk_be32 0 && disk_be32 0
		disk_be32 "$(stat -c %s "$image.data")" && disk_be32 0 && disk_be32 0
		disk_be32 "$(disk_crc "$image.data")"
		printf '\5\2\6\0%-32s' guests
	} >"$image"
	disk_be32 "$(disk_crc "$image")" |
		dd of="$image" bs=1 seek=4 conv=notrunc status=none
	cat "$image.data" >>"$image"
}

# gzip's trailer has the sum.
disk_crc() { gzip -c <"$1" | tail -c 8 | od -A n -t u4 -N 4; }

disk_esp() {
	local firmware=$1 dir=$2 esp
	esp=$(disk_esp_of "$dir/disk.img")
	{ echo '# GRUB Environment Block'; printf '#%.0s' {1..999}; } >"$dir/grubenv"
	mformat -i "$esp" -F -v ESP -T "$DISK_ESP_SECTORS" -h 64 -s 32 ::
	mmd -i "$esp" ::/EFI ::/EFI/BOOT
	mcopy -i "$esp" "$dir/grub.efi" ::/EFI/BOOT/BOOTX64.EFI
	mcopy -i "$esp" "$dir/grubenv" "$dir/data.bin" ::/
	mcopy -i "$esp" "$firmware/usr/lib/ipxe/ipxe-amd64.efi" ::/ipxe.efi
	mcopy -i "$esp" "$GUESTS/efi.ipxe" ::/autoexec.ipxe
	mcopy -i "$esp" "$firmware/usr/share/efi-shell-x64/shellx64.efi" ::/shell.efi
	disk_u_boot_script "$GUESTS/u-boot.txt" "$dir/boot.scr"
	mcopy -i "$esp" "$dir/boot.scr" ::/
	sed 's/$/\r/' "$GUESTS/startup.nsh" | mcopy -i "$esp" - ::/startup.nsh
}

# disk_esp_of DISK: how mtools name its ESP
disk_esp_of() { printf '%s@@%d\n' "$1" "$((DISK_ESP * 512))"; }

# disk_spoil DIR: the file on the disk is not DIR/data.bin any more
disk_spoil() {
	local dir=$1
	cp "$dir/data.bin" "$dir/spoilt.bin"
	printf spoilt | dd of="$dir/spoilt.bin" bs=1 seek=1000000 conv=notrunc status=none
	mcopy -o -i "$(disk_esp_of "$dir/disk.img")" "$dir/spoilt.bin" ::/data.bin
}
