# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# The lab's Debian root directory as a disk: an emulated machine has no hostfs.

# root_image ROOT: an ext4 image with its files, made if need be
root_image() {
	local image=$CACHE/stock/${1##*/}.ext4
	[[ -e $image ]] ||
		with_lock "image-${1##*/}" root_image_make "$1" "$image"
	printf '%s\n' "$image"
}

root_image_make() {
	local root=$1 image=$2 used
	[[ ! -e $image ]] || return 0
	need mke2fs=e2fsprogs
	say "making a disk of $root"
	mkdir -p "${image%/*}"
	rm -f "$image.partial"
	used=$(du -sm "$root" | cut -f 1)
	truncate -s "$((used * 3 / 2 + 64))M" "$image.partial"
	mke2fs -q -t ext4 -O ^has_journal -d "$root" "$image.partial" >&2
	mv "$image.partial" "$image"
}
