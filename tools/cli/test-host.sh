#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Tests of what looks at the disks of a host, on a host that is a directory: list,
# show, top, metrics, doctor and resize.  Prints TAP.
# Usage: test-host.sh [PATH-OF-vhost-pin]
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cli=$(realpath "${1:-$here/../../build/bin/vhost-pin}")
[ -x "$cli" ] || { echo "Bail out! no $cli: run 'make tools' first"; exit 1; }

work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT
host=$work/host
export VHOST_PIN_ROOT=$host
# shellcheck source=/dev/null
. "$here/fakehost.sh"

# shellcheck source=/dev/null
. "$here/tap.sh"
# Blanks of any length are one.
filter() { tr -s ' '; }
check() { wants_of_cli "$@"; }

# that NAME COMMAND...: a command that succeeds
that()
{
	if "${@:2}"; then result ok "$1"; else result 'not ok' "$1"; fi
}

check 'no module' 1 'there is no' 'not loaded' 'vhost-pin doctor' -- list
mkdir -p "$host/sys/class/vhost-pin"
check 'no disk' 0 'NAME DEVICE STATE SIZE VM SOCKET DISK' '!vpin' -- list
check 'no disk: its name' 1 "there is no disk 'web1'" "'vhost-pin list'" -- show web1
check 'no disk: top' 0 '0 disks, 0 running' -- top -b -n 1 -d 0.1
that 'no disk: metrics end' [ "$("$cli" metrics | tail -n 1)" = '# EOF' ]

# A server with two disks, a VM with two of its own, and a disk that nobody has.
# The path of the second is also a name of the first's.
touch "$work/a b.img"
fake_disk "$host" 0 100 /dev/dm-0
fake_disk "$host" 1 100 /dev/dm-1
fake_disk "$host" 2 200 "$work/a b.img"
fake_disk "$host" 3 200 /dev/dm-3
fake_disk "$host" 10 0 /dev/sdz
class=$host/sys/class/vhost-pin
put "$class/vpin2/serial" ROOT
put "$class/vpin10/state" attached
put "$class/vpin10/workers"
fake_process "$host" 100 vhost-pin vhost-pin serve --disk /dev/dm-0,socket=web1 \
	--control "$work/control"
fake_process "$host" 200 qemu-system-x86 qemu-system-x86_64 -m 4G \
	--control "$work/control"
put "$host/proc/321/comm" qemu-kvm
# In another order than the devices'.  Of the first the path is another's meanwhile, of
# the second an older server does not say which device it is.
fake_server "$work/control" $'0\t/run/web1.2.sock\t/dev/dm-0\tvpin1' $'321\t/run/web1.sock\t/dev/dm-0' \
	$'5\t/run/gone.sock\t/dev/gone' $'5\t/run/no.sock\t/dev/dm-3' 'nonsense' \
	$'5\t/run/no.sock\t/dev/dm-1\tvpin3' $'5\t/run/no.sock\t/dev/dm-1\tvpin99'
server=$!
for _ in {1..50}; do [ ! -S "$work/control" ] || break; sleep 0.1; done

check 'list: by socket, serial, device' 0 \
	"web1 vpin0 running 10.0G qemu-kvm[321] /run/web1.sock /dev/dm-0" \
	"web1.2 vpin1 running 10.0G - /run/web1.2.sock /dev/dm-1" \
	"ROOT vpin2 running 10.0G qemu-system-x86[200] - $work/a b.img" \
	"vpin3 vpin3 running 10.0G qemu-system-x86[200] - /dev/dm-3" \
	"vpin10 vpin10 attached 10.0G - - /dev/sdz" '!gone' -- list
that 'list: in the order of the devices' \
	[ "$("$cli" list --names | tr '\n' ' ')" = 'web1 web1.2 ROOT vpin3 vpin10 ' ]
check 'list: it takes no name' 2 'show NAME' -- list web1

check 'show: by name' 0 'device /sys/class/vhost-pin/vpin0' 'VM qemu-kvm[321]' \
	'owner vhost-pin[100]' 'socket /run/web1.sock' 'pinned memory 4.00G; 3 pages were pinned by the request that needed them' \
	'echo 1 > /sys/class/vhost-pin/vpin0/latency' -- show web1
