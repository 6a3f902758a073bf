# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Kernel sources: Debian's linux-source packages, unpacked once in the cache
# and never written to afterwards.  The newest, which the lab runs on, gets
# the patches of patches/: they mend UML itself, under arch/um.

# The newest stable that was tested.  Mirrors drop old versions: then the
# newest that they have is taken, with a notice.
NEWEST_SERIES=7.3
NEWEST_VERSION=7.3.4

# source_tree [SERIES]: path of the unpacked sources of 6.1, 6.12 or the newest
source_tree() {
	local series=${1:-$NEWEST_SERIES} tree
	mkdir -p "$CACHE/src"
	tree=$(source_cached "$series")
	if [[ -z $tree ]] || source_stale "$tree" "$series"; then
		with_lock "source-$series" source_fetch "$series"
		tree=$(source_cached "$series")
	fi
	[[ -n $tree ]] || die "no sources of Linux $series"
	readlink -f "$tree"
}

source_cached() {
	find "$CACHE/src" -mindepth 1 -maxdepth 1 -name "linux-$1.*" \
		! -name "*.partial" | sort -V | tail -n 1
}

# source_patches SERIES: what is to be applied to it
source_patches() {
	[[ $1 != "$NEWEST_SERIES" ]] || cat "$LAB"/patches/*.patch
}

# source_stale TREE SERIES: whether it was made with other patches
source_stale() {
	! cmp -s <(source_patches "$2") <(cat "$1/.lab-patches" 2>/dev/null)
}

source_fetch() {
	local series=$1 package version version_short dir deb tree
	tree=$(source_cached "$series")
	[[ -z $tree ]] || source_stale "$tree" "$series" || return 0
	need dpkg-deb=dpkg tar xz=xz-utils
	apt_ready
	read -r package version < <(source_choose "$series") || true
	[[ -n $package ]] || die "no mirror has sources of Linux $series"
	version_short=${version%%-*}
	[[ $series != "$NEWEST_SERIES" || $version_short == "$NEWEST_VERSION" ]] ||
		say "NOTICE: tested with Linux $NEWEST_VERSION; the mirror has $version_short"

	dir=$(mktemp -d "$CACHE/fetch.XXXXXX")
	tree=$CACHE/src/linux-$version_short
	deb=$(apt_fetch "$package=$version" "$dir")
	say "unpacking $package $version (about 1.5 GB, half a minute)"
	rm -rf "$tree.partial"
	mkdir -p "$tree.partial"
	dpkg-deb --fsys-tarfile "$deb" |
		tar -xO "./usr/src/$package.tar.xz" |
		xz -dc -T0 | tar -x -C "$tree.partial" --strip-components=1
	source_patch "$tree.partial" "$series"
	rm -rf "$tree"
	mv "$tree.partial" "$tree"
	# Another series in place of one that is gone goes by that name too.
	[[ $package == "linux-source-$series" ]] ||
		ln -sfn "${tree##*/}" "$CACHE/src/linux-$series.gone"
	rm -rf "$dir"
}

# A kernel newer than the tested one may have no use for a patch.
source_patch() {
	local file
	source_patches "$2" >"$1/.lab-patches"
	[[ -s $1/.lab-patches ]] || return 0
	need patch
	for file in "$LAB"/patches/*.patch; do
		if ! patch -s -d "$1" -p1 -N <"$file" >&2; then
			say "NOTICE: ${file##*/} does not apply: the lab may be slow or warn"
		fi
	done
}

# Prints "PACKAGE VERSION": the pinned one if it is offered, else the newest
# of the series; when the newest series itself is gone, the newest there is.
source_choose() {
	local package=linux-source-$1 version
	if [[ $1 == "$NEWEST_SERIES" ]]; then
		version=$(apt-cache "${APT_OPTIONS[@]}" madison "$package" |
			awk -v want="$NEWEST_VERSION" \
				'index($3, want "-") == 1 { print $3; exit }')
	fi
	version=${version:-$(apt_newest "$package")}
	if [[ -z $version && $1 == "$NEWEST_SERIES" ]]; then
		package=$(apt-cache "${APT_OPTIONS[@]}" pkgnames linux-source- |
			grep -E '^linux-source-[0-9]+\.[0-9]+$' | sort -V | tail -n 1)
		say "NOTICE: the mirror has no Linux $1 any more; taking $package"
		version=$(apt_newest "$package")
	fi
	[[ -n $version ]] && printf '%s %s\n' "$package" "$version"
}
