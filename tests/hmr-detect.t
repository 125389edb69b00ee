#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# hmr-detect: options, models, and the people it finds in vtest.avi.
. "${0%/*}/lib.sh"
need hmr-detect hmr-decode hmr-info ffmpeg
py=/usr/bin/python3
[ -x $py ] || py=python3
$py -c 'import numpy' 2>/dev/null || skip_all "no numpy"
rows() { $py "$ROOT/tests/tool/rows.py" "$@"; }

stream "$T/small.hmr" 3 96x64

# --- the command line ---------------------------------------------------------
for o in '--score 2' '--score x' '--score 0' '--nms -1' '--nms 1.5' '--max-people 0' \
    '--max-people 4097' '--min-size -3' '--precision f99' '-j many' '-m' \
    '--boxes x -m nanodet' '--boxes x --nms 0.5' '--boxes x --tiles 2x2' \
    '--scales 31' '--scales 448,224' '--scales 1,' '--scales 32,64,96,128,160' \
    '--tiles 0x2' '--tiles 1x1' '--tiles 17x2' '--tiles 2' '--tiles 2x2x2'; do
	# shellcheck disable=SC2086 # an option and its value
	expect 2 "$o" hmr-detect "$T/small.hmr" $o
done

# --- models -------------------------------------------------------------------
mkdir "$T/none"
HMR_MODELS=$T/none fails 1 "no model" hmr-detect "$T/small.hmr"
like "$T/err" "$T/none.*hmr-model import|$T/none.*make" "it says where it looked and how to get one"
cp "$T/out" "$T/failed.hmr"
fails 3 "its output says so too" hmr-info "$T/failed.hmr"
fails 1 "no such model file" hmr-detect -m "$T/none/x.safetensors" "$T/small.hmr"
echo 'no model' >"$T/text.safetensors"
fails 1 "a file that is no model" hmr-detect -m "$T/text.safetensors" "$T/small.hmr"

# --- boxes from a file ----------------------------------------------------------
# Five frames of 96x64; frames 0, 2 and 4 have people.
stream "$T/five.hmr" 5 96x64
cat >"$T/mot.txt" <<'END'
5,9,-20,10,30,40,0.25,-1,-1,-1
1,7,10,10,20,40,1,-1,-1,-1
1,8,40,5,12.5,30,-1,-1,-1,-1
3,-1,60,10,20,40,0.5,-1,-1,-1
3,4,200,10,20,40,1,-1,-1,-1
3,5,50,10,20,40,0,-1,-1,-1
END
cat >"$T/want" <<'END'
0 10 10 30 50 1 7
0 40 5 52.5 35 1 8
2 60 10 80 50 0.5 0
4 -20 10 10 50 0.25 9
END
expect 0 "--boxes, MOTChallenge lines out of order" \
    hmr-detect -z 0 --boxes "$T/mot.txt" -o "$T/m.hmr" "$T/five.hmr"
expect 0 "… give a whole stream" hmr-info --verify "$T/m.hmr"
rows given "$T/m.hmr" >"$T/got"
same "$T/got" "$T/want" "… with boxes as given and identities; conf 0 and boxes outside are left out"
sort -t , -k 1n "$T/mot.txt" >"$T/sorted.txt"
hmr-detect -z 0 --boxes "$T/sorted.txt" -o "$T/s.hmr" "$T/five.hmr"
rows given "$T/s.hmr" >"$T/got"
same "$T/got" "$T/want" "a file in order is read along"
expect 0 "… from a pipe too" sh -c 'cat "$1" | hmr-detect -z 0 --boxes /dev/stdin -o "$2" "$3"' \
    - "$T/sorted.txt" "$T/s.hmr" "$T/five.hmr"
rows given "$T/s.hmr" >"$T/got"
same "$T/got" "$T/want" "… with the same result"
awk 'BEGIN { print "id,frame,x0,y0,x1,y1,score" } { print $7 "," $1 "," $2 "," $3 "," $4 "," $5 "," $6 }' \
    "$T/want" >"$T/boxes.csv"