check 'show: by device' 0 'vpin1' -- show vpin1
check 'show: by socket' 0 'vhost-pin/vpin1' -- show /run/web1.2.sock
check 'show: by path' 0 'vhost-pin/vpin2' '!vpin3' -- show "$work/a b.img"
put "$class/vpin10/backend" '/a\012b\134c'
check 'show: a path with a line end and a backslash' 0 'vhost-pin/vpin10' -- show $'/a\nb\\c'
put "$class/vpin10/backend" /dev/sdz
ln -s "$work/a b.img" "$work/link"
check 'show: by a link to its path' 0 'vhost-pin/vpin2' '!vpin3' -- show "$work/link"
check "show: by its VM's process, all of its disks" 0 'vhost-pin/vpin2' 'vhost-pin/vpin3' '!vpin0' -- show 200
check 'show: by the process of its front-end' 0 'vhost-pin/vpin0' '!vpin1' -- show 321
check 'show: process 0 is nobody' 1 "no disk '0'" -- show 0
check 'show: a number that is no process' 1 'no disk' -- show 4294967496
check 'show: an option behind the name' 0 '"name": "web1"' -- show web1 --json
check 'show: which disk' 2 'which disk' 'vhost-pin list' -- show
check 'show: one at a time' 2 'which disk' -- show web1 ROOT
check 'show: an option that is none' 2 'no option --fly' 'show --help' -- show --fly web1

put "$class/vpin0/latency" 1
put "$class/vpin0/queues/0/reads" 18446744073709551615
put "$class/vpin0/queues/1/writes" 7
put "$class/vpin0/queues/1/turns" 1
put "$class/vpin0/queues/0/latency" "0 0 0 0 0 100 0 0 0 1 $(printf '0 %.0s' {1..30})"
put "$class/vpin0/queues/1/others" 2
check 'show: counters' 0 'reads 18446744073709551615' 'writes 7' 'others 2' -- show web1
check 'show: a queue that has run is shown' 0 '1 disabled 256 0 9' -- show web1
check 'show: latency is inside of its bucket' 0 '50 % 48us, 99 % 64us, 99.9 % 972us' -- show web1
put "$class/vpin0/queues/0/reads" 1000

json() # NAME, EXPRESSION of j
{
	that "show --json: $1" /usr/bin/python3 -c "
import json, subprocess
j = json.loads(subprocess.check_output(['$cli', 'show', '${disk-web1}', '--json']))
assert $2, j"
}
json 'texts, numbers, switches' \
	"j['name'] == 'web1' and j['capacity'] == 10737418240 and j['latency'] is True"
json 'who' "j['vm'] == 321 and j['owner'] == 100 and j['socket'] == '/run/web1.sock' and j['workers'] == [101, 102]"
json 'queues' "[q['index'] for q in j['queues']] == [0, 1] and j['queues'][1]['writes'] == 7 and len(j['queues'][0]['latency']) == 40"
put "$class/vpin3/serial" $'a"b\\c\td'
disk=vpin3 json 'what must be escaped' "j['name'] == 'a\"b\\\\c\td' and j['socket'] is None"
check 'list: what a terminal would not show' 0 'a"b\c?d' -- list
put "$class/vpin3/serial" $'a\xff\xc0\x80\xed\xa0\x80b'
disk=vpin3 json 'what is no UTF-8' "j['name'] == 'a' + 6 * '\ufffd' + 'b'"
put "$class/vpin3/serial" $'gr\u00f6\u00dfe'
disk=vpin3 json 'UTF-8' "j['name'] == 'gr\u00f6\u00dfe'"
that 'list: columns are as wide as their characters' \
	[ "$("$cli" list | LC_ALL=C grep -c '^\(gr....e   \|ROOT    \)vpin')" = 2 ]
# Of two columns each; an accent takes none.
put "$class/vpin3/serial" $'\u65e5\u672ce\u0301'
that 'list: wide characters, and those of no width' \
	[ "$("$cli" list | LC_ALL=C grep -c $'^\u65e5\u672ce\u0301   vpin3\|^ROOT    vpin2')" = 2 ]
