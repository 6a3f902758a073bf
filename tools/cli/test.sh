#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Tests of the CLI that need no module.  Prints TAP.
# Usage: test.sh [PATH-OF-vhost-pin]
set -euo pipefail

cli=${1:-$(dirname "$0")/../../build/bin/vhost-pin}
[ -x "$cli" ] || { echo "Bail out! no $cli: run 'make tools' first"; exit 1; }
cli=$(realpath "$cli")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
truncate -s 1M "$work/disk.img"
mkdir "$work/bin"

# Stand-ins for QEMU; each answers '-device help' and '--version'.
fake_qemu() # NAME, VERSION, DEVICE
{
	cat > "$work/bin/$1" <<-END
		#!/bin/sh
		case "\$1" in
		-device) echo 'name "$3", bus PCI' ;;
		--version) echo 'QEMU emulator version $2 (test)' ;;
		*) printf 'arg:%s\n' "\$@" ;;
		esac
	END
	chmod +x "$work/bin/$1"
}
fake_qemu qemu-good 10.0.3 vhost-vdpa-device-pci
fake_qemu qemu-old 7.2.19 virtio-blk-pci
fake_qemu qemu-without 9.1.0 virtio-blk-pci
PATH=$work/bin:$PATH

count=0 failed=0
result() # OK-OR-NOT-OK, NAME
{
	count=$((count + 1))
	echo "$1 $count $2"
	[ "$1" = ok ] || failed=$((failed + 1))
}

# Runs the CLI and wants an exit status and each given text in its output.
check() # NAME, STATUS, TEXT... -- ARGS...
{
	local name=$1 status=$2 got=0 output text ok=ok
	local -a texts=()
	shift 2
	while [ "$1" != -- ]; do texts+=("$1"); shift; done
	shift
	output=$("$cli" "$@" 2>&1 < /dev/null) || got=$?
	[ "$got" = "$status" ] || { echo "# exit status $got, wanted $status"; ok='not ok'; }
	for text in "${texts[@]}"; do
		[[ $output == *"$text"* ]] || { echo "# missing: $text"; ok='not ok'; }
	done
	[ "$ok" = ok ] || echo "# ${output//$'\n'/$'\n'# }"
	result "$ok" "$name"
}

disk=$work/disk.img
none=$work/no-such-node

check 'help' 0 'Usage: vhost-pin run' -- --help
check 'version' 0 'vhost-pin 0.' -- --version
check 'run help says what memlock needs' 0 'RLIMIT_MEMLOCK' 'ulimit -l' -- run --help
check 'exec help' 0 'VHOST_PIN_FDS' -- exec --help
check 'no command' 2 'vhost-pin --help' --
check 'unknown command' 2 "no command 'fly'" -- fly
check 'unknown option' 2 'no option --fly' 'run --help' -- run --fly
check 'option without its value' 2 '--disk needs a value' -- run --disk
check 'no disk' 2 'which disk' -- run -- qemu-good
check 'no program' 2 'which program' -- run --disk "$disk"

check 'disk: empty path' 2 'path is empty' -- run --disk ,ro -- qemu-good
check 'disk: unknown option' 2 "'fast' is not an option" -- run --disk "$disk,fast" -- qemu-good
check 'disk: ro takes no value' 2 "'ro=1' is not an option" -- run --disk "$disk,ro=1" -- qemu-good
check 'disk: serial too long' 2 'longer than 20' -- run --disk "$disk,serial=123456789012345678901" -- qemu-good
for number in 0 -1 65 x 1x '' 99999999999999999999; do
	check "disk: queues='$number'" 2 'from 1 to 64' -- run --disk "$disk,queues=$number" -- qemu-good
done
check 'disk: queue-size=1025' 2 'from 4 to 1024' -- run --disk "$disk,queue-size=1025" -- qemu-good
check 'disk: busyloop=1000001' 2 'from 1 to 1000000' -- run --disk "$disk,busyloop=1000001" -- qemu-good
for number in -21 20 x '' 1.5; do
	check "disk: nice='$number'" 2 'from -20 to 19' -- run --disk "$disk,nice=$number" -- qemu-good
done
check 'disk: queue-size=96' 2 'power of two' -- run --disk "$disk,queue-size=96" -- qemu-good

check 'dry run shows the command line' 0 \
	"qemu-good -m 1G -add-fd fd=3,set=30320,opaque=vhost-pin:$disk -device vhost-vdpa-device-pci,id=vhost-pin0,vhostdev=/dev/fdset/30320 -add-fd fd=4,set=30321" -- \
	run --dry-run --disk "$disk,ro,buffered,serial=A,,B,queues=2,queue-size=64,busyloop=50,nice=-20" --disk "$disk" -- qemu-good -m 1G
