#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# hmr-export: every format from streams and from JSON Lines, timing of videos,
# choices of frames, and what a failed run leaves.
. "${0%/*}/lib.sh"
need hmr-export hmr-decode hmr-info ffmpeg ffprobe python3
cd "$T" || exit 1
ff() { ffmpeg -nostdin -v error -y "$@" </dev/null; }

# Tracks by hand: an identity that is seen, one predicted, one whose gap was closed,
# one not yet believed, one without a track; a frame of nobody.
cat >tracks.jsonl <<'EOF'
{"type":"header","tracks":"1.0","format":"hmr-stream","version":"1.0","source":{"name":"hand"},"width":64,"height":48,"time_base":[1,10],"rate":[10,1],"frames":3,"max_payload":65536,"stages":[]}
{"type":"frame","frame":4,"pts":4,"time":0.4,"width":64,"height":48,"people":[]}
{"type":"frame","frame":5,"pts":5,"time":0.5,"width":64,"height":48,"people":[{"id":1,"missed":0,"box":[1,2,11,22.5],"score":0.75},{"id":2,"missed":3,"box":[20,2,30,22],"score":0.5},{"id":3,"missed":2,"filled":true,"box":[40,2,50,22],"score":0.25},{"id":4,"missed":0,"tentative":true,"box":[5,5,9,9],"score":0.5},{"box":[6,6,9,9],"score":0.125}]}
{"type":"frame","frame":6,"pts":6,"time":0.6,"width":64,"height":48,"people":[{"id":1,"missed":0,"box":[2,2,12,22.5],"score":0.75}]}
{"type":"end","frames":3,"status":"complete"}
EOF

# --- mot
expect 0 "mot from JSON Lines" hmr-export -f mot tracks.jsonl
cat >want <<'EOF'
6,1,1,2,10,20.5,0.75,-1,-1,-1
6,3,40,2,10,20,0.25,-1,-1,-1
7,1,2,2,10,20.5,0.75,-1,-1,-1
EOF
same out want "frames from 1; no ghost, nobody unsure, nobody without identity"

# --- csv
expect 0 "csv from JSON Lines" hmr-export -f csv tracks.jsonl
cat >want <<'EOF'
frame,pts,time,id,missed,filled,x0,y0,x1,y1,score,tx,ty,tz,focal,fit_error
5,5,0.5,1,0,0,1,2,11,22.5,0.75,,,,,
5,5,0.5,2,3,0,20,2,30,22,0.5,,,,,
5,5,0.5,3,2,1,40,2,50,22,0.25,,,,,
5,5,0.5,4,0,0,5,5,9,9,0.5,,,,,
6,6,0.6,1,0,0,2,2,12,22.5,0.75,,,,,
EOF
same out want "one line per person and frame, what is absent empty"
expect 0 "csv --all" hmr-export -f csv --all --fields score tracks.jsonl
is "$(grep -c . out)" 7 "people without identity too"
like out '^5,5,0.5,,0.125$' "their id is empty"
expect 0 "csv --fields" hmr-export -f csv --fields pose,shape,joints3d,joints2d,joint_conf tracks.jsonl
is "$(head -n 1 out | tr ',' '\n' | grep -c .)" $((4 + 216 + 10 + 132 + 88 + 44)) "every number has its column"
is "$(awk -F, '{ print NF }' out | sort -u | grep -c .)" 1 "every line has every column"
fails 3 "csv of images alone" sh -c 'ffmpeg -v error -f lavfi -i testsrc2=size=64x48 -frames:v 2 -f nut - | hmr-decode -q | hmr-export -f csv'
like err 'hmr-detect' "names the stage that finds people"
[ ! -s out ]
ok $? "and writes no line"
expect 2 "csv has no vertices" hmr-export -f csv --fields vertices tracks.jsonl

# --- the unfinished table
grep -v '"end"' tracks.jsonl >cut.jsonl
head -n 1 tracks.jsonl >head.jsonl
sed 's/"id":[0-9]*,//g' tracks.jsonl >anonymous.jsonl
for f in csv mot; do
	fails 1 "$f of no file" hmr-export -f $f -o x.$f nowhere.jsonl
	is "$(echo x.*)" "x.*" "leaves nothing"
	run hmr-export -f $f -o x.$f cut.jsonl
	is "$got $(grep -c "x.$f.part" err)" "3 1" "$f of a part"
	cp x.$f.part keep.part
	fails 1 "$f again, of no file" hmr-export -f $f -o x.$f nowhere.jsonl
	same x.$f.part keep.part "leaves that part"
	expect 0 "$f of nobody" hmr-export -f $f --frames 4 -o x.$f tracks.jsonl
	is "$(echo x.*) $(grep -c ^5 x.$f)" "x.$f 0" "has nothing of it"
	rm x.$f
