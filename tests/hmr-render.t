#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# hmr-render: what is drawn and where to the pixel, images from the stream and from
# the video again, and what it refuses. Bodies come from results written by hand.
. "${0%/*}/lib.sh"
need hmr-render hmr-decode hmr-info ffmpeg
py=/usr/bin/python3
[ -x $py ] || py=python3
have $py || skip_all "no python3"

# A picture's pixels: functions of the first frame's image for python expressions.
cat >"$T/look.py" <<'EOF'
import struct, sys
sys.path.insert(0, sys.argv[1])

def frames(path):
    """(number, width, height, {tag: bytes}) of each frame, heads as (-1, ...)."""
    data, at = open(path, "rb").read(), 0
    while at < len(data):
        _, kind, _, _, _, size, number, _, _, n, w, h, _, _ = struct.unpack_from(
            "<4s4BQQqqIIIIQ", data, at)
        at, end, parts = at + 64, at + 64 + size, {}
        for _ in range(n):
            tag, flags, stored, _, _ = struct.unpack_from("<4sIQQQ", data, at)
            assert not flags & 2, "compressed"
            parts[tag.decode()] = data[at + 32:at + 32 + stored]
            at += 32 + stored + -stored % 8
        at = end
        yield (number if kind == 2 else -1, w, h, parts)

class Picture:
    def __init__(self, frame):
        s = frame[3]["IMAG"]
        self.pixel, _, _, self.depth, self.w, self.h = struct.unpack_from("<6I", s)
        self.rgb = s[64:]
    def at(self, x, y):
        k = (y * self.w + x) * 3
        return tuple(self.rgb[k:k + 3])
    def ink(self, ground=(38, 40, 44)):
        """x0 y0 x1 y1 of what is not the ground."""
        on = [(x, y) for y in range(self.h) for x in range(self.w)
              if self.at(x, y) != ground]
        if not on:
            return None
        xs, ys = [p[0] for p in on], [p[1] for p in on]
        return (min(xs), min(ys), max(xs) + 1, max(ys) + 1)

f = [x for x in frames(sys.argv[2]) if x[0] >= 0]
p = Picture(f[0])
g = [x for x in frames(sys.argv[4]) if x[0] >= 0] if len(sys.argv) > 4 else []
value = eval("(" + sys.argv[3] + ")")
if value is not True:
    print(value)
    sys.exit(1)
EOF
# look NAME FILE EXPRESSION [OTHER]: the expression is true of FILE's first picture
# p and frames f (and the frames g of OTHER).
look() {
	lib_name=$1
	$py "$T/look.py" "$ROOT" "$2" "$3" ${4+"$4"} >"$T/look" 2>&1
	ok $? "$lib_name" || { note "$3"; notefile "$T/look"; }
}

# results FILE PERSON...: a frame of 160x120 with these people, a header and an end.
# The focal length is 1000 px: at 20 m a metre is 50 px.
header='{"type":"header","tracks":"1.0","width":160,"height":120,"time_base":[1,10],
"rate":[10,1],"source":{"name":"v.mkv"},"stages":[{"name":"hmr-mesh","version":"0",
"body":"mannequin"}]}'
results() {
	lib_f=$1
	shift
	{
		printf '%s\n' "$header" | tr -d '\n'
		lib_all=
		for lib_p in "$@"; do
			lib_all=$lib_all${lib_all:+,}$lib_p
		done
		printf '\n{"type":"frame","frame":0,"pts":0,"people":[%s]}\n' "$lib_all"
		echo '{"type":"end","frames":1,"status":"complete"}'
	} >"$lib_f"
}
# Upright, facing the camera, arms out.
eye='1,0,0,0,1,0,0,0,1'
pose='1,0,0,0,-1,0,0,0,-1'
i=1
while [ $i -lt 24 ]; do
	pose=$pose,$eye
	i=$((i + 1))
done
body='"pose":['$pose'],"shape":[0,0,0,0,0,0,0,0,0,0],"focal":1000'
draw() { expect 0 "$@" -z 0 -o "$T/o.hmr"; }

