#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# hmr-assoc: identities, the lag, what is printed, the schema of the lines, memory,
# and what it refuses.
. "${0%/*}/lib.sh"
need hmr-assoc hmr-info
py=/usr/bin/python3
[ -x $py ] || py=python3
have $py || skip_all "needs python3"

# walk FILE FRAMES [PYTHON]: lines with a person that walks to the right and one
# that stands; PYTHON may change the list `people` of frame `f` (there are also
# person(x, y, score) and the head `h`).
walk() {
	$py - "$2" "${3:-pass}" >"$1" <<-'END'
	import json, sys
	def person(x, y, score=0.8):
	    return {"box": [x, y, x + 40, y + 100], "score": score}
	h = {"type": "header", "tracks": "1.0", "source": {"name": "walk"}, "width": 640,
	     "height": 480, "time_base": [1, 25]}
	body, n = sys.argv[2], int(sys.argv[1])
	for f in range(-1, n):
	    people = [person(50 + 3 * f, 100), person(400 + f % 3, 300)]
	    exec(body)
	    print(json.dumps(h if f < 0 else {"type": "frame", "frame": f, "pts": f, "people": people}))
	print(json.dumps({"type": "end", "frames": n, "status": "complete"}))
	END
}
# ask FILE PYTHON: prints what the expression over `frames` (lists of people) is.
ask() {
	$py -c 'import json, sys
frames = [d["people"] for d in map(json.loads, open(sys.argv[1])) if d["type"] == "frame"]
ids = lambda f: sorted(p["id"] for p in frames[f] if "id" in p)
print(eval(sys.argv[2]))' "$1" "$2"
}

walk "$T/in.jsonl" 40
expect 0 "two people" hmr-assoc "$T/in.jsonl"
cp "$T/out" "$T/a.jsonl"
is "$(ask "$T/a.jsonl" 'len(frames), all(ids(f) == [1, 2] for f in range(40))')" "(40, True)" \
    "both have an identity from the first frame to the last"
is "$(tail -n 1 "$T/out")" '{"type":"end","frames":40,"status":"complete"}' "the end says complete"
expect 0 "again" hmr-assoc "$T/in.jsonl"
same "$T/out" "$T/a.jsonl" "the same input gives the same bytes"

# --- the lag -------------------------------------------------------------------
expect 0 "--lag 0" hmr-assoc --lag 0 "$T/in.jsonl"
is "$(ask "$T/out" '[ids(f) for f in range(4)]')" "[[], [], [1, 2], [1, 2]]" \
    "--lag 0 names nobody backwards"
expect 0 "--min-hits 6" hmr-assoc --lag 0 --min-hits 6 "$T/in.jsonl"
is "$(ask "$T/out" 'ids(4), ids(5)')" "([], [1, 2])" "--min-hits 6: an identity in the sixth frame"
walk "$T/gap.jsonl" 60 'people = people[1:] if 20 <= f < 26 else people'
expect 0 "a gap" hmr-assoc "$T/gap.jsonl"
cp "$T/out" "$T/gap"
is "$(ask "$T/gap" '[p["missed"] for f in range(19, 27) for p in frames[f] if p["id"] == 1]')" \
    "[0, 1, 2, 3, 4, 5, 6, 0]" "it is filled, and says for how long"
is "$(ask "$T/gap" 'all(abs(p["box"][0] - 50 - 3 * f) < 1e-3 and p["filled"] and p["score"] == 0 for f in range(20, 26) for p in frames[f] if p["id"] == 1)')" \
    True "the boxes lie on the way"
