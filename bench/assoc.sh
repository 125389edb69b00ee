#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What hmr-assoc costs: processor time a frame with 20 and with 200 people, with bodies
# and embeddings, as bench/crowd.c makes them, and peak memory of a short and a long
# run. SHORT and LONG are frames (1000, 100000), O the objects' directory.
#
#	make build/cpu/bench/crowd && bench/assoc.sh
set -eu
cd "${0%/*}/.."
O=${O:-build/cpu}
short=${SHORT:-1000} long=${LONG:-100000}
export LC_ALL=C
t=$(mktemp -d)
trap 'rm -rf "$t"' EXIT

# FRAMES PEOPLE OPTION...: "user+system seconds, KiB"
run() {
	frames=$1 people=$2
	shift 2
	"$O/bench/crowd" "$frames" "$people" |
	    env time -f '%U %S %M' -o "$t/time" "$O/hmr-assoc" -q "$@" >"$t/out"
	awk '{ print $1 + $2, $3 }' "$t/time"
}

for people in 20 200; do
	n=$((20000 / people))
	for how in "--smooth off --fields box" "--fields box" ""; do
		# shellcheck disable=SC2086 # options
		run $n $people $how >"$t/r"
		awk -v n="$n" -v p="$people" -v how="${how:-all fields}" \
		    '{ printf "%d people, %s: %.2f ms a frame\n", p, how, 1000 * $1 / n }' "$t/r"
	done
done
# shellcheck disable=SC2046 # two numbers
set -- $(run "$short" 20 --fields box) $(run "$long" 20 --fields box)
echo "peak memory, $short and $long frames: $2 and $4 KiB"
tail -n 1 "$t/out" | grep -q '"status":"complete"'