expect 0 "CSV" hmr-detect -z 0 --boxes "$T/boxes.csv" -o "$T/c.hmr" "$T/five.hmr"
rows given "$T/c.hmr" >"$T/got"
same "$T/got" "$T/want" "… says the same"
if have hmr-export; then
	hmr-export -q -f csv -o "$T/out.csv" "$T/c.hmr"
	hmr-detect -z 0 --boxes "$T/out.csv" -o "$T/c2.hmr" "$T/five.hmr"
	rows given "$T/c2.hmr" | cut -d ' ' -f 1-6 >"$T/got"
	cut -d ' ' -f 1-6 "$T/want" | cmp -s - "$T/got"
	ok $? "what hmr-export wrote as csv can be read" || notefile "$T/got"
fi
cat "$T/five.hmr" "$T/five.hmr" >"$T/twice.hmr"
expect 0 "a concatenation" hmr-detect -z 0 --boxes "$T/sorted.txt" -o "$T/s.hmr" "$T/twice.hmr"
rows given "$T/s.hmr" >"$T/got"
is "$(wc -l <"$T/got")" 8 "… starts the file over"
hmr-detect -q -z 0 --boxes "$T/mot.txt" --score 0.5 --max-people 1 -o "$T/s.hmr" "$T/five.hmr"
rows given "$T/s.hmr" | cut -d ' ' -f 1,7 >"$T/got"
printf '0 7\n2 0\n' | cmp -s - "$T/got"
ok $? "--score and --max-people" || notefile "$T/got"
hmr-detect -z 0 --boxes "$T/mot.txt" --min-size 36 -o "$T/s.hmr" "$T/five.hmr"
rows given "$T/s.hmr" | cut -d ' ' -f 1,7 >"$T/got"
printf '0 7\n2 0\n4 9\n' | cmp -s - "$T/got"
ok $? "--min-size" || notefile "$T/got"
printf '1,1,2,3,4,5\n2,1,2,x,4,5\n' >"$T/bad.txt"
fails 3 "a bad line" hmr-detect -z 0 --boxes "$T/bad.txt" -o "$T/s.hmr" "$T/five.hmr"
like "$T/err" 'bad.txt:2: top' "… is named by file, line and field"
fails 3 "… in the output's END too" hmr-info "$T/s.hmr"
fails 1 "no such file of boxes" hmr-detect -z 0 --boxes "$T/none.txt" -o "$T/s.hmr" "$T/five.hmr"

if ! have_models nanodet; then
	skip "detection" "no models: 'make models' fetches them"
	finish
fi
if have_models blazepose-lite; then
	fails 1 "a model of the wrong kind" hmr-detect -m blazepose-lite "$T/small.hmr"
	like "$T/err" 'detector' "it says what is needed"
fi

# --- small images, and streams without any -------------------------------------
for s in 1x1 3x200 700x2 96x64; do
	stream "$T/s.hmr" 2 $s
	expect 0 "frames of $s" hmr-detect -o "$T/d.hmr" "$T/s.hmr"
	expect 0 "… are whole" hmr-info --verify "$T/d.hmr"
done
expect 2 "the same file in and out" hmr-detect -o "$T/d.hmr" "$T/d.hmr"
expect 0 "as a filter" sh -c 'hmr-detect <"$1" >"$2"' - "$T/small.hmr" "$T/d.hmr"
run hmr-info --json "$T/d.hmr"
like "$T/out" '"model_sha256": *"[0-9a-f]{64}"' "the header names the model by its SHA-256"
like "$T/out" '"precision": *"f32"' "… and the precision"

# --- numbers of half the size ---------------------------------------------------
expect 1 "bfloat16 of a processor without" env DNNL_MAX_CPU_ISA=AVX512_CORE \
    hmr-detect --precision bf16 -o "$T/d.hmr" "$T/small.hmr"
like "$T/err" 'this CPU has no bfloat16: --precision f32' "… says what to do"
is "$(one_line "$T/err" && echo yes)" yes "… in one line"
expect 1 "float16 of a CPU" hmr-detect -d cpu --precision f16 -o "$T/d.hmr" "$T/small.hmr"
like "$T/err" 'only --precision f32 or bf16' "… says what there is"
if grep -q avx512_bf16 /proc/cpuinfo 2>/dev/null; then
	expect 0 "bfloat16" hmr-detect --precision bf16 -o "$T/d.hmr" "$T/small.hmr"
	run hmr-info --json "$T/d.hmr"
	like "$T/out" '"precision": *"bf16"' "… and the header says it"
else
	skip "bfloat16" "a processor without"
fi

if ! have_vtest; then
	skip "people" "no vtest.avi: 'make demo' fetches it"
	finish
fi

