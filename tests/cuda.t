#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Stages on a GPU, as far as a machine without one shows it: what -d means, what is
# said, and, with programs linked over the fake device (tests/fake), what is planned,
# kept and lost. Seen failing: a device error that took the frame before it along.
. "${0%/*}/lib.sh"
need hmr-detect hmr-mesh hmr-decode hmr-info hmr-model ffmpeg

stream "$T/three.hmr" 3 96x64

# --- where make finds CUDA --------------------------------------------------------
# A toolkit anywhere, its nvcc behind a script on the path; then without its headers.
mkdir -p "$T/kit/bin" "$T/kit/include" "$T/kit/lib64" "$T/path"
printf '%s\n' '#!/bin/sh' "echo '#\$ TOP=$T/kit/bin/..'" >"$T/kit/bin/nvcc"
printf '%s\n' '#!/bin/sh' "exec '$T/kit/bin/nvcc' \"\$@\"" >"$T/path/nvcc"
chmod +x "$T/kit/bin/nvcc" "$T/path/nvcc"
: >"$T/kit/include/cuda_runtime_api.h"
: >"$T/kit/lib64/libcudart_static.a"
found() {
	PATH=$T/path:$PATH make -C "$ROOT" --no-print-directory -pn O="$T/o" SAN= CC=cc "$@" lint 2>&1 |
	    grep -E '^(CUDA|CUDART|CUDA_INCLUDE) :?= |\*\*\*' >"$T/found"
}
found CUDA=auto
like "$T/found" "^CUDA :?= 1$" "nvcc behind a script is CUDA"
like "$T/found" "^CUDA_INCLUDE :?= $T/kit/include$" "… with the headers it names"
like "$T/found" "^CUDART :?= $T/kit/lib64/libcudart_static.a$" "… and the library"
rm "$T/kit/lib64/libcudart_static.a"
found CUDA=auto
like "$T/found" "^CUDA :?= 0$" "nvcc without cudart is none"
found CUDA=1
like "$T/found" "CUDA=1, but there is no libcudart_static.a to go with $T/path/nvcc" "… and says so when asked for"

# --- the programs as they are ---------------------------------------------------
# On a machine that has a GPU the first of these would find it.
if ! [ -e /dev/nvidiactl ]; then
	fails 1 "-d cuda without a GPU" hmr-detect -d cuda "$T/three.hmr"
	like "$T/err" "^hmr-detect: .*device cuda: " "… is one line that says why"
	fails 1 "… for hmr-mesh too" hmr-mesh -d cuda:1 "$T/three.hmr"
fi
for o in '--gpu-mem 0' '--gpu-mem 1X' '--gpu-mem M' '--gpu-mem -1M' '--gpu-mem 99999999G' \
    '--gpu-mem 1.5G' '--gpu-mem 0000000000000000000204800X'; do
	# shellcheck disable=SC2086 # an option and its value
	expect 2 "$o" hmr-detect $o "$T/three.hmr"
done
expect 2 "-d cuda:x" hmr-detect -d cuda:x "$T/three.hmr"

F=$HMR_BIN/fake
have "$F/hmr-detect" "$F/hmr-mesh" || {
	skip "programs over the fake device" "not built"
	finish
}
have_models nanodet blazepose-lite || {
	skip "the free networks on the fake device" "no models"
	finish
}
if sanitized; then
	skip "whole networks on the fake device" "minutes under sanitizers; test_cuda_stage has a small one"
	finish
fi
gpu() { "$F/hmr-detect" -d cuda --precision f32 "$@"; }

# --- what is the same, and what is said -----------------------------------------
expect 0 "detected on the fake GPU" gpu -v -o "$T/gpu.hmr" "$T/three.hmr"
like "$T/err" "on cuda:0, f32" "… says where"
like "$T/err" "GPU memory: [0-9]+ bytes \(weights [0-9]+, activations [0-9]+, workspace [0-9]+, two images [0-9]+\); pinned host memory: [0-9]+" \
    "… and what it takes, in bytes"
