#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# hmr-render on one core: frames a second at 768x576 with six people, small (130 px
# high) and large (420 px), meshes, boxes and names, over the frames of the demo's
# video, which is decoded on the same core. Frames by seconds of processor time, so
# that what else the machine does hardly counts; best of three runs.
#
#	bench/render.sh [BIN-DIRECTORY [VIDEO]]
set -eu
bin=${1:-build/cpu}
video=${2:-demo/vtest.avi}
frames=200
t=$(mktemp -d)
trap 'rm -rf "$t"' EXIT

# results HEIGHT: six people side by side, walking, as JSON Lines.
results() {
	awk -v high="$1" -v frames=$frames '
	function turn(axis, a,    c, s) {
		c = cos(a); s = sin(a)
		if (axis == "x") return sprintf("1,0,0,0,%f,%f,0,%f,%f", c, -s, s, c)
		return sprintf("%f,%f,0,%f,%f,0,0,0,1", c, -s, s, c)
	}
	BEGIN {
		print "{\"type\":\"header\",\"tracks\":\"1.0\",\"width\":768," \
			"\"height\":576,\"time_base\":[1,10],\"rate\":[10,1]," \
			"\"source\":{\"name\":\"vtest.avi\"},\"stages\":" \
			"[{\"name\":\"hmr-mesh\",\"version\":\"0\"," \
			"\"body\":\"mannequin\"}]}"
		focal = 15000; z = focal * 1.75 / high
		for (f = 0; f < frames; f++) {
			printf "{\"type\":\"frame\",\"frame\":%d,\"pts\":%d,\"people\":[", f, f
			for (i = 0; i < 6; i++) {
				x = 70 + i * 125; y = 288 + 30 * (i % 2 * 2 - 1)
				s = sin(f / 3 + i)
				printf "%s{\"id\":%d,\"score\":0.9,\"box\":[%g,%g,%g,%g]", \
					i ? "," : "", i + 1, x - high / 4, y - high / 2, \
					x + high / 4, y + high / 2
				printf ",\"pose\":[1,0,0,0,-1,0,0,0,-1"
				for (j = 1; j < 24; j++)
					printf ",%s", j == 1 ? turn("x", -s / 2) : \
						j == 2 ? turn("x", s / 2) : \
						j == 16 ? turn("z", -1.2) : \
						j == 17 ? turn("z", 1.2) : turn("x", 0)
				printf "],\"shape\":[0,0,0,0,0,0,0,0,0,0],\"focal\":%d", focal
				printf ",\"camera\":[%f,%f,%f]}", (x - 384) * z / focal, \
					(y - 288) * z / focal, z + i / 2
			}
			print "]}"
		}
		printf "{\"type\":\"end\",\"frames\":%d,\"status\":\"complete\"}\n", frames
	}'
}

one() {
	for _ in 1 2 3; do
		taskset -c 0 /usr/bin/time -f '%U %S' -o "$t/time" \
			"$bin/hmr-render" -j 1 "$t/tracks.jsonl" "$@" >/dev/null
		cat "$t/time"
	done | awk -v n=$frames '{ v = n / ($1 + $2); best = v > best ? v : best }
		END { print best }'
}

echo "hmr-render, 768x576, six people, one core: frames a second of its time"
for high in 130 420; do
	results $high >"$t/tracks.jsonl"
	printf '%4d px high  mesh+boxes+ids on video  %6.1f\n' $high "$(one --source "$video")"
	printf '%4d px high  --background off         %6.1f\n' $high "$(one --background off)"
	printf '%4d px high  --view grid              %6.1f\n' $high \
		"$(one --source "$video" --view grid)"
done
printf '              --boxes --ids on video   %6.1f\n' \
	"$(one --source "$video" --boxes --ids)"
