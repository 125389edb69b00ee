#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Closed loop: the mannequin in natural poses, each from several sides, is drawn over
# real backgrounds, found by hmr-detect, recovered by hmr-mesh, and compared with the
# pose it was drawn in.
#
#	bench/loop.sh [POSES [DIRECTIONS [SEED]]]	12 8 1; in full: 100 8 1
#
# Backgrounds: the empty street of vtest.avi (median over time), and five frames
# without people of the one-by-one video where $ROOM or $HMR_SHARED has it. KEEP=DIR
# keeps truth.hmr, bodies.hmr and the pictures; MODEL=blazepose-full takes another
# network, PRECISION=bf16 other numbers. MOVING=TALL bench/loop.sh POSES FRAMES SEED: one
# person in the street, TALL of the picture's height, moves from pose to pose, FRAMES
# frames at 10 a second each; what hmr-assoc makes of it with --smooth off, light and
# strong.
set -eu
cd "${0%/*}/.."
root=$PWD
bin=$(cd "${HMR_BIN:-build/cpu}" && pwd)
PATH=$bin:$PATH
video=${HMR_VTEST:-$root/demo/vtest.avi}
room=${ROOM:-${HMR_SHARED:-$root/../shared}/data/video/one-by-one-person-detection.mp4}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

libs=
for part in render body nn cuda import image stream base; do
	libs="$libs $bin/lib/libhmr-$part.a"
done
# shellcheck disable=SC2046,SC2086
${CC:-cc} -std=c11 -D_XOPEN_SOURCE=700 -O2 -Ilib -Icmd -o "$work/loop_make" bench/loop_make.c \
    -Wl,--start-group $libs -Wl,--end-group \
    $(pkg-config --cflags --libs libzip zlib libzstd libxxhash libcjson nettle) -lm -lpthread -ldl

mkdir "$work/ground"
ffmpeg -nostdin -v error -i "$video" -frames:v 1 -update 1 \
    -vf "select='not(mod(n,25))',tmedian=radius=15,crop=768:432:0:144" "$work/ground/street.png"
if [ -f "$room" ]; then
	ffmpeg -nostdin -v error -i "$room" -fps_mode passthrough -vf \
	    "select='eq(n,2)+eq(n,25)+eq(n,225)+eq(n,880)+eq(n,1390)'" "$work/ground/room%d.png"
fi

hmr-decode -q --rate 10 "$work/ground" |
    "$work/loop_make" "${1:-12}" "${2:-8}" "${3:-1}" "$work/truth.hmr" ${MOVING:+"$MOVING"} |
    if [ -n "${KEEP:-}" ]; then tee "$work/pictures.hmr"; else cat; fi |
    hmr-detect -q | hmr-mesh -q ${MODEL:+-m "$MODEL"} ${PRECISION:+--precision "$PRECISION"} \
    --landmarks -o "$work/bodies.hmr"
if [ -n "${KEEP:-}" ]; then
	mkdir -p "$KEEP"
	mv "$work/pictures.hmr" "$KEEP"
	cp "$work/truth.hmr" "$work/bodies.hmr" "$KEEP"
fi
if [ -n "${MOVING:-}" ]; then
	for how in off light strong; do
		echo "--smooth $how"
		hmr-assoc -q --stream --smooth $how "$work/bodies.hmr" |
		    hmr-eval --truth "$work/truth.hmr" bodies
	done
	exit
fi
echo "${1:-12} poses from ${2:-8} sides, seed ${3:-1}, $(find "$work/ground" -name '*.png' | wc -l) backgrounds"
hmr-eval --truth "$work/truth.hmr" --each bodies "$work/bodies.hmr"
