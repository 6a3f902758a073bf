#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Tests of the CLI, and of how the module is built, that need no module.  Prints
# TAP.  Names that begin with S or T and a number are things that hosts do.
# Usage: test.sh [PATH-OF-vhost-pin]
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
cli=${1:-$top/build/bin/vhost-pin}
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

# shellcheck source=/dev/null
. "$top/tools/cli/tap.sh"
check() { wants_of_cli "$@"; }

disk=$work/disk.img
none=$work/no-such-node

check 'help' 0 'Usage: vhost-pin run' -- --help
check 'version' 0 'vhost-pin 0.' -- --version
check 'run help says what memlock needs' 0 'RLIMIT_MEMLOCK' 'ulimit -l' -- run --help
check 'exec help' 0 'VHOST_PIN_FDS' -- exec --help
check 'no command' 2 'vhost-pin --help' --
check 'unknown command' 2 "no command 'fly'" -- fly
check 'unknown option' 2 'no option --fly' 'run --help' -- run --fly
check 'unknown option: a letter among others' 2 'no option -x' -- top -bxn 1
check 'an option that takes no value' 2 'top: --batch takes no value' -- top --batch=1
check 'options behind what they are for' 0 'Usage: vhost-pin show' -- show web --help
check "a program's own options are its own" 0 "true --help" -- exec --dry-run --disk "$disk" true --help
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
check 'disk: busyloop=1000001' 2 'from 0 to 1000000' -- run --disk "$disk,busyloop=1000001" -- qemu-good
for number in -21 20 x '' 1.5; do
	check "disk: nice='$number'" 2 'from -20 to 19' -- run --disk "$disk,nice=$number" -- qemu-good
done
check 'disk: queue-size=96' 2 'power of two' -- run --disk "$disk,queue-size=96" -- qemu-good

check 'disk: queue-size=2' 2 'from 4 to 1024' -- run --disk "$disk,queue-size=2" -- qemu-good
check 'disk: workers=65' 2 'from 1 to 64' -- run --disk "$disk,queues=64,workers=65" -- qemu-good
check 'disk: more workers than queues' 2 'workers=3' 'queues (2)' -- \
	run --disk "$disk,queues=2,workers=3" -- qemu-good
check 'disk: more workers than the one queue' 2 'queues (1)' -- run --disk "$disk,workers=2" -- qemu-good
for value in '' yes 0; do
	check "disk: discard='$value'" 2 'neither on nor off' -- run --disk "$disk,discard=$value" -- qemu-good
done
for value in logical physical; do
	check "S11 $value-block-size: 256" 2 'from 512 to 4096' -- \
		run --disk "$disk,$value-block-size=256" -- qemu-good
	check "S11 $value-block-size: 520" 2 'power of two' -- \
		run --disk "$disk,$value-block-size=520" -- qemu-good
	check "S11 $value-block-size: 8192" 2 'from 512 to 4096' -- \
		run --disk "$disk,$value-block-size=8192" -- qemu-good
done
check 'S11 physical blocks smaller than logical ones' 2 'physical-block-size=512 is smaller' -- \
	run --disk "$disk,logical-block-size=4096,physical-block-size=512" -- qemu-good
check 'help names every option, with units and defaults' 0 \
	write-through 'discard=on|off' 'logical-block-size=N' 'physical-block-size=N' \
	'in bytes, 512 to 4096 (the disk' 'workers=N' '(as many as queues)' buffered 'share ' \
	format=raw 'holes ' nice=N 'rings of 1024' -- run --help
check 'S16, S17 help says when to take holes and buffered' 0 NVDIMM 'cannot be pinned' btrfs 'RAID 5' -- \
	run --help
check 'every option of a disk' 0 'qemu-good' -- \
	run --dry-run --disk "$disk,ro,buffered,poll,write-through,discard=on,discard=off,holes,share,format=raw,serial=A,queues=4,workers=2,queue-size=4,busyloop=1,nice=0,logical-block-size=512,physical-block-size=4096" -- qemu-good

check 'serve help says what it takes and what QEMU is told' 0 'socket=SOCKET' LISTEN_FDS RLIMIT_MEMLOCK \
	'memory-backend-memfd' 'vhost-user-blk-pci' 'write-through' '--control PATH' -- serve --help
