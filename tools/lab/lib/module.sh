# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# vhost_pin.ko for the lab's kernel, built in a copy of the sources, so that
# the checkout stays clean and each kernel has objects of its own.

MODULE_SOURCES=(Kbuild Kconfig src include kunit bench)

# stage_sources DIR: copies what changed, by content, so that what did not
# change is not compiled again; objects beside the sources stay.
stage_sources() {
	local item list=()
	need rsync
	for item in "${MODULE_SOURCES[@]}"; do
		[[ ! -e $TOP/$item ]] || list+=("$TOP/$item")
	done
	mkdir -p "$1"
	rsync -rl --checksum --delete \
		--filter='P *.o' --filter='P .*' --filter='P *.ko' \
		--filter='P *.mod' --filter='P *.mod.c' \
		--include='*/' --include='*.[ch]' --include='Kbuild*' \
		--include='Kconfig*' --exclude='*' \
		"${list[@]}" "$1/"
}

# module_dir [--debug] [--up] [--kunit] [--bench]: where it is built
module_dir() {
	local option name=module
	for option; do name+=${option#-}; done
	printf '%s/build/lab/%s\n' "$TOP" "$name"
}

# module [--debug] [--up] [--kunit] [--bench]: the path of vhost_pin.ko, up to
# date
module() {
	local option kernel=() linked=()
	for option; do
		case $option in
		--debug | --up) kernel+=("$option") ;;
		--kunit | --bench) linked+=("$option") ;;
		*) die "lab module: no such option: $option" ;;
		esac
	done
	local image dir
	image=$(kernel "${kernel[@]}")
	dir=$(module_dir "$@")
	with_lock "module-$(sha256sum <<<"$dir" | cut -c1-10)" \
		module_build "$dir" "${image%/linux}" "${linked[@]}"
	with_lock "forget-$(sha256sum <<<"$dir" | cut -c1-10)" \
		module_build_forget "$dir" "${image%/linux}"
	printf '%s/vhost_pin.ko\n' "$dir"
}

module_build() {
	local dir=$1 object_dir=$2 log=$1/build.log option options=()
	for option in "${@:3}"; do
		option=${option#--}
		options+=("VPIN_${option^^}=y")
	done
	stage_sources "$dir"
	# Objects of another kernel are no use.
	if [[ $(cat "$dir/.kernel" 2>/dev/null) != "$object_dir" ]]; then
		find "$dir" \( -name '*.o' -o -name '*.cmd' -o -name '*.ko' \) -delete
		printf '%s\n' "$object_dir" >"$dir/.kernel"
	fi
	if ! kbuild "$object_dir" "$object_dir" -j"$(nproc)" M="$dir" W=1 \
		"${options[@]}" modules >"$log" 2>&1; then
		grep -E 'error|warning|Error|undefined' -A3 "$log" >&2 || cat "$log" >&2
		die "vhost_pin.ko did not build: the whole log is $log"
	fi
	grep -E 'warning' -A3 "$log" >&2 || true
}

# The disk that forgets, for tests; it lies beside vhost_pin.ko.
module_build_forget() {
	local dir=$1-forget object_dir=$2 log=$1-forget/build.log
	mkdir -p "$dir"
	rsync -rl --checksum "$LAB/forget/" "$dir/"
	if [[ $(cat "$dir/.kernel" 2>/dev/null) != "$object_dir" ]]; then
		find "$dir" \( -name '*.o' -o -name '*.cmd' -o -name '*.ko' \) -delete
		printf '%s\n' "$object_dir" >"$dir/.kernel"
	fi
	if ! kbuild "$object_dir" "$object_dir" M="$dir" W=1 modules >"$log" 2>&1; then
		cat "$log" >&2
		die "forget.ko did not build: the whole log is $log"
	fi
	grep -E 'warning' -A3 "$log" >&2 || true
	cmp -s "$dir/forget.ko" "$1/forget.ko" || cp "$dir/forget.ko" "$1/forget.ko"
}