put "$class/vpin3/serial" 'gr\303\266\303\237e\134\z'
check 'list: UTF-8, and a backslash, as the module writes them' 0 $'gr\u00f6\u00dfe\\\\z vpin3' -- list
# What a terminal would obey is not printed as it is, by no command.
put "$class/vpin3/serial" 'x\033[2Jy\012z\302\233m\342\200\256w'
name='x?[2Jy?z?m?w'
obeyed() # ARGUMENT...: what of it there is, from a command that is to show the disk
{
	"$cli" "$@" 2>&1 | LC_ALL=C grep -aP -o '[^\n\x20-\x7e\xc3\xef\xbf\xbd\x80-\xbf]|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]' || true
}
for command in list 'list --names' "show $name" "show --json $name" metrics 'top -b -n 1 -d 0.1' "resize $name"; do
	# shellcheck disable=SC2086
	that "$command: nothing that a terminal obeys" [ -z "$(obeyed $command)" ]
done
check 'list --names: what show takes' 0 "$name" -- list --names
check 'show: a disk as it is shown' 0 'vhost-pin/vpin3' -- show "$name"
check 'show: a disk as it is called' 0 'vhost-pin/vpin3' -- show $'x\e[2Jy\nz\u009bm\u202ew'
check 'an error: what a terminal would not show' 1 "no disk 'a?[31mb'" -- show $'a\e[31mb'
disk=$name json 'nothing is lost' "j['name'] == 'x\x1b[2Jy\nz\x9bm\u202ew'"
put "$class/vpin3/serial"
disk=web1
that 'show --json: the numbers of an array are one line' \
	[ "$("$cli" show --json web1 | grep -c '"latency": \[0, 0, .*0\],\?$')" = 2 ]
put "$class/vpin10/backend" $'/a\\012b\e[31m\xff\u009b'
put "$host/proc/321/comm" $'qemu\e[31m\nkvm'
check 'show: what a terminal would not show' 0 'VM qemu?[31m?kvm[321]' -- show web1
check 'show: a path that a terminal would not show' 0 'disk /a?b?[31m?? (block' -- show vpin10
put "$host/proc/321/comm" qemu-kvm
put "$class/vpin10/backend" /dev/sdz

# What changes while top looks.
change() # SECONDS
{
	sleep "$1"
	put "$class/vpin0/queues/0/reads" 3000
	put "$class/vpin0/queues/0/read_bytes" 8388608
	put "$class/vpin0/queues/0/inflight" 5
	put "$class/vpin0/queues/0/errors_io" 1
	put "$class/vpin0/queues/0/latency" "0 0 0 0 0 100 2000 0 0 1 $(printf '0 %.0s' {1..30})"
	fake_ticks "$host" 100 1 40 10
	# One goes while it is read, queue by queue; one has another's number.
	rm -r "$class/vpin3/queues/0"
	fake_disk "$host" 4 200 /dev/dm-4
	mv "$class/vpin10" "$work/vpin10.gone"
	fake_disk "$host" 10 0 /dev/sdy
	put "$class/vpin10/state" attached
	put "$class/vpin10/queues/0/writes" 2000
}
put "$class/vpin3/queues/0/reads" 7
put "$class/vpin10/queues/0/reads" 500
change 0.4 &
top=$("$cli" top -b -n 1 -d 2 | tr -s ' ')
wait $!
line=$(grep '^web1 ' <<< "$top")
echo "# $line"
# Of 2 s, or some more on a busy machine: up to 1000 requests a second, 4 MiB a second,
# 25 % of a processor.
that 'top: rates' [ "$(awk '$3 ~ /^[6-9]..$|^1\.00K$/ { print $4 == $3, $5 }' <<< "$line")" = '1 0' ]
that 'top: bytes' [ "$(awk '$6 ~ /^(2\.[5-9].|3\...|4\.00)M$/ { print $7 }' <<< "$line")" = 0 ]
that 'top: latency of the time since, depth' [ "$(awk '{ print $8, $9, $10 }' <<< "$line")" = '96us 127us 5' ]
that 'top: the threads' [ "$(awk '$11 > 15 && $11 <= 25 { print "yes" }' <<< "$line")" = yes ]
that 'top: a disk that is gone' [ "$(grep -c ' /dev/dm-3\|^vpin3 ' <<< "$top")" = 0 ]
that 'top: a disk that has the number of one that is gone' \
	[ "$(awk '$1 == "vpin10" && $3 ~ /^[6-9]..$|^1\.00K$/ { print $4, $5 == $3 }' <<< "$top")" = '0 1' ]
