#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# HMR2.0's network at full size with random weights: seconds per person, memory
# and start-up of f32, bf16 and int8, against ONNX Runtime (f32, the backbone as
# one graph; ours includes the decoder). Wants an idle machine, 12 GB of disk in
# $TMPDIR, python3-numpy, and node with npm; HMR_ORT=0 leaves ONNX Runtime out.
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

# shellcheck disable=SC2046
${CC:-cc} -std=c11 -D_XOPEN_SOURCE=700 -O2 -I"$root/lib" -o hmr2_time \
    "$root/bench/hmr2_time.c" -Wl,--start-group "$bin"/lib/libhmr-hmr2.a \
    "$bin"/lib/libhmr-nn.a "$bin"/lib/libhmr-import.a "$bin"/lib/libhmr-base.a \
    -Wl,--end-group -ldnnl -fopenmp \
    $(pkg-config --libs libzip zlib libcjson nettle) -lm -lpthread
[ -f random.ckpt ] || "$root/bench/hmr2_checkpoint.py" --depth "$depth" \
    --onnx vit.onnx random.ckpt
for p in f32 bf16 int8; do
	[ -f $p.safetensors ] || time "$bin/hmr-model" import hmr2 --checkpoint random.ckpt \
	    --precision $p -o $p.safetensors
done
if [ "${HMR_ORT:-1}" != 0 ] && [ ! -d node_modules/onnxruntime-node ]; then
	npm install --silent --ignore-scripts onnxruntime-node
fi
for batch in 1 4; do
	[ "${HMR_ORT:-1}" = 0 ] ||
	    node "$root/bench/hmr2_ort.js" vit.onnx "$threads" $batch "$runs"
	for p in f32 bf16 int8; do
		./hmr2_time $p.safetensors "$threads" $batch "$runs"
	done
done