# The image at a glance: the mean colours of a picture that is red at the left.
ffmpeg -nostdin -v error -y -f lavfi -i color=red:s=64x48 -f lavfi -i color=blue:s=64x48 \
    -filter_complex hstack -frames:v 1 "$T/gist.png" </dev/null
hmr-decode -q -z 0 "$T/gist.png" | hmr-detect -q -z 0 -o "$T/gist.hmr"
expect 0 "the gist of an image" $py -c 'import sys
sys.path.insert(0, sys.argv[1]); import read_stream
f = [f for kind, f in read_stream.read(open(sys.argv[2], "rb")) if kind == "frame"][0]
g = read_stream.np.frombuffer(f.sections[b"GIST"], "u1", offset=16).reshape(12, 16, 3).astype(int)
sys.exit(bool(abs(g[:, :8] - [255, 0, 0]).max() > 3 or abs(g[:, 8:] - [0, 0, 255]).max() > 3))' \
    "$ROOT/examples" "$T/gist.hmr"

# --- people -------------------------------------------------------------------
# Frame 240 against boxes of an independent implementation (OpenCV's resampling,
# another executor, the picture stretched to 448x320). The limit is in pixels; the
# largest observed is 1.4.
hmr-decode -q -z 0 --start 24 --frames 1 -o "$T/v240.hmr" "$HMR_VTEST"
expect 0 "vtest.avi, frame 240" hmr-detect -z 0 -o "$T/p240.hmr" "$T/v240.hmr"
rows people "$T/p240.hmr" >"$T/people"
is "$(cut -d ' ' -f 1 "$T/people" | sort -u)" 240 "its number is 240"
printf '%s\n' '658.1 269.2 706.7 379.1' '612.5 200.0 641.2 279.5' \
    '449.8 250.5 481.4 352.3' | rows nearest "$T/p240.hmr" 0.7 >"$T/gaps"
awk '$1 > 2.5 { bad = 1 } END { exit bad || NR != 3 }' "$T/gaps"
ok $? "three people are where they should be" || notefile "$T/gaps"
awk '$6 > last && NR > 1 { bad = 1 } { last = $6 }
     $2 < 0 || $3 < 0 || $4 > 768 || $5 > 576 || $2 >= $4 || $3 >= $5 || $6 < 0.3 { bad = 1 }
     END { exit bad }' "$T/people"
ok $? "the best come first, inside the image, of enough score" || notefile "$T/people"

# Plain loops give the same; observed: the sixth digit of a score differs by one.
hmr-detect -d ref -z 0 -o "$T/ref.hmr" "$T/v240.hmr"
rows people "$T/ref.hmr" | paste -d ' ' "$T/people" - | awk '
	function gap(i) { return $i > $(i + 6) ? $i - $(i + 6) : $(i + 6) - $i }
	NF != 12 { bad = 1 }
	{ for (i = 2; i <= 6; i++) if (gap(i) > (i == 6 ? 1e-4 : 1e-2)) bad = 1 }
	END { exit bad || !NR }'
ok $? "-d ref finds the same people"

all=$(wc -l <"$T/people")
run hmr-detect -z 0 --max-people 2 -o "$T/two.hmr" "$T/v240.hmr"
rows people "$T/two.hmr" >"$T/two"
head -n 2 "$T/people" | cmp -s - "$T/two"
ok $? "--max-people 2 keeps the best two"
is "$(grep -c "more than --max-people 2" "$T/err")" 1 "and warns once"
run hmr-detect -q --max-people 2 -o "$T/two.hmr" "$T/v240.hmr"
is "$(wc -c <"$T/err")" 0 "-q does not warn"
hmr-detect -z 0 --score 0.6 -o "$T/sure.hmr" "$T/v240.hmr"
rows people "$T/sure.hmr" >"$T/sure"
awk '$6 >= 0.6' "$T/people" | cmp -s - "$T/sure"
ok $? "--score 0.6 is those of 0.6 and more"
hmr-detect -z 0 --min-size 100 -o "$T/large.hmr" "$T/v240.hmr"
rows people "$T/large.hmr" >"$T/large"
awk '$4 - $2 >= 100 || $5 - $3 >= 100' "$T/people" | cmp -s - "$T/large"
ok $? "--min-size 100 is those as long"
[ "$(wc -l <"$T/large")" -lt "$all" ]
ok $? "… and that leaves some out"