that 'top: a disk that is new' grep -q '^vpin4 running 0 0 0 ' <<< "$top"
# The first look takes 1.5 s longer than the second: that is time, too.
kill -STOP "$server"
{ sleep 1.5; put "$class/vpin0/queues/0/reads" 5500; kill -CONT "$server"; } &
line=$("$cli" top -b -n 1 -d 1 | tr -s ' ' | grep '^web1 ')
wait $!
put "$class/vpin0/queues/0/reads" 3000
echo "# $line"
that 'top: rates, where a server takes its time' [ "$(awk '$3 ~ /^[6-9]..$|^1\.00K$/ { print "yes" }' <<< "$line")" = yes ]
that 'top: the busiest is first' [ "$(sed -n 5p <<< "$top" | cut -d' ' -f1)" = web1 ]
that 'top: by name' [ "$("$cli" top -b -n 1 -d 0.1 -o N | sed -n 5p | cut -d' ' -f1)" = ROOT ]
that 'top: as often as one wants' [ "$("$cli" top -b -n 3 -d 0.1 | grep -c '^vhost-pin top')" = 3 ]
that 'top: on a terminal' /usr/bin/python3 "$here/test-top.py" "$cli"
check 'top: no terminal' 2 'no terminal' 'top -b' -- top
for wrong in '-d 0' '-d x' '-n 0' '-n -1' '-n 1x' '-o X' '-o PP'; do
	# shellcheck disable=SC2086 # words are arguments
	check "top: $wrong" 2 "$wrong is" -- top $wrong
done

for options in '' --queues; do
	# shellcheck disable=SC2086
	"$cli" metrics $options > "$work/metrics"
	that "metrics $options: OpenMetrics" /usr/bin/python3 "$here/openmetrics.py" "$work/metrics"
done
metric() { check "metrics: $1" 0 "${@:2}" -- metrics; }
metric 'counters' 'vhost_pin_requests_total{device="vpin0",name="web1",type="read"} 3000' \
	'vhost_pin_transferred_bytes_total{device="vpin0",name="web1",type="read"} 8388608' \
	'vhost_pin_requests_total{device="vpin0",name="web1",type="other"} 2' \
	'vhost_pin_errors_total{device="vpin0",name="web1",cause="io"} 1'
metric 'states' 'name="web1",state="running"} 1' 'name="web1",state="broken"} 0'
metric 'a histogram counts what is below' 'le="6.4e-05"} 100' 'le="0.000128"} 2100' 'le="+Inf"} 2101' \
	'vhost_pin_request_duration_seconds_count{device="vpin0",name="web1"} 2101' \
	'!vhost_pin_request_duration_seconds_count{device="vpin1"'
# The middles of 32 to 64, 64 to 128 and 512 to 1024 us.
metric 'the sum of a histogram is that of the middles' \
	'vhost_pin_request_duration_seconds_sum{device="vpin0",name="web1"} 0.197568'
check 'metrics: help says what the sum is' 0 '_sum' 'estimate' 'middle' -- metrics --help
histogram=$(cat "$class/vpin0/queues/0/latency")
sum() { "$cli" metrics | sed -n 's/.*_sum{device="vpin0".* //p'; }
# Much, and then a request more.
put "$class/vpin0/queues/0/latency" "0 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 9000000 $(printf '0 %.0s' {1..10})"
before=$(sum)
put "$class/vpin0/queues/0/latency" "0 2 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 9000000 $(printf '0 %.0s' {1..10})"
after=$(sum)
echo "# $before, $after"
that 'metrics: the sum grows with each request, however large it is' \
	[ "$(awk -v a="$before" -v b="$after" 'BEGIN { print (a != b && length(a) == length(b) && a "" < b "") }')" = 1 ]
