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
truncate -s 16M "$work/c.img"
truncate -s 16M "$work/with,comma.img"

# shellcheck source=/dev/null
. "$(dirname "$0")/tap.sh"
check() { wants "$@"; }

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
	exec_disks "$work/a.img,ro,buffered,serial=12345678901234567890,queues=64,queue-size=4,workers=2,busyloop=1000000,nice=-20,write-through,discard=off,holes,logical-block-size=512,physical-block-size=4096" -- true
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

# S14: who has a disk.  Starts CMD with the disk, and waits until it has it.
holder=
hold() # COMM, CMD...
{
	local comm=$1 i
	shift
	"$@" > /dev/null 2>&1 < /dev/null &
	holder=$!
	for ((i = 0; i < 200; i++)); do
		[ "$(cat "/proc/$holder/comm" 2> /dev/null)" != "$comm" ] || break
		sleep 0.1
	done
}
let_go()
{
	kill "$holder" 2> /dev/null || true
	while [ -e "/proc/$holder" ]; do
		wait "$holder" 2> /dev/null || true
		sleep 0.1
	done
}
hold_disk() { hold sleep "$cli" exec --disk "$1" -- sleep 1000; }
# When QEMU has gone into the background, it has its disks.
hold_qemu() # PATH, [DRIVE-OPTION...]
{
	"$qemu" -M pc -S -nodefaults -display none -daemonize -pidfile "$work/pid" \
		-drive "if=virtio,format=raw,file=$1${2-}" > /dev/null 2>&1 < /dev/null
	holder=$(cat "$work/pid")
}
write_by_qemu() { qemu-io -f raw -c 'write 0 4k' "$1"; }
vm_of_qemu() # PATH, [DRIVE-OPTION]
{
	timeout 20 "$qemu" -M pc -S -nodefaults -display none -monitor stdio \
		-drive "if=virtio,format=raw,file=$1${2-}"
}

input=
hold_disk "$work/a.img"
check 'S14 a served image: another disk' 1 'is in use' "',share'" -- exec_disks "$work/a.img" -- true
check 'S14 a served image: a disk that reads' 1 'is in use' -- exec_disks "$work/a.img,ro" -- true
check 'S14 a served image: a shared disk' 0 -- exec_disks "$work/a.img,share" -- true
check 'S14 a served image: qemu-io writes' 1 'Failed to get "write" lock' -- write_by_qemu "$work/a.img"
check 'S14 a served image: qemu-img resizes' 1 'Failed to get "write" lock' -- \
	qemu-img resize -f raw "$work/a.img" 32M
check 'S14 a served image: qemu-img bench' 1 'Failed to get "write" lock' -- \
	qemu-img bench -w -c 1 -f raw "$work/a.img"
check 'S14 a served image: qemu-img convert' 1 'Failed to get shared "write" lock' -- \
	qemu-img convert -f raw -O raw "$work/a.img" "$work/copy.img"
input=quit
check 'S14 a served image: a VM of QEMU' 1 'Failed to get "write" lock' -- vm_of_qemu "$work/a.img"
check 'S14 a served image: a VM of QEMU that reads' 1 'Failed to get shared "write" lock' -- \
	vm_of_qemu "$work/a.img" ,readonly=on
input=
let_go
check 'S14 it is free when its program has ended' 0 -- exec_disks "$work/a.img" -- true
check 'S14 also for QEMU' 0 -- write_by_qemu "$work/a.img"

hold_disk "$work/a.img,ro"
check 'S14 a served image that is read: another disk that reads' 0 -- exec_disks "$work/a.img,ro" -- true
check 'S14 a served image that is read: a disk that writes' 1 'is in use' -- exec_disks "$work/a.img" -- true
check 'S14 a served image that is read: qemu-io writes' 1 'Failed to get "write" lock' -- \
	write_by_qemu "$work/a.img"
input=quit
check 'S14 a served image that is read: a VM of QEMU that reads' 0 '!Failed' -- \
	vm_of_qemu "$work/a.img" ,readonly=on
