# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Running commands in a Debian root directory: as root by chroot, as an
# ordinary user by a user namespace.

# enter ROOT [--bind SOURCE TARGET]... COMMAND ARGS...: runs the command with
# ROOT as its root directory.  Mounts vanish with it.
enter() {
	local root=$1 map=() binds=()
	shift
	((EUID == 0)) || map=(--map-root-user --map-auto)
	while [[ $1 == --bind ]]; do
		binds+=("$2" "$3")
		shift 3
	done
	need unshare=util-linux
	# shellcheck disable=SC2016 # expanded inside
	unshare "${map[@]}" --mount --pid --fork --kill-child bash -c '
		set -euo pipefail
		root=$1 binds=$2
		shift 2
		while ((binds)); do
			mkdir -p "$root$2"
			mount --rbind "$1" "$root$2"
			shift 2
			binds=$((binds - 1))
		done
		mount --rbind /dev "$root/dev"
		mount -t proc proc "$root/proc"
		exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
			LC_ALL=C TERM="${TERM-dumb}" chroot "$root" "$@"
	' enter "$root" $((${#binds[@]} / 2)) "${binds[@]}" "$@" </dev/null
}