check 'serve: no disk' 2 'which disk' -- serve
check 'serve: no socket' 2 "where shall $disk be served" 'socket=PATH' -- serve --disk "$disk"
check 'serve: empty socket' 2 'socket= is empty' -- serve --disk "$disk,socket="
check 'serve: unknown option' 2 'no option --fly' 'serve --help' -- serve --fly
check 'serve: option without its value' 2 '--control needs a value' -- serve --control
check 'serve: it becomes no program' 2 "what is 'qemu-good'" -- serve --disk "$disk,socket=$work/s" qemu-good
check 'serve: a wrong option of a disk' 2 'from 1 to 64' -- serve --disk "$disk,queues=65,socket=$work/s"
check 'serve: as many workers as the queues that it has' 1 "there is no $none" -- \
	serve --node "$none" --disk "$disk,workers=64,socket=$work/s"
check 'serve: more workers than the queues that one wants' 2 'queues (2)' -- \
	serve --node "$none" --disk "$disk,queues=2,workers=3,socket=$work/s"
printf 'disk=%s,ro\r\n' "$disk" > "$work/dos.conf"
check 'serve: a file whose lines end as those of DOS' 1 "there is no $none" -- \
	serve --node "$none" --config "$work/dos.conf"
printf '# the first is there\ndisk=%s,ro\n\ndisk=%s/gone\n' "$disk" "$work" > "$work/vm.conf"
check 'serve: the line of a disk that cannot be served' 1 \
	"vhost-pin: vm.conf, line 2: cannot attach $disk" -- \
	serve --node /dev/null --config "$work/vm.conf"
sed -i 2d "$work/vm.conf"
check 'serve: the line of a disk that is not there' 1 \
	"vhost-pin: vm.conf, line 3: there is no $work/gone" -- \
	serve --node /dev/null --config "$work/vm.conf"
check 'serve: what is wrong with the host is not of a line' 1 "vhost-pin: there is no $none" -- \
	serve --node "$none" --config "$work/vm.conf"
check 'a serial number of 20 bytes has less characters of others' 2 'longer than 20 bytes' -- \
	serve --disk "$disk,serial=größe-straße-naïve,socket=$work/s"
check 'serve: no node, and no socket is left' 1 "there is no $none" -- \
	serve --node "$none" --disk "$disk,socket=$work/s"
result "$([ -e "$work/s" ] && echo 'not ok' || echo ok)" 'serve: what fails leaves no socket'
check 'run: sockets are for serve' 2 "sockets are for 'vhost-pin serve'" -- \
	run --disk "$disk,socket=/s" -- qemu-good
check 'exec: sockets are for serve' 2 "sockets are for 'vhost-pin serve'" -- \
	exec --disk "$disk,socket=/s" -- true
while read -r command; do
	result "$("$cli" "$command" --help | LC_ALL=C.UTF-8 awk 'length > 85 { exit 1 }' && echo ok || echo 'not ok')" \
		"$command: no line of the help is wider than others"
done < <("$cli" help --words commands; echo --help)
check 'resize help' 0 '[--control PATH] NAME' -- resize --help
check 'resize: which disk' 2 'which disk' -- resize --control /c
check 'resize: one disk' 2 'which disk' -- resize --control /c /s /t
check 'resize: nobody is there' 1 'nobody can be reached' '--control' -- resize --control "$work/none" /s

check 'dry run shows the command line' 0 \
	"qemu-good -m 1G -add-fd fd=3,set=30320,opaque=vhost-pin:$disk -device vhost-vdpa-device-pci,id=vhost-pin0,vhostdev=/dev/fdset/30320 -add-fd fd=4,set=30321" -- \
	run --dry-run --disk "$disk,ro,buffered,serial=A,,B,queues=2,queue-size=64,busyloop=50,nice=-20" --disk "$disk,busyloop=0" -- qemu-good -m 1G
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

check 'a disk that is not plugged in' 1 'there is no /dev/vpin-none' 'lsblk -p' -- \
	run --node /dev/null --disk /dev/vpin-none -- qemu-good

image() # NAME, BYTES (as of printf %b), [OFFSET]
{
	rm -f "$work/$1"
	truncate -s 1M "$work/$1"
	printf %b "$2" | dd of="$work/$1" bs=1 seek="${3-0}" conv=notrunc status=none
}

# What gets so far as to be told that /dev/null is no device of ours is taken.
taken="not the vhost_pin module's"
served() { check "$1" 1 "$taken" "${@:2}"; }