done
run hmr-export -f mot -o x.mot anonymous.jsonl
is "$got $(wc -l <err) $(echo x.*)" "3 1 x.*" "one that fails before its first line leaves nothing"
run hmr-export -f csv -o x.csv head.jsonl
is "$got $(wc -l <err) $(echo x.*)" "3 1 x.*" "nor does one that has only a header"

# --- jsonl
expect 0 "jsonl from JSON Lines" hmr-export --no-history -f jsonl tracks.jsonl
is "$(sed -n '2,$p' out | cksum)" "$(sed -n '2,$p' tracks.jsonl | grep -v '^$' | python3 -c '
import json, sys
for l in sys.stdin:
    o = json.loads(l)
    if "people" in o:
        o["people"] = [p for p in o["people"] if "id" in p]
    print(json.dumps(o, separators=(",", ":")))' | cksum)" "the same lines"
expect 0 "jsonl --frames" hmr-export -f jsonl --frames 0-4,6 tracks.jsonl
is "$(grep -o '"frame":[0-9]*' out | tr '\n' ' ')" '"frame":4 "frame":6 ' "chosen frames"
like out '"frames":2,"status":"complete"' "the end counts them"
py=/usr/bin/python3
[ -x $py ] || py=python3
if $py -c 'import numpy' 2>/dev/null; then
	mkdir g
	$py "$ROOT/tests/golden/make.py" g
	expect 0 "csv of bodies" hmr-export -f csv g/good-three.hmr
	like out '^1,1,0.1,1,0,0,3,1,9,11,0.9,0.25,0.25,5,312.5,0.25$' "with camera, focal and error"
	expect 0 "mot of bodies" hmr-export -f mot g/good-three.hmr
	like out '^2,1,3,1,6,10,0.9,0.25,0.25,5$' "with their place"
	expect 0 "two segments" hmr-export -f csv g/good-two-segments.hmr
	is "$(grep -c frame out) $(grep -c . out)" "1 7" "one line of names"
	expect 3 "a failed end" hmr-export -f csv -o failed.csv g/bad-end-failed.3.hmr
	like err 'failed.csv.part' "csv: names what it leaves"
	[ ! -e failed.csv ] && [ "$(grep -c . failed.csv.part)" -eq 4 ]
	ok $? "csv: finished lines are in FILE.part, there is no FILE"
	expect 3 "jsonl of a failed end" hmr-export -f jsonl -o failed.jsonl g/bad-end-failed.3.hmr
	like failed.jsonl '"stage":"hmr-x".*the disk is on fire' "carries the cause on"
	like failed.jsonl '"frames":3,"status":"failed"' "and says failed"
	fails 3 "png without images" hmr-export -f png -o none g/good-no-image.hmr
	like err 'hmr-mesh.*--keep-image.*hmr-render' "names the stages that supply them"
	fails 3 "mp4 without images" hmr-export -f mp4 -o none.mp4 g/good-no-image.hmr
else
	skip "streams with bodies" "no numpy"
fi
fails 3 "mot without identities" hmr-export -f mot anonymous.jsonl
like err 'hmr-assoc' "names the stage that gives them"
fails 3 "mp4 of JSON Lines" hmr-export -f mp4 -o none.mp4 tracks.jsonl
like err '--source' "says where images come from"

# --- mp4: exact times, the right picture
ff -f lavfi -i testsrc2=size=64x48:rate=30 -frames:v 40 \
	-vf "settb=1/90000,setpts=(N*40+mod(N*N\,7)*5)/1000/TB+0.5/TB" -fps_mode passthrough \
	-enc_time_base 1/90000 -c:v libx264 -bf 2 -qp 10 vfr.mkv
stamps() { ffprobe -v error -select_streams v -show_entries frame=pts_time -of csv=p=0 "$1" | tr -d ", " | grep .; }
hmr-decode -q vfr.mkv >vfr.hmr
expect 0 "mp4" hmr-export -f mp4 --crf 10 -o vfr.mp4 vfr.hmr
stamps vfr.mkv >want
stamps vfr.mp4 >got
same got want "a variable rate keeps its times to the tick"
ff -i vfr.mkv -fps_mode passthrough -f rawvideo -pix_fmt gray want.raw
ff -i vfr.mp4 -fps_mode passthrough -f rawvideo -pix_fmt gray got.raw
is "$(python3 -c '
a, b = open("want.raw", "rb").read(), open("got.raw", "rb").read()
n = 64 * 48
print(len(a) == len(b) and max(sum(abs(x - y) for x, y in zip(a[i:i + n], b[i:i + n])) / n
                               for i in range(0, len(a), n)) < 2)')" True "every picture is the right one"
