# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# One builder at a time for each thing in the cache.

# with_lock NAME COMMAND...
with_lock() {
	local file=$CACHE/lock/$1
	shift
	need flock=util-linux
	mkdir -p "$CACHE/lock"
	(
		if ! flock -n 9; then
			say "waiting for another run that builds ${file##*/}"
			flock 9
		fi
		"$@"
	) 9>"$file"
}