expect 0 "a gap without lag" hmr-assoc --lag 0 "$T/gap.jsonl"
is "$(ask "$T/out" 'ids(22), ids(27)')" "([2], [1, 2])" "--lag 0: the identity comes back, nothing is filled"
expect 0 "--max-age 3" hmr-assoc --max-age 3 "$T/gap.jsonl"
is "$(ask "$T/out" 'ids(22), ids(40)')" "([2], [2, 3])" "--max-age 3: forgotten"
# A frame leaves before the next one comes.
mkfifo "$T/pipe"
hmr-assoc --lag 0 "$T/pipe" >"$T/live" 2>/dev/null &
pid=$!
exec 3>"$T/pipe"
head -n 4 "$T/in.jsonl" >&3
for _ in 1 2 3 4 5 6 7 8 9 10; do
	[ "$(wc -l <"$T/live")" -ge 4 ] && break
	sleep 0.2
done
is "$(wc -l <"$T/live" | tr -d ' ')" 4 "--lag 0: each frame leaves at once"
exec 3>&-
wait $pid
is $? 3 "and then the input was cut off"

# --- nobody, many, and things -------------------------------------------------------
walk "$T/none.jsonl" 200 'people = []'
expect 0 "nobody at all" hmr-assoc "$T/none.jsonl"
is "$(ask "$T/out" 'len(frames), sum(map(len, frames))')" "(200, 0)" "nobody: every frame is there, empty"
walk "$T/late.jsonl" 200 'people = people if f >= 150 else []'
expect 0 "a video that starts empty" hmr-assoc "$T/late.jsonl"
is "$(ask "$T/out" 'ids(149), ids(150), ids(199)')" "([], [1, 2], [1, 2])" "they are named when they come"
walk "$T/crowd.jsonl" 30 'h["width"] = 4000; h["height"] = 3000; people = [person(20 + 95 * (i % 40) + f, 50 + 500 * (i // 40)) for i in range(200)]'
expect 0 "200 people" hmr-assoc "$T/crowd.jsonl"
is "$(ask "$T/out" 'all(ids(f) == list(range(1, 201)) for f in range(30))')" True "200 people keep 200 identities"
expect 0 "--max-people 50" hmr-assoc -v --max-people 50 "$T/crowd.jsonl"
is "$(ask "$T/out" 'len(ids(20))')" 50 "--max-people 50: so many are followed"
is "$(grep -c 'more than --max-people' "$T/err")" 1 "it warns once"
like "$T/err" '4500 left out' "and counts them"
walk "$T/cone.jsonl" 60 'people[1] = person(400, 300, 0.5 if f % 4 == 0 else 0.35)'
expect 0 "a cone" hmr-assoc "$T/cone.jsonl"
is "$(ask "$T/out" 'max(p["id"] for f in frames for p in f)')" 1 "what never moves and is never sure is no person"

# --- other ways to know who is who ----------------------------------------------------
expect 0 "--cost phalp" hmr-assoc --cost phalp "$T/in.jsonl"
is "$(ask "$T/out" 'all(ids(f) == [1, 2] for f in range(40))')" True "two people by PHALP's cost"
walk "$T/jump.jsonl" 60 'people[0] = person(50 + 3 * f + 75 * (f // 30), 100)'
expect 0 "a jump" hmr-assoc --cost motion "$T/jump.jsonl"
is "$(ask "$T/out" 'ids(20), ids(50)')" "([1, 2], [2, 3])" "motion: a jump of two widths is somebody else"
expect 0 "a jump, --cost phalp" hmr-assoc --cost phalp "$T/jump.jsonl"
is "$(ask "$T/out" 'ids(20), ids(50)')" "([1, 2], [1, 2])" "phalp: it is not"
expect 2 "--cost iou" hmr-assoc --cost iou "$T/in.jsonl"
like "$T/err" "'iou' is not motion or phalp" "and says what it may be"
# The right one is 9 at first, then 4; the left one comes and goes and is weak.
walk "$T/given.jsonl" 40 'people[0]["given_id"] = 9 if f < 20 else 4; people[1].update(given_id=70000, score=0.01); people = people if not 10 <= f < 14 else people[:1]; people.append(person(200, 300))'
expect 0 "--given-ids" hmr-assoc --given-ids "$T/given.jsonl"
is "$(ask "$T/out" 'ids(0), ids(11), ids(19), ids(39)')" \
    "([9, 70000], [9, 70000], [9, 70000], [4, 70000])" "identities are those given, from the first frame on"
