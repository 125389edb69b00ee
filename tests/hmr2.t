#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# HMR2.0 and SMPL as a user has them: import, then the pipe from a picture to
# joints, against the reference's own numbers ($HMR_SHARED/oracle/hmr2-tiny).
. "${0%/*}/lib.sh"
need hmr-model hmr-mesh hmr-decode hmr-assoc
O=$HMR_SHARED/oracle/hmr2-tiny
[ -f "$O/tiny.ckpt" ] || skip_all "no oracle at \$HMR_SHARED"
py=/usr/bin/python3
[ -x $py ] || py=python3
$py -c 'import numpy' 2>/dev/null || skip_all "no python3-numpy"
HMR_MODELS=$T/models
export HMR_MODELS

import() { hmr-model import hmr2 --heads 4 --decoder-heads 4 "$@"; }
smpl="--smpl $O/smpl_chumpy_p2.pkl.gz --joints $O/SMPL_to_J19.pkl.gz"

# What a GPU would need, without one and without a model: full size.
expect 0 "plan" hmr-model show --plan cuda hmr2
like "$T/out" "32 of 32 layers stay" "all layers stay"
is "$(awk '/bytes|[0-9]$/ && !/GPU|pinned|plan/ { n += $(NF - ($NF == "bytes")) } /GPU/ { print n - $NF }' "$T/out")" \
    0 "the parts are the whole"
[ "$(awk '/GPU/ { print $NF < 1.7e9 }' "$T/out")" = 1 ]
ok $? "less than 1.7 GB"
expect 0 "plan within a limit" hmr-model show --plan cuda --gpu-mem 512M hmr2
[ "$(awk '/GPU/ { print $NF <= 512 * 1048576 }' "$T/out")" = 1 ]
ok $? "is within it"
fails 1 "a limit that is too little" hmr-model show --plan cuda --gpu-mem 100M hmr2
like "$T/err" "are needed" "says what would be enough"
: >"$T/plan"
for p in bf16 int8; do
	hmr-model show --plan cuda --gpu-mem 512M --precision $p hmr2 |
	    awk -F '\t' '/layers stay/ { print $4 + 0 }' >>"$T/plan"
done
note "of $(tr '\n' ' ' <"$T/plan")layers"
sort -c -n -u "$T/plan" 2>/dev/null
ok $? "more layers stay in 8 bits"
expect 2 "a plan for another device" hmr-model show --plan cpu hmr2

expect 2 "nothing to import" hmr-model import hmr2
fails 1 "heads that no shape tells" hmr-model import hmr2 --checkpoint "$O/tiny.ckpt"
like "$T/err" "give --heads" "asks for them"
fails 1 "nor those of the decoder" hmr-model import hmr2 --heads 4 \
    --checkpoint "$O/tiny.ckpt"
like "$T/err" "give --decoder-heads" "asks for them, too"
fails 1 "no such checkpoint" import --checkpoint "$T/absent.ckpt"
fails 1 "a checkpoint that is a body" import --checkpoint "$O/smpl_mean_params.npz"
fails 1 "a body that is a checkpoint's" import --smpl "$O/SMPL_to_J19.pkl.gz" \
    --joints "$O/SMPL_to_J19.pkl.gz"
head -c 100000 "$O/tiny.ckpt" >"$T/cut.ckpt"
fails 3 "a checkpoint cut short" import --checkpoint "$T/cut.ckpt"
gzip -dc "$O/smpl_plain_p4.pkl.gz" | head -c 1000000 >"$T/cut.pkl"
fails 3 "a body cut short" import --smpl "$T/cut.pkl" --joints "$O/SMPL_to_J19.pkl.gz"
[ -z "$(ls "$HMR_MODELS")" ]
ok $? "nothing is left of what failed"

# shellcheck disable=SC2086
expect 0 "import" import --checkpoint "$O/tiny.ckpt" $smpl
is "$(cut -f 1,2 "$T/out" | tr '\t\n' ' /')" "smpl body/hmr2 hmr2/" "two files"
cp "$HMR_MODELS/smpl.safetensors" "$T/chumpy.safetensors"
expect 0 "the other pickle" import --smpl "$O/smpl_plain_p4.pkl.gz" \
    --joints "$O/SMPL_to_J19.pkl.gz"
same "$T/chumpy.safetensors" "$HMR_MODELS/smpl.safetensors" "gives the same body"
expect 0 "show" hmr-model show hmr2
like "$T/out" '"heads":4' "shows the dimensions"
expect 0 "check" hmr-model check hmr2 smpl

cc=${CC:-cc}
B=${HMR_BIN:-build/cpu}
# shellcheck disable=SC2046
$cc -std=c11 -D_XOPEN_SOURCE=700 -I"$ROOT/lib" -I"$ROOT/cmd" -o "$T/people" \
    "$ROOT/tests/tool/people.c" "$B/cmd/prog.o" "$B/cmd/filter.o" \
    -Wl,--start-group "$B/lib/libhmr-stream.a" "$B/lib/libhmr-image.a" \
    "$B/lib/libhmr-base.a" -Wl,--end-group \
    $(pkg-config --libs libzstd libxxhash libcjson nettle) -lm -lpthread 2>"$T/cc.err" || {
	note "people.c: $(head -n 1 "$T/cc.err")"
	skip 1 "no compiler for the helper, or sanitized objects"
	finish
	exit
}
hmr-decode -q -o "$T/image.hmr" "$O/image.png"
"$T/people" 120,60,260,420 -30,200,150,500 400,100,440,190 60,10,600,470 \
    <"$T/image.hmr" >"$T/people.hmr"
