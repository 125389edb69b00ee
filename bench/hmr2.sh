#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# HMR2.0's network at full size with random weights: seconds per person and memory
# of f32, bf16 and int8, against ONNX Runtime (f32, the backbone as one graph; ours
# includes the decoder), all of them in turn. Wants an idle machine, 12 GB of disk
# in $TMPDIR, 9 GB of memory, python3-numpy, and node with npm; HMR_ORT=0 leaves
# ONNX Runtime out.
#
#	bench/hmr2.sh [depth]		# 32 blocks
set -eu
depth=${1:-32}
root=$(cd "${0%/*}/.." && pwd)
bin=${HMR_BIN:-$root/build/cpu}
threads=${HMR_THREADS:-2}
runs=${HMR_RUNS:-5}
dir=${TMPDIR:-/tmp}/hmr2-bench-$depth
mkdir -p "$dir"
cd "$dir"
py=/usr/bin/python3
[ -x $py ] || py=python3

make -s -C "$root" O="$bin" "$bin/bench/hmr2_time"
[ -f random.ckpt ] || "$root/bench/hmr2_checkpoint.py" --depth "$depth" \
    --onnx vit.onnx random.ckpt
for p in f32 bf16 int8; do
	[ -f $p.safetensors ] || time "$bin/hmr-model" import hmr2 --checkpoint random.ckpt \
	    --precision $p -o $p.safetensors
done
if [ "${HMR_ORT:-1}" != 0 ] && [ ! -d node_modules/onnxruntime-node ]; then
	npm install --silent --ignore-scripts onnxruntime-node
fi
set -- f32="$bin/bench/hmr2_time f32.safetensors $threads 4" \
    bf16="$bin/bench/hmr2_time bf16.safetensors $threads 4" \
    int8="$bin/bench/hmr2_time int8.safetensors $threads 4"
[ "${HMR_ORT:-1}" = 0 ] || set -- \
    ort="node $root/bench/hmr2_ort.js vit.onnx $threads 4" "$@"
"$root/bench/hmr2_run.py" "$runs" 1,4 "$@"