check 'dry run quotes for a shell' 0 "'a b' 'it'\\''s' ''" -- \
	run --dry-run --disk "$disk" -- qemu-good 'a b' "it's" ''
check 'a comma in a path reaches QEMU doubled' 0 'opaque=vhost-pin:/a,,b ' -- \
	run --dry-run --disk '/a,,b,ro' -- qemu-good
check 'exec replaces its tokens' 0 "cmd 3 x3y 4 '{fdx}' '{fd'" -- \
	exec --dry-run --disk "$disk" --disk "$disk" -- cmd '{fd}' 'x{fd0}y' '{fd1}' '{fdx}' '{fd'
check 'exec refuses the token of a disk that is not there' 2 'only 1 disk' -- \
	exec --dry-run --disk "$disk" -- cmd '{fd1}'

check 'no module' 1 "there is no $none" 'modprobe vhost_pin' -- \
	run --node "$none" --disk "$disk" -- qemu-good
check 'exec: no module' 1 'modprobe vhost_pin' -- \
	exec --node "$none" --disk "$disk" -- true
check 'a node that is not ours' 1 "not the vhost_pin module's" -- \
	run --node /dev/null --disk "$disk" -- qemu-good
check 'no such disk' 1 "there is no $work/gone.img" 'truncate' -- \
	run --node /dev/null --disk "$work/gone.img" -- qemu-good
check 'a directory as a disk' 1 'is a directory' -- \
	run --node /dev/null --disk "$work" -- qemu-good
check 'a directory as a read-only disk' 1 'neither a regular file nor a block device' -- \
	run --node /dev/null --disk "$work,ro" -- qemu-good
mkfifo "$work/fifo"
check 'a FIFO as a disk' 1 'neither a regular file nor a block device' -- \
	run --node /dev/null --disk "$work/fifo" -- qemu-good

check 'no QEMU' 127 "no program 'qemu-gone'" 'apt install' -- \
	run --node "$none" --disk "$disk" -- qemu-gone
check 'QEMU too old' 126 'QEMU 7.2' 'too old' '8.0 or newer' -- \
	run --node "$none" --disk "$disk" -- qemu-old
check 'QEMU without vhost-vdpa' 126 '9.1' '--enable-vhost-vdpa' -- \
	run --node "$none" --disk "$disk" -- qemu-without
check 'not a QEMU' 126 'not a QEMU' 'vhost-pin exec' -- \
	run --node "$none" --disk "$disk" -- true

# What depends on who we are: as another user, who is nobody's root.
if [ "$(id -u)" = 0 ] && command -v setpriv > /dev/null; then
	chmod -R a+rX "$work"
	cp "$cli" "$work/bin/vhost-pin"
	touch "$work/node"
	chmod 600 "$work/node"
	cat > "$work/bin/as-nobody" <<-END
		#!/bin/sh
		exec setpriv --reuid=65534 --regid=65534 --clear-groups \
			prlimit --memlock=65536:8388608 "$work/bin/vhost-pin" "\$@"
	END
	chmod +x "$work/bin/as-nobody"
	cli=$work/bin/as-nobody

	check 'no permission on the node' 1 "you may not open $work/node" setfacl -- \
		run --node "$work/node" --disk "$disk" -- qemu-good
	chmod 666 "$work/node"
	check 'no permission on the disk' 1 "you may not open $disk for reading and writing" ',ro' -- \
		run --node "$work/node" --disk "$disk" -- qemu-good
	for memory in 512 0.5G 512M size=512M slots=2,size=512M,maxmem=1G; do
		check "memlock too low for -m $memory" 0 \
			'locked memory is 8 MiB' '512 MiB needs about 544 MiB' "ulimit -l 557056" -- \
			run --dry-run --disk "$disk" -- qemu-good -m "$memory"
	done
	check 'memlock counts each disk' 0 '2 disks' 'need about 1088 MiB' -- \
		run --dry-run --disk "$disk" --disk "$disk" -- qemu-good -m 512

	quiet=$("$cli" run --dry-run --disk "$disk" -- qemu-good 2>&1 > /dev/null)
	result "$([ -z "$quiet" ] && echo ok || echo 'not ok')" 'without -m nothing is said of memlock'
else
	result ok 'tests as another user # SKIP not root'
fi

echo "1..$count"
[ "$failed" = 0 ]