is "$(ask "$T/out" 'sum(p.get("filled", False) for f in frames for p in f)')" 4 "gaps are closed"
expect 0 "without" hmr-assoc "$T/given.jsonl"
is "$(ask "$T/out" 'ids(39)')" "[1, 2]" "without it they are followed, and the weak one is nobody"
expect 2 "--remember x" hmr-assoc --remember x "$T/in.jsonl"

# --- segments --------------------------------------------------------------------
walk "$T/p1.jsonl" 20
$py - "$T/p1.jsonl" >"$T/p2.jsonl" <<'END'
import json, sys
for line in open(sys.argv[1]):
    d = json.loads(line)
    if d["type"] == "frame":
        d["frame"] += 20
        d["pts"] += 20
        for p in d["people"][:1]:
            p["box"][0] += 60
            p["box"][2] += 60
    print(json.dumps(d))
END
cat "$T/p1.jsonl" "$T/p2.jsonl" >"$T/both.jsonl"
expect 0 "two parts of a video" hmr-assoc "$T/both.jsonl"
is "$(ask "$T/out" 'ids(19), ids(20), len(frames)')" "([1, 2], [1, 2], 40)" "identities go on over the boundary"
is "$(grep -c '"type":"header"' "$T/out")$(grep -c '"type":"end"' "$T/out")" 22 "a header and an end each"
cat "$T/p1.jsonl" "$T/p1.jsonl" >"$T/twice.jsonl"
expect 0 "the same part twice" hmr-assoc "$T/twice.jsonl"
is "$(ask "$T/out" 'ids(19), ids(20)')" "([1, 2], [3, 4])" "frames that go back are other people"

# --- what is printed ----------------------------------------------------------------
expect 0 "--fields" hmr-assoc --fields box "$T/in.jsonl"
is "$(ask "$T/out" 'sorted({k for f in frames for p in f for k in p})')" "['box', 'id']" "--fields box"
expect 2 "--fields with an unknown one" hmr-assoc --fields box,boxes "$T/in.jsonl"
like "$T/err" "'boxes'" "it is named"
walk "$T/weak.jsonl" 20 'people += [person(200, 300, 0.32)]'
expect 0 "--all" hmr-assoc --all "$T/weak.jsonl"
is "$(ask "$T/out" '{len(f) for f in frames}, {"id" in f[2] for f in frames}')" "({3}, {False})" \
    "--all lists who has no identity"
expect 0 "--stream" hmr-assoc --stream -o "$T/s.hmr" "$T/gap.jsonl"
expect 0 "--stream: every byte" hmr-info --verify "$T/s.hmr"
expect 0 "--stream and again lines" hmr-assoc --no-history "$T/s.hmr"
is "$(ask "$T/out" 'all(ids(f) == [1, 2] for f in range(60))')" True "tracked again, the filled ones are filled again"
is "$(ask "$T/out" 'sum(p.get("filled", False) for f in frames for p in f)')" 6 "not more of them"

