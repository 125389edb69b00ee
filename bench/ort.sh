#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# ONNX networks here and in ONNX Runtime, turn about: milliseconds of a run, the
# median over $HMR_ROUNDS (5) of each side's median and of its least. Needs node
# with npm; ONNX Runtime is installed into $TMPDIR once. An idle machine gives the
# figures that mean something.
#
#	bench/ort.sh [FILE.onnx ...]	# $HMR_SHARED/data/onnx
set -eu
root=$(cd "${0%/*}/.." && pwd)
bin=$(cd "${HMR_BIN:-$root/build/cpu}" && pwd)
threads=${HMR_THREADS:-2}
rounds=${HMR_ROUNDS:-5}
shared=${HMR_SHARED:-$root/../shared}
[ $# -gt 0 ] || set -- "$shared"/data/onnx/*.onnx
dir=${TMPDIR:-/tmp}/hmr-ort-bench
mkdir -p "$dir"
[ -d "$dir/node_modules/onnxruntime-node" ] ||
    (cd "$dir" && npm install --silent --ignore-scripts onnxruntime-node >/dev/null)
NODE_PATH=$dir/node_modules
export NODE_PATH

# median FILE COLUMN
median() {
	sort -n -k "$2,$2" "$1" | awk -v c="$2" '{ v[NR] = $c } END { print v[int((NR + 1) / 2)] }'
}

echo "network	ours median	ORT median	ratio	ours least	ORT least	ratio	($threads threads)"
for file; do
	name=$(basename "$file" .onnx)
	"$bin/hmr-model" import -q -o "$dir/model.safetensors" onnx "$file"
	: >"$dir/ours"
	: >"$dir/ort"
	round=0
	while [ $round -lt "$rounds" ]; do
		"$bin/hmr-model" bench -d cpu -j "$threads" "$dir/model.safetensors" |
		    sed 's/.*\t\([0-9.]*\) ms best, \([0-9.]*\) median.*/\1 \2/' >>"$dir/ours"
		node "$root/bench/ort.js" "$file" "$threads" 2 >>"$dir/ort"
		round=$((round + 1))
	done
	echo "$name $(median "$dir/ours" 2) $(median "$dir/ort" 2) $(median "$dir/ours" 1) $(median "$dir/ort" 1)" |
	    awk -v OFS='\t' '{ print $1, $2, $3, sprintf("%.2f", $3 / $2), $4, $5, sprintf("%.2f", $5 / $4) }'
done