put "$class/vpin0/queues/0/latency" "$histogram"
check 'metrics: each queue' 0 'vpin0",name="web1",queue="1",type="write"} 7' -- metrics --queues
put "$class/vpin2/serial" $'a"b\\c\nd'
"$cli" metrics > "$work/metrics"
that 'metrics: what must be escaped' /usr/bin/python3 "$here/openmetrics.py" "$work/metrics" 'a"b\c
d'
put "$class/vpin2/serial" $'a\xffb'
"$cli" metrics > "$work/metrics"
that 'metrics: what is no UTF-8' /usr/bin/python3 "$here/openmetrics.py" "$work/metrics" $'a\ufffdb'
put "$class/vpin2/serial" ROOT
"$cli" metrics --output "$work/metrics.prom"
that 'metrics: a file' [ "$(tail -n 1 "$work/metrics.prom")" = '# EOF' ]
that 'metrics: nothing else is left' [ "$(echo "$work"/metrics.prom*)" = "$work/metrics.prom" ]
check 'metrics: a file that cannot be' 1 "cannot write $work/none/m: " -- metrics --output "$work/none/m"
for command in metrics list 'show web1' help --help --version 'list --help'; do
	# shellcheck disable=SC2086
	that "$command: a full disk is told" \
		[ "$("$cli" $command 2>&1 > /dev/full)" = 'vhost-pin: cannot write what was to be said: No space left on device' ]
done

check 'resize: by name' 0 4096 -- resize web1
check 'resize: by path' 0 4096 -- resize /dev/dm-1
for control in "--cont=$work/control" "--contro $work/control"; do
	# shellcheck disable=SC2086
	fake_process "$host" 100 vhost-pin vhost-pin serve --config=/c $control
	check "resize: by name, of a server with ${control%[= ]*}" 0 4096 -- resize web1
done
check 'resize: a disk of a VM that is not served' 1 'takes no requests' 'serve --control' -- resize ROOT
check 'resize: more than one' 1 'more than one disk: ROOT, vpin4' -- resize 200
check 'resize: the server says no' 1 "is not a request" '!error' -- resize --control "$work/control" nonsense
if [ "$(id -u)" = 0 ] && command -v setpriv > /dev/null; then
	chmod a+rx "$work"
	chmod 700 "$work/control"
	cp "$cli" "$work/resize"
	wants 'resize: one who may not connect' 1 'you may not connect' '!Was' -- \
		setpriv --reuid=65534 --regid=65534 --clear-groups "$work/resize" resize --control "$work/control" /s
fi
check 'resize: nobody is there' 1 'nobody can be reached' -- resize --control "$work/none" /s
kill "$server"
wait "$server" 2> /dev/null || true
server=
check 'list: a server that has ended keeps no one' 0 'vpin0 vpin0 running 10.0G vhost-pin[100] - /dev/dm-0' -- list
rm "$work/control"
python3 - "$work/control" <<-'END' &
	import socket, sys, time
	server = socket.socket(socket.AF_UNIX)
	server.bind(sys.argv[1])
	server.listen(8)
	one, _ = server.accept()
	one.sendall(b"ok\n")
	try:
	    while True:
	        one.sendall(b"1")
	        time.sleep(0.5)
	except OSError:
	    pass
END
server=$!
for _ in {1..50}; do [ ! -S "$work/control" ] || break; sleep 0.1; done
# shellcheck disable=SC2016 # the other shell is to expand it
that 'list: a server that never comes to an end keeps no one' \
	timeout 10 bash -c '"$1" list | grep -q "^vpin0 .* vhost-pin\[100\] "' - "$cli"
kill "$server" 2> /dev/null || true
wait "$server" 2> /dev/null || true
server=