for kind in antialias no-antialias; do
	expect 0 "hmr-mesh --$kind" hmr-mesh -m hmr2 --$kind --focal 12500 -o "$T/$kind.hmr" \
	    "$T/people.hmr"
	hmr-assoc -q --all "$T/$kind.hmr" >"$T/$kind.jsonl"
	$py - "$T/$kind.jsonl" "$O/expected.safetensors" $kind >"$T/diff" 2>&1 <<'EOF'
import json, struct, sys
import numpy as np
b = open(sys.argv[2], 'rb').read()
n = struct.unpack('<Q', b[:8])[0]
x = {k: np.frombuffer(b[8 + n + v['data_offsets'][0]:8 + n + v['data_offsets'][1]],
                      '<f4').reshape(v['shape'])
     for k, v in json.loads(b[8:8 + n]).items() if k != '__metadata__'}
kind = {'antialias': 'antialias.', 'no-antialias': 'plain.'}[sys.argv[3]]
frame = [json.loads(l) for l in open(sys.argv[1])][1]
assert len(frame['people']) == 4
for i, p in enumerate(frame['people']):
    def off(key, want):
        return np.abs(np.array(p[key]).ravel() - x[kind + want][i].ravel()).max()
    # observed: 5e-4 px, 2e-5, 7e-6 m
    print(off('joints2d', 'joints2d'), off('pose', 'rotmat'), off('joints3d', 'joints3d'))
    assert off('joints2d', 'joints2d') < .05 and off('pose', 'rotmat') < 1e-4
    assert off('joints3d', 'joints3d') < 1e-4 and off('shape', 'betas') < 1e-4
    assert 'joint_conf' not in p and 'fit_error' not in p
EOF
	ok $? "the reference's numbers"
	note "$(tail -n 1 "$T/diff")"
done
expect 0 "on another body" hmr-mesh -m hmr2 -b mannequin -o "$T/m.hmr" "$T/people.hmr"
hmr-assoc -q --all "$T/m.hmr" >"$T/m.jsonl"
like "$T/m.jsonl" '"shape":\[0,0,0,0,0,0,0,0,0,0\]' "leaves the shape out"
fails 1 "no such device" hmr-mesh -m hmr2 -d cuda:77 "$T/people.hmr"
expect 0 "plain loops" hmr-mesh -m hmr2 -d ref -o "$T/ref.hmr" "$T/people.hmr"

# The program with a GPU that is not there (tests/fake): the same bodies, and a
# device error that keeps what was finished.
[ -x "$B/fake/hmr-mesh" ] || {
	skip 1 "no programs over the fake device"
	finish
	exit
}
gpu() { "$B/fake/hmr-mesh" -m hmr2 -d cuda --precision f32 --max-people 1 "$@" "$T/two.hmr"; }
mkdir "$T/two"
cp "$O/image.png" "$T/two/1.png"
cp "$O/image.png" "$T/two/2.png"
hmr-decode -q "$T/two" | "$T/people" 120,60,260,420 >"$T/two.hmr"
expect 0 "on the fake GPU" gpu -v --vertices -o "$T/gpu.hmr"
like "$T/err" "on cuda:0, f32" "says where it runs"
like "$T/err" "GPU memory: [0-9]* bytes" "says how much it takes"
expect 0 "on the CPU" hmr-mesh -m hmr2 -d cpu --vertices -o "$T/cpu.hmr" "$T/two.hmr"
for i in gpu cpu; do hmr-assoc -q --all --vertices "$T/$i.hmr" >"$T/$i.jsonl"; done
$py - "$T/gpu.jsonl" "$T/cpu.jsonl" >"$T/diff" 2>&1 <<'EOF'
import json, sys
import numpy as np
a, b = ([json.loads(l)['people'][0] for l in list(open(f))[1:-1]] for f in sys.argv[1:])
assert len(a) == len(b) == 2
for x, y in zip(a, b):
    for key, limit in (('vertices', 1e-4), ('joints3d', 1e-4), ('joints2d', .05)):
        off = np.abs(np.array(x[key]) - np.array(y[key])).max()
        print(key, off)     # observed: 1e-5 m, 9e-6 m, 4e-4 px
        assert off < limit
EOF
ok $? "the bodies of the CPU"
note "$(tail -n 1 "$T/diff")"
fails 1 "a limit that is too little" gpu --gpu-mem 1M -o "$T/x.hmr"
like "$T/err" "are needed" "says what would be enough"
fails 2 "8 bits of another file" gpu --precision int8 -o "$T/x.hmr"
like "$T/err" "the model file is f32" "says which it is"
expect 0 "import in 8 bits" import --precision int8 -o "$T/int8.safetensors" \
    --checkpoint "$O/tiny.ckpt"
expect 0 "8 bits on the fake GPU" "$B/fake/hmr-mesh" -v -m "$T/int8.safetensors" -d cuda \
    -o "$T/x.hmr" "$T/two.hmr"
like "$T/err" "on cuda:0, int8" "are the file's own"
# The last call that may fail is the second frame's.
lo=1 hi=400
while [ $((hi - lo)) -gt 1 ]; do
	mid=$(((lo + hi) / 2))
	if HMR_FAKE="fail=$mid" gpu -q -o "$T/x.hmr" 2>/dev/null; then hi=$mid; else lo=$mid; fi
done
fails 1 "a device that fails in the second frame" env HMR_FAKE="fail=$lo" "$B/fake/hmr-mesh" \
    -m hmr2 -d cuda --precision f32 --max-people 1 -o "$T/x.hmr" "$T/two.hmr"
note "$(cat "$T/err")"
run hmr-info "$T/x.hmr"
[ $got -eq 3 ] && grep -q 'frames    1, number 0 to 0' "$T/out" && grep -q 'failed' "$T/out" "$T/err"
ok $? "the first frame is kept, END says failed" || notefile "$T/out"
finish
