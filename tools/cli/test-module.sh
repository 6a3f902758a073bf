#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Tests of the CLI with the module loaded and an unmodified QEMU; as root.
# Prints TAP.
# Usage: test-module.sh [PATH-OF-vhost-pin]
set -euo pipefail

cli=${1:-vhost-pin}
qemu=${QEMU:-qemu-system-x86_64}
for program in "$cli" "$qemu"; do
	command -v "$program" > /dev/null || { echo "Bail out! no $program"; exit 1; }
done
[ -c /dev/vhost-pin ] || { echo "Bail out! no /dev/vhost-pin: load the module first"; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
truncate -s 16M "$work/a.img" "$work/b.img"
truncate -s 16M "$work/with,comma.img"

count=0 failed=0

# Wants the exit status and each TEXT in the output of the command, and no !TEXT.
# It has no input unless it is given in $input.
input=
check() # NAME, STATUS, TEXT... -- COMMAND...
{
	local name=$1 status=$2 got=0 output text ok=ok
	local -a texts=()
	shift 2
	while [ "$1" != -- ]; do texts+=("$1"); shift; done
	shift
	output=$("$@" 2>&1 <<< "$input") || got=$?
	[ "$got" = "$status" ] || { echo "# exit status $got, wanted $status"; ok='not ok'; }
	for text in "${texts[@]}"; do
		case $text in
		!*) [[ $output != *"${text#!}"* ]] || { echo "# there is: ${text#!}"; ok='not ok'; } ;;
		*) [[ $output == *"$text"* ]] || { echo "# missing: $text"; ok='not ok'; } ;;
		esac
	done
	[ "$ok" = ok ] || { echo "# ${output//$'\n'/$'\n'# }"; failed=$((failed + 1)); }
	count=$((count + 1))
	echo "$ok $count $name"
}

exec_disks() # DISK-OPTIONS... -- COMMAND...
{
	local -a disks=()
	while [ "$1" != -- ]; do disks+=(--disk "$1"); shift; done
	"$cli" exec "${disks[@]}" "$@"
}

# A PC that is stopped before its first instruction, and told to quit.
pc() # DISK-OPTIONS...
{
	local -a disks=()
	while [ $# -gt 0 ]; do disks+=(--disk "$1"); shift; done
	"$cli" run "${disks[@]}" -- "$qemu" -M pc -m 64 -S -display none -monitor stdio
}

# shellcheck disable=SC2016 # the program's shell is to expand it
check 'exec: the devices are inherited and told of' 0 'fds 3:4' '/dev/vhost-pin' -- \
	exec_disks "$work/a.img" "$work/b.img" -- \
	sh -c 'echo "fds $VHOST_PIN_FDS"; readlink /proc/self/fd/{fd} /proc/self/fd/{fd1}'
# shellcheck disable=SC2016
check 'exec: the disk itself is not left open' 0 'left: 0' -- \
	exec_disks "$work/a.img" -- \
	sh -c 'echo "left: $(readlink /proc/self/fd/* | grep -c a.img)"'
check 'exec: the exit status is the program'\''s' 7 -- \
	exec_disks "$work/a.img" -- sh -c 'exit 7'
check 'exec: every option of a disk is taken' 0 -- \
	exec_disks "$work/a.img,ro,buffered,serial=12345678901234567890,queues=64,queue-size=4,busyloop=1000000,nice=-20" -- true
check 'exec: a read-only file needs ro' 1 "',ro'" -- \
	setpriv --bounding-set=-all --inh-caps=-all --reuid=0 \
	"$cli" exec --disk /proc/version -- true
check 'exec: nice below 0 takes a privilege' 1 'prlimit --nice' -- \
	setpriv --bounding-set=-all --inh-caps=-all --reuid=0 \
	"$cli" exec --disk "$work/a.img,nice=-1" -- true
check 'exec: what is no disk is refused' 1 'neither a regular file nor a block device' -- \
	exec_disks /dev/null -- true

input='info qtree
quit'
check 'run: QEMU has the disks' 0 \
	'dev: vhost-vdpa-device-pci, id "vhost-pin0"' \
	'dev: vhost-vdpa-device-pci, id "vhost-pin1"' \
	'vhostdev = "/dev/fdset/30320"' 'vhostdev = "/dev/fdset/30321"' -- \
	pc "$work/a.img,serial=A" "$work/b.img,ro,queues=2"
check 'run: a comma in a path' 0 'id "vhost-pin0"' -- pc "$work/with,,comma.img"

# A disk whose boot sector resets the PC by its keyboard controller: mov al, 0xfe;
# out 0x64, al; hlt.
printf '\xb0\xfe\xe6\x64\xf4' | dd of="$work/a.img" conv=notrunc status=none
printf '\x55\xaa' | dd of="$work/a.img" bs=1 seek=510 conv=notrunc status=none

# An ordinary user's PC of 64 MiB that boots from the first disk; a reset ends it.
as_user() # SECONDS, KIB-OF-MEMLOCK, DISK-OPTIONS...
{
	local seconds=$1 limit=$(($2 * 1024))
	shift 2
	local -a disks=()
	while [ $# -gt 0 ]; do disks+=(--disk "$1"); shift; done
	timeout "$seconds" \
		setpriv --reuid=65534 --regid=65534 --clear-groups prlimit --memlock="$limit:$limit" \
		"$(command -v "$cli")" run "${disks[@]}" -- \
		"$qemu" -M pc -m 64 -nic none -display none -monitor none -no-reboot \
		-chardev stdio,id=log -device isa-debugcon,iobase=0x402,chardev=log
}
input=
mode=$(stat -c %a /dev/vhost-pin)
chmod a+rx "$work"
chmod a+rw "$work"/*.img /dev/vhost-pin
check 'run: an ordinary user with the memlock that --help names' 0 \
	'Booting from Hard Disk' '!warning' '!map fail' -- \
	as_user 120 $((2 * (64 + 32) * 1024)) "$work/a.img" "$work/b.img"
check 'run: too little memlock is said before QEMU finds out' 124 \
	'warning: the limit of locked memory is 32 MiB' 'ulimit -l' -- \
	as_user 20 $((32 * 1024)) "$work/a.img"
chmod "$mode" /dev/vhost-pin

echo "1..$count"
[ "$failed" = 0 ]