# A host on which all is well, and then one thing after the other is not.
release=6.12.99-test
put "$host/proc/sys/kernel/osrelease" $release
put "$host/boot/config-$release" $'CONFIG_EVENTFD=y\nCONFIG_BLOCK=y\nCONFIG_MODULES=y\nCONFIG_MMU_NOTIFIER=y'
put "$host/lib/modules/$release/build/Makefile" all:
put "$host/lib/modules/$release/modules.dep" updates/dkms/vhost_pin.ko:
put "$host/lib/modules/$release/updates/dkms/vhost_pin.ko" "$(printf 'code %.0s' {1..20})"
mkdir -p "$host/sys/module/vhost_pin" "$work/bin"
version=$("$cli" --version)
put "$host/sys/module/vhost_pin/version" "${version#* }"
put "$host/dev/vhost-pin"
put "$host/etc/group" "kvm:x:$(id -g):"
chmod 660 "$host/dev/vhost-pin"
fake_qemu() # VERSION, DEVICE...
{
	{
		echo '#!/bin/sh'
		echo "[ \"\$1\" = -device ] || echo 'QEMU emulator version $1 (test)'"
		printf "[ \"\$1\" = --version ] || echo 'name \"%s\", bus PCI'\n" "${@:2}"
	} > "$work/bin/qemu-test"
	chmod +x "$work/bin/qemu-test"
}
fake_qemu 10.0.3 vhost-vdpa-device-pci vhost-user-blk-pci
PATH=$work/bin:$PATH
doctor() { check "doctor: $1" "${@:2}" -- doctor --qemu qemu-test; }
# Root is exempt from the limit, and anybody else in here may have a low one.
limit='!LACKS'
[ "$(id -u)" = 0 ] || limit=memlock
[ "$(id -u)" = 0 ] && well=0 || well=$("$cli" doctor --qemu qemu-test > /dev/null; echo $?)
doctor 'all is well' "$well" "ok kernel $release" 'ok config' 'ok headers' 'ok module' 'ok signature' \
	'mode 0660 and group kvm' 'qemu-test is QEMU 10.0.3' 'ok run' 'ok serve' 'ok shm' "$limit"
broken() { doctor "$1" 1 LACKS "${@:2}"; }
put "$host/proc/sys/kernel/osrelease" 5.10.0-9-amd64
broken 'an old kernel' 'LACKS kernel 5.10.0-9-amd64 is too old' 'linux-image-amd64'
put "$host/proc/sys/kernel/osrelease" $release
sed -i /NOTIFIER/d "$host/boot/config-$release"
broken 'its configuration' 'no CONFIG_MMU_NOTIFIER' balloon
rm "$host/boot/config-$release"
doctor 'no configuration' "$well" 'note config there is no /boot/config-' "$limit"
rm "$host/lib/modules/$release/build/Makefile"
doctor 'headers that only the next kernel needs' "$well" 'note headers' 'linux-headers-amd64' "$limit"
put "$host/sys/module/vhost_pin/version" 0.0.1
broken 'another version' 'version 0.0.1 is loaded' 'modprobe -r vhost_pin'
rm -r "$host/sys/module/vhost_pin"
broken 'a module that is not loaded' 'LACKS module built, but not loaded' 'modprobe vhost_pin'
put "$host/sys/module/module/parameters/sig_enforce" Y
broken 'no signature' 'LACKS signature module.sig_enforce wants one' 'has none' 'mokutil --import'
printf '~Module signature appended~\n' >> "$host/lib/modules/$release/updates/dkms/vhost_pin.ko"
broken 'a signature' 'ok signature' 'the module has one'
put "$host/sys/module/module/parameters/sig_enforce" N
put "$host/sys/kernel/security/lockdown" 'none [integrity] confidentiality'
broken 'lockdown' 'lockdown (Secure Boot) wants one'
rm "$host/lib/modules/$release/modules.dep" "$host/lib/modules/$release/updates/dkms/vhost_pin.ko"
broken 'no headers' 'LACKS headers' "apt install linux-headers-$release"
mkdir -p "$host/usr/src/vhost-pin-1"
for kernel in 6.1.0-40-cloud-amd64 6.12.57+deb13-cloud-amd64 6.12.12+bpo-cloud-amd64; do
	put "$host/proc/sys/kernel/osrelease" "$kernel"
	[ "$(uname -m)" != x86_64 ] || broken "$kernel: a kernel of the same kind" "apt install linux-headers-$kernel" \
		'apt install linux-image-cloud-amd64 linux-headers-cloud-amd64 && reboot'