for length in 1000 1 1048577; do
	truncate -s "$length" "$work/odd.img"
	check "S07 an image of $length bytes" 1 "is $length bytes long" \
		"truncate -s $(((length + 511) / 512 * 512)) $work/odd.img" -- \
		run --node /dev/null --disk "$work/odd.img" -- qemu-good
done
truncate -s 1536 "$work/odd.img"
served 'S07 an image of three sectors is taken' -- \
	run --node /dev/null --disk "$work/odd.img" -- qemu-good
check 'S07 three sectors and blocks of 1024' 1 'blocks of 1024' "truncate -s 2048 $work/odd.img" -- \
	run --node /dev/null --disk "$work/odd.img,logical-block-size=1024" -- qemu-good
truncate -s 0 "$work/odd.img"
check 'S07 an empty image' 1 'is empty' 'truncate -s 10G' -- \
	run --node /dev/null --disk "$work/odd.img" -- qemu-good

image gpt.img 'EFI PART' 512
check 'S11 partitions of another block size' 1 'counted in blocks of 512' 'told 4096' \
	"',logical-block-size=512'" "$taken" -- \
	run --node /dev/null --disk "$work/gpt.img,logical-block-size=4096" -- qemu-good
check 'S11 partitions of the same block size' 1 '!warning' "$taken" -- \
	run --node /dev/null --disk "$work/gpt.img,logical-block-size=512" -- qemu-good

while read -r format offset bytes; do
	image "like-$format" "$bytes" "$offset"
	check "S13 $format" 1 "like-$format looks like ${format%%.*}" "',format=raw'" -- \
		run --node /dev/null --disk "$work/like-$format" -- qemu-good
	served "S13 $format that is meant" -- \
		run --node /dev/null --disk "$work/like-$format,format=raw" -- qemu-good
done <<-'END'
	qcow2 0 QFI\xfb\0\0\0\x03
	qed 0 QED\0
	vmdk.sparse 0 KDMV
	vmdk.esx 0 COWD
	vmdk.text 0 # Disk DescriptorFile
	vdi 64 \x7f\x10\xda\xbe
	vhdx 0 vhdxfile
	vpc.dynamic 0 conectix
	vpc.fixed 1048064 conectix
	parallels.old 0 WithoutFreeSpace
	parallels 0 WithouFreSpacExt
	dmg 1048064 koly
	bochs 0 Bochs Virtual HD Image
	cloop 0 #!/bin/sh\n#V2.0 Format\nmodprobe cloop
	gzip 0 \x1f\x8b\x08
	xz 0 \xfd7zXZ\0
	zstd 0 \x28\xb5\x2f\xfd
	bzip2 0 BZh91AY&SY
	zip 0 PK\x03\x04
END
check 'S13 the way out' 1 "qemu-img convert -O raw $work/like-qcow2 $work/like-qcow2.raw" -- \
	run --node /dev/null --disk "$work/like-qcow2" -- qemu-good
# What is said of it, where nobody listens.
cp "$work/like-qcow2" "$work/before"
"$cli" exec --node /dev/null --disk "$work/like-qcow2" -- true >&- 2>&- || true
result "$(cmp "$work/before" "$work/like-qcow2" >&2 && echo ok || echo 'not ok')" \
	'S13 a stderr that is closed is no disk'
result "$("$cli" help 2> /dev/null >&- && echo 'not ok' || echo ok)" 'nor is it an output'
image luks 'LUKS\xba\xbe'
served 'S13 what a guest may have on its disk is taken' -- \
	run --node /dev/null --disk "$work/luks" -- qemu-good
check 'S13 format=qcow2' 2 'a disk is raw' 'qemu-img convert' -- \
	run --disk "$disk,format=qcow2" -- qemu-good

# -device help lists what a real QEMU has.
fake_qemu qemu-mmio 10.0.3 vhost-vdpa-device
port='-device pcie-root-port,id=vhost-pin-port0,bus=pcie.0,chassis=118,io-reserve=0'
dry() { check "$1" 0 "${@:2}"; }
for machine in '-M q35' '-machine pc-q35-10.0,accel=kvm' '--machine accel=kvm,type=q35' \
	'-machine accel=tcg -M q35' '-machine pc -M q35' '-M pc -machine q35' '-M q35 -machine usb=off' '-M virt,gic-version=3'; do
	# shellcheck disable=SC2086 # words are arguments
	dry "T12 a root port for each disk: $machine" \
		"$port -device vhost-vdpa-device-pci,id=vhost-pin0,bus=vhost-pin-port0,vhostdev=/dev/fdset/30320" \
		'id=vhost-pin-port1,bus=pcie.0,chassis=119' 'id=vhost-pin1,bus=vhost-pin-port1,' -- \
		run --dry-run --disk "$disk" --disk "$disk" -- qemu-good $machine
