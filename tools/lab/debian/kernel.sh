# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Debian's own kernels for the PC, as the distribution builds them: unpacked
# in the cache, not installed.

# stock_release 6.1|6.12|newest: the Debian release whose kernel that is
stock_release() {
	case $1 in
	6.1) echo bookworm ;;
	6.12 | newest) echo trixie ;;
	*) die "no stock kernel $1: there are 6.1 (Debian 12), 6.12 (Debian 13) and newest" ;;
	esac
}

# stock_flavour 6.1|6.12|newest: what the names of that kernel's packages look like
stock_flavour() {
	case $1 in
	6.1) echo '6\.1\.0-[0-9]+-amd64' ;;
	6.12) echo '6\.12\.[0-9]+\+deb13-amd64' ;;
	newest) echo '([7-9]|[1-9][0-9]+)\.[0-9]+\.[0-9]+\+deb13-amd64' ;;
	esac
}

# stock_kernel 6.1|6.12|newest [RELEASE]: the directory that holds boot/ and
# lib/modules/ of the newest such kernel, or of kernel release RELEASE
stock_kernel() {
	local dir
	dir=$(stock_kernel_cached "$@")
	if [[ -z $dir ]]; then
		with_lock "stock-kernel-$1" stock_kernel_fetch "$@"
		dir=$(stock_kernel_cached "$@")
	fi
	[[ -n $dir ]] || die "no mirror has Debian's kernel $1 ${2-}"
	printf '%s\n' "$dir"
}

stock_kernel_cached() {
	mkdir -p "$CACHE/stock"
	find "$CACHE/stock" -mindepth 1 -maxdepth 1 -printf '%f\n' |
		grep -xE "linux-$(stock_flavour "$1")" |
		{ [[ -z ${2-} ]] && cat || grep -xF "linux-$2"; } |
		sort -V | tail -n 1 | sed "s,^,$CACHE/stock/," || true
}

# stock_kernel_release DIR: what uname -r says in it
stock_kernel_release() { basename "$1"/lib/modules/*; }

stock_kernel_fetch() {
	local release=${2-} dir tmp deb part
	[[ -z $(stock_kernel_cached "$@") ]] || return 0
	need dpkg-deb=dpkg depmod=kmod
	apt_ready
	release=${release:-$(stock_kernel_newest "$1")}
	[[ -n $release ]] || return 0
	dir=$CACHE/stock/linux-$release
	tmp=$dir.partial
	rm -rf "$tmp"
	# Of newer kernels the package that is called image is empty.
	for part in image base binary modules; do
		[[ -n $(apt_newest "linux-$part-$release") ]] || continue
		mkdir -p "$tmp/deb/$part"
		deb=$(apt_fetch "linux-$part-$release" "$tmp/deb/$part")
		say "unpacking Debian's kernel $release"
		dpkg-deb -x "$deb" "$tmp"
	done
	rm -r "$tmp/deb"
	# Debian 13 moved /lib to /usr/lib; the tools look in /lib.
	[[ -e $tmp/lib ]] || ln -s usr/lib "$tmp/lib"
	if [[ ! -e $tmp/boot ]]; then
		mkdir "$tmp/boot"
		ln -s "../lib/modules/$release/vmlinuz" "$tmp/boot/vmlinuz-$release"
	fi
	depmod -b "$tmp" "$release"
	mv "$tmp" "$dir"
}

stock_kernel_newest() {
	apt-cache "${APT_OPTIONS[@]}" pkgnames linux-image- |
		sed -n -E "s/^linux-image-($(stock_flavour "$1"))\$/\1/p" |
		sort -V | tail -n 1
}
