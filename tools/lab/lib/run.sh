# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Boots the lab and runs a command in it.

RUN_STATUS_REPORT=99	# the command went well, the kernel log did not
RUN_STATUS_TIMEOUT=124
RUN_STATUS_DIED=125

# What in a kernel log means that something is wrong.
RUN_REPORTS='BUG:|WARNING:|Oops|Kernel panic|UBSAN:|ODEBUG:|LAB:'
RUN_REPORTS+='|INFO: (possible|inconsistent|suspicious|trying|task )'
RUN_REPORTS+='|detected stall|workqueue lockup|new suspected memory leak'
RUN_REPORTS+='|refcount_t:|corruption|Bad page|DEBUG_LOCKS_WARN|leaked'

# run [OPTIONS] [--] COMMAND [ARGS]
run() {
	local debug=() kernel=() kinds=() cpus=2 mem=2G limit=600 module=1
	local interactive=${LAB_INTERACTIVE-} shares=() disks=()
	while (($#)); do
		case $1 in
		--debug) debug=("$1") kernel+=("$1") kinds+=("$1") ;;
		--up) kernel+=("$1") kinds+=("$1") ;;
		--kunit | --bench) kinds+=("$1") ;;
		--no-module) module= ;;
		--cpus) cpus=$2; shift ;;
		--mem) mem=$2; shift ;;
		--timeout) limit=$2; shift ;;
		--share) shares+=("$2"); shift ;;
		--disk) disks+=("$2"); shift ;;
		--) shift; break ;;
		-*) die "lab run: no such option: $1" ;;
		*) break ;;
		esac
		shift
	done
	(($#)) || die "lab run: run what?  See lab --help"

	local image tree built
	image=$(kernel "${kernel[@]}")
	tree=$(root)
	[[ -z $module ]] || module "${kinds[@]}" >/dev/null
	built=$(module_dir "${kinds[@]}")
	mkdir -p "$built" "$TOP/build/lab/out" "$TOP/build/bin"
	SECONDS=0
	work=$(mktemp -d "$TOP/build/lab/run.XXXXXX")
	trap 'run_cleanup "$work"' EXIT
	trap 'exit 130' INT TERM HUP
	printf '%s\0' "$@" >"$work/command"
	run_shares "$built" >"$work/shares"
	[[ -z $interactive ]] || touch "$work/interactive"

	run_boot || true
	run_verdict
}

# "MODE NAME=DIR" a line, for the guest's first program
run_shares() {
	local share dir
	printf '%s\n' "ro module=$1" "ro bin=$TOP/build/bin" \
		"rw out=$TOP/build/lab/out"
	for share in "${shares[@]}"; do
		[[ $share == ?*=?* ]] || die "lab run: --share NAME=DIR, not '$share'"
		dir=$(readlink -f "${share#*=}")
		[[ -d $dir ]] || die "lab run: no such directory: ${share#*=}"
		printf 'rw %s=%s\n' "${share%%=*}" "$dir"
	done
}

# The command's output is console 0: our stdout.  The kernel's is console 1:
# its log.  Consoles are ttys to the guest whatever they are here.
run_boot() {
	local args disk number=0 memory output_pid status=0
	memory=$(run_memory_dir)
	ulimit -c 0
	# shellcheck disable=SC2054 # the commas are the kernel's
	args=(
		"mem=$mem" "ncpus=$cpus" seccomp=on
		rootfstype=hostfs "rootflags=$tree" ro init=/usr/sbin/lab-init
		con=null con0=fd:0,fd:1 con1=null,fd:3 console=tty1
		"uml_dir=$work" umid=uml "TERM=${TERM:-dumb}" mconsole=none
		ignore_loglevel rcupdate.rcu_cpu_stall_timeout=60
		"lab_src=$TOP" "lab_run=$work" "lab_timeout=$limit"
	)
	# SLUB's per-CPU arrays keep pointers to what they handed out, which
	# hides leaks from kmemleak; caches with a debug flag have none.
	((!${#debug[@]})) || args+=(slab_debug=F)
	for disk in "${disks[@]}"; do
		[[ -r $disk ]] || die "lab run: cannot read the disk $disk"
		args+=("ubd$((number++))=$(readlink -f "$disk")")
	done
	exec 3>>"$work/kernel.log"
	export TMPDIR=$memory
	if [[ $interactive ]]; then
		"$image" "${args[@]}" 2>&3
	else
		# UML makes its files non-blocking: cat keeps that from ours.
		exec 4> >(cat)
		output_pid=$!
		timeout --signal=KILL "$limit" "$image" "${args[@]}" \
			</dev/null >&4 2>&3 4>&- &
		exec 4>&-
		wait "$!" 2>/dev/null || status=$?
		wait "$output_pid" || true
	fi
	exec 3>&-
	return "$status"
}

# The guest's memory is a sparse file with its programs in it: a tmpfs keeps
# it from the disk, if it is large enough and not noexec.
run_memory_dir() {
	local room
	room=$(df --output=avail -B1 /dev/shm 2>/dev/null | tail -n 1) || room=0
	if ((room > $(numfmt --from=iec "$mem"))) && [[ -w /dev/shm ]] &&
		! findmnt -no OPTIONS -T /dev/shm | grep -qw noexec; then
		printf '/dev/shm\n'
	else
		say "/dev/shm will not do for $mem: the guest's memory is in ${TMPDIR:-/tmp}"
		printf '%s\n' "${TMPDIR:-/tmp}"
	fi
}

run_verdict() {
	local status log=$work/kernel.log kept=$TOP/build/lab/kernel.log
	status=$(cat "$work/status" 2>/dev/null) || status=
	cp "$log" "$kept.$$" && mv "$kept.$$" "$kept"
	if grep -qE "$RUN_REPORTS" "$log"; then
		say "the kernel complained:"
		run_excerpt "$log" >&2
		[[ $status != 0 ]] || status=$RUN_STATUS_REPORT
	fi
	if [[ -z $status ]]; then
		status=$RUN_STATUS_DIED
		if ((SECONDS >= limit)) && [[ -z $interactive ]]; then
			status=$RUN_STATUS_TIMEOUT
			say "stopped after $limit s; --timeout gives it longer"
		else
			tail -n 15 "$log" >&2
			say "the lab's kernel ended before the command did"
		fi
	fi
	((status == 0)) || say "exit status $status; the kernel's log: $kept"
	exit "$status"
}

# The reports with what follows them.
run_excerpt() { grep -E -A 25 "$RUN_REPORTS" "$1" | head -n 200; }

run_cleanup() {
	local pid
	# UML notes its process id; it leads a session of its own.
	if pid=$(cat "$1/uml/pid" 2>/dev/null); then
		kill -KILL "$pid" 2>/dev/null || true
	fi
	rm -rf "$1"
}

# shell [--debug]: a prompt inside
shell() {
	[[ -t 0 && -t 1 ]] || die "lab shell: this needs a terminal"
	say "starting a shell in the lab: /lab/module/vhost_pin.ko, /lab/bin, /lab/out"
	LAB_INTERACTIVE=1 run "$@" -- bash --rcfile /lab/src/tools/lab/bashrc -i
}