for codec in "rgb24 png" "yuv444p ffv1" "gray ffv1" "yuv420p10le ffv1"; do
	# shellcheck disable=SC2086
	set -- $codec
	ff -f lavfi -i smptebars=size=64x48:rate=10 -frames:v 5 -pix_fmt "$1" -c:v "$2" in.mkv
	hmr-decode -q in.mkv >in.hmr
	expect 0 "mp4 of $1" hmr-export -f mp4 --crf 4 -o "$1.mp4" in.hmr
	is "$(ffprobe -v error -show_entries stream=pix_fmt,color_range,nb_read_frames -count_frames -of csv=p=0 "$1.mp4")" \
		"yuv420p,tv,5" "$1 becomes yuv420p in limited range"
done
colour() { ff -i "$1" -vf crop=4:4:"$2":8 -frames:v 1 -f rawvideo -pix_fmt rgb24 px; od -An -tu1 -N3 px | tr -s ' '; }
is "$(python3 -c '
import sys
a, b = ([int(v) for v in s.split()] for s in sys.argv[1:])
print(max(abs(x - y) for x, y in zip(a, b)) < 12)' "$(colour in.mkv 20)" "$(colour yuv420p10le.mp4 20)")" True \
	"colours stay what they were"
ff -f lavfi -i testsrc2=size=64x48:rate=10,scale=37:23 -frames:v 5 -pix_fmt yuv420p -c:v ffv1 odd.mkv
hmr-decode -q odd.mkv >odd.hmr
expect 0 "mp4 of odd sides" hmr-export -f mp4 -o odd.mp4 odd.hmr
is "$(ffprobe -v error -show_entries stream=width,height -of csv=p=0 odd.mp4)" 38,24 "one more column and row"
mkdir mixed
ff -f lavfi -i testsrc2=size=64x48 -frames:v 1 mixed/1.png
ff -f lavfi -i testsrc2=size=30x60 -frames:v 1 mixed/2.png
ff -f lavfi -i color=white:size=20x20 -frames:v 1 mixed/3.png
hmr-decode -q mixed >mixed.hmr
expect 0 "mp4 of mixed sizes" hmr-export -f mp4 -o mixed.mp4 mixed.hmr
is "$(ffprobe -v error -show_entries stream=width,height,nb_read_frames -count_frames -of csv=p=0 mixed.mp4)" \
	64,60,3 "all fitted into the largest"
ff -i mixed.mp4 -vf "select=eq(n\,2)" -frames:v 1 -fps_mode passthrough -f rawvideo -pix_fmt gray px
is "$(od -An -tu1 -v -w1 px | awk 'NR == 30 * 64 + 1 { a = $1 } NR == 30 * 64 + 33 { b = $1 }
	END { print (a < 24 && b > 240) }')" 1 "centred on black"
hmr-decode -q --end 0.9 vfr.mkv >a.hmr
hmr-decode -q --start 0.9 vfr.mkv >b.hmr
cat a.hmr b.hmr >ab.hmr
expect 0 "mp4 of joined parts" hmr-export -f mp4 -o ab.mp4 ab.hmr
stamps ab.mp4 >got
same got want "has the times of the whole"
cat a.hmr a.hmr >aa.hmr
expect 0 "mp4 of the same part twice" hmr-export -f mp4 -o aa.mp4 aa.hmr
stamps aa.mp4 | awk 'NR > 1 && $1 <= l { bad = 1 } { l = $1 } END { exit bad }'
ok $? "times go on rising"
expect 0 "mp4 to a pipe" sh -c 'hmr-export -f mp4 <vfr.hmr | cat >pipe.mp4'
expect 0 "mp4 to a file" hmr-export -f mp4 -o file.mp4 vfr.hmr
same pipe.mp4 file.mp4 "pipe and file are the same"
expect 0 "mp4 of no frames" hmr-export -f mp4 --frames 1000 -o zero.mp4 vfr.hmr