input=
let_go

hold_disk "$work/a.img,share"
input=quit
check 'S14 a shared image: a VM of QEMU' 0 '!Failed' -- vm_of_qemu "$work/a.img"
input=
let_go

hold_qemu "$work/a.img"
check "S14 QEMU's image" 1 'is in use' "process $holder (qemu" -- exec_disks "$work/a.img" -- true
check "S14 QEMU's image: a disk that reads" 1 'is in use' -- exec_disks "$work/a.img,ro" -- true
check "S14 QEMU's image: a shared disk" 0 -- exec_disks "$work/a.img,share" -- true
let_go
hold_qemu "$work/a.img" ,readonly=on
check "S14 QEMU's image that is read" 1 'is in use' -- exec_disks "$work/a.img" -- true
check "S14 QEMU's image that is read: a disk that reads" 0 -- exec_disks "$work/a.img,ro" -- true
let_go
check 'S14 an image twice in one command' 1 'is in use' -- exec_disks "$work/a.img" "$work/a.img" -- true

mkdir "$work/mnt"
loop=$(losetup -f --show "$work/c.img")
mke2fs -q "$loop"
check "S14 the host's loop device" 1 "it is the host's $loop" 'losetup -d' -- exec_disks "$work/c.img" -- true
check 'S14 the loop device itself is free' 0 -- exec_disks "$loop" -- true
mount "$loop" "$work/mnt"
check 'S14 a mounted device' 1 "$loop is in use" "mounted at $work/mnt" -- exec_disks "$loop" -- true
check 'S14 a mounted device: a disk that reads' 1 "mounted at $work/mnt" -- exec_disks "$loop,ro" -- true
check 'S14 a mounted device: a shared disk' 0 -- exec_disks "$loop,share" -- true
umount "$work/mnt"
hold_disk "$loop"
check 'S14 a served device cannot be mounted' 32 '!mounted at' -- mount "$loop" "$work/mnt"
check 'S14 a served device: another disk' 1 'is in use' -- exec_disks "$loop" -- true
check 'S14 a served device: qemu-io writes' 1 'Failed to get "write" lock' -- write_by_qemu "$loop"
let_go
check 'S14 it is free when its program has ended: mount' 0 -- mount "$loop" "$work/mnt"
umount "$work/mnt"
hold_disk "$loop,ro"
check 'S14 a served device that is read: another disk that reads' 0 -- exec_disks "$loop,ro" -- true
check 'S14 a served device that is read: a disk that writes' 1 'is in use' -- exec_disks "$loop" -- true
let_go
if command -v dmsetup > /dev/null; then
	dmsetup create vpin-s14 --table "0 2048 linear $loop 0"
	check 'S14 a device under another' 1 'vpin-s14 is made of it' -- exec_disks "$loop" -- true
	dmsetup remove vpin-s14
fi
losetup -d "$loop"

