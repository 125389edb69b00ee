#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Frame rate of hmr-decode through a pipe against `ffmpeg -f null`, 1080p H.264:
# runs of both in turn, so that a machine that slows down slows both; prints the
# medians and their ratio. RUNS=7 FRAMES=600 are the defaults; a video of one's own:
# bench/decode.sh VIDEO. Numbers are good on an idle machine only.
set -eu
root=$(cd "${0%/*}/.." && pwd)
bin=${HMR_BIN:-$root/build/cpu}
runs=${RUNS:-7} frames=${FRAMES:-600}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/hmr-bench.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

video=${1:-}
if [ -z "$video" ]; then
	video=$tmp/1080.mp4
	ffmpeg -nostdin -v error -f lavfi -i testsrc2=size=1920x1080:rate=30 \
	    -vf noise=alls=8:allf=t -frames:v "$frames" -pix_fmt yuv420p \
	    -c:v libx264 -preset fast -crf 23 "$video"
fi
count=$("$bin/hmr-decode" -q --no-progress "$video" | "$bin/hmr-info" --json |
    sed -n 's/.*"frames": *\([0-9]*\), *"status".*/\1/p' | head -n 1)
: "${count:=$frames}"

# seconds CMD: wall time of a shell command.
seconds() {
	s0=$(date +%s%N)
	sh -c "$1" sh "$video" "$bin" >/dev/null
	s1=$(date +%s%N)
	awk -v a="$s0" -v b="$s1" 'BEGIN { print (b - a) / 1e9 }'
}
median() { sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# shellcheck disable=SC2016
theirs='ffmpeg -nostdin -v error -i "$1" -map 0:v:0 -f null -' \
	ours='"$2/hmr-decode" -q --no-progress "$1" | cat >/dev/null'
seconds "$theirs" >"$tmp/warm"
seconds "$ours" >"$tmp/warm"
i=0
while [ $i -lt "$runs" ]; do
	seconds "$theirs" >>"$tmp/ffmpeg"
	seconds "$ours" >>"$tmp/hmr"
	i=$((i + 1))
done
awk -v n="$count" -v a="$(median "$tmp/ffmpeg")" -v b="$(median "$tmp/hmr")" 'BEGIN {
	printf "ffmpeg -f null       %7.1f frames a second (median of '"$runs"')\n", n / a
	printf "hmr-decode | cat     %7.1f frames a second\n", n / b
	printf "ratio                %7.3f\n", a / b }'