done
for machine in '' '-M pc' '-M q35 -machine pc' '-machine pc-i440fx-9.2' '-M accel=kvm' '-M pc,accel=q35'; do
	# shellcheck disable=SC2086
	dry "T12 no root port: $machine" '!pcie-root-port' \
		'-device vhost-vdpa-device-pci,id=vhost-pin0,vhostdev=/dev/fdset/30320' -- \
		run --dry-run --disk "$disk" -- qemu-good $machine
done
dry 'T12 microvm has the mmio device' '!device-pci' '-global virtio-mmio.force-legacy=false' \
	'-device vhost-vdpa-device,id=vhost-pin0,vhostdev=/dev/fdset/30320' -- \
	run --dry-run --disk "$disk" -- qemu-good -M microvm,pcie=on
dry 'T12 microvm: who says what its transport is, is heard' '!force-legacy=false' -- \
	run --dry-run --disk "$disk" -- qemu-good -M microvm -global virtio-mmio.force-legacy=true
dry 'T12 microvm: also in more words' '!force-legacy=false' -- run --dry-run --disk "$disk" -- \
	qemu-good -M microvm -global driver=virtio-mmio,property=force-legacy,value=true
check 'T12 microvm needs no PCI device' 1 "there is no $none" -- \
	run --node "$none" --disk "$disk" -- qemu-mmio -M microvm
check 'T12 another machine does' 126 'without vhost-vdpa-device-pci' -- \
	run --node "$none" --disk "$disk" -- qemu-mmio -M pc
for machine in isapc none; do
	check "T12 $machine can have no disk" 2 "machine '$machine'" 'no PCI bus' q35 -- \
		run --node "$none" --disk "$disk" -- qemu-good -M "$machine"
done

check 'S16 memory in a file' 0 "guest memory in /proc/version" "',holes'" -- \
	run --dry-run --disk "$disk" -- \
	qemu-good -object "memory-backend-file,id=m,share=on,mem-path=/proc/version,size=1G"
check 'S16 memory in a file, and holes' 0 '!warning' -- \
	run --dry-run --disk "$disk,holes" -- \
	qemu-good -object "memory-backend-file,id=m,share=on,mem-path=/proc/version,size=1G"
check 'S16 memory in a file of tmpfs, or private' 0 '!warning' -- \
	run --dry-run --disk "$disk" -- \
	qemu-good -object memory-backend-file,id=m,share=on,mem-path=/dev/shm,size=1G \
	-object "memory-backend-file,id=n,share=off,mem-path=/proc/version,size=1G"

check 'no QEMU' 127 "no program 'qemu-gone'" 'apt install' -- \
	run --node "$none" --disk "$disk" -- qemu-gone
check 'QEMU too old' 126 'QEMU 7.2' 'too old' '8.0 or newer' -- \
	run --node "$none" --disk "$disk" -- qemu-old
check 'QEMU without vhost-vdpa' 126 '9.1' '--enable-vhost-vdpa' -- \
	run --node "$none" --disk "$disk" -- qemu-without
check 'not a QEMU' 126 'not a QEMU' 'vhost-pin exec' -- \
	run --node "$none" --disk "$disk" -- true

# As root of a namespace of our own, where root is nobody on the host.
if unshare -Ur true 2> /dev/null; then
	host_cli=$cli
	cat > "$work/bin/in-namespace" <<-END
		#!/bin/sh
		exec prlimit --memlock=65536:8388608 unshare -Ur "$host_cli" "\$@"
	END
	chmod +x "$work/bin/in-namespace"
	cli=$work/bin/in-namespace
	check 'T10 root of a user namespace is not exempt from memlock' 0 \
		'locked memory is 8 MiB' '512 MiB needs about 544 MiB' 'root of a user namespace' -- \
		run --dry-run --disk "$disk" -- qemu-good -m 512
	cli=$host_cli
