#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# hmr-eval: a published result's scores, a case counted by hand in every input
# format, and what it refuses.
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

# --- refused ------------------------------------------------------------------
fails 1 "no ground truth file" hmr-eval --truth "$T/none" tracks "$T/r.jsonl"
fails 1 "no result file" hmr-eval --truth "$T/gt.txt" tracks "$T/none"
expect 2 "no --truth" hmr-eval tracks "$T/r.jsonl"
expect 2 "nothing to score" hmr-eval --truth "$T/gt.txt"
expect 2 "cannot score that" hmr-eval --truth "$T/gt.txt" bodies "$T/r.jsonl"
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
if [ -w /dev/full ]; then
	fails 1 "disk full" hmr-eval -o /dev/full --truth "$T/gt.txt" tracks "$T/r.jsonl"
fi
finish
