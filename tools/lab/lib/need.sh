# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the machine must have.  Root gets it installed, others are told.

# An ordinary user's PATH lacks where mke2fs, blkid and the like are.
PATH+=:/usr/local/sbin:/usr/sbin:/sbin

# need COMMAND[=PACKAGE]...
need() {
	local item missing=()
	for item; do
		command -v "${item%%=*}" >/dev/null || missing+=("${item#*=}")
	done
	need_packages "${missing[@]}"
}

# need_python MODULE...: of Debian's python3
need_python() {
	local item missing=()
	need /usr/bin/python3=python3
	for item; do
		/usr/bin/python3 -c "import $item" 2>/dev/null ||
			missing+=("python3-$item")
	done
	need_packages "${missing[@]}"
}

# need_packages PACKAGE...: those that are missing
need_packages() {
	local missing=("$@")
	((${#missing[@]})) || return 0
	if ((EUID)); then
		die "not installed here: ${missing[*]}" \
			"as root: apt-get install ${missing[*]}"
	fi
	say "installing ${missing[*]}"
	install_packages "${missing[@]}" ||
		die "apt-get could not install ${missing[*]}; see above"
}

# A fresh machine may have no package lists yet: fetch them only then.  One at a
# time: steps that run side by side may need the same.
install_packages() {
	local get=(apt-get -qq -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300
		--no-install-recommends)
	(
		flock 9
		DEBIAN_FRONTEND=noninteractive "${get[@]}" install "$@" 2>/dev/null ||
			{ "${get[@]}" update &&
				DEBIAN_FRONTEND=noninteractive "${get[@]}" install "$@"; }
	) 9>/run/lock/vhost-pin-packages </dev/null >/dev/null
}

# as_root COMMAND ARGS...: as it is for root; for an ordinary user as root of a
# user namespace, in which what is the user's is root's.
as_root() {
	local map=()
	((EUID == 0)) ||
		map=(unshare --map-root-user --map-auto --mount --pid --fork --kill-child)
	"${map[@]}" "$@"
}

need_compiler() {
	need gcc make=make flex bison bc xz=xz-utils rsync python3 \
		ld=binutils flock=util-linux
	[[ -e /usr/include/stdlib.h ]] || need libc6-dev
}
