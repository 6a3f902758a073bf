# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# The front-end on rust-vmm's crate, built where the benches' Rust is.

# shellcheck source=/dev/null
. "$TOP/tools/bench/user/root.sh"

# frontend_build OUT: the program, in that directory
frontend_build() {
	local root out=$1 log=$1/cargo.log
	root=$(bench_root)
	mkdir -p "$out"
	rm -rf "$out/source"
	cp -r "$TOP/tools/check/clients/frontend" "$out/source"
	say "building the front-end on rust-vmm's vhost crate"
	# shellcheck disable=SC2016 # expanded inside
	if ! enter "$root" --bind "$out" "$out" bash -euc '
		cd "$1/source"
		CARGO_HOME=$1/cargo-home CARGO_TARGET_DIR=$1/target \
			cargo build --release --offline --quiet \
			--config "source.crates-io.replace-with=\"debian\"" \
			--config "source.debian.directory=\"/usr/share/cargo/registry\""
		' cargo "$out" >"$log" 2>&1; then
		tail -n 40 "$log" >&2
		die "the front-end could not be built: the whole log is $log"
	fi
	mv "$out/target/release/frontend" "$out/frontend"
}
