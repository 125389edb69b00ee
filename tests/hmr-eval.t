#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# hmr-eval: a published result's scores, a case counted by hand in every input
# format, bodies against numpy, and what it refuses.
. "${0%/*}/lib.sh"
need hmr-eval hmr-assoc

# column FILE NAME: the number below NAME in the table.
column() {
	awk -v name="$2" '
		/[A-Z]/ { for (k in at) delete at[k]; for (i = 1; i <= NF; i++) at[$i] = i; next }
		name in at { print $at[name] }' "$1"
}

# --- the published row of TUD-Campus ------------------------------------------
if have_shared; then
	tud=$HMR_SHARED/data/mot/TUD-Campus
	expect 0 "TUD-Campus" hmr-eval --truth "$tud/gt.txt" tracks "$tud/cem_result.txt"
	cp "$T/out" "$T/tud"
	while read -r name want; do
		is "$(column "$T/tud" "$name")" "$want" "TUD-Campus: $name"
	done <<-END
	IDF1 55.8
	IDP 73.0
	IDR 45.1
	Rcll 58.2
	Prcn 94.1
	GT 8
	MT 1
	PT 6
	ML 1
	FP 13
	FN 150
	IDs 7
	FM 7
	MOTA 52.6
	MOTP 72.3
	HOTA 39.1
	DetA 41.8
	AssA 36.9
	END
	expect 0 "TUD-Campus against itself" hmr-eval --json --truth "$tud/gt.txt" tracks "$tud/gt.txt"
	like "$T/out" '"hota":1.000000.*"idf1":1.000000.*"mota":1.000000.*"switches":0' "it is perfect"
else
	skip "TUD-Campus" "no test data at \$HMR_SHARED"
fi

# --- by hand ------------------------------------------------------------------
# Two people, four frames; the second is not scored in the last; the result loses
# the first in frame 3 and finds it under another identity.
cat >"$T/gt.txt" <<'END'
1,1,10,10,40,100,1,-1,-1,-1
1,2,300,10,40,100,1,-1,-1,-1
2,1,10,10,40,100,1,-1,-1,-1
2,2,300,10,40,100,1,-1,-1,-1
3,1,10,10,40,100,1,-1,-1,-1
3,2,300,10,40,100,1,-1,-1,-1
4,1,10,10,40,100,1,-1,-1,-1
4,2,300,10,40,100,0,-1,-1,-1
END
cat >"$T/r.jsonl" <<'END'
{"type":"header","tracks":"1.0","width":640,"height":480,"time_base":[1,10]}
{"type":"frame","frame":0,"pts":0,"people":[{"id":4,"box":[10,10,50,110],"score":0.9},{"id":5,"box":[300,10,340,110],"score":0.9},{"box":[500,10,540,110],"score":0.8}]}
{"type":"frame","frame":1,"pts":1,"people":[{"id":4,"box":[12,10,52,110],"score":0.9},{"id":5,"box":[300,10,340,110],"score":0.4}]}
{"type":"frame","frame":2,"pts":2,"people":[{"id":5,"box":[300,10,340,110],"score":0.9}]}
{"type":"frame","frame":3,"pts":3,"people":[{"id":6,"box":[10,10,50,110],"score":0.9},{"id":5,"missed":1,"filled":true,"box":[300,10,340,110],"score":0}]}
{"type":"end","frames":4,"status":"complete"}
END
cat >"$T/r.txt" <<'END'
1,4,10,10,40,100,0.9,-1,-1,-1
1,5,300,10,40,100,0.9,-1,-1,-1
2,4,12,10,40,100,0.9,-1,-1,-1
2,5,300,10,40,100,0.4,-1,-1,-1

3,5,300,10,40,100,0.9,-1,-1,-1
4,6,10,10,40,100,0.9,-1,-1,-1
4,5,300,10,40,100,0,-1,-1,-1
END
expect 0 "lines" hmr-eval --truth "$T/gt.txt" tracks "$T/r.jsonl"
cp "$T/out" "$T/lines"
for pair in 'FP 1' 'FN 1' 'IDs 1' 'FM 1' 'GT 2' 'tracks 3' 'truth 7' 'boxes 7' 'MOTA 57.1' 'IDF1 71.4'; do
	is "$(column "$T/lines" "${pair% *}")" "${pair#* }" "lines: ${pair% *}"
done
expect 0 "MOT lines" hmr-eval --truth "$T/gt.txt" tracks "$T/r.txt"
same "$T/out" "$T/lines" "MOT lines score as the same JSON Lines do"
expect 0 "standard input" sh -c 'hmr-eval --truth "$1" tracks <"$2"' - "$T/gt.txt" "$T/r.jsonl"
same "$T/out" "$T/lines" "standard input scores the same"
expect 0 "--keep-unscored" hmr-eval --truth "$T/gt.txt" --keep-unscored tracks "$T/r.jsonl"
is "$(column "$T/out" FP)" 0 "--keep-unscored: no false box"
expect 0 "--no-filled" hmr-eval --truth "$T/gt.txt" --no-filled tracks "$T/r.jsonl"
is "$(column "$T/out" FP)" 0 "--no-filled: no false box"
expect 0 "--iou" hmr-eval --truth "$T/gt.txt" --iou 0.95 tracks "$T/r.jsonl"
is "$(column "$T/out" FN)" 2 "--iou 0.95: the shifted box is no match"
expect 0 "detections" hmr-eval --json --truth "$T/gt.txt" detections "$T/r.jsonl"
like "$T/out" '"matches":5,"false_positives":1,"misses":2,' "detections: those of 0.5 and more, with or without identity"
expect 0 "detections --score" hmr-eval --json --score 0.3 --truth "$T/gt.txt" detections "$T/r.jsonl"
like "$T/out" '"matches":6,"false_positives":1,"misses":1,' "detections --score 0.3: one more"

