# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the tests of the CLI print, as TAP, and how they look at a command's output.

count=0 failed=0
result() # OK-OR-NOT-OK, NAME
{
	count=$((count + 1))
	echo "$1 $count $2"
	[ "$1" = ok ] || failed=$((failed + 1))
}

# The end: how many there were, and whether all went well.
plan()
{
	echo "1..$count"
	[ "$failed" = 0 ]
}

# Runs a command and wants an exit status, each given TEXT in its output, and no !TEXT.
# It has no input unless it is given in $input; what it says goes through filter.
input=
filter() { cat; }
wants() # NAME, STATUS, TEXT... -- COMMAND...
{
	local name=$1 status=$2 got=0 output text ok=ok
	local -a texts=()
	shift 2
	while [ "$1" != -- ]; do texts+=("$1"); shift; done
	shift
	output=$("$@" 2>&1 <<< "$input") || got=$?
	output=$(filter <<< "$output")
	[ "$got" = "$status" ] || { echo "# exit status $got, wanted $status"; ok='not ok'; }
	for text in "${texts[@]}"; do
		case $text in
		!*) [[ $output != *"${text#!}"* ]] || { echo "# there is: ${text#!}"; ok='not ok'; } ;;
		*) [[ $output == *"$text"* ]] || { echo "# missing: $text"; ok='not ok'; } ;;
		esac
	done
	[ "$ok" = ok ] || echo "# ${output//$'\n'/$'\n'# }"
	result "$ok" "$name"
}

# The same of the CLI, $cli.
wants_of_cli() # NAME, STATUS, TEXT... -- ARGS...
{
	local -a before=()
	while [ "$1" != -- ]; do before+=("$1"); shift; done
	shift
	# shellcheck disable=SC2154 # who sources this has it
	wants "${before[@]}" -- "$cli" "$@"
}
