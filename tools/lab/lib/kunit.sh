# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# KUnit by the kernel's own kunit.py, in UML, on any kernel tree.

# kunit [VERSION | --src DIR] [--debug] [--filter GLOB]
kunit() {
	local tree='' name='' debug='' filter=''
	while (($#)); do
		case $1 in
		--src) tree=$(kunit_own_tree "$2"); shift ;;
		--debug) debug=--debug ;;
		--filter) filter=$2; shift ;;
		-*) die "lab kunit: no such option: $1" ;;
		*) tree=$(source_tree "$1") ;;
		esac
		shift
	done
	need_compiler
	tree=${tree:-$(source_tree)}
	name=${tree##*/}
	[[ ${tree%/*} == "$CACHE/src" ]] ||
		name+=-$(sha256sum <<<"$tree" | cut -c1-10)
	name+=${debug#-}
	with_lock "kunit-$name" kunit_run "$tree" "$CACHE/kunit/$name" "$debug" "$filter"
}

kunit_own_tree() {
	local tree
	tree=$(readlink -f "$1")
	[[ -e $tree/tools/testing/kunit/kunit.py ]] ||
		die "lab kunit: $1 is no kernel tree with kunit.py"
	[[ ! -e $tree/.config ]] ||
		die "$1 was built in place, which kernels do not mix with builds elsewhere" \
			"run: make -C $1 ARCH=um mrproper"
	printf '%s\n' "$tree"
}

kunit_run() {
	local tree=$1 base=$2 debug=$3 filter=$4 build=$2/build
	local common=("--build_dir=$build" --arch=um) config=() boot=() line
	kunit_link_tree "$tree" "$base/tree"
	stage_sources "$base/tree/drivers/vhost_pin"
	mkdir -p "$build"
	cd "$base/tree" || return

	while read -r line; do
		config+=("--kconfig_add=$line")
	done < <(kunit_config "$tree" "$debug")
	if kunit_has_smp "$tree"; then
		boot=(--kernel_args=ncpus=2 --kernel_args=seccomp=on)
	fi
	[[ -z $debug ]] || boot+=(--kernel_args=slab_debug=F)
	kunit_py config "${common[@]}" "${config[@]}" \
		--kunitconfig="$TOP/kunit/.kunitconfig" >&2
	kunit_build "$base/tree" "$build"
	local status=0
	kunit_py exec "${common[@]}" "${boot[@]}" ${filter:+"$filter"} || status=$?
	kunit_complaints "$build/test.log" || status=1
	return "$status"
}

kunit_py() { python3 ./tools/testing/kunit/kunit.py "$@" </dev/null; }

# What a version can have beyond what all of them have.
kunit_config() {
	if kunit_has_smp "$1"; then
		echo CONFIG_SMP=y
	fi
	# kunit.py may ask for PCI, which warns at boot unless it has a number.
	if grep -q UML_PCI_OVER_VIRTIO \
		"$1/tools/testing/kunit/configs/arch_uml.config"; then
		echo CONFIG_UML_PCI_OVER_VIRTIO_DEVICE_ID=1234
	fi
	if [[ $2 == --debug ]]; then
		kunit_debug_config "$1"
	fi
}

# kunit.py insists on each option that it is given; a version may lack a
# checker, so ask Kconfig first.
kunit_debug_config() {
	local probe line
	probe=$(mktemp -d "$CACHE/probe.XXXXXX")
	cat "$TOP/kunit/.kunitconfig" "$LAB/config/debug.config" >"$probe/.config"
	kbuild "$1" "$probe" -s olddefconfig >"$probe/log" 2>&1 ||
		die "the debug configuration failed: see $probe/log"
	while read -r line; do
		if [[ $line == \#* ]] || grep -qxF -- "$line" "$probe/.config"; then
			printf '%s\n' "$line"
		else
			say "this kernel has no ${line%=*}"
		fi
	done < <(grep -E '^(# )?CONFIG_' "$LAB/config/debug.config")
	rm -rf "$probe"
}

kunit_has_smp() { grep -q '^config SMP' "$1/arch/um/Kconfig"; }

# A tree of links to the kernel's, with our sources as one driver more: the
# kernel's own tree is never written to.  kunit.py is copied, since it looks
# for the kernel around its real path.
kunit_link_tree() {
	local from=$1 to=$2
	kunit_link "$from" "$to" drivers tools .git
	kunit_link "$from/tools" "$to/tools" testing
	kunit_link "$from/tools/testing" "$to/tools/testing" kunit
	rsync -r --delete "$from/tools/testing/kunit" "$to/tools/testing/"
	kunit_link "$from/drivers" "$to/drivers" Makefile Kconfig
	{
		cat "$from/drivers/Makefile"
		# shellcheck disable=SC2016 # for make to expand
		echo 'obj-$(CONFIG_VHOST_PIN) += vhost_pin/'
	} | kunit_update "$to/drivers/Makefile"
	{
		cat "$from/drivers/Kconfig"
		echo 'source "drivers/vhost_pin/Kconfig"'
	} | kunit_update "$to/drivers/Kconfig"
}

# kunit_link FROM TO EXCEPT...: one directory's entries
kunit_link() {
	local from=$1 to=$2 name except=()
	shift 2
	for name; do except+=(! -name "$name"); done
	mkdir -p "$to"
	find "$from" -mindepth 1 -maxdepth 1 "${except[@]}" \
		-exec ln -sfnt "$to" {} +
}

# Writes stdin to a file unless it holds that already: make looks at times.
kunit_update() {
	cat >"$1.new"
	if cmp -s "$1.new" "$1"; then rm "$1.new"; else mv "$1.new" "$1"; fi
}

kunit_build() {
	local tree=$1 build=$2 log=$2.log minutes=4
	[[ $build != *-debug/* ]] || minutes=10
	[[ -e $build/linux ]] ||
		say "building a KUnit kernel in $build: once, about $minutes minutes on 2 cores"
	if ! kbuild "$tree" "$build" -j"$(nproc)" all 2>&1 | tee "$log" |
		progress "KUnit kernel" 1250; then
		grep -E 'error|Error|undefined' -A 5 "$log" >&2 || tail "$log" >&2
		die "the KUnit kernel did not build: the whole log is $log"
	fi
	grep -E '^[^ ]*vhost_pin/.*warning:' -A 5 "$log" >&2 || true
}

# A suite may pass and the kernel complain all the same.
kunit_complaints() {
	grep -qE "$RUN_REPORTS" "$1" || return 0
	say "the kernel complained; the whole log is $1"
	run_excerpt "$1" >&2
	return 1
}