hmr-assoc --stream -q -o "$T/r.hmr" "$T/r.jsonl"
expect 0 "a stream" hmr-eval --truth "$T/gt.txt" detections "$T/r.hmr"
expect 0 "-o" hmr-eval -o "$T/file" --truth "$T/gt.txt" tracks "$T/r.jsonl"
same "$T/file" "$T/lines" "-o writes the same"
cp "$T/gt.txt" "$T/own.txt"
fails 2 "-o onto the truth" hmr-eval -o "$T/own.txt" --truth "$T/own.txt" tracks "$T/r.jsonl"
same "$T/own.txt" "$T/gt.txt" "leaves it as it was"

# --- bodies -------------------------------------------------------------------
# Turned people: one as in the truth, one whose knee is bent otherwise.
cat >"$T/make.py" <<'END'
import json
import math
import sys
def line(**o):
    print(json.dumps(o))
def person(identity, x, bend, camera=(0, 0, 30)):
    pose = [1, 0, 0, 0, -1, 0, 0, 0, -1] + 23 * [1, 0, 0, 0, 1, 0, 0, 0, 1]
    c, s = math.cos(bend), math.sin(bend)
    pose[36:45] = [1, 0, 0, 0, c, -s, 0, s, c]
    joints = [[0.01 * j, 0.02 * (j % 7), 0.03 * (j % 5)] for j in range(44)]
    joints[14][2] += bend
    return {**({"id": identity} if identity else {}), "box": [x, 0, x + 40, 80], "score": 0.9,
            "pose": pose, "shape": 10 * [0], "camera": camera, "joints3d": joints}
line(type="header", tracks="1.0", width=640, height=480, time_base=[1, 10], stages=[
    {"name": "hmr-mesh", "version": "0", "body": "mannequin"}])
bend = float(sys.argv[1])
line(type="frame", frame=0, pts=0, people=[person(1, 10, 0), person(2, 100, bend)][::int(sys.argv[2])])
line(type="frame", frame=1, pts=1, people=[person(1, 10, bend)])
line(type="end", frames=2, status="complete")
END
python3 "$T/make.py" 0 1 >"$T/bt.jsonl"
python3 "$T/make.py" 0.44 -1 >"$T/br.jsonl"
expect 0 "bodies against themselves" hmr-eval --json --truth "$T/bt.jsonl" bodies "$T/bt.jsonl"
like "$T/out" '"mpjpe":0.000000.*"pa_mpjpe":0.000000.*"pve":0.000000.*"found":1.000000' "they are perfect"
expect 0 "bodies" hmr-eval --json --truth "$T/bt.jsonl" bodies "$T/br.jsonl"
like "$T/out" '"mpjpe":6.666667,"mpjpe_median":10.000000,' "one joint of 44 off by 440 mm in two of three bodies"
like "$T/out" '"pve":[1-9].*"pck05":null.*"pairs":3,"frames":2}' "the knee bends the surface; no joints in the image"
expect 0 "bodies --joints 24" hmr-eval --json --joints 24 --each --truth "$T/bt.jsonl" bodies "$T/br.jsonl"
like "$T/out" '"joint":"left_knee","n":3,"mpjpe":0.000000' "SMPL's joints from the pose: the knee stays"
like "$T/out" '"joint":"left_ankle","n":3,"mpjpe":1[0-9][0-9]' "the ankle goes"
expect 0 "bodies as text" hmr-eval --each --truth "$T/bt.jsonl" bodies "$T/br.jsonl"
is "$(column "$T/out" MPJPE | head -n 1)" 6.7 "the same as text"
like "$T/out" '^ 100.0      3      3      3      2$' "and how many"
like "$T/out" '^left_ankle +293.3' "joint by joint"
expect 0 "--match id" hmr-eval --json --match id --truth "$T/bt.jsonl" bodies "$T/br.jsonl"
like "$T/out" '"mpjpe":6.666667.*"pairs":3' "by identity"
expect 0 "bodies --score" hmr-eval --json --score 0.95 --truth "$T/bt.jsonl" bodies "$T/br.jsonl"
like "$T/out" '"mpjpe":null.*"found":0.000000,"truth":3,"bodies":0,' "nobody is that sure"
sed 's/"body": "mannequin"/"x": 0/' "$T/br.jsonl" >"$T/nobody.jsonl"
expect 0 "no body in the header" hmr-eval --json --truth "$T/bt.jsonl" bodies "$T/nobody.jsonl"
like "$T/out" '"mpjpe":6.666667.*"pve":null' "no surface to compare"
fails 3 "no body for SMPL's joints" hmr-eval --joints 24 --truth "$T/bt.jsonl" bodies "$T/nobody.jsonl"
sed 's/"body": "mannequin"/"body": "mannequin", "body_sha256": "0123"/' "$T/br.jsonl" >"$T/other.jsonl"
fails 1 "another body" hmr-eval --truth "$T/bt.jsonl" bodies "$T/other.jsonl"
sed '$d' "$T/bt.jsonl" >"$T/cut.jsonl"
fails 3 "ground truth that was cut off" hmr-eval --truth "$T/cut.jsonl" bodies "$T/br.jsonl"
echo 'PK but no more' >"$T/bad.npz"
fails 3 "arrays that are none" hmr-eval --truth "$T/bad.npz" bodies "$T/br.jsonl"