else
	result ok 'T10 root of a user namespace # SKIP no user namespaces'
fi

# The messages that depend on what is installed: in a root directory of our own.
inside=$work/root
mkdir -p "$inside/dev" "$inside/etc" "$inside/bin"
cp "$cli" "$inside/vhost-pin"
cp "$work/disk.img" "$inside/"
release=$(uname -r)
if unshare -r chroot "$inside" /vhost-pin --version > /dev/null 2>&1; then
	cat > "$work/bin/in-root" <<-END
		#!/bin/sh
		exec unshare -r chroot "$inside" /vhost-pin "\$@"
	END
	chmod +x "$work/bin/in-root"
	host_cli=$cli cli=$work/bin/in-root
	missing() # NAME, TEXT...
	{
		check "T11 $1" 1 'there is no /dev/vhost-pin' "${@:2}" -- \
			exec --disk /disk.img -- true
	}
	missing 'the module is not installed' "not installed for the running kernel, $release" \
		'apt install ./vhost-pin-dkms_*.deb' 'make install && dkms install vhost-pin/'
	mkdir -p "$inside/usr/src/vhost-pin-0.1.0"
	missing 'the headers of the kernel are missing' \
		'whose headers are not installed' "apt install linux-headers-$release"
	mkdir -p "$inside/lib/modules/$release/build"
	touch "$inside/lib/modules/$release/build/Makefile"
	missing 'the module is not built for the kernel' \
		'not built for the running kernel' 'dkms status' 'dkms autoinstall' '!headers'
	echo 'updates/dkms/vhost_pin.ko.xz:' > "$inside/lib/modules/$release/modules.dep"
	missing 'the module is not loaded' 'is not loaded' 'modprobe vhost_pin' '!dkms'
	echo 'kernel/other.ko: updates/dkms/vhost_pin.ko' > "$inside/lib/modules/$release/modules.dep"
	missing 'a module that only another needs is not there' 'not built for'
	mkdir -p "$inside/sys/module/vhost_pin"
	missing 'the module is loaded but there is no node' 'though the vhost_pin module is loaded' --device
	cli=$host_cli
	if setarch --uname-2.6 unshare -r true 2> /dev/null; then
		rm -r "$inside/sys"
		cat > "$work/bin/in-root" <<-END
			#!/bin/sh
			exec setarch --uname-2.6 unshare -r chroot "$inside" /vhost-pin "\$@"
		END
		cli=$work/bin/in-root
		missing 'the kernel is too old' 'is too old' 'Linux 6.1 and newer'
		cli=$host_cli
	fi
else
	result ok 'T11 what is missing # SKIP no user namespaces, or not a static program'
fi

# What DKMS reads: its functions hide the kernel in question behind another.
autoinstall() # KERNEL, [ARCHITECTURE]
{
	# shellcheck disable=SC2016 # expanded inside
	bash -c '
		kernelver=$1 conf=$2 arch=$3
		read_conf() { local kernelver= arch=; source_it; }
		source_it() { (. "$conf"; echo "[$AUTOINSTALL]"); }
		read_conf' dkms "$1" "$top/dkms.conf" "${2-x86_64}"
}
for kernel in 5.10.0-33-amd64 4.19.0 6.0.7-1 3.2; do
	result "$([ "$(autoinstall "$kernel")" = '[]' ] && echo ok || echo 'not ok')" \
		"T11 DKMS passes over $kernel"
done
for kernel in 6.1.0-56-amd64 6.12.117+deb12-amd64 7.3.4 10.0-rc1 ''; do
	result "$([ "$(autoinstall "$kernel")" = '[yes]' ] && echo ok || echo 'not ok')" \
		"T11 DKMS builds for '$kernel'"
done

for arch in i686 armv7l x86_64 aarch64 s390x ppc64le riscv64; do
	case $arch in i686 | armv7l) wanted='[]' ;; *) wanted='[yes]' ;; esac
	result "$([ "$(autoinstall 6.12.1 $arch)" = "$wanted" ] && echo ok || echo 'not ok')" \
		"T11 DKMS on $arch: $wanted"
done

# Kernels that were built by this and that; the tools are stand-ins.
kernel=$work/kernel
mkdir -p "$kernel/include/config" "$work/llvm"
for tool in sh sed head make uname; do
	ln -s "$(command -v "$tool")" "$work/llvm/"
