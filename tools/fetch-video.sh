#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# make video: puts vtest.avi, 795 frames of people in a street, into demo/. It
# comes out of Debian's package opencv-doc, downloaded and unpacked without root
# and without installing it. Its checksum is pinned; a whole copy is left alone.
set -u
dir=$(cd "${0%/*}/.." && pwd)/demo
video=$dir/vtest.avi
sum=45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf
log=

whole() { [ -f "$1" ] && echo "$sum  $1" | sha256sum -c --status 2>/dev/null; }
stop() {
	[ -z "$log" ] || tail -n 3 "$log" >&2
	echo "fetch-video: $*" >&2
	exit 1
}

whole "$video" && exit 0
mkdir -p "$dir" || exit 1
tmp=$(mktemp -d "$dir/fetch.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM HUP
log=$tmp/log
chmod 755 "$tmp"

download() { (cd "$tmp" && apt-get download opencv-doc) >"$log" 2>&1; }
command -v apt-get >/dev/null 2>&1 ||
    stop "no apt-get here; put OpenCV's vtest.avi at $video"
echo "fetching vtest.avi from Debian's package opencv-doc (96 MB, once)"
try=1
until download; do
	[ $try -lt 3 ] || stop "apt-get could not download opencv-doc: no network?"
	# package lists may be absent or older than the archive
	[ "$(id -u)" -ne 0 ] || apt-get update >>"$log" 2>&1
	sleep $try
	try=$((try + 1))
done
dpkg -x "$tmp"/opencv-doc_*.deb "$tmp/x" >"$log" 2>&1 || stop "opencv-doc is damaged"
found=$(find "$tmp/x" -name vtest.avi -type f | head -n 1)
[ -n "$found" ] || stop "opencv-doc holds no vtest.avi any more"
whole "$found" || stop "vtest.avi is not the one that was expected (SHA-256)"
mv "$found" "$video"
