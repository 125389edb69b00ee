#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Peak memory of every stage over a short and a long video with the same pictures:
# 300 frames of vtest.avi once, and again and again up to 6,000. Prints the median
# of three runs of the whole pipe, and exits 1 where a stage needs more than 2 MiB
# more for the long one. It takes long: RUNS=1 LONG=1500 for a first look; MESH=lite
# runs the small pose network.
set -u
cd "${0%/*}/.." || exit 1
PATH=${HMR_BIN:-$PWD/build/cpu}:$PATH
video=${HMR_VTEST:-demo/vtest.avi}
short=300
long=${LONG:-6000}
runs=${RUNS:-3}
mesh=${MESH:-heavy}
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
trap 'exit 1' INT TERM HUP

# A quarter of the picture, so that few people are in it and the long run ends.
ffmpeg -nostdin -v error -ss 10 -i "$video" -frames:v $short -vf crop=384:288:192:144 \
    -c:v libx264 -qp 20 -g 25 "$T/short.mkv" || exit 1
ffmpeg -nostdin -v error -stream_loop $((long / short - 1)) -i "$T/short.mkv" -c copy \
    "$T/long.mkv" || exit 1

# peak NAME CMD...: runs a stage and notes its peak in KiB.
peak() {
	name=$1
	shift
	/usr/bin/time -o "$T/peak" -a -f "$which $name %M" "$@"
}

for which in short long; do
	i=0
	while [ $i -lt "$runs" ]; do
		i=$((i + 1))
		peak hmr-decode hmr-decode -q "$T/$which.mkv" |
		    peak hmr-detect hmr-detect |
		    peak hmr-mesh hmr-mesh -m "$mesh" --keep-image |
		    peak hmr-assoc hmr-assoc --stream |
		    tee "$T/$which.hmr" |
		    peak hmr-render hmr-render |
		    peak hmr-export-mp4 hmr-export -f mp4 -o "$T/out.mp4" || exit 1
		peak hmr-info hmr-info "$T/$which.hmr" >"$T/info" || exit 1
		peak hmr-assoc-jsonl hmr-assoc "$T/$which.hmr" >"$T/jsonl" || exit 1
		peak hmr-export-csv hmr-export -f csv -o "$T/out.csv" "$T/jsonl" || exit 1
		rm -f "$T/$which.hmr"
	done
	frames=$(grep -c '"type":"frame"' "$T/jsonl")
	echo "$which: $frames frames, $runs runs"
done

awk '
{ v[$1, $2] = v[$1, $2] " " $3; if (!($2 in seen)) { seen[$2]; order[++n] = $2 } }
function median(s,   a, k, i, j, t) {
	k = split(s, a, " ")
	for (i = 1; i <= k; i++)
		for (j = i + 1; j <= k; j++)
			if (a[j] + 0 < a[i] + 0) { t = a[i]; a[i] = a[j]; a[j] = t }
	return a[int((k + 1) / 2)]
}
END {
	printf "%-18s %10s %10s %10s   (KiB)\n", "stage", "short", "long", "more"
	for (i = 1; i <= n; i++) {
		s = median(v["short", order[i]]); l = median(v["long", order[i]])
		printf "%-18s %10d %10d %10d%s\n", order[i], s, l, l - s,
		    (l - s > 2048 ? "   GROWS" : "")
		if (l - s > 2048) bad = 1
	}
	exit bad
}' "$T/peak"
