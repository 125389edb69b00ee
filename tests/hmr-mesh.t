#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# hmr-mesh: options, models, and the bodies of people in vtest.avi.
. "${0%/*}/lib.sh"
need hmr-mesh hmr-detect hmr-decode hmr-info ffmpeg
py=/usr/bin/python3
[ -x $py ] || py=python3
$py -c 'import numpy' 2>/dev/null || skip_all "no numpy"
rows() { $py "$ROOT/tests/tool/rows.py" "$@"; }

stream "$T/small.hmr" 3 96x64

# --- the command line and models ------------------------------------------------
for o in '--min-score 2' '--focal 0' '--focal x' '--max-people 0' '--precision f99' \
    '-j many' '-b'; do
	# shellcheck disable=SC2086 # an option and its value
	expect 2 "$o" hmr-mesh "$T/small.hmr" $o
done
mkdir "$T/none"
HMR_MODELS=$T/none fails 1 "no model" hmr-mesh "$T/small.hmr"
like "$T/err" "$T/none" "it says where it looked"
cp "$T/out" "$T/failed.hmr"
fails 3 "its output says so too" hmr-info "$T/failed.hmr"

if ! have_models nanodet blazepose-lite; then
	skip "bodies" "no models: 'make models' fetches them"
	finish
fi
fails 1 "a model of the wrong kind" hmr-mesh -m nanodet "$T/small.hmr"
like "$T/err" 'pose network' "it says what is needed"
fails 1 "no such body" hmr-mesh -m lite -b "$T/none/body" "$T/small.hmr"
printf '\200\2}q\1.SMPL' >"$T/SMPL.pkl"
fails 1 "a body as it is handed out" hmr-mesh -m lite -b "$T/SMPL.pkl" "$T/small.hmr"
like "$T/err" 'SMPL.pkl: not a safetensors file.*hmr-model import' "it says what takes it"

# --- wrong order ----------------------------------------------------------------
fails 3 "a stream without people" hmr-mesh -m lite "$T/small.hmr"
like "$T/err" 'no people: hmr-mesh needs hmr-detect' "it says what it needs"
hmr-detect -q -z 0 -o "$T/nobody.hmr" "$T/small.hmr"
expect 0 "frames without people" hmr-mesh -m lite -z 0 -o "$T/b.hmr" "$T/nobody.hmr"
expect 0 "… are whole" hmr-info --verify "$T/b.hmr"
hmr-mesh -q -m lite "$T/b.hmr" >"$T/o.hmr" 2>"$T/err"
is "$(one_line "$T/err" && grep -c 'no image: hmr-mesh needs hmr-decode' "$T/err")" 1 \
    "a stream without images says what it needs"

if ! have_vtest || ! have_models; then
	skip "bodies of people" "no vtest.avi: 'make demo' fetches it"
	finish
fi

# --- bodies -------------------------------------------------------------------
hmr-decode -q -z 0 --start 24 --frames 1 "$HMR_VTEST" |
    hmr-detect -z 0 -o "$T/p.hmr"
expect 0 "bodies of frame 240" hmr-mesh -z 0 -o "$T/b.hmr" "$T/p.hmr"
expect 0 "its sections are sound" hmr-info --verify "$T/b.hmr"
rows bodies "$T/b.hmr" >"$T/bodies"
bodies=$(rows people "$T/p.hmr" | awk '$6 >= 0.45' | wc -l)
is "$(wc -l <"$T/bodies")" "$bodies" "a body for each person of 0.45 and more"
# Issue 2 asks for a mean error under 4 % of the height; observed here: 0.9 %.
awk '$3 > 0.04 { bad = 1 } END { exit bad }' "$T/bodies"
ok $? "no fitted body is off by more than 4 % of its height" || notefile "$T/bodies"
run hmr-info --frames "$T/b.hmr"
grep -q IMAG "$T/out" && echo yes >"$T/has" || echo no >"$T/has"
is "$(cat "$T/has")" no "the image is left out"
hmr-mesh -q -z 0 --keep-image --landmarks --vertices -o "$T/all.hmr" "$T/p.hmr"
expect 0 "with image, landmarks, vertices" hmr-info --verify "$T/all.hmr"
run hmr-info --frames "$T/all.hmr"
for s in IMAG PEOP BODY APPR LAND VERT; do
	grep -q "$s" "$T/out"
	ok $? "… holds $s" || notefile "$T/out"