# --- the command line ---------------------------------------------------------
stream "$T/small.hmr" 2
for o in '--view back' '--background maybe' '--opacity 2' '--opacity x' \
    '--max-people 0' '-j many' '--source'; do
	# shellcheck disable=SC2086 # an option and its value
	expect 2 "$o" hmr-render "$T/small.hmr" $o
done

# --- boxes, to the pixel --------------------------------------------------------
results "$T/box.jsonl" '{"id":1,"box":[20,30,60,90],"score":0.9}'
draw "boxes alone" hmr-render "$T/box.jsonl" --background off --boxes
look "a picture of 8 bit RGB" "$T/o.hmr" '(p.pixel, p.depth, p.w, p.h) == (6, 8, 160, 120)'
look "the frame lies on the box's edges" "$T/o.hmr" \
    'all(p.at(x, 29) == p.at(20, 29) != (38, 40, 44) for x in range(20, 60)) and
     all(p.at(x, y) == (38, 40, 44) for x in range(23, 57) for y in range(33, 87))'
look "and nowhere else" "$T/o.hmr" 'p.ink() == (18, 28, 62, 92)'
look "the left and the right edge mirror each other" "$T/o.hmr" \
    'all(p.at(20 + k, 50) == p.at(59 - k, 50) for k in range(-3, 10))'
cp "$T/o.hmr" "$T/id1.hmr"
results "$T/box2.jsonl" '{"id":2,"box":[20,30,60,90],"score":0.9}'
draw "another identity" hmr-render "$T/box2.jsonl" --background off --boxes
look "has another colour" "$T/o.hmr" 'p.at(30, 29) != Picture(g[0]).at(30, 29)' "$T/id1.hmr"
results "$T/fill.jsonl" '{"id":1,"box":[20,30,60,90],"score":0.9,"missed":2,"filled":true}'
draw "filled in" hmr-render "$T/fill.jsonl" --background off --boxes
look "is dashed" "$T/o.hmr" \
    'sum(p.at(x, 29) == (38, 40, 44) for x in range(20, 60)) > 10 and
     sum(p.at(x, 29) != (38, 40, 44) for x in range(20, 60)) > 10'
results "$T/anon.jsonl" '{"id":1,"box":[20,30,60,90],"score":0.9}' \
    '{"box":[90,30,130,90],"score":0.4}'
draw "people without identity" hmr-render "$T/anon.jsonl" --background off --boxes
look "are left out where others have one" "$T/o.hmr" 'p.ink() == (18, 28, 62, 92)'
draw "--all" hmr-render "$T/anon.jsonl" --background off --boxes --all
look "draws them" "$T/o.hmr" 'p.ink() == (18, 28, 132, 92)'
draw "--ids" hmr-render "$T/box.jsonl" --background off --ids
look "draws a plate above the box" "$T/o.hmr" \
    'p.ink() is not None and p.ink()[3] <= 31 and p.ink()[0] in range(17, 21)'

# --- meshes ---------------------------------------------------------------------
results "$T/mesh.jsonl" '{"id":1,"box":[30,10,130,110],"score":0.9,"camera":[0,0,20],'"$body"'}'
draw "a mesh" hmr-render "$T/mesh.jsonl" --background off --mesh
cp "$T/o.hmr" "$T/front.hmr"
# An adult of 1.5 to 2 m with arms out as wide: 75 to 100 px.
look "is as large as a person there" "$T/o.hmr" \
    '(lambda b: 75 <= b[3] - b[1] <= 100 and 70 <= b[2] - b[0] <= 100)(p.ink())'
look "and as wide to the left as to the right" "$T/o.hmr" \
    '(lambda b: abs(b[0] + b[2] - 160) <= 2)(p.ink())'
draw "from the side" hmr-render "$T/mesh.jsonl" --mesh --view side
look "it is narrow and as tall" "$T/o.hmr" \
    '(lambda a, b: b[2] - b[0] < 30 and abs(a[1] - b[1]) <= 2 and abs(a[3] - b[3]) <= 2)(
     Picture(g[0]).ink(), p.ink())' "$T/front.hmr"