py=/usr/bin/python3
[ -x $py ] || py=python3
if $py -c 'import numpy' 2>/dev/null; then
	cd "$T" || exit 1
	$py "$ROOT/tests/tool/bodies.py" make
	for truth in truth grid; do
		for joints in all 14; do
			expect 0 "$truth.npz, --joints $joints" \
				hmr-eval --json --truth $truth.npz --joints $joints bodies result.jsonl
			cp out scores.json
			is "$($py "$ROOT/tests/tool/bodies.py" check scores.json 2>&1)" "as numpy has it" \
				"$truth.npz, --joints $joints: every score"
		done
	done
	$py -c 'import numpy; numpy.savez("flat.npz", joints3d=numpy.zeros((3, 17, 3)))'
	fails 3 "arrays of 17 joints" hmr-eval --truth flat.npz bodies result.jsonl
	like err 'flat.npz.*17' "says what is wrong"
	$py -c 'import numpy; numpy.savez("none.npz", joints=numpy.zeros((3, 44, 3)))'
	fails 3 "arrays without joints3d" hmr-eval --truth none.npz bodies result.jsonl
else
	skip "bodies against arrays" "no numpy"
fi

# --- refused ------------------------------------------------------------------
fails 1 "no ground truth file" hmr-eval --truth "$T/none" tracks "$T/r.jsonl"
fails 1 "no result file" hmr-eval --truth "$T/gt.txt" tracks "$T/none"
expect 2 "no --truth" hmr-eval tracks "$T/r.jsonl"
expect 2 "nothing to score" hmr-eval --truth "$T/gt.txt"
expect 2 "cannot score that" hmr-eval --truth "$T/gt.txt" poses "$T/r.jsonl"
expect 2 "--each of tracks" hmr-eval --each --truth "$T/gt.txt" tracks "$T/r.jsonl"
expect 2 "--joints of nothing" hmr-eval --joints 15 --truth "$T/gt.txt" bodies "$T/r.jsonl"
expect 2 "--match by nothing" hmr-eval --match luck --truth "$T/gt.txt" bodies "$T/r.jsonl"
expect 2 "two inputs" hmr-eval --truth "$T/gt.txt" tracks a b
expect 2 "--iou 0" hmr-eval --iou 0 --truth "$T/gt.txt" tracks "$T/r.jsonl"
for line in '1,1,10,10,40' '0,1,1,1,1,1' '1,x,1,1,1,1' '1.5,1,1,1,1,1' '1,1,nan,1,1,1' '1,1,1,1,-4,1'; do
	echo "$line" >"$T/bad.txt"
	fails 3 "ground truth '$line'" hmr-eval --truth "$T/bad.txt" tracks "$T/r.jsonl"
done
like "$T/err" 'bad.txt: line 1: ' "it names file and line"
printf '1,1,1,1,9,9\n2,1,1,1,9,9\n1,1,5,5,9,9\n' >"$T/bad.txt"
fails 3 "an identity twice in a frame" hmr-eval --truth "$T/bad.txt" tracks "$T/r.jsonl"
sed '$d' "$T/r.jsonl" >"$T/cut.jsonl"
fails 3 "a result that was cut off" hmr-eval --truth "$T/gt.txt" tracks "$T/cut.jsonl"
[ ! -s "$T/out" ]
ok $? "no scores of a part"
sed '$s/complete/failed/' "$T/r.jsonl" >"$T/failed.jsonl"
fails 3 "a result that failed" hmr-eval --truth "$T/gt.txt" tracks "$T/failed.jsonl"
: >"$T/empty"
fails 3 "an empty result" hmr-eval --truth "$T/gt.txt" tracks "$T/empty"
expect 0 "an empty ground truth" hmr-eval --truth "$T/empty" tracks "$T/r.jsonl"
for o in '-o /dev/full' '>/dev/full'; do
	fails 1 "$o" sh -c "hmr-eval tracks --truth \"\$1\" \"\$1\" $o" - "$T/gt.txt"
	like "$T/err" 'No space left' "is told"
done
fails 1 "closed stdout" sh -c 'hmr-eval tracks --truth "$1" "$1" >&-' - "$T/gt.txt"
like "$T/err" 'standard output: Bad file descriptor' "is told"
finish
