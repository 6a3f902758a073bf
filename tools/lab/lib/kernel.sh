# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# The UML kernels of the lab: built once for each version, configuration and
# compiler.

# kernel_config [--debug] [--up]: the fragments, in order
kernel_config() {
	local option
	printf '%s\n' "$LAB/config/lab.config"
	for option; do
		case $option in
		--debug | --up) printf '%s\n' "$LAB/config/${option#--}.config" ;;
		*) die "lab kernel: no such option: $option" ;;
		esac
	done
}

# kernel_dir [--debug] [--up]: the object directory, whether it exists yet
# or not
kernel_dir() {
	local option kinds='' tree key fragments
	for option; do kinds+=${option#-}; done
	mapfile -t fragments < <(kernel_config "$@")
	tree=$(source_tree)
	key=$({
		cat "${fragments[@]}" "$tree/.lab-patches"
		gcc -dumpfullversion
	} | sha256sum)
	printf '%s/uml/%s%s-%s\n' "$CACHE" "${tree##*/}" "$kinds" "${key:0:10}"
}

# kernel [--debug] [--up]: the path of the kernel, built if need be
kernel() {
	local dir
	need_compiler
	dir=$(kernel_dir "$@")
	[[ -e $dir/complete ]] || with_lock "${dir##*/}" kernel_build "$dir" "$@"
	printf '%s/linux\n' "$dir"
}

kernel_build() {
	local dir=$1 tree steps=2260 minutes=6 fragments
	shift
	[[ -e $dir/complete ]] && return
	[[ ${1-} != --debug ]] || { steps=2330 minutes=14; }
	tree=$(source_tree)
	mapfile -t fragments < <(kernel_config "$@")
	say "building the UML kernel ${dir##*/}: once, about $minutes minutes on 2 cores"
	mkdir -p "$dir"
	cat "${fragments[@]}" >"$dir/.config"
	kbuild "$tree" "$dir" olddefconfig >"$dir/build.log" 2>&1 ||
		die "the configuration failed: see $dir/build.log"
	kernel_check_config "$dir" "${fragments[@]}"
	if ! kbuild "$tree" "$dir" -j"$(nproc)" all 2>&1 |
		tee -a "$dir/build.log" | progress "kernel" "$steps"; then
		tail -n 20 "$dir/build.log" >&2
		die "the kernel did not build: see $dir/build.log"
	fi
	touch "$dir/complete"
}

# kbuild TREE DIR ARGS...: the caller may be a make of its own, whose flags
# are not for the kernel's.
kbuild() {
	local tree=$1 dir=$2
	shift 2
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u MAKEOVERRIDES \
		nice make -C "$tree" ARCH=um O="$dir" "$@" </dev/null
}

# Kconfig drops silently what it cannot have; the lab relies on each line.
kernel_check_config() {
	local dir=$1 line lost=()
	shift
	# A later fragment overrides an earlier one.
	while read -r line; do
		grep -qxF -- "$line" "$dir/.config" || lost+=("$line")
	done < <(cat "$@" | awk '
		/^# CONFIG_.* is not set/ { delete want[$2] }
		/^CONFIG_/ { split($0, f, "="); want[f[1]] = $0 }
		END { for (k in want) print want[k] }')
	((!${#lost[@]})) ||
		die "this kernel cannot have: ${lost[*]}" "see $LAB/config/"
}
