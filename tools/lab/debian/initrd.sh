# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Initial RAM disks of a few files: busybox, an init script, the kernel
# modules that are asked for, and what else the caller put in the directory.

# busybox_static: path of a busybox that needs no library
busybox_static() {
	local dir=$CACHE/stock/busybox
	[[ -e $dir ]] || with_lock busybox busybox_fetch "$dir"
	printf '%s/usr/bin/busybox\n' "$dir"
}

busybox_fetch() {
	local dir=$1 deb
	[[ ! -e $dir ]] || return 0
	need dpkg-deb=dpkg
	apt_ready
	rm -rf "$dir.partial"
	mkdir -p "$dir.partial/deb"
	deb=$(apt_fetch busybox-static "$dir.partial/deb")
	dpkg-deb -x "$deb" "$dir.partial"
	mv "$dir.partial" "$dir"
}

# initrd_pack DIR KERNEL INIT OUT MODULE...: DIR is the tree to be, with the
# caller's files in it; KERNEL is a directory of stock_kernel's
initrd_pack() {
	local dir=$1 kernel=$2 init=$3 out=$4 module path name
	shift 4
	need modprobe=kmod cpio gzip xz=xz-utils
	mkdir -p "$dir"/{bin,dev,proc,sys,root,tmp,modules.d}
	install -m 755 "$(busybox_static)" "$dir/bin/busybox"
	install -m 755 "$init" "$dir/init"
	: >"$dir/modules"
	for module; do
		while read -r path; do
			name=$(basename "${path%.xz}")
			[[ ! -e $dir/modules.d/$name ]] || continue
			# busybox cannot tell the kernel to unpack a module.
			case $path in
			*.xz) xz -dc "$path" >"$dir/modules.d/$name" ;;
			*) cp "$path" "$dir/modules.d/$name" ;;
			esac
			echo "/modules.d/$name" >>"$dir/modules"
		done < <(modprobe -d "$kernel" -S "$(stock_kernel_release "$kernel")" \
			--show-depends "$module" | awk '$1 == "insmod" { print $2 }')
	done
	(cd "$dir" && find . | sort | cpio -o -H newc -R 0:0 --quiet) |
		gzip -1 >"$out"
}
