#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# make pictures: what the mannequin and the fit look like, into demo/pictures.
# Sheets of the mannequin (12 poses of three shapes from four sides; the shapes
# larger), and six frames of video with the bodies over them, tracked, from the side and from
# above: of demo/vtest.avi, three of them of the one-by-one video where $ROOM or
# $HMR_SHARED has it. $HMR_BIN holds the programs and bench/sheet.
set -u
cd "${0%/*}/.." || exit 1
PATH=${HMR_BIN:?}:$PATH
out=demo/pictures
street=${HMR_VTEST:-demo/vtest.avi}
room=${ROOM:-${HMR_SHARED:-../shared}/data/video/one-by-one-person-detection.mp4}
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM HUP

stop() {
	echo "pictures: $*" >&2
	exit 1
}

sheet() {	# NAME ARGUMENT...: demo/pictures/NAME.png
	name=$1
	shift
	"$HMR_BIN/bench/sheet" "$@" >"$tmp/sheet.ppm" || stop "no $name"
	hmr-decode -q "$tmp/sheet.ppm" |
	    hmr-export -q -f png --frames 0 -o "$out/$name.png" || stop "no $name"
}

frame() {	# NAME VIDEO SECOND: demo/pictures/NAME.png, with the tenth frame from there
	hmr-decode -q --start "$3" --frames 12 "$2" | hmr-detect -q |
	    hmr-mesh -q --keep-image | hmr-assoc -q --stream |
	    hmr-render -q --view grid --mesh |
	    hmr-export -q -f png -o "$tmp/png" || stop "no $1"
	name=$1
	set -- "$tmp"/png/*.png
	[ $# -ge 10 ] || stop "no $name: the video ends before"
	shift 9
	mv "$1" "$out/$name.png" || stop "no $name"
	rm -rf "$tmp/png"
}

[ -f "$street" ] || stop "no $street: make demo or make video fetches it"
mkdir -p "$out" || exit 1
for shape in mean heavy slim; do
	sheet "poses-$shape" poses "$shape"
done
sheet shapes shapes
frame street-1 "$street" 10
frame street-2 "$street" 38
frame street-3 "$street" 70
if [ -f "$room" ]; then
	frame room-1 "$room" 11
	frame room-2 "$room" 67.6
	frame room-3 "$room" 133.6
	rm -f "$out/street-4.png" "$out/street-5.png" "$out/street-6.png"
else
	frame street-4 "$street" 3
	frame street-5 "$street" 25
	frame street-6 "$street" 55
	rm -f "$out"/room-?.png
fi
echo "$out:"
for f in "$out"/*.png; do
	echo "  ${f##*/}"
done