look "and looks to the right" "$T/o.hmr" \
    '(lambda b: b[2] - 80 > 80 - b[0])((lambda b: [x for x in [
      min(x for x in range(160) if any(p.at(x, y) != (38, 40, 44) for y in range(b[3] - 6, b[3]))), 0,
      max(x for x in range(160) if any(p.at(x, y) != (38, 40, 44) for y in range(b[3] - 6, b[3])))]])(p.ink()))'
draw "from above" hmr-render "$T/mesh.jsonl" --mesh --view top
look "it is as wide and low" "$T/o.hmr" \
    '(lambda a, b: b[3] - b[1] < 30 and abs(a[0] - b[0]) <= 3 and abs(a[2] - b[2]) <= 3)(
     Picture(g[0]).ink(), p.ink())' "$T/front.hmr"
draw "moved by half a metre" hmr-render "$T/mesh.jsonl" --background off --mesh
sed 's/"camera":\[0,0,20\]/"camera":[0.5,-0.1,20]/' "$T/mesh.jsonl" >"$T/moved.jsonl"
draw "… it" hmr-render "$T/moved.jsonl" --background off --mesh
look "is 25 px further right and 5 higher" "$T/o.hmr" \
    'all(abs(a - b - d) <= 1 for a, b, d in zip(p.ink(), Picture(g[0]).ink(),
     (25, -5, 25, -5)))' "$T/front.hmr"
# Behind: a second person, hidden where the first is.
near='{"id":1,"box":[30,10,130,110],"score":0.9,"camera":[0,0,20],'"$body"'}'
far='{"id":2,"box":[30,10,130,110],"score":0.8,"camera":[0.1,0,20.5],'"$body"'}'
results "$T/a.jsonl" "$near" "$far"
results "$T/b.jsonl" "$far" "$near"
expect 0 "two people" hmr-render "$T/a.jsonl" --background off --mesh -z 0 -o "$T/a.hmr"
draw "in the other order" hmr-render "$T/b.jsonl" --background off --mesh
look "are the same picture" "$T/o.hmr" 'f[0][3]["IMAG"] == g[0][3]["IMAG"]' "$T/a.hmr"
look "with the near one in front" "$T/o.hmr" 'p.at(80, 60) == Picture(g[0]).at(80, 60)' \
    "$T/front.hmr"
expect 0 "twice" hmr-render "$T/a.jsonl" --background off --mesh -z 0 -o "$T/o.hmr"
look "the same bytes" "$T/o.hmr" 'f == g' "$T/a.hmr"
draw "--max-people 1" hmr-render "$T/b.jsonl" --background off --mesh --max-people 1
is "$(grep -c 'more than --max-people 1' "$T/err")" 1 "warns once"
look "and draws the better one" "$T/o.hmr" 'f[0][3]["IMAG"] == g[0][3]["IMAG"]' "$T/front.hmr"
results "$T/behind.jsonl" \
    '{"id":1,"box":[30,10,130,110],"score":0.9,"camera":[0,0,-20],'"$body"'}' \
    '{"id":2,"box":[30,10,130,110],"score":0.9,"camera":[0,0,0.05],'"$body"'}' \
    '{"id":3,"box":[-1e30,10,1e30,110],"score":0.9,"camera":[1e30,0,1e-30],'"$body"'}'
draw "people behind the eye, at it, and nowhere" hmr-render "$T/behind.jsonl" \
    --background off --mesh --skeleton --boxes --ids --view grid

