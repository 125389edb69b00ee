#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# make deps: installs the Debian packages of tools/deps.txt that are missing.
# As root it does so; otherwise it prints the one line to run and stops with 1.
# Where nothing is missing it does nothing and says nothing. On a system without
# dpkg it names the packages once and leaves the rest to the compiler.
set -u
list=${0%/*}/deps.txt

if ! command -v dpkg-query >/dev/null 2>&1; then
	echo "deps: no dpkg here; see $list for what is needed" >&2
	exit 0
fi

missing=
while read -r name _; do
	case $name in
	'' | '#'*) continue ;;
	npm) command -v npm >/dev/null 2>&1 && continue ;;	# from anywhere
	esac
	state=$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)
	[ "$state" = installed ] || missing="$missing $name"
done <"$list"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
	echo "deps: packages are missing; run this once:" >&2
	echo "  sudo apt-get install -y --no-install-recommends$missing" >&2
	exit 1
fi

echo "deps: installing$missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
# $missing is a list of words. The package lists may be absent or old: then a
# second try after an update.
# shellcheck disable=SC2086
install() {
	apt-get install -y --no-install-recommends $missing
}
if ! install >"$log" 2>&1; then
	if ! { apt-get update && install; } >"$log" 2>&1; then
		tail -n 15 "$log" >&2
		echo "deps: apt-get could not install$missing" >&2
		exit 1
	fi
fi