done
for tool in clang clang-14; do
	printf '#!/bin/sh\n' > "$work/llvm/$tool"
	chmod +x "$work/llvm/$tool"
done
toolchain() # NAME, WANTED, ARGUMENTS-OF-MAKE, LINE-OF-THE-CONFIGURATION...
{
	local name=$1 wanted=$2 arguments=$3 got
	shift 3
	printf '%s\n' "$@" > "$kernel/include/config/auto.conf"
	# shellcheck disable=SC2086 # words are arguments
	got=$(PATH=$work/llvm make -n -C "$top" KDIR="$kernel" MAKE=echo \
		$arguments module 2>&1) || true
	[[ $got == *"$wanted"* ]] || { echo "# $got"; result 'not ok' "T11 $name"; return; }
	result ok "T11 $name"
}
clang14=(CONFIG_CC_IS_CLANG=y CONFIG_CLANG_VERSION=140006)
clang99=(CONFIG_CC_IS_CLANG=y CONFIG_CLANG_VERSION=990000)
toolchain 'a kernel that gcc built' "M=$top  modules" '' CONFIG_CC_IS_GCC=y CONFIG_CLANG_VERSION=0
toolchain 'a kernel that clang built: the same clang' 'LLVM=-14 modules' '' \
	"${clang14[@]}" CONFIG_LD_IS_LLD=y
toolchain 'a kernel that clang built: another clang' 'LLVM=1 modules' '' \
	"${clang99[@]}" CONFIG_LD_IS_LLD=y
toolchain "a kernel that clang built and GNU's ld linked" 'CC=clang-14 modules' '' \
	"${clang14[@]}" CONFIG_LD_IS_BFD=y
toolchain 'a kernel that clang built, by DKMS 3.0' 'LLVM=-14 modules' 'CC=clang LD=ld.lld' \
	"${clang14[@]}" CONFIG_LD_IS_LLD=y
toolchain 'a kernel that clang built, by DKMS 3.2' 'LLVM=-14 modules' LLVM=1 \
	"${clang14[@]}" CONFIG_LD_IS_LLD=y
toolchain 'who asks for another clang has it' 'LLVM=-15 modules' LLVM=-15 \
	"${clang14[@]}" CONFIG_LD_IS_LLD=y
rm "$work/llvm/clang" "$work/llvm/clang-14"
toolchain 'a kernel that clang built, and no clang' 'install clang-14, lld-14 and llvm-14' '' \
	"${clang14[@]}" CONFIG_LD_IS_LLD=y

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

	check 'no permission on the node' 1 "you may not open $work/node" "chgrp kvm $work/node && chmod 660 $work/node && usermod -aG kvm" -- \
		run --node "$work/node" --disk "$disk" -- qemu-good
	chgrp 1 "$work/node"
	chmod 660 "$work/node"
	check 'T11 no permission: the group' 1 "not in the group '$(getent group 1 | cut -d: -f1)'" 'usermod -aG' -- \
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

	# Root without the right to raise limits, but free from this one.
	cat > "$work/bin/as-root" <<-END
		#!/bin/sh
		exec prlimit --memlock=65536:8388608 \
			setpriv --bounding-set=-sys_resource "$work/bin/vhost-pin" "\$@"
	END
	chmod +x "$work/bin/as-root"
	as_nobody=$cli cli=$work/bin/as-root
	check 'T10 root is exempt from memlock' 0 '!warning' -- \
		run --dry-run --disk "$disk" -- qemu-good -m 512
	for option in '-runas nobody' '-run-with user=nobody' '-run-with chroot=/x,user=65534:65534'; do
		# shellcheck disable=SC2086 # words are arguments
		check "T10 a QEMU that drops its privileges is not: $option" 0 'needs about 544 MiB' -- \
			run --dry-run --disk "$disk" -- qemu-good -m 512 $option
	done
	check 'T10 one that does not is' 0 '!warning' -- \
		run --dry-run --disk "$disk" -- qemu-good -m 512 -run-with chroot=/x
	cli=$as_nobody

	quiet=$("$cli" run --dry-run --disk "$disk" -- qemu-good 2>&1 > /dev/null)
	result "$([ -z "$quiet" ] && echo ok || echo 'not ok')" 'without -m nothing is said of memlock'
else
	result ok 'tests as another user # SKIP not root'
fi

plan
