# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Talking to people.  All of it goes to stderr: stdout belongs to results.

say() { printf 'lab: %s\n' "$*" >&2; }

die() {
	printf 'lab: %s\n' "$@" >&2
	exit 1
}

# progress LABEL TOTAL: counts the lines of stdin against an estimate and
# says how far it is: in place on a terminal, a line each 20 s elsewhere.
progress() {
	local tty=0
	[[ -t 2 ]] && tty=1
	awk -v label="$1" -v total="$2" -v tty="$tty" '
	function now() { return systime() }
	function show(end) {
		share = n < total ? int(n * 100 / total) : 99
		printf "%slab: %s: %d of about %d steps (%d %%), %d s%s",
			tty ? "\r" : "", label, n, total, share,
			now() - start, tty ? " " : "\n" > "/dev/stderr"
		fflush("/dev/stderr")
	}
	BEGIN { start = last = now(); every = tty ? 1 : 20 }
	{ n++; if (now() - last >= every) { last = now(); show() } }
	END {
		printf "%slab: %s: %d steps, %d s\n", tty ? "\r" : "",
			label, n, now() - start > "/dev/stderr"
	}'
}
