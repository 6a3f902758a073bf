# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# A host that is a directory: what the module, /proc and /boot would say.  For
# VHOST_PIN_ROOT=DIR vhost-pin ...

COUNTERS="reads writes flushes discards write_zeroes get_ids others read_bytes written_bytes
	discarded_bytes zeroed_bytes errors_io errors_unsupported errors_malformed kicks
	signals signals_suppressed turns polls poll_hits bounced blocked"

# put FILE TEXT...: a file with one line
put()
{
	mkdir -p "${1%/*}"
	printf '%s\n' "${*:2}" > "$1"
}

# fake_disk DIR N OWNER BACKEND: a disk with two queues, of which one runs
fake_disk()
{
	local sys=$1/sys/class/vhost-pin/vpin$2 queue counter
	put "$sys/backend" "$4"
	put "$sys/backend_type" block
	put "$sys/type" blk
	put "$sys/capacity" 10737418240
	put "$sys/logical_block_size" 512
	put "$sys/physical_block_size" 4096
	put "$sys/access" rw
	put "$sys/cache" write-back
	put "$sys/buffered" 0
	put "$sys/polled" 0
	put "$sys/serial" ""
	put "$sys/state" running
	put "$sys/owner" "$3"
	put "$sys/status" 0x0f
	put "$sys/features" 0x130006e44
	put "$sys/nr_queues" 2
	put "$sys/workers" "$(($3 + 1)) $(($3 + 2))"
	put "$sys/pinned" 4294967296
	put "$sys/repins" 3
	put "$sys/log" 0
	put "$sys/latency" 0
	for queue in 0 1; do
		for counter in $COUNTERS; do
			put "$sys/queues/$queue/$counter" 0
		done
		put "$sys/queues/$queue/inflight" 0
		put "$sys/queues/$queue/size" 256
		put "$sys/queues/$queue/state" disabled
		put "$sys/queues/$queue/latency" "$(printf '0 %.0s' {1..40})"
	done
	put "$sys/queues/0/state" running
}

# fake_process DIR PID NAME ARGUMENT...: with two threads, PID + 1 and PID + 2
fake_process()
{
	local proc=$1/proc/$2 thread
	put "$proc/comm" "$3"
	printf '%s\0' "${@:4}" > "$proc/cmdline"
	for thread in 1 2; do
		fake_ticks "$1" "$2" "$thread" 0 0
	done
}

# fake_ticks DIR PID THREAD USER SYSTEM: its processor time, in ticks
fake_ticks()
{
	put "$1/proc/$2/task/$(($2 + $3))/stat" \
		"$(($2 + $3)) (vpin-0 (odd) $3) S 1 1 1 0 -1 4194304 1 0 0 0 $4 $5 0 0 20 0 1 0 1 1 1"
}

# fake_server SOCKET LINE...: a control socket that answers 'list' with these lines, and
# 'resize' with what it was asked for; its process is in $!
fake_server()
{
	python3 - "$@" <<-'END' &
		import socket, sys
		server = socket.socket(socket.AF_UNIX)
		server.bind(sys.argv[1])
		server.listen(8)
		while True:
		    one, _ = server.accept()
		    line = one.makefile().readline()
		    if line == "list\n":
		        one.sendall("".join(l + "\n" for l in ["ok"] + sys.argv[2:]).encode())
		    elif line.startswith("resize /"):
		        one.sendall(b"ok 4096\n")
		    else:
		        one.sendall(b"error '%s' is not a request\n" % line.strip().encode())
		    one.close()
	END
}