if $py -c 'import jsonschema' 2>/dev/null; then
	cat >"$T/validate.py" <<-'END'
	import json, sys, jsonschema
	v = jsonschema.Draft7Validator(json.load(open(sys.argv[1])))
	for name in sys.argv[2:]:
	    for n, line in enumerate(open(name), 1):
	        for e in v.iter_errors(json.loads(line)):
	            print(name, n, e.message[:200])
	END
	hmr-assoc "$T/none" >"$T/failed.jsonl" 2>/dev/null
	sed -n '/^    {/s/^    //p' "$ROOT/formats/tracks.md" >"$T/example.jsonl"
	set -- "$T/a.jsonl" "$T/gap" "$T/failed.jsonl" "$T/example.jsonl"
	mkdir "$T/g"
	$py "$ROOT/tests/golden/make.py" "$T/g" >/dev/null 2>&1
	for f in "$T"/g/good-*.hmr; do
		[ -f "$f" ] || continue
		hmr-assoc -q --all "$f" >"$T/${f##*/}.jsonl" 2>/dev/null
		set -- "$@" "$T/${f##*/}.jsonl"
	done
	expect 0 "the schema" $py "$T/validate.py" "$ROOT/formats/tracks.schema.json" "$@"
	is "$(cat "$T/out")" "" "every line is one of the schema ($# files)"
	printf '%s\n' '{"type":"end","frames":-1,"status":"complete"}' \
	    '{"type":"frame","frame":0,"pts":0,"time":0,"people":[{"id":0}]}' >"$T/wrong.jsonl"
	run $py "$T/validate.py" "$ROOT/formats/tracks.schema.json" "$T/wrong.jsonl"
	is "$(wc -l <"$T/out" | tr -d ' ')" 2 "and it refuses what is none"
	expect 0 "the example of the specification" hmr-info "$T/example.jsonl"
else
	skip "the schema" "no python3-jsonschema"
fi

# --- refused ---------------------------------------------------------------------------
$py - >"$T/names.jsonl" <<'END'
import sys
sys.stdout.buffer.write(b'{"type":"header","source":{"name":"caf\xe9 \xc3\xa9"},"width":9,"height":9}\n{"type":"end","frames":0,"status":"complete"}\n')
END
expect 0 "a name that is not UTF-8" hmr-assoc "$T/names.jsonl"
is "$(head -n 1 "$T/out" | $py -c 'import json, sys; print(ascii(json.loads(sys.stdin.buffer.read().decode())["source"]["name"]))')" \
    "'caf\\\\xe9 \\xe9'" "is escaped"
for o in '--lag 257' '--lag -1' '--min-hits 0' '--max-people 0' '--score 2' '--weak 0.9' '--lag'; do
	# shellcheck disable=SC2086 # an option and its value
	expect 2 "$o" hmr-assoc "$T/in.jsonl" $o
done
if have hmr-decode ffmpeg; then
	stream "$T/images.hmr" 2
	fails 3 "a stream without people" hmr-assoc "$T/images.hmr"
	like "$T/err" 'needs hmr-detect' "it says what is missing"
	like "$T/out" '"type":"error","stage":"hmr-assoc".*needs hmr-detect' "and its output too"
	is "$(tail -n 1 "$T/out")" '{"type":"end","frames":0,"status":"failed"}' "the last line says failed"
fi
fails 3 "--vertices without bodies" hmr-assoc --vertices "$T/in.jsonl"
head -n 20 "$T/in.jsonl" >"$T/cut.jsonl"
fails 3 "lines that were cut off" hmr-assoc "$T/cut.jsonl"
is "$(ask "$T/out" 'len(frames), ids(18)')" "(19, [1, 2])" "every whole frame is in the output"
if [ -w /dev/full ]; then
	fails 1 "disk full" hmr-assoc -o /dev/full "$T/in.jsonl"
fi

