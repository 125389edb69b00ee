#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Speed on vtest.avi (or $1): each stage alone from a saved stream, the whole pipe,
# how much processor time it takes for its wall time, and how long a frame's line
# takes with --lag 0. FRAMES=100 for a shorter look; PRECISION=bf16 for networks in
# bfloat16.
set -u
cd "${0%/*}/.." || exit 1
PATH=${HMR_BIN:-$PWD/build/cpu}:$PATH
video=${1:-${HMR_VTEST:-demo/vtest.avi}}
frames=${FRAMES:-100000}
net=--precision=${PRECISION:-auto}
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
trap 'exit 1' INT TERM HUP

# timed NAME CMD...: wall, user and system seconds and peak of one process.
timed() {
	name=$1
	shift
	/usr/bin/time -o "$T/times" -a -f "$name %e %U %S %M" "$@"
}

# row KIND: the times gathered so far, as frames per second.
row() {
	awk -v n="$n" -v kind="$1" '{
		printf "%-10s %-12s %9.2f fps %9.2f s wall %9.2f s cpu %8.1f MiB\n",
		    kind, $1, n / ($2 > 0 ? $2 : 0.01), $2, $3 + $4, $5 / 1024
		wall = $2 > wall ? $2 : wall; cpu += $3 + $4
	}
	END {
		if (kind == "together")
			printf "%-10s %-12s %9.2f fps %9.2f s wall %9.2f s cpu, cpu/wall %.2f\n",
			    kind, "all", n / wall, wall, cpu, cpu / wall
	}' "$T/times"
	rm -f "$T/times"
}

echo "$(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
hmr-decode -q -z 0 --frames "$frames" -o "$T/v.hmr" "$video" || exit 1
n=$(hmr-info --json "$T/v.hmr" | sed 's/.*"frames":\([0-9]*\),"frame_first".*/\1/')
echo "$video: $n frames"

timed hmr-decode hmr-decode -q --frames "$frames" "$video" >/dev/null || exit 1
timed hmr-detect hmr-detect "$net" -z 0 -o "$T/d.hmr" "$T/v.hmr" || exit 1
rm "$T/v.hmr"
timed hmr-mesh hmr-mesh "$net" --keep-image -z 0 -o "$T/m.hmr" "$T/d.hmr" || exit 1
rm "$T/d.hmr"
timed hmr-assoc hmr-assoc "$T/m.hmr" >"$T/tracks.jsonl" || exit 1
hmr-assoc --stream -z 0 -o "$T/a.hmr" "$T/m.hmr" || exit 1
rm "$T/m.hmr"
timed hmr-render hmr-render -z 0 -o "$T/r.hmr" "$T/a.hmr" || exit 1
rm "$T/a.hmr"
timed hmr-export hmr-export -f mp4 -o "$T/out.mp4" "$T/r.hmr" || exit 1
rm "$T/r.hmr"
row alone

timed hmr-decode hmr-decode -q --frames "$frames" "$video" | timed hmr-detect hmr-detect "$net" |
    timed hmr-mesh hmr-mesh "$net" | timed hmr-assoc hmr-assoc >"$T/tracks.jsonl" || exit 1
row together

hmr-decode -q -z 0 --frames 60 -o "$T/v.hmr" "$video" || exit 1
echo "--lag 0: milliseconds from a frame to its line, median and largest:" \
    "$(/usr/bin/python3 tests/tool/lockstep.py "$T/v.hmr" "hmr-detect $net | hmr-mesh $net | hmr-assoc --lag 0")"