# --- skeletons: a joint lies on what is drawn, on the mesh as in the results -----
joints=$($py - <<'EOF'
print(",".join("%d,%d" % (20 + 5 * i, 100 - 3 * i) for i in range(44)))
EOF
)
three=$($py - <<'EOF'
print(",".join("%g,%g,0" % (0.1 + i / 10, 0.1) for i in range(44)))
EOF
)
results "$T/bones.jsonl" '{"id":1,"box":[20,20,140,110],"score":0.9,"joints2d":['"$joints"'],"joints3d":['"$three"']}'
draw "joints alone" hmr-render "$T/bones.jsonl" --background off --skeleton
look "every drawn joint is on the skeleton" "$T/o.hmr" \
    'all(p.at(20 + 5 * i, 100 - 3 * i) != (38, 40, 44) and
         p.at(19 + 5 * i, 99 - 3 * i) != (38, 40, 44) for i in range(25))'
look "and none of the other joints" "$T/o.hmr" \
    'all(p.at(20 + 5 * i, 100 - 3 * i) == (38, 40, 44) for i in range(27, 28))'
draw "a skeleton of a pose" hmr-render "$T/mesh.jsonl" --background off --mesh --skeleton
look "lies within the mesh" "$T/o.hmr" \
    '(lambda a, b: a[0] - 3 <= b[0] and a[2] + 3 >= b[2] and a[1] - 3 <= b[1])(
     Picture(g[0]).ink(), p.ink())' "$T/front.hmr"

# --- what passes ----------------------------------------------------------------
draw "--view grid" hmr-render "$T/mesh.jsonl" --view grid --background off
look "is half as wide again" "$T/o.hmr" '(p.w, p.h, f[0][1], f[0][2]) == (240, 120, 240, 120)'
run hmr-info --json "$T/o.hmr"
like "$T/out" '"width": ?240' "and the header says so"
look "the camera stays" "$T/o.hmr" \
    'struct.unpack("<4f", f[0][3]["CAMR"][-16:]) == (3125.0, 3125.0, 80.0, 60.0)'
look "people pass as they are" "$T/o.hmr" \
    'all(f[0][3][t] == g[0][3][t] for t in ("PEOP", "BODY", "TRAK"))' "$T/front.hmr"
expect 0 "every byte checks" hmr-info --verify "$T/o.hmr"
draw "the picture of a picture" hmr-render "$T/front.hmr" --boxes
look "has both" "$T/o.hmr" \
    'p.at(80, 60) == Picture(g[0]).at(80, 60) and p.at(40, 9) != (38, 40, 44)' "$T/front.hmr"

# --- images from the video again --------------------------------------------------
video "$T/v.mkv" 10 160x120
{
	printf '%s\n' "$header" | tr -d '\n'
	echo
	for k in 0 3 7; do
		echo '{"type":"frame","frame":'$k',"pts":'$((k * 100))',"people":[]}'
	done
	echo '{"type":"end","frames":3,"status":"complete"}'
} | sed 's/\[1,10\]/[1,1000]/' >"$T/r.jsonl"
draw "--source" hmr-render "$T/r.jsonl" --source "$T/v.mkv"
hmr-decode -q -z 0 -o "$T/v.hmr" "$T/v.mkv"
look "frames by number" "$T/o.hmr" '[x[0] for x in f] == [0, 3, 7]'
look "each with its own image: its grey is the source's" "$T/o.hmr" \
    'all(abs(219 * (0.299 * r + 0.587 * v + 0.114 * b) / 255 + 16
             - g[a[0]][3]["IMAG"][64 + x + 160 * y]) < 3
         for a in f for q in [Picture(a)] for x in range(0, 160, 7) for y in range(0, 120, 7)
         for r, v, b in [q.at(x, y)] if 0 < min(r, v, b) <= max(r, v, b) < 255)' "$T/v.hmr"
look "and they differ" "$T/o.hmr" 'f[0][3]["IMAG"] != f[1][3]["IMAG"] != f[2][3]["IMAG"]'
cat "$T/r.jsonl" "$T/r.jsonl" >"$T/rr.jsonl"
draw "two segments of one video" hmr-render "$T/rr.jsonl" --source "$T/v.mkv"
look "start it again" "$T/o.hmr" \
    '[x[0] for x in f] == [0, 3, 7, 0, 3, 7] and f[0][3]["IMAG"] == f[3][3]["IMAG"]'