# T12: how each machine has its disk.
machine() # MACHINE, DISK-OPTIONS...
{
	local machine=$1
	local -a disks=()
	shift
	while [ $# -gt 0 ]; do disks+=(--disk "$1"); shift; done
	timeout 60 "$cli" run "${disks[@]}" -- "$qemu" -M "$machine" -m 64 -S -display none -monitor stdio
}
input='info qtree
quit'
check 'T12 q35: each disk has a root port' 0 \
	'dev: pcie-root-port, id "vhost-pin-port0"' 'bus: vhost-pin-port0' \
	'dev: pcie-root-port, id "vhost-pin-port1"' 'dev: vhost-vdpa-device-pci, id "vhost-pin1"' -- \
	machine q35 "$work/a.img" "$work/b.img"
input='device_del vhost-pin0
quit'
check 'T12 q35: a disk can be unplugged' 0 '!does not support hotplug' '!Error' -- machine q35 "$work/a.img"
input='info qtree
quit'
check 'T12 pc: no root port' 0 '!pcie-root-port' 'dev: vhost-vdpa-device-pci, id "vhost-pin0"' -- \
	machine pc "$work/a.img"
check 'T12 microvm: the mmio device' 0 'dev: vhost-vdpa-device, id "vhost-pin0"' \
	'force-legacy = false' '!device-pci' -- machine microvm "$work/a.img"
check 'T12 isapc: an error of ours' 2 "machine 'isapc'" '!qemu-system' -- machine isapc "$work/a.img"

# T10: what becomes of the limits.
cat > "$work/limits" <<END
#!/bin/sh
case \$1 in
-device) exec "$qemu" "\$@" ;;
*) echo "soft \$(ulimit -S -l) hard \$(ulimit -H -l)" ;;
esac
END
chmod +x "$work/limits"
limits() # SOFT, HARD (in KiB), QEMU ARGS...
{
	prlimit --memlock=$(($1 * 1024)):$(($2 * 1024)) setpriv --bounding-set="$bounding" \
		"$cli" run --disk "$work/a.img" -- "$work/limits" "${@:3}"
}
input=
bounding=-sys_resource,-ipc_lock
check 'T10 the soft limit becomes the hard one' 0 'soft 200000 hard 200000' -- limits 64 200000 -m 64
check 'T10 also where it will not do' 0 'soft 8192 hard 8192' 'warning' -- limits 64 8192 -m 64
# shellcheck disable=SC2016 # the program's shell is to expand it
check 'T10 exec: the soft limit becomes the hard one' 0 'soft 200000' -- \
	prlimit --memlock=65536:204800000 "$cli" exec --disk "$work/a.img" -- sh -c 'echo "soft $(ulimit -S -l)"'
bounding=-ipc_lock
check 'T10 who may raise the hard limit does' 0 'soft 98304 hard 98304' '!warning' -- limits 64 8192 -m 64
bounding=+all
check 'T10 root needs no limit' 0 'soft 64 hard 8192' '!warning' -- limits 64 8192 -m 64
check 'T10 a QEMU that becomes another user does' 0 'soft 98304' '!warning' -- \
	limits 64 8192 -m 64 -runas nobody

# A disk whose boot sector resets the PC by its keyboard controller: mov al, 0xfe;
# out 0x64, al; hlt.
printf '\xb0\xfe\xe6\x64\xf4' | dd of="$work/a.img" conv=notrunc status=none
printf '\x55\xaa' | dd of="$work/a.img" bs=1 seek=510 conv=notrunc status=none

# T12: also where there is no such controller: a device that ends QEMU is there.
boot() # MACHINE, DISK-OPTIONS
{
	timeout 60 "$cli" run --disk "$2" -- "$qemu" -M "$1" -m 64 -nodefaults -display none \
		-chardev stdio,id=log -device isa-debugcon,iobase=0x402,chardev=log \
		-device isa-debug-exit,iobase=0x64
}
input=
check 'T12 microvm boots from its disk' 253 'Booting from 0000:7c00' -- boot microvm "$work/a.img"
check 'T12 microvm with PCI boots from its disk' 253 'Booting from 0000:7c00' -- boot microvm,pcie=on "$work/a.img"

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
# shellcheck disable=SC2034 # wants reads it
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
# A unit whose file has one disk more than the unit that listens knows of.
mkdir -p /run/vhost-pin
echo "disk=$work/a.img" > "$work/unit.conf"
check 'serve: a disk of a file at whose socket nobody listens' 1 \
	'nobody listens at /run/vhost-pin/unit.sock yet' 'daemon-reload' -- \
	setpriv --reuid=65534 --regid=65534 --clear-groups \
	"$(command -v "$cli")" serve --config "$work/unit.conf"
chmod "$mode" /dev/vhost-pin