# An interrupted file plays: of a killed run, of a stream that was cut.
ff -f lavfi -i testsrc2=size=320x240:rate=30 -frames:v 120 -c:v libx264 long.mkv
hmr-decode -q -z 0 -o long.hmr long.mkv
head -c $(($(wc -c <long.hmr) * 3 / 4)) long.hmr >cut.hmr
expect 3 "mp4 of a stream that was cut" hmr-export -f mp4 -o cut.mp4 cut.hmr
is "$(ffprobe -v error -show_entries stream=nb_read_frames -count_frames -of csv=p=0 cut.mp4)" \
	"$(hmr-info --frames cut.hmr 2>/dev/null | grep -c IMAG)" "every whole frame is in it"
cat >kill.py <<'EOF'
import signal, subprocess, sys, time
sig = getattr(signal, sys.argv[1])
p = subprocess.Popen(["hmr-export", "-f", "mp4", "-o", "killed.mp4"], stdin=subprocess.PIPE)
p.stdin.write(open("cut.hmr", "rb").read())
p.stdin.flush()
time.sleep(0.2)
p.send_signal(sig)
code = p.wait()
sys.exit(code != -sig)
EOF
for sig in SIGTERM SIGKILL; do
	rm -f killed.mp4
	run python3 kill.py $sig
	is "$got" 0 "$sig: dies by it"
	is "$(ffprobe -v error -show_entries stream=nb_read_frames -count_frames -of csv=p=0 killed.mp4 | awk '{ print ($1 >= 30) }')" 1 \
		"$sig: what there is plays"
done

# --- png
expect 0 "png into a folder" hmr-export -f png -o pics vfr.hmr
is "$(echo pics/*)" "$(seq -f 'pics/%06g.png' -s ' ' 0 39)" "named by number"
expect 0 "png --frames" hmr-export -f png --frames 3,38- -o 'some/x%03d%%.png' vfr.hmr
is "$(echo some/*)" "some/x003%.png some/x038%.png some/x039%.png" "by a pattern"
expect 0 "one png" hmr-export -f png --frames 7 -o seven.png vfr.hmr
same seven.png pics/000007.png "by its own name"
expect 2 "one name for many frames" hmr-export -f png -o many.png vfr.hmr
expect 2 "a pattern with two numbers" hmr-export -f png -o '%d-%d.png' vfr.hmr
expect 2 "a pattern of another kind" hmr-export -f png -o '%s.png' vfr.hmr
ff -f lavfi -i testsrc2=size=37x23 -frames:v 1 -pix_fmt rgb24 rgb.png
hmr-decode -q rgb.png >rgb.hmr
expect 0 "png of rgb24" hmr-export -f png -o rgb rgb.hmr
ff -i rgb.png -f rawvideo a.raw
ff -i rgb/000000.png -f rawvideo b.raw
same a.raw b.raw "has the same pixels"
ff -f lavfi -i testsrc2=size=37x23 -frames:v 1 -pix_fmt gray16be gray.png
hmr-decode -q gray.png >gray.hmr
expect 0 "png of gray" hmr-export -f png -o gray gray.hmr
ff -i gray.png -f rawvideo a.raw
ff -i gray/000000.png -f rawvideo b.raw
same a.raw b.raw "of 16 bit is the same"
[ -z "$(find . -name '*.tmp.*')" ]
ok $? "no temporary file is left"

# --- the command line and the surroundings
expect 2 "no format" hmr-export tracks.jsonl
expect 2 "an unknown format" hmr-export -f gif tracks.jsonl
expect 2 "png without -o" hmr-export -f png vfr.hmr
expect 2 "--fields for mot" hmr-export -f mot --fields box tracks.jsonl
for bad in "" a 1- 5-3 1,,2 -5 1-2-3; do
	[ "$bad" = 1- ] && continue
	expect 2 "--frames '$bad'" hmr-export -f mot --frames "$bad" tracks.jsonl
done
cp tracks.jsonl keep.jsonl
expect 2 "input and output the same" hmr-export -f jsonl -o tracks.jsonl tracks.jsonl
same tracks.jsonl keep.jsonl "and nothing was lost"
fails 1 "a folder that is not there" hmr-export -f csv -o no/such/x.csv tracks.jsonl
for f in csv mot jsonl; do
	fails 1 "$f: a full disk" sh -c "hmr-export -f $f tracks.jsonl >/dev/full"
	is "$(grep -o 'No space' err | wc -l)" 1 "is said once"
	fails 1 "$f: closed stdout" sh -c "hmr-export -f $f tracks.jsonl >&-"
done
fails 1 "mp4: a full disk" sh -c "hmr-export -f mp4 vfr.hmr >/dev/full"
fails 1 "no such file" hmr-export -f csv nowhere.hmr

finish