done
rows bodies "$T/all.hmr" | cmp -s - "$T/bodies"
ok $? "… and the bodies are the same"
$py "$ROOT/tests/tool/rows.py" camera "$T/all.hmr" >"$T/gap"
ok $? "camera, crop camera, focal length, joints and vertices agree" || notefile "$T/gap"

hmr-mesh -q -z 0 --min-score 0.75 -o "$T/sure.hmr" "$T/p.hmr"
is "$(rows bodies "$T/sure.hmr" | wc -l)" "$(rows people "$T/p.hmr" | awk '$6 >= 0.75' | wc -l)" \
    "--min-score 0.75"
run hmr-mesh -z 0 --max-people 2 -o "$T/two.hmr" "$T/p.hmr"
rows bodies "$T/two.hmr" | cut -d ' ' -f 2 | tr '\n' ' ' >"$T/two"
is "$(cat "$T/two")" "0 1 " "--max-people 2: bodies of the best two"
is "$(grep -c "more than --max-people 2" "$T/err")" 1 "and a warning"
is "$(rows people "$T/two.hmr" | wc -l)" "$(rows people "$T/p.hmr" | wc -l)" \
    "the others stay in the stream"

# Alone or among others: the same but for the last digits, as batches of other
# sizes add up in another order.
$py "$ROOT/tests/tool/rows.py" gap "$T/b.hmr" "$T/two.hmr" 1e-5 >"$T/gap"
ok $? "a body does not depend on who else is there" || notefile "$T/gap"

# The true focal length brings people nearer by the same factor.
hmr-mesh -q -z 0 --focal 1000 -o "$T/f.hmr" "$T/p.hmr"
rows camera "$T/f.hmr" >"$T/gap"
ok $? "--focal 1000: all agree" || notefile "$T/gap"
rows bodies "$T/f.hmr" | paste -d ' ' - "$T/bodies" |
    awk '{ r = $18 / $6 / 15; if (r < 0.9 || r > 1.1) bad = 1 } END { exit bad }'
ok $? "--focal 1000 brings people 15 times nearer"

for m in full lite blazepose-lite; do
	expect 0 "-m $m" hmr-mesh -q -z 0 -m $m -o "$T/m.hmr" "$T/p.hmr"
	is "$(rows bodies "$T/m.hmr" | wc -l)" "$bodies" "-m $m: as many bodies"
done

# --- people who are not upright --------------------------------------------------
# The same people, large enough and whole, in the image turned clockwise.
hmr-export -q -f png --frames 240 -o "$T/0.png" "$T/p.hmr"
ffmpeg -nostdin -v error -i "$T/0.png" -vf transpose=1 "$T/90.png"
ffmpeg -nostdin -v error -i "$T/0.png" -vf hflip,vflip "$T/180.png"
for t in 0 90 180; do
	rows people "$T/p.hmr" | awk -v t=$t '
	$5 - $3 > 70 && $2 > 5 && $4 < 763 && $5 < 571 && $6 > 0.6 {
		w = $4 - $2; h = $5 - $3
		if (t == 0) b = $2 "," $3 "," w "," h
		if (t == 90) b = 576 - $5 "," $2 "," h "," w
		if (t == 180) b = 768 - $4 "," 576 - $5 "," w "," h
		print "1," ++n "," b ",0.9"
	}' >"$T/$t.mot"
	hmr-decode -q "$T/$t.png" | hmr-detect -q --boxes "$T/$t.mot" |
	    hmr-mesh -q -o "$T/$t.hmr"
done
whole=$(wc -l <"$T/0.mot")
for t in 90 180; do
	rows turned "$T/0.hmr" "$T/$t.hmr" $t >"$T/turned"
	[ "$whole" -ge 3 ] && awk -v n="$whole" '$3 < 40 { good++ }
	    END { exit !(NR == n && good >= n - 1) }' "$T/turned"
	ok $? "turned by $t degrees: the same bodies, but for one" || notefile "$T/turned"
done

# --- parts equal the whole ------------------------------------------------------
hmr-decode -q --start 30 --frames 4 -z 0 "$HMR_VTEST" | hmr-detect -z 0 |
    hmr-mesh -m lite -z 0 -o "$T/whole.hmr"
for s in 30.0 30.2; do
	hmr-decode -q --start $s --frames 2 -z 0 "$HMR_VTEST" | hmr-detect -z 0 |
	    hmr-mesh -m lite -z 0
done >"$T/parts.hmr"
rows frames "$T/whole.hmr" >"$T/a"
rows frames "$T/parts.hmr" >"$T/b"
is "$(wc -l <"$T/a")" 4 "four frames"
same "$T/a" "$T/b" "two parts joined by cat hold the same frames"
finish
