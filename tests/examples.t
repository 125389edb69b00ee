#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What lies in examples/ runs: the reader in Python, the stage in C, the tour.
. "${0%/*}/lib.sh"
need hmr-decode hmr-info ffmpeg
py=/usr/bin/python3
[ -x $py ] || py=python3

mkdir "$T/g"
$py "$ROOT/tests/golden/make.py" "$T/g" || skip_all "no numpy"
reader=$ROOT/examples/read_stream.py
stream "$T/s.hmr" 3

# --- the reader ----------------------------------------------------------------
reads() { $py -B "$reader" <"$1"; }
expect 0 "read_stream.py: images" reads "$T/s.hmr"
is "$(grep -c '^frame' "$T/out")" 3 "it sees each frame"
expect 0 "read_stream.py: tables" reads "$T/g/good-three.hmr"
like "$T/out" '^frame 1 pts 1 16x12: PEOP 1 BODY 1 TRAK 1' "it sees each row"
like "$T/out" 'pelvis at \[' "it sees joints"
expect 0 "read_stream.py: two segments" reads "$T/g/good-two-segments.hmr"
expect 0 "read_stream.py: longer rows" reads "$T/g/good-long-rows.hmr"
expect 1 "read_stream.py: a cut stream" reads "$T/g/bad-no-end.3.hmr"
like "$T/err" 'EOFError' "it says so"

# --- the stage in C --------------------------------------------------------------
if sanitized; then
	skip "hmr-tall" "built without sanitizers"
elif env -u MAKEFLAGS -u MFLAGS make -s -C "$ROOT/examples/filter" B="$HMR_BIN" O="$T" \
    >"$T/make" 2>&1; then
	tall=$T/hmr-tall
	expect 0 "hmr-tall keeps the tall" "$tall" -z 0 --min-height 10 -o "$T/t.hmr" "$T/g/good-three.hmr"
	reads "$T/t.hmr" >"$T/out"
	is "$(grep -c 'PEOP 1 BODY 1 TRAK 1' "$T/out")" 3 "everybody is still there"
	expect 0 "hmr-tall drops the small" "$tall" -z 0 --min-height 11 -o "$T/t.hmr" "$T/g/good-three.hmr"
	reads "$T/t.hmr" >"$T/out"
	is "$(grep -c 'PEOP 0 BODY 0 TRAK 0' "$T/out")" 3 "nobody is left, in any table"
	expect 0 "what it wrote is whole" hmr-info --verify "$T/t.hmr"
	expect 0 "hmr-tall passes unknown sections" \
	    "$tall" -z 0 --min-height 1 -o "$T/t.hmr" "$T/g/good-unknown-section.hmr"
	grep -aq 'passed through' "$T/t.hmr"
	ok $? "… byte for byte"
	fails 3 "hmr-tall: a cut stream" "$tall" "$T/g/bad-no-end.3.hmr"
	fails 3 "hmr-tall: no people" "$tall" "$T/s.hmr"
	fails 3 "hmr-tall: a row of nobody" "$tall" "$T/g/bad-track-person.1.hmr"
	run "$tall" --min-height tall "$T/s.hmr"
	is $got 2 "hmr-tall: a height that is none"
else
	ok 1 "examples/filter builds"
	notefile "$T/make"
fi

# --- the tour --------------------------------------------------------------------------
if have hmr-detect hmr-mesh hmr-assoc hmr-render hmr-export && have_vtest && have_models; then
	tour() { (cd "$T" && "$ROOT/examples/pipelines.sh" "$HMR_VTEST" 0.6); }
	expect 0 "pipelines.sh" tour
	like "$T/out" '"stage":"hmr-decode".*no-such-file' "it ends with the failure it shows"
	like "$T/tour/joined.jsonl" '"status":"complete"' "its joined halves are whole"
else
	skip "pipelines.sh" "no vtest.avi, models or programs"
fi
finish
