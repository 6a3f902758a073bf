# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Packages of any Debian release, from the mirrors that this machine is
# configured for, in an apt state of our own: works without root.

APT_DIR=$CACHE/apt
APT_SOURCES=$APT_DIR/sources.list
APT_OPTIONS=(
	-o "Dir::Etc::sourcelist=$APT_SOURCES"
	-o Dir::Etc::sourceparts=/dev/null
	-o Dir::Etc::preferencesparts=/dev/null
	-o "Dir::State::Lists=$APT_DIR/lists"
	-o "Dir::Cache=$APT_DIR/cache"
	-o APT::Sandbox::User=root
)
APT_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# The mirrors: lines of "LABEL URI" of Debian's own repositories.
apt_mirrors() {
	# shellcheck disable=SC2016 # for apt to expand
	apt-get indextargets "$@" --format '$(LABEL) $(REPO_URI)' \
		'Created-By: Packages' 'Origin: Debian' 'Component: main' | sort -u
}

# apt knows the mirrors only once it has their lists; a fresh machine may
# have none, so we fetch them to a place of ours.
apt_machine_mirrors() {
	local mirrors lists=$APT_DIR/machine-lists
	mirrors=$(apt_mirrors)
	if [[ -z $mirrors ]]; then
		mkdir -p "$lists/partial"
		apt-get -qq -o "Dir::State::Lists=$lists" \
			-o APT::Sandbox::User=root update >&2 ||
			say "apt-get update had errors; going on"
		mirrors=$(apt_mirrors -o "Dir::State::Lists=$lists")
	fi
	[[ -n $mirrors ]] ||
		die "this machine's apt configuration names no Debian mirror:" \
			"add one to /etc/apt/sources.list and run apt-get update"
	printf '%s\n' "$mirrors"
}

# apt_sources_of RELEASE: sources.list lines on stdout
apt_sources_of() {
	local mirrors=$2 main security by="[signed-by=$APT_KEYRING]"
	main=$(awk '$1 == "Debian" { print $2; exit }' <<<"$mirrors")
	security=$(awk '$1 == "Debian-Security" { print $2; exit }' <<<"$mirrors")
	[[ -n $main ]] || die "no main Debian mirror among: $mirrors"
	printf 'deb %s %s %s main\n' "$by" "$main" "$1" \
		"$by" "$main" "$1-updates" "$by" "$main" "$1-backports"
	if [[ -n $security ]]; then
		printf 'deb %s %s %s main\n' "$by" "$security" "$1-security"
	fi
}

# Makes the private apt state, and refreshes lists older than a day.
apt_ready() {
	need apt-get=apt
	[[ -e $APT_KEYRING ]] || need debian-archive-keyring
	with_lock apt apt_refresh
}

apt_refresh() {
	local mirrors release sources=
	mkdir -p "$APT_DIR/lists/partial" "$APT_DIR/cache/archives/partial"
	mirrors=$(apt_machine_mirrors)
	for release in bookworm trixie; do
		sources+=$(apt_sources_of "$release" "$mirrors")$'\n'
	done
	if [[ $sources != "$(cat "$APT_SOURCES" 2>/dev/null)"$'\n' ]]; then
		printf '%s' "$sources" >"$APT_SOURCES"
		rm -f "$APT_DIR/fresh"
	fi
	if [[ -z $(find "$APT_DIR/fresh" -mtime -1 2>/dev/null) ]]; then
		say "fetching package lists of bookworm and trixie"
		apt-get -qq "${APT_OPTIONS[@]}" update >&2 ||
			die "apt-get update failed; is the mirror reachable?"
		touch "$APT_DIR/fresh"
	fi
}

# apt_newest PACKAGE: the newest version offered, or nothing
apt_newest() {
	apt-cache "${APT_OPTIONS[@]}" madison "$1" | awk '{ print $3 }' |
		sort -V | tail -n 1
}

# apt_fetch PACKAGE[=VERSION] DIR: downloads the .deb there, prints its path
apt_fetch() {
	local -a found
	say "downloading $1"
	(cd "$2" && apt-get -qq "${APT_OPTIONS[@]}" download "$1" >&2) ||
		die "could not download $1 from the machine's Debian mirror"
	found=("$2"/*.deb)
	printf '%s\n' "${found[0]}"
}