# A second run replaces the people of the first.
hmr-detect -q -z 0 --max-people 1 -o "$T/one.hmr" "$T/v240.hmr"
hmr-detect -z 0 -o "$T/again.hmr" "$T/one.hmr"
rows people "$T/again.hmr" | cmp -s - "$T/people"
ok $? "people that were there are replaced"

# Larger than the small scale is for: a person of 0.6 of the height.
ffmpeg -nostdin -v error -ss 24 -i "$HMR_VTEST" -frames:v 1 -vf crop=240:180:560:230 \
    -y "$T/close.png" </dev/null
hmr-decode -q "$T/close.png" | hmr-detect -z 0 -o "$T/close.hmr"
rows people "$T/close.hmr" >"$T/close"
awk '$6 > 0.5 && $5 - $3 > 0.5 * 180 { found = 1 } END { exit !found }' "$T/close"
ok $? "a large person" || notefile "$T/close"

# --- parts equal the whole ------------------------------------------------------
hmr-decode -q --start 30 --frames 6 -z 0 "$HMR_VTEST" | hmr-detect -z 0 -o "$T/whole.hmr"
for s in 30.0 30.3; do
	hmr-decode -q --start $s --frames 3 -z 0 "$HMR_VTEST" | hmr-detect -z 0
done >"$T/parts.hmr"
rows frames "$T/whole.hmr" >"$T/a"
rows frames "$T/parts.hmr" >"$T/b"
is "$(wc -l <"$T/a")" 6 "six frames"
same "$T/a" "$T/b" "two parts joined by cat hold the same frames"
hmr-decode -q --start 30 --frames 6 -z 0 "$HMR_VTEST" | hmr-detect -j 1 -z 0 -o "$T/j1.hmr"
rows people "$T/whole.hmr" | cut -d . -f 1 >"$T/a"
rows people "$T/j1.hmr" | cut -d . -f 1 >"$T/b"
is "$(wc -l <"$T/b")" "$(wc -l <"$T/a")" "one thread finds as many"

# --- scales and tiles -------------------------------------------------------------
# Half of the picture in the middle of grey: people of half the size.
ffmpeg -nostdin -v error -ss 24 -i "$HMR_VTEST" -frames:v 1 \
    -vf 'scale=384:288,pad=1152:864:500:300:gray' -y "$T/far.png" </dev/null
hmr-decode -q -z 0 -o "$T/far.hmr" "$T/far.png"
for o in '--scales 448' '--scales 224,448,896' '--tiles 2x2' '--tiles 3x3 --scales 448'; do
	# shellcheck disable=SC2086 # options and their values
	expect 0 "far people, $o" hmr-detect -z 0 $o -o "$T/f.hmr" "$T/far.hmr"
	rows people "$T/f.hmr" >"$T/f"
	echo "$(awk '$6 >= 0.45' "$T/f" | wc -l) $o" >>"$T/far"
	awk '$2 < 490 || $4 > 894 || $3 < 290 || $5 > 598 { bad = 1 } END { exit bad }' "$T/f"
	ok $? "… nobody outside of the picture" || notefile "$T/f"
done
awk '$2 == "--scales" && NF == 3 && /448$/ { one = $1 } $2 == "--tiles" { if (!least || $1 < least) least = $1 }
     /896/ { most = $1 } END { exit !(least > one && most > one) }' "$T/far"
ok $? "tiles and a larger scale find more of them" || notefile "$T/far"

# --- other detectors ----------------------------------------------------------------
# Every example of hmr-model(5) is a sidecar that is accepted; those of networks at
# hand find what the guess finds.
awk '/^\.Bd/ { on = 1; n++; next } /^\.Ed/ { on = 0 } on' "$ROOT/man/hmr-model.5" |
    awk -v t="$T" '/^\{/ { n++ } { print > (t "/side" n ".json") }'
for f in "$T"/side*.json; do	# those of detectors
	! grep -q '"kind": "reid"' "$f" || rm "$f"
done
is "$(find "$T" -name 'side*.json' | wc -l)" 7 "hmr-model(5) has seven examples of detectors"
for f in "$T"/side*.json; do
	run hmr-detect --sidecar "$f" -o "$T/o.hmr" "$T/small.hmr"
	like "$T/err" 'no output' \
	    "the example of $(sed -n 's/.*"kind": "\(.*\)".*/\1/p' "$f") is read, and names outputs"
