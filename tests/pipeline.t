#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The whole pipe on a few frames of vtest.avi: it runs, its lines follow their
# schema, parts made separately equal the whole, no stage holds a frame back.
. "${0%/*}/lib.sh"
need hmr-decode hmr-detect hmr-mesh hmr-assoc hmr-info ffmpeg
need_vtest
need_models
py=/usr/bin/python3
[ -x $py ] || py=python3

ffmpeg -nostdin -v error -y -ss 20 -i "$HMR_VTEST" -frames:v 20 -c:v libx264 -g 8 \
    -threads 1 -qp 14 "$T/clip.mp4" </dev/null
ok $? "twenty frames" || finish

# --- whole -----------------------------------------------------------------------
hmr-decode -q -o "$T/v.hmr" -z 0 "$T/clip.mp4" &&
    hmr-detect -z 0 -o "$T/d.hmr" "$T/v.hmr" &&
    hmr-mesh -z 0 --keep-image -o "$T/m.hmr" "$T/d.hmr" &&
    hmr-assoc "$T/m.hmr" >"$T/tracks.jsonl"
ok $? "stage by stage through files" || finish
hmr-decode -q "$T/clip.mp4" | hmr-detect | hmr-mesh | hmr-assoc >"$T/live.jsonl"
ok $? "through pipes"
tail -n +2 "$T/tracks.jsonl" >"$T/a"
tail -n +2 "$T/live.jsonl" >"$T/b"
same "$T/a" "$T/b" "both give the same lines"
is "$(grep -c '"type":"frame"' "$T/tracks.jsonl")" 20 "a line a frame"
people=$(grep -o '"id":[0-9]*' "$T/tracks.jsonl" | sort -u | wc -l)
[ "$people" -ge 3 ] && [ "$people" -le 12 ]
ok $? "a handful of people are followed" || note "$people identities"
for s in v d m; do
	expect 0 "$s.hmr is whole" hmr-info --verify "$T/$s.hmr"
done
expect 0 "hmr-info reads the lines" hmr-info "$T/tracks.jsonl"

# --- the schema --------------------------------------------------------------------
if $py -c 'import jsonschema' 2>/dev/null; then
	expect 0 "each line follows formats/tracks.schema.json" $py -c '
import json, sys, jsonschema
schema = json.load(open(sys.argv[1]))
check = jsonschema.validators.validator_for(schema)(schema)
for n, line in enumerate(open(sys.argv[2]), 1):
    for error in check.iter_errors(json.loads(line)):
        sys.exit(f"line {n}: {error.json_path}: {error.message[:200]}")
' "$ROOT/formats/tracks.schema.json" "$T/tracks.jsonl"
	hmr-decode -q "$T/none.mp4" 2>/dev/null | hmr-assoc >"$T/failed.jsonl" 2>/dev/null
	expect 0 "and those of a run that failed" $py -c '
import json, sys, jsonschema
schema = json.load(open(sys.argv[1]))
for line in open(sys.argv[2]):
    jsonschema.validate(json.loads(line), schema)
' "$ROOT/formats/tracks.schema.json" "$T/failed.jsonl"
else
	skip "the schema" "no python3-jsonschema"
fi

# --- parts -------------------------------------------------------------------------
# Cut where no key frame is: the second part starts decoding before its start.
half() {
	hmr-decode -q "$@" "$T/clip.mp4" | hmr-detect |
	    hmr-mesh --keep-image
}
half --end 1.1 >"$T/p1.hmr" && half --start 1.1 >"$T/p2.hmr"
ok $? "two parts"
cat "$T/p1.hmr" "$T/p2.hmr" >"$T/p.hmr"
expect 0 "joined by cat they are a stream" hmr-info --verify "$T/p.hmr"
$py "$ROOT/tests/tool/cuts.py" frames "$T/m.hmr" >"$T/a"
$py "$ROOT/tests/tool/cuts.py" frames "$T/p.hmr" >"$T/b"
same "$T/a" "$T/b" "every byte of every FRAME equals the whole"
hmr-assoc "$T/p.hmr" >"$T/p.jsonl"
ok $? "hmr-assoc takes the parts"
is "$(grep -o '"id":[0-9]*' "$T/p.jsonl" | sort -u | wc -l)" "$people" \
    "identities go on over the seam"

# --- nothing is held back -------------------------------------------------------------
expect 0 "--lag 0: a frame's line is out before the next frame comes" \
    $py "$ROOT/tests/tool/lockstep.py" "$T/v.hmr" 'hmr-detect | hmr-mesh | hmr-assoc --lag 0'
remark "milliseconds, median and largest: $(cat "$T/out")"

# --- the way out -----------------------------------------------------------------------
if have hmr-render hmr-export; then
	hmr-assoc --stream -o "$T/a.hmr" "$T/m.hmr"
	hmr-render "$T/a.hmr" | hmr-export -f mp4 -o "$T/out.mp4"
	ok $? "rendered and exported"
	is "$(ffprobe -v error -count_frames -show_entries stream=nb_read_frames \
	    -of csv=p=0 "$T/out.mp4")" 20 "the video has each frame"
	expect 0 "hmr-export -f jsonl" hmr-export -f jsonl -o "$T/x.jsonl" "$T/a.hmr"
	tail -n +2 "$T/tracks.jsonl" >"$T/a"
	tail -n +2 "$T/x.jsonl" >"$T/b"
	same "$T/a" "$T/b" "hmr-export writes the lines that hmr-assoc does"
	hmr-render --source "$T/clip.mp4" "$T/tracks.jsonl" | hmr-export -f mp4 -o "$T/out2.mp4"
	ok $? "rendered from tracks.jsonl and the video"
fi
finish
