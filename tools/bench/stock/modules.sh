# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the bench needs and Debian's 6.12 kernel does not bring.  It has null_blk,
# vdpa and vhost_vdpa, but
#
#	# CONFIG_VDPA_SIM is not set
#
# and so no vringh either.  These are built from the sources of that kernel,
# against Debian's headers, beside a vhost-pin that has its benches.

PEERS=(drivers/vhost/vringh.c drivers/vdpa/vdpa_sim/vdpa_sim.h
	drivers/vdpa/vdpa_sim/vdpa_sim.c drivers/vdpa/vdpa_sim/vdpa_sim_blk.c)

# bench_modules ROOT KERNEL_RELEASE: the directory with vhost-pin/vhost_pin.ko
# and peers/*.ko, built in that Debian, up to date
bench_modules() {
	local dir=$TOP/build/lab/bench-$2
	with_lock "module-$(sha256sum <<<"$dir" | cut -c1-10)" \
		bench_modules_build "$dir" "$@"
	printf '%s\n' "$dir"
}

bench_modules_build() {
	local dir=$1 root=$2 release=$3 log=$1/build.log sources
	sources=$(source_tree "$KERNEL")
	mkdir -p "$dir/peers"
	stage_sources "$dir/vhost-pin"
	(cd "$sources" && cp -p "${PEERS[@]}" "$dir/peers/")
	echo 'obj-m := vringh.o vdpa_sim.o vdpa_sim_blk.o' >"$dir/peers/Kbuild"
	echo 'obj-m := vhost-pin/ peers/' >"$dir/Kbuild"
	say "building vhost-pin, vringh and vdpa_sim_blk for Debian's $release"
	if ! enter "$root" --bind "$dir" /mnt \
		make -C "/lib/modules/$release/build" M=/mnt -j"$(nproc)" \
		VPIN_BENCH=y modules >"$log" 2>&1; then
		tail -n 30 "$log" >&2
		die "the modules did not build: the whole log is $log"
	fi
}
