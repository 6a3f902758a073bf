# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# A Debian host as it was installed: systemd, the distribution's kernel, DKMS and the
# headers; and, in /repo, the packages of the kernel that it is upgraded to.  Made once.

INSTALL_PACKAGES=(systemd-sysv udev dbus kmod procps dkms gcc make libc6-dev tiny-initramfs
	e2fsprogs mokutil)

# install_kernel RELEASE old|new: the ends of the names of that kernel's packages
install_kernel() {
	case $1-$2 in
	bookworm-old | trixie-old) echo amd64 ;;
	bookworm-new) echo 6.12-amd64 ;;
	trixie-new)
		apt-cache "${APT_OPTIONS[@]}" pkgnames linux-image- |
			sed -n -E 's/^linux-image-([7-9][0-9.]+\+deb13-amd64)$/\1/p' |
			sort -V | tail -n 1
		;;
	esac
}

# QEMU, and on Debian 13 what a guest needs by either door.
install_qemu() {
	echo qemu-utils
	[[ $1 != trixie ]] || echo qemu-block-extra qemu-system-x86
}

# install_image RELEASE: the directory that holds root/, and for each of the two
# kernels old/ and new/ with vmlinuz, initrd.gz and its release's name
install_image() {
	local key dir new
	apt_ready
	new=$(install_kernel "$1" new)
	key=$({ printf '%s\n' "${INSTALL_PACKAGES[@]}" "$new"
		install_qemu "$1"
		cat "$INSTALL/init" "$INSTALL/image.sh"; } | sha256sum)
	dir=$CACHE/install/$1-${key:0:10}
	[[ -e $dir/complete ]] || with_lock "install-$1" install_make "$1" "$new" "$dir"
	printf '%s\n' "$dir"
}

install_make() {
	local release=$1 new=$2 dir=$3 mirrors packages which from=
	[[ ! -e $dir/complete ]] || return 0
	need mmdebstrap mke2fs=e2fsprogs dpkg-deb=dpkg
	mirrors=$(apt_machine_mirrors)
	[[ $release != trixie ]] || from="-t trixie-backports"
	say "making an image of Debian $release with systemd: about three minutes"
	stock_root_remove "$dir"
	mkdir -p "$dir"
	packages=("${INSTALL_PACKAGES[@]}" "linux-image-amd64" "linux-headers-amd64")
	mapfile -t -O "${#packages[@]}" packages < <(install_qemu "$release" | tr ' ' '\n')
	# shellcheck disable=SC2016 # $1 and what follows is mmdebstrap's
	apt_sources_of "$release" "$mirrors" |
		as_root mmdebstrap --mode=root --variant=apt --quiet \
			--include="${packages[*]}" \
			--aptopt='APT::Install-Recommends "false"' \
			--dpkgopt='path-exclude=/usr/share/doc/*' \
			--dpkgopt='path-exclude=/usr/share/man/*' \
			--dpkgopt='path-exclude=/usr/share/locale/*' \
			--customize-hook='rm -f "$1"/var/cache/apt/archives/*.deb' \
			--customize-hook="APT_CONFIG=\$MMDEBSTRAP_APT_CONFIG apt-get -qq -y -d $from install linux-image-$new linux-headers-$new" \
			--customize-hook='mkdir "$1/repo" && mv "$1"/var/cache/apt/archives/*.deb "$1/repo/"' \
			--customize-hook='rm -rf "$1"/etc/machine-id && : >"$1/etc/machine-id"' \
			"$release" "$dir/root" - >&2 ||
		die "mmdebstrap could not make $dir; see above"
	install_stage "$dir/root" "$dir/old" "$dir/root"
	mkdir "$dir/unpacked"
	for which in "$dir"/root/repo/linux-{image,base,binary,modules}-*.deb; do
		[[ ! -e $which ]] || dpkg-deb --fsys-tarfile "$which" |
			tar -x -C "$dir/unpacked" --exclude=./usr/share
	done
	[[ -e $dir/unpacked/lib ]] || ln -s usr/lib "$dir/unpacked/lib"
	depmod -b "$dir/unpacked" "$(basename "$dir"/unpacked/lib/modules/*)"
	install_stage "$dir/unpacked" "$dir/new"
	as_root bash -euc "$(declare -f install_check_unit); install_check_unit \"\$1\"" unit \
		"$dir/root"
	rm -rf "$dir/unpacked"
	touch "$dir/complete"
}

# install_stage TREE DIR: the kernel that is in TREE, ready to boot
install_stage() {
	local tree=$1 dir=$2 release kernel
	mkdir -p "$dir"
	release=$(basename "$tree"/lib/modules/*)
	kernel=$tree/boot/vmlinuz-$release
	[[ -e $kernel ]] || kernel=$tree/lib/modules/$release/vmlinuz
	cp "$kernel" "$dir/vmlinuz"
	echo "$release" >"$dir/release"
	initrd_pack "$dir/initrd" "$tree" "$INSTALL/init" "$dir/initrd.gz" \
		virtio_pci virtio_blk ext4
	rm -rf "$dir/initrd"
}

# What runs the tests in it.
install_check_unit() {
	local system=$1/etc/systemd/system unit
	mkdir "$1/check"
	cat >"$system/check.service" <<-'END'
		[Unit]
		After=sockets.target systemd-modules-load.service
		[Service]
		Type=exec
		ExecStart=/bin/sh -c 'mount -o ro /dev/vdb /check; exec /check/inside'
	END
	mkdir -p "$system/multi-user.target.wants"
	ln -s ../check.service "$system/multi-user.target.wants/"
	for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
		e2scrub_all.timer fstrim.timer e2scrub_reap.service; do
		ln -sf /dev/null "$system/$unit"
	done
}
