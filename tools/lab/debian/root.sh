# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# A user's machine as far as building a module goes: a Debian root directory
# with DKMS, the compiler, and the headers of the kernels that are tried.

# stock_headers RELEASE: the packages of kernel headers that it has
stock_headers() {
	local newest
	case $1 in
	bookworm) echo linux-headers-amd64 linux-headers-6.12-amd64 ;;
	trixie)
		# From backports; by its full name, since apt would not choose it.
		newest=$(apt-cache "${APT_OPTIONS[@]}" pkgnames linux-headers- |
			grep -E '^linux-headers-[0-9.]+\+deb13-amd64$' |
			sort -V | tail -n 1)
		echo linux-headers-amd64 "$newest"
		;;
	esac
}

# stock_root RELEASE: path of the root directory
stock_root() {
	local dir=$CACHE/stock/root-$1
	[[ -e $dir/etc/vhost-pin-complete ]] ||
		with_lock "stock-root-$1" stock_root_make "$1" "$dir"
	printf '%s\n' "$dir"
}

stock_root_make() {
	local release=$1 dir=$2 mirrors headers
	[[ ! -e $dir/etc/vhost-pin-complete ]] || return 0
	need mmdebstrap
	apt_ready
	mirrors=$(apt_machine_mirrors)
	headers=$(stock_headers "$release")
	say "making a Debian root ($release) with DKMS and $headers: about a minute"
	stock_root_remove "$dir"
	mkdir -p "$CACHE/stock"
	# shellcheck disable=SC2016 # $1 is mmdebstrap's
	apt_sources_of "$release" "$mirrors" |
		as_root mmdebstrap --mode=root --variant=apt --quiet \
			--include="dkms gcc make sparse libc6-dev $headers" \
			--aptopt='APT::Install-Recommends "false"' \
			--dpkgopt='path-exclude=/usr/share/doc/*' \
			--dpkgopt='path-exclude=/usr/share/man/*' \
			--dpkgopt='path-exclude=/usr/share/locale/*' \
			--customize-hook='touch "$1/etc/vhost-pin-complete"' \
			"$release" "$dir" - >&2 ||
		die "mmdebstrap could not make $dir; see above"
}

# What a user's mmdebstrap made belongs to ids of its namespace.
stock_root_remove() {
	[[ -e $1 ]] || return 0
	as_root rm -rf "$1"
}
