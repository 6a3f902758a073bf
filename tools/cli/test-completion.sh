#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Tests of the completion in bash.  Prints TAP.
# Usage: test-completion.sh [PATH-OF-vhost-pin]
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cli=$(realpath "${1:-$here/../../build/bin/vhost-pin}")
library=/usr/share/bash-completion/bash_completion
[ -x "$cli" ] || { echo "Bail out! no $cli: run 'make tools' first"; exit 1; }
[ -e "$library" ] || { echo "Bail out! no $library: apt install bash-completion"; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/images"
ln -s "$cli" "$work/bin/vhost-pin"
touch "$work/images/web.img"
PATH=$work/bin:$PATH
cd "$work" || exit 1

# shellcheck source=/dev/null
. "$here/fakehost.sh"
fake_disk "$work/root" 0 100 /dev/dm-0
fake_disk "$work/root" 1 200 /dev/dm-1
# What an owner calls his disk is no word of the shell's.
fake_disk "$work/root" 2 200 /dev/dm-2
fake_disk "$work/root" 3 200 /dev/dm-3
put "$work/root/sys/class/vhost-pin/vpin0/serial" web1
put "$work/root/sys/class/vhost-pin/vpin1/serial" data
# shellcheck disable=SC2016 # the completion must not expand it
put "$work/root/sys/class/vhost-pin/vpin2/serial" '$(>ran)'
put "$work/root/sys/class/vhost-pin/vpin3/serial" "it's a *"
fake_process "$work/root" 100 qemu qemu
export VHOST_PIN_ROOT=$work/root

# shellcheck source=/dev/null
. "$library"
# shellcheck source=/dev/null
. "$here/vhost-pin.bash-completion"
compopt() { :; }	# there is no line that is being edited

# shellcheck source=/dev/null
. "$here/tap.sh"

# completes LINE WORD...: these are what comes of it, and no others; "..." for any more
completes()
{
	local line=$1 ok=ok more="" got word
	shift
	COMP_LINE=$line
	COMP_POINT=${#line}
	# As readline parts a line: a '=' is a word.
	read -ra COMP_WORDS <<< "${line//=/ = }"
	[[ $line != *[\ =] ]] || COMP_WORDS+=("")
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	COMPREPLY=()
	_vhost_pin vhost-pin "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
	got=$(printf '%s\n' "${COMPREPLY[@]}" | sed '/^$/d' | sort)
	if [[ ${*: -1} == ... ]]; then
		more=1
		set -- "${@:1:$#-1}"
	fi
	for word; do
		grep -qxF -- "$word" <<< "$got" || { echo "# missing: $word"; ok='not ok'; }
	done
	[[ $more || $(sed '/^$/d' <<< "$got" | wc -l) == "$#" ]] || ok='not ok'
	[ "$ok" = ok ] || echo "# ${got//$'\n'/$'\n'# }"
	result "$ok" "$line"
}

completes 'vhost-pin ' run exec serve list show top resize doctor metrics help --help --version
completes 'vhost-pin s' serve show
completes 'vhost-pin --v' --version
completes 'vhost-pin show ' data web1 '\$\(\>ran\)' "it\\'s\\ a\\ \\*"
completes 'vhost-pin show it' "it\\'s\\ a\\ \\*"
completes 'vhost-pin show w' web1
completes 'vhost-pin resize --control /x d' data
completes 'vhost-pin show --' --json --help
completes 'vhost-pin top --' --batch --iterations --delay --sort --help
completes 'vhost-pin top --sort ' P Q B L M N
completes 'vhost-pin top -n '
completes 'vhost-pin help m' metrics
completes 'vhost-pin list '
completes 'vhost-pin fly '
completes 'vhost-pin serve --' --disk --config --control --node --help
completes 'vhost-pin serve --disk images/w' images/web.img
completes 'vhost-pin serve --disk images/web.img,q' images/web.img,queues= images/web.img,queue-size=
completes 'vhost-pin serve --disk images/web.img,ro,bu' images/web.img,ro,buffered images/web.img,ro,busyloop=
completes 'vhost-pin serve --disk images/web.img,queues=2,ser' 2,serial=
completes 'vhost-pin serve --disk images/web.img,queues=2,discard=' on off
completes 'vhost-pin serve --disk images/web.img,queues='
completes 'vhost-pin serve --disk images/web.img,socket=ima' images
completes 'vhost-pin serve --config images/w' images/web.img
completes 'vhost-pin metrics --output images/w' images/web.img
completes 'vhost-pin run --' --disk --node --dry-run --help
completes 'vhost-pin run --disk images/web.img -- vhost-pi' vhost-pin ...
completes 'vhost-pin run --disk images/web.img vhost-pi' vhost-pin ...
completes 'vhost-pin run --disk images/web.img -- vhost-pin show w' web1
result "$([ ! -e "$work/ran" ] && echo ok || echo 'not ok')" "a disk's name is not run"
plan
