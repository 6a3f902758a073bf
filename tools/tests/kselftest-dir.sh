#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Prints the directory of kselftest_harness.h in the newest kernel source that
# the lab has, which is fetched if there is none yet.
set -euo pipefail

cache=${XDG_CACHE_HOME:-$HOME/.cache}/vhost-pin

newest() {
	find "$cache/src" -maxdepth 5 -path '*/tools/testing/selftests/kselftest_harness.h' \
		2> /dev/null | sort -V | tail -n 1
}

harness=$(newest)
if [ -z "$harness" ]; then
	"$(dirname "$0")/../lab/lab" kernel > /dev/null
	harness=$(newest)
fi
[ -n "$harness" ] || { echo "no kernel source in $cache/src: set KSELFTEST_DIR" >&2; exit 1; }
dirname "$harness"