# The disks of the host, as the commands see them: who has them and what they did.  The
# sizes are what a client of vhost-user was told to read and write.
serve()
{
	local i
	"$cli" serve --disk "$work/a.img,socket=$work/web.sock" \
		--disk "$work/b.img,socket=$work/two.socket,queues=2" \
		--control "$work/control" > /dev/null 2>&1 < /dev/null &
	served=$!
	for ((i = 0; i < 100; i++)); do [ ! -S "$work/control" ] || break; sleep 0.1; done
}
serve
become=
io() # QEMU-IO-COMMAND...
{
	local -a commands=()
	while [ $# -gt 0 ]; do commands+=(-c "$1"); shift; done
	$become qemu-io --image-opts "driver=virtio-blk-vhost-user,path=$work/web.sock,cache.direct=on" "${commands[@]}"
}
hold_disk "$work/c.img,serial=größe\\1"
check 'list: a serial number in UTF-8' 0 'größe\1 ' -- "$cli" list
let_go
hold_disk "$work/c.img,serial=ROOT"
check 'list: names, states and sockets' 0 "web " "owned " "$work/web.sock " "$work/a.img" "two " \
	"ROOT " "attached " "$work/c.img" -- "$cli" list
let_go
check 'list: a disk whose owner has ended is none' 0 '!ROOT' -- "$cli" list
# What it is, and not what its path has become.
mv "$work/b.img" "$work/moved.img"
check 'list: a disk that was renamed' 0 "$work/two.socket " "$work/moved.img" -- "$cli" list
truncate -s 16M "$work/b.img"
check 'list: a disk whose path another file has' 0 "$work/two.socket " "$work/moved.img" -- "$cli" list
check 'show: by that path' 1 'there is no disk' -- "$cli" show "$work/b.img"
rm "$work/moved.img"
check 'list: a disk that was removed' 0 "$work/two.socket " '(deleted)' -- "$cli" list
kill "$served"
wait "$served" || true
serve
twice() { "$cli" serve --disk "$work/c.img,socket=$work/x.sock" "$@"; }
check 'serve: a socket twice' 2 'x.sock is given twice' -- twice --control "$work/x.sock"
check 'serve: no directory' 1 'there is no directory' "mkdir -p $work/none" -- \
	twice --control "$work/none/c"
check 'serve: a disk that another serves' 1 "it is vpin1 of vhost-pin[$served]: vhost-pin show vpin1" -- \
	"$cli" serve --disk "$work/b.img,socket=$work/x.sock"
io 'write 0 1M' 'read 0 512k' 'read 0 64k' > /dev/null
counted()
{
	"$cli" show --json web | /usr/bin/env python3 -c '
import json, sys
queues = json.load(sys.stdin)["queues"]
print(*(sum(q[n] for q in queues) for n in sys.argv[1:]))' "$@"
}
check 'show: what the client has done' 0 '1048576 589824 1 2 0' -- \
	counted written_bytes read_bytes writes reads inflight
check 'show: its queues' 0 'disabled' "vhost-pin[$served]" -- "$cli" show "$work/web.sock"
become='exec'
io 'sleep 4000' > /dev/null &
client=$!
for ((i = 0; i < 50; i++)); do "$cli" list | grep -q 'running' && break; sleep 0.1; done
check 'list: the process of the front-end' 0 "qemu-io[$client]" -- "$cli" list
check 'show: by the process of the front-end' 0 'web' '!two' 'running' -- "$cli" show "$client"
check 'top: a screenful' 0 '2 disks, 1 running' "qemu-io[$client]" -- "$cli" top -b -n 1 -d 0.2
wait "$client"
check 'list: it has gone' 0 '!qemu-io' -- "$cli" list
truncate -s 24M "$work/b.img"
check 'resize: by name' 0 25165824 -- "$cli" resize two
check 'metrics: the new size' 0 'name="two"} 25165824' '# EOF' -- "$cli" metrics
truncate -s 1000 "$work/b.img"
check 'resize: a length that is not whole blocks' 1 'not whole blocks' "kernel's log" -- "$cli" resize two
truncate -s 16M "$work/b.img"
kill "$served"
wait "$served" || true
check 'list: no disk is left' 0 '!two' -- "$cli" list

plan