done
printf '{"format":"hmr-sidecar 1","kind":"yolox","input":{"colour":"grey"}}' >"$T/bad.json"
fails 3 "a wrong value" hmr-detect --sidecar "$T/bad.json" -o "$T/o.hmr" "$T/small.hmr"
like "$T/err" 'bad.json: input.colour: "RGB" or "BGR" wanted' "… is named by file and key"
fails 1 "no such sidecar" hmr-detect --sidecar "$T/none.json" -o "$T/o.hmr" "$T/small.hmr"
cp "$(hmr-model path nanodet)" "$T/mine.safetensors"
echo '{"format": "hmr-sidecar 1", "kind": "yolox" "input": 1}' >"$T/mine.json"
fails 3 "a broken sidecar beside the model" hmr-detect -m "$T/mine.safetensors" -o "$T/o.hmr" "$T/small.hmr"
like "$T/err" 'mine.json: not JSON: line 1' "… is named"
echo '{"format": "graph-model", "modelTopology": {}}' >"$T/mine.json"
expect 0 "other JSON beside it is none" hmr-detect -m "$T/mine.safetensors" -o "$T/o.hmr" "$T/small.hmr"

onnx=$HMR_SHARED/data/onnx
if [ -d "$onnx" ]; then
	# each: network, kind, boxes of frame 240 that it is sure of (score, gap in pixels
	# to those above; the largest observed is 9.0)
	while read -r net kind sure; do
		expect 0 "$net as it is" hmr-detect -v -z 0 -m "$onnx/$net.onnx" -o "$T/n.hmr" "$T/v240.hmr"
		like "$T/err" "$net \($kind, guessed from its outputs\)" "… is guessed, and that is said"
		run hmr-info --json "$T/n.hmr"
		like "$T/out" "\"decoder\": *\"$kind, guessed" "… in the header too"
		printf '%s\n' '658.1 269.2 706.7 379.1' '612.5 200.0 641.2 279.5' \
		    '449.8 250.5 481.4 352.3' | rows nearest "$T/n.hmr" "$sure" >"$T/gaps"
		awk '$1 > 15 { bad = 1 } END { exit bad || NR != 3 }' "$T/gaps"
		ok $? "… and finds the three people" || notefile "$T/gaps"
		rows people "$T/n.hmr" >"$T/guess"
		for f in "$T"/side*.json; do
			grep -q "\"kind\": \"$kind\"" "$f" || continue
			hmr-detect -q -z 0 -m "$onnx/$net.onnx" --sidecar "$f" -o "$T/n.hmr" "$T/v240.hmr" 2>"$T/err"
			rows people "$T/n.hmr" | cmp -s - "$T/guess"
			ok $? "… the same with the example of $kind" || notefile "$T/err"
		done
	done <<-END
	yolox_nano_416 yolox 0.6
	nanodet_m_416 nanodet 0.5
	FastestDet_352 fastestdet 0.6
	light_person_detector yolox 0.5
	END
	fails 1 "a network that cannot be guessed" \
	    hmr-detect -m "$onnx/person-reid-retail-0288.onnx" -o "$T/o.hmr" "$T/small.hmr"
	like "$T/err" 'outputs Identity:0 \[1,256\]: a sidecar beside it must say' "… what to write is said"
	fails 1 "scales of a fixed size" \
	    hmr-detect -m "$onnx/yolox_nano_416.onnx" --scales 640 -o "$T/o.hmr" "$T/small.hmr"
	hmr-model import -q -o "$T/y.safetensors" "$onnx/yolox_nano_416.onnx"
	sum=$(hmr-model check "$T/y.safetensors" | cut -f 4)
	hmr-detect -q -m "$onnx/yolox_nano_416.onnx" -o "$T/n.hmr" "$T/small.hmr"
	run hmr-info --json "$T/n.hmr"
	like "$T/out" "\"model_sha256\": *\"$sum\"" "an ONNX file has the SHA-256 of its import"
else
	skip "other detectors" "no test data at \$HMR_SHARED"
fi

# --- wrong order ----------------------------------------------------------------
if have hmr-mesh && have_models; then
	hmr-mesh -q "$T/p240.hmr" | hmr-detect 2>"$T/err" >"$T/o.hmr"
	is "$(one_line "$T/err" && grep -c 'no image: hmr-detect needs hmr-decode' "$T/err")" 1 \
	    "a stream without images says what it needs"
	fails 3 "and its output fails" hmr-info "$T/o.hmr"
fi
finish
