# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# The module as a user builds it: `make dkms-install`, then DKMS.

# root_kernel ROOT 6.1|6.12: the release of that kernel whose headers it has
root_kernel() {
	find "$1/lib/modules" -mindepth 1 -maxdepth 1 -printf '%f\n' |
		grep -E "^$(stock_flavour "$2")\$" | sort -V | tail -n 1
}

# A kernel that is older than those that are supported: DKMS passes it over.
OLD_KERNEL=5.10.0-0-vhost-pin

# dkms_build ROOT KERNEL_RELEASE OUT: OUT becomes the module that DKMS
# installed for that kernel
dkms_build() {
	local root=$1 release=$2 out=$3 version stage log=$TOP/build/lab/dkms-$2.log
	version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$TOP/dkms.conf")
	stage=$(mktemp -d "$TOP/build/lab/dkms.XXXXXX")
	DESTDIR=$stage "$TOP/tools/dkms-install" >"$log"
	mkdir "$stage/old"
	ln -s "/lib/modules/$release/build" "$stage/old/build"
	say "building the module by DKMS for Debian's $release"
	# shellcheck disable=SC2016 # expanded inside
	if ! enter "$root" --bind "$stage/usr/src/vhost-pin-$version" \
		"/usr/src/vhost-pin-$version" --bind "$stage" /mnt \
		--bind "$stage/old" "/lib/modules/$OLD_KERNEL" bash -euc '
		package=vhost-pin/$1
		rm -rf /var/lib/dkms/vhost-pin
		rm -f /lib/modules/$2/updates/dkms/vhost_pin.ko*
		dkms add "$package"
		dkms install --force "$package" -k "$2" ||
			{ cat /var/lib/dkms/$package/build/make.log; exit 1; }
		cat /var/lib/dkms/$package/$2/x86_64/log/make.log
		cp /lib/modules/$2/updates/dkms/vhost_pin.ko* /mnt/
		# As the package manager does when a kernel is installed.
		/etc/kernel/postinst.d/dkms "$3"
		! dkms status -k "$3" | grep installed
		' dkms "$version" "$release" "$OLD_KERNEL" >>"$log" 2>&1; then
		tail -n 30 "$log" >&2
		rm -rf "$stage"
		die "DKMS did not build the module: the whole log is $log"
	fi
	[[ ! -e $stage/vhost_pin.ko.xz ]] || xz -d "$stage/vhost_pin.ko.xz"
	mv "$stage/vhost_pin.ko" "$out"
	rm -rf "$stage"
}
