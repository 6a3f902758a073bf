#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Prints the directory of kselftest_harness.h in the kernel source that the lab
# uses, which is fetched if it is not there yet.
set -euo pipefail

LAB=$(cd "$(dirname "$(readlink -f "$0")")/../lab" && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/vhost-pin

for part in say need lock apt source; do
	# shellcheck source=/dev/null
	. "$LAB/lib/$part.sh"
done

mkdir -p "$CACHE"
tree=$(source_tree)
echo "$tree/tools/testing/selftests"