done
put "$host/proc/sys/kernel/osrelease" $release
broken 'a module that is not built' 'not built for the running kernel' 'dkms autoinstall'
rm -r "$host/usr/src"
broken 'a module that is not installed' 'LACKS module not installed' 'apt install ./vhost-pin-dkms_*.deb && modprobe vhost_pin' 'make install && dkms install vhost-pin/'
chmod 600 "$host/dev/vhost-pin"
broken "a node that is root's alone" 'note node' 'chgrp kvm /dev/vhost-pin && chmod 660 /dev/vhost-pin'
put "$host/usr/lib/udev/rules.d/60-vhost-pin.rules"
broken "a node that is root's alone, and the rule" 'udevadm control --reload && udevadm trigger /dev/vhost-pin' '!chgrp'
rm "$host/usr/lib/udev/rules.d/60-vhost-pin.rules"
put "$host/usr/local/lib/udev/rules.d/60-vhost-pin.rules"
broken "a node that is root's alone, and the rule of make install" 'udevadm control --reload' '!chgrp'
put "$host/sys/class/misc/vhost-pin/dev" 10:257
broken 'a file in the place of the node' "LACKS node /dev/vhost-pin is not the module's, which is device 10:257" \
	'rm /dev/vhost-pin && mknod -m 600 /dev/vhost-pin c 10 257' 'udevadm trigger'
ln -sf /dev/null "$host/dev/vhost-pin"
broken 'a node of another number' "LACKS node /dev/vhost-pin is not the module's"
put "$host/sys/class/misc/vhost-pin/dev" 1:3
doctor 'the node of that number' 1 'ok node /dev/vhost-pin has mode 0666'
rm -r "$host/dev/vhost-pin" "$host/sys/class/misc"
broken 'no node' 'LACKS node there is no /dev/vhost-pin'
fake_qemu 7.2.22 vhost-user-blk-pci
broken 'an old QEMU' 'LACKS run qemu-test (7.2.22) has no vhost-vdpa-device-pci' "'vhost-pin serve' can" 'ok serve'
fake_qemu 9.0.0 vhost-vdpa-device-pci
put "$host/etc/os-release" 'VERSION_CODENAME=bookworm'
fake_qemu 7.2.22 vhost-user-blk-pci
broken 'an old QEMU of Debian 12' 'bookworm-backports main' 'apt install -t bookworm-backports qemu-system-'
fake_qemu 9.0.0 vhost-vdpa-device-pci
broken 'no vhost-user' 'LACKS serve' '--enable-vhost-user'
rm "$work/bin/qemu-test"
broken 'no QEMU' 'LACKS qemu there is no qemu-test' 'apt install qemu-system-x86'
if [ "$(id -u)" = 0 ] && command -v setpriv > /dev/null; then
	chmod -R a+rX "$work"
	put "$host/dev/vhost-pin"
	chmod 660 "$host/dev/vhost-pin"
	cp "$cli" "$work/bin/vhost-pin"
	cat > "$work/bin/as-nobody" <<-END
		#!/bin/sh
		exec setpriv --reuid=65534 --regid=65534 --clear-groups \
			prlimit --memlock=65536:8388608 "$work/bin/vhost-pin" "\$@"
	END
	chmod +x "$work/bin/as-nobody"
	cli=$work/bin/as-nobody
	put "$host/etc/passwd" 'alice:x:65534:65534::/:/bin/sh'
	broken 'the node is not mine' 'you may not open /dev/vhost-pin' ' usermod -aG kvm alice # and log in again' 'sudo -i'
	broken 'a low limit' 'LACKS memlock you may pin 8 MiB' LimitMEMLOCK \
		"echo 'alice - memlock unlimited' >>/etc/security/limits.d/vhost-pin.conf # and log in again"
	chmod 600 "$host/dev/vhost-pin"
	broken "the node is root's" 'udevadm trigger /dev/vhost-pin' 'usermod -aG kvm alice'
else
	result ok 'doctor: as another user # SKIP not root'
fi

plan