sed 's/"pts":300/"pts":310/' "$T/r.jsonl" >"$T/late.jsonl"
fails 3 "a timestamp of another video" hmr-render "$T/late.jsonl" --source "$T/v.mkv"
like "$T/err" 'frame 3.*not the same video' "says so"
sed 's/"frame":7,"pts":700/"frame":70,"pts":7000/' "$T/r.jsonl" >"$T/long.jsonl"
fails 3 "a video that ends before the results" hmr-render "$T/long.jsonl" --source "$T/v.mkv"
video "$T/w.mkv" 10 80x60
fails 3 "a video of another size" hmr-render "$T/r.jsonl" --source "$T/w.mkv"
like "$T/err" '80x60.*160x120' "names both"
fails 1 "no such video" hmr-render "$T/r.jsonl" --source "$T/none.mkv"

# --- what it refuses --------------------------------------------------------------
fails 3 "no image" hmr-render "$T/box.jsonl"
like "$T/err" 'frame 0: no image: give --source VIDEO, or --background off' "says what helps"
expect 0 "but boxes on the ground need none" hmr-render "$T/box.jsonl" --background off
fails 3 "no people" hmr-render "$T/small.hmr"
like "$T/err" 'hmr-detect' "names the stage that is missing"
sed 's/,*"stages":.*\]}/}/; s/,"body":"mannequin"//' "$T/box.jsonl" |
    sed '1s/,"stages":\[[^]]*\]//' >"$T/nobody.jsonl"
fails 3 "--mesh without bodies" hmr-render "$T/nobody.jsonl" --mesh --background off
like "$T/err" 'hmr-mesh' "names the stage that is missing"
expect 0 "without bodies boxes are drawn" hmr-render "$T/nobody.jsonl" --background off
sum=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
sed 's/"body":"mannequin"/"body":"mannequin","body_sha256":"'$sum'"/' "$T/mesh.jsonl" \
    >"$T/other.jsonl"
fails 1 "another body than the one of the results" hmr-render "$T/other.jsonl" \
    --background off
like "$T/err" '0123456789abcdef.*here it is [0-9a-f]{16}' "names both"
expect 0 "does not matter without meshes" hmr-render "$T/other.jsonl" \
    --background off --boxes
sed 's/"body":"mannequin"/"body":"nobody-has-this"/' "$T/mesh.jsonl" >"$T/lost.jsonl"
fails 1 "a body that is not here" hmr-render "$T/lost.jsonl" --background off
size=$(wc -c <"$T/front.hmr")
bad=0
k=0
while [ $k -lt 40 ]; do
	head -c $((size * k / 40)) "$T/front.hmr" >"$T/cut.hmr"
	hmr-render "$T/cut.hmr" >/dev/null 2>&1
	[ $? -eq 3 ] || bad=$((bad + 1))
	k=$((k + 1))
done
is $bad 0 "cut streams exit 3"

# --- memory -----------------------------------------------------------------------
if sanitized; then
	skip "memory" "sanitizers change it"
else
	for count in 10 600; do
		{
			printf '%s\n' "$header" | tr -d '\n'
			echo
			sed -n 2p "$T/a.jsonl" | awk -v n=$count '{
				for (i = 0; i < n; i++) {
					s = $0
					sub(/"frame":0,"pts":0/, "\"frame\":" i ",\"pts\":" i, s)
					print s
				}
			}'
			echo '{"type":"end","frames":'$count',"status":"complete"}'
		} >"$T/n.jsonl"
		run hmr-render -v "$T/n.jsonl" --background off
		sed -n 's/.*peak memory \([0-9.]*\) MiB.*/\1/p' "$T/err"
	done >"$T/peaks"
	awk '{ p[NR] = $1 } END { exit !(NR == 2 && p[2] - p[1] < 1) }' "$T/peaks"
	ok $? "10 and 600 frames take the same memory" || notefile "$T/peaks"
fi

finish