# --- steady bodies ------------------------------------------------------------------
# bodies FILE FRAMES [HEADER]: a mannequin that stands and shakes, with a fitted shape
# that changes from frame to frame.
bodies() {
	$py - "$2" "${3:-pass}" >"$1" <<-'END'
	import json, math, random, sys
	random.seed(7)
	def small():
	    x, y, z = (random.gauss(0, 0.01) for _ in range(3))
	    a = math.sqrt(x * x + y * y + z * z)
	    s, c = math.sin(a) / a, (1 - math.cos(a)) / (a * a)
	    return [1 - c * (y * y + z * z), c * x * y - s * z, c * x * z + s * y,
	            c * x * y + s * z, 1 - c * (x * x + z * z), c * y * z - s * x,
	            c * x * z - s * y, c * y * z + s * x, 1 - c * (x * x + y * y)]
	half = [(0.18, -0.5), (0.2, -0.2), (0.2, 0.05), (0.1, 0), (0.1, 0.42), (0.1, 0.85)]
	right, left = [[(s * x, y) for x, y in half] for s in (-1, 1)]
	xy = [(0, -0.7), (0, -0.5), *right[:3], *left[:3], (0, 0), *right[3:], *left[3:],
	      (-0.03, -0.72), (0.03, -0.72), (-0.07, -0.7), (0.07, -0.7)]
	xy += [left[5]] * 3 + [right[5]] * 3 + right[:2:-1] + left[3:] + right[2::-1] + left[:3]
	xy += [(0, -0.5), (0, -0.85), (0, 0), (0, -0.5), (0, -0.3), (0, -0.65), (0, -0.75)]
	h = {"type": "header", "tracks": "1.0", "source": {"name": "stand"}, "width": 640,
	     "height": 480, "time_base": [1, 10], "max_payload": 4000000,
	     "stages": [{"tool": "hmr-mesh", "body": "mannequin"}]}
	exec(sys.argv[2])
	print(json.dumps(h))
	for f in range(int(sys.argv[1])):
	    pose = [small() for _ in range(24)]
	    pose[0][3:] = [-v for v in pose[0][3:]]
	    b = {"box": [250, 90, 390, 390], "score": 0.9, "pose": pose, "focal": 1000,
	         "shape": [random.gauss(0, 0.5) for _ in range(10)],
	         "camera": [0, 0, 6], "camera_crop": [1, 0, 0], "crop": [320, 240, 333.3333],
	         "joints3d": [[x, y, 0] for x, y in xy],
	         "joints2d": [[320 + x / 0.006, 240 + y / 0.006] for x, y in xy],
	         "joint_conf": [0.8] * 44}
	    print(json.dumps({"type": "frame", "frame": f, "pts": f, "people": [b]}))
	print(json.dumps({"type": "end", "frames": int(sys.argv[1]), "status": "complete"}))
	END
}
cat >"$T/steady.py" <<'END'
def shake(k):
    """Mean absolute second difference of a field."""
    x = [p[0][k] for p in frames]
    flat = lambda v: [u for w in v for u in flat(w)] if isinstance(v, list) else [v]
    x = [flat(v) for v in x]
    return sum(abs(a - 2 * b + c) for i in range(1, len(x) - 1)
               for a, b, c in zip(x[i - 1], x[i], x[i + 1]))
def agree():
    """Do joints2d and camera_crop follow from joints3d, camera and focal?"""
    bad = 0
    for (p,) in frames:
        t, f = p["camera"], p["focal"]
        for (x, y, z), (u, v) in zip(p["joints3d"], p["joints2d"]):
            bad += abs(f * (x + t[0]) / (z + t[2]) + 320 - u) > 0.01
            bad += abs(f * (y + t[1]) / (z + t[2]) + 240 - v) > 0.01
        bad += abs(p["camera_crop"][0] - 2 * f / t[2] / p["crop"][2]) > 1e-3
    return bad == 0
END
# ask with the functions above
steady() { ask "$1" "[exec(open('$T/steady.py').read(), globals()), $2][1]"; }


bodies "$T/b.jsonl" 60
hmr-export -q -f jsonl -o "$T/in2.jsonl" "$T/b.jsonl"
expect 0 "--smooth off" hmr-assoc --smooth off --all --no-history "$T/b.jsonl"
cp "$T/out" "$T/off"
is "$(ask "$T/off" '[[p.get(k) for k in ("pose", "shape", "camera", "joints2d")] for f in frames for p in f]' | cksum)" \
    "$(ask "$T/in2.jsonl" '[[p.get(k) for k in ("pose", "shape", "camera", "joints2d")] for f in frames for p in f]' | cksum)" \
    "off: bodies are as they came"