bytes=$(sed -n 's/.*GPU memory: \([0-9]*\) bytes.*/\1/p' "$T/err")
work=$(sed -n 's/.*workspace \([0-9]*\),.*/\1/p' "$T/err")
hmr-detect -d cpu -o "$T/cpu.hmr" "$T/three.hmr"
hmr-info --frames "$T/gpu.hmr" >"$T/a"
hmr-info --frames "$T/cpu.hmr" >"$T/b"
same "$T/a" "$T/b" "… what the CPU finds"
# Segments of other sizes and formats: planned anew where they are larger.
stream "$T/two.hmr" 2 72x90
cat "$T/two.hmr" "$T/three.hmr" >"$T/joined.hmr"
expect 0 "segments of two sizes on the fake GPU" gpu -v -o "$T/gpu2.hmr" "$T/joined.hmr"
[ "$(grep -c 'GPU memory: ' "$T/err")" -eq 2 ]
ok $? "… each is planned for"
hmr-detect -d cpu -o "$T/cpu2.hmr" "$T/joined.hmr"
hmr-info --frames "$T/gpu2.hmr" >"$T/a"
hmr-info --frames "$T/cpu2.hmr" >"$T/b"
same "$T/a" "$T/b" "… what the CPU finds"
expect 0 "-d auto finds it" "$F/hmr-detect" -v --precision f32 -o "$T/x.hmr" "$T/three.hmr"
like "$T/err" "device auto: cuda:0" "… and says so"
HMR_FAKE="devices=0" expect 0 "-d auto without a GPU" "$F/hmr-detect" -v -o "$T/x.hmr" "$T/three.hmr"
like "$T/err" "device auto: cpu, .*no CUDA-capable device" "… says why not"
HMR_FAKE="blas=0" expect 0 "-d auto without the libraries" "$F/hmr-detect" -v -o "$T/x.hmr" "$T/three.hmr"
like "$T/err" "device auto: cpu, libcublasLt" "… says why not"

# --- memory ----------------------------------------------------------------------
least=$((bytes - work))
expect 0 "--gpu-mem of the least" gpu -v --gpu-mem $least -o "$T/x.hmr" "$T/three.hmr"
like "$T/err" "GPU memory: $least bytes .*workspace 0," "… leaves the workspace out"
HMR_FAKE="memory=$least" expect 0 "… and takes no more" gpu --gpu-mem $least -o "$T/x.hmr" "$T/three.hmr"
fails 1 "--gpu-mem of a byte less" gpu --gpu-mem $((least - 1)) "$T/three.hmr"
like "$T/err" "$least bytes of GPU memory" "… says what is needed"
HMR_FAKE="memory=$((least / 2))" fails 1 "a card that is full" gpu "$T/three.hmr"
like "$T/err" "cudaMalloc of [0-9]+ bytes: out of memory" "… in CUDA's words"
cp "$T/out" "$T/failed.hmr"
fails 3 "… and so does the stream" hmr-info "$T/failed.hmr"

# --- a device that fails -----------------------------------------------------------
# Calls are counted: the last of a whole run belongs to the third frame.
calls() { HMR_FAKE="fail=$1" gpu -q -o "$T/x.hmr" "$T/three.hmr" 2>"$T/err"; }
lo=1 hi=4096
while [ $((hi - lo)) -gt 1 ]; do
	mid=$(((lo + hi) / 2))
	if calls $mid; then hi=$mid; else lo=$mid; fi
done
calls $lo
[ $? -eq 1 ]
ok $? "a device error in the third frame ends the stage"
like "$T/err" "frame 2: .*cuda.*cudaErrorLaunchFailure" "… with the frame and CUDA's words"
run hmr-info "$T/x.hmr"
[ $got -eq 3 ] && grep -q 'frames    2, number 0 to 1' "$T/out" && grep -q failed "$T/out"
ok $? "… the frames before it are out, END says failed" || notefile "$T/out"
HMR_FAKE="fail=$lo sticky" fails 1 "an error that stays" gpu "$T/three.hmr"

# --- bodies -------------------------------------------------------------------------
expect 0 "hmr-mesh, people one by one" "$F/hmr-mesh" -m lite -d cuda -v --gpu-mem 16M -o "$T/m.hmr" "$T/gpu.hmr"
like "$T/err" "on cuda:0, f16" "… in half precision"
finish