shaken=$(steady "$T/off" 'shake("pose")')
for lag in 16 0; do
	last=$shaken
	for how in light strong; do
		expect 0 "--smooth $how --lag $lag" hmr-assoc --smooth $how --lag $lag --all "$T/b.jsonl"
		cp "$T/out" "$T/$how"
		now=$(steady "$T/out" 'shake("pose")')
		is "$(ask "$T/out" "$now < 0.7 * $last")" True "it shakes less" || note "$last, then $now"
		last=$now
		is "$(steady "$T/out" 'agree()')" True "all fields of its bodies agree"
	done
done
expect 0 "the first 30 frames" sh -c 'head -n 31 "$1" >"$2/part"; tail -n 1 "$1" | sed s/60/30/ >>"$2/part"
	hmr-assoc --smooth strong --lag 0 --all "$2/part"' - "$T/b.jsonl" "$T"
is "$(sed -n 2,31p "$T/out" | cksum)" "$(sed -n 2,31p "$T/strong" | cksum)" \
    "--lag 0: no frame depends on later ones"
expect 0 "the default" hmr-assoc --lag 0 --all "$T/b.jsonl"
is "$(tail -n +2 "$T/out" | cksum)" "$(tail -n +2 "$T/light" | cksum)" "it is light"
expect 2 "--smooth hard" hmr-assoc --smooth hard "$T/b.jsonl"
like "$T/err" "'hard' is not off, light or strong" "and says what it may be"

bodies "$T/other.jsonl" 20 'h["stages"][0]["body"] = "no-such-body"'
expect 0 "a body that is not here" hmr-assoc --all "$T/other.jsonl"
like "$T/err" 'bodies are not smoothed: .*no-such-body' "it warns"
is "$(steady "$T/out" 'shake("camera")')" 0 "and leaves bodies alone"
bodies "$T/sha.jsonl" 20 'h["stages"][0]["body_sha256"] = "0" * 64'
expect 0 "another body of that name" hmr-assoc --all "$T/sha.jsonl"
like "$T/err" 'bodies are not smoothed: body mannequin: .*SHA-256' "it warns"

# Vertices that were there before are those of the smoothed body.
bodies "$T/few.jsonl" 6
expect 0 "vertices" hmr-assoc --smooth off --stream --vertices -o "$T/v.hmr" "$T/few.jsonl"
expect 0 "smoothed" hmr-assoc --stream -o "$T/w.hmr" "$T/v.hmr"
expect 0 "and printed" hmr-assoc --smooth off --fields vertices "$T/w.hmr"
cp "$T/out" "$T/renewed"
expect 0 "smoothed, then posed" hmr-assoc --vertices --fields vertices "$T/few.jsonl"
is "$(tail -n +2 "$T/renewed" | cksum)" "$(tail -n +2 "$T/out" | cksum)" "they are the same"
expect 0 "not smoothed" hmr-assoc --smooth off --vertices --fields vertices "$T/few.jsonl"
isnt=$(cmp -s "$T/renewed" "$T/out"; echo $?)
is "$isnt" 1 "and others than before"

# --- memory -------------------------------------------------------------------------------
if sanitized || ! have time; then
	skip "memory" "sanitizers, or no GNU time"
else
	busy='people = [person((37 * i + 5 * f) % 600, (91 * i) % 380) for i in range(f // 7 % 20)]'
	walk "$T/short.jsonl" 300 "$busy"
	walk "$T/long.jsonl" 6000 "$busy"
	for k in short long; do
		env time -f %M -o "$T/$k.kib" hmr-assoc -o "$T/o" "$T/$k.jsonl"
	done
	d=$(($(tail -n 1 "$T/long.kib") - $(tail -n 1 "$T/short.kib")))
	[ "$d" -le 2048 ]
	ok $? "300 and 6,000 frames: memory within 2 MiB" || note "$d KiB more"
fi
finish
