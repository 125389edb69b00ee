#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# hmr-export's meshes, read back: counts, place, normals, orientation, colours, file
# names, both formats against each other, stored vertices against posed ones, and
# bodies that are not those of the header.
. "${0%/*}/lib.sh"
need hmr-export hmr-model python3
cd "$T" || exit 1

cat >make.py <<'EOF2'
"""Two frames: identities 1 and 3 and somebody without; then nobody."""
import json
import math
def about(axis, a):
    c, s = math.cos(a), math.sin(a)
    return {"x": [1, 0, 0, 0, c, -s, 0, s, c], "y": [c, 0, s, 0, 1, 0, -s, 0, c]}[axis]
def person(bend, **more):
    pose = [1, 0, 0, 0, -1, 0, 0, 0, -1] + 23 * [1, 0, 0, 0, 1, 0, 0, 0, 1]
    pose[36:45] = about("x", bend)
    return {**more, "box": [10, 10, 60, 90], "score": 0.9, "pose": pose, "shape": [1, 0, 0, 0, -1] + 5 * [0],
            "camera": [1, 0.5, 20], "focal": 5000}
def line(**o):
    print(json.dumps(o))
line(type="header", tracks="1.0", width=128, height=96, time_base=[1, 10], source={"name": "made"},
     stages=[{"name": "hmr-mesh", "version": "0", "body": "mannequin"}])
line(type="frame", frame=4, pts=4, people=[person(0.5, id=1, missed=0), person(1, id=3, missed=0), person(0)])
line(type="frame", frame=5, pts=5, people=[])
line(type="end", frames=2, status="complete")
EOF2
python3 make.py >tracks.jsonl

cat >mesh.py <<'EOF2'
"""Reads obj and ply: python3 mesh.py check|place|colour|same FILE..."""
import math
import struct
import sys
def obj(name):
    v, c, n, f, o, vt, ft = [], [], [], [], [], [], []
    for line in open(name):
        w = line.split()
        if w[0] == "v":
            v.append([float(x) for x in w[1:4]])
            c.append([round(255 * float(x)) for x in w[4:7]])
        elif w[0] == "vn":
            n.append([float(x) for x in w[1:4]])
        elif w[0] == "f":
            at = [[int(y) - 1 for y in x.split("/")] for x in w[1:]]
            assert all(x[0] == x[2] for x in at) and len(w) == 4
            f.append([x[0] for x in at])
            ft.append([x[1] for x in at])
        elif w[0] == "vt":
            vt.append([float(x) for x in w[1:]])
        elif w[0] == "o":
            o.append(w[1])
        else:
            assert w[0] == "#", line
    flat(vt, ft, f, len(o))
    return v, c, n, f, o
def flat(vt, ft, f, people):
    """Each place is used, of one vertex, in the square; faces keep their front; all people alike."""
    assert all(len(x) == 2 and 0 <= min(x) and max(x) <= 1 for x in vt)
    assert {i for t in ft for i in t} == set(range(len(vt)))
    of = {}
    assert all(of.setdefault(i, j) == j for t, u in zip(ft, f) for i, j in zip(t, u))
    for t in ft:
        (a, b), (c, d), (e, g) = (vt[i] for i in t)
        assert (c - a) * (g - b) > (d - b) * (e - a), "laid flat it shows its front"
    each = len(vt) // max(people, 1)
    assert vt == vt[:each] * people and (each > 1882 or not people)
def join(v, n, c, st, f, people):
    """Undoes what seams do: within a person, what follows the body's vertices are copies of these."""
    each = len(v) // max(people, 1)
    own = next(n for n in (7522, 1882) if each >= n)
    assert own < each and all(0 <= x <= 1 for p in st for x in p)
    to = []
    for p in range(people):
        first = {}
        for i in range(own):
            first.setdefault(tuple(v[p * each + i] + n[p * each + i]), p * own + i)
        assert len(first) == own
        to += [p * own + i for i in range(own)]
        to += [first[tuple(v[p * each + i] + n[p * each + i])] for i in range(own, each)]
    assert st == st[:each] * people
    keep = [p * each + i for p in range(people) for i in range(own)]
    flat(st, f, [[to[i] for i in t] for t in f], people)
    return [v[i] for i in keep], [n[i] for i in keep], [c[i] for i in keep], [[to[i] for i in t] for t in f]
def ply(name):
    data = open(name, "rb").read()
    head, _, rest = data.partition(b"end_header\n")
    words = [l.split() for l in head.decode().split("\n")]
    assert words[0] == ["ply"] and words[1] == ["format", "binary_little_endian", "1.0"]
    count = {w[1]: int(w[2]) for w in words if w and w[0] == "element"}
    names = [w[-1] for w in words if w and w[0] == "property"]
    places = "s" in names
    assert names == ("x y z nx ny nz red green blue " + places * "s t " + "vertex_indices").split()
    size = 27 + 8 * places
    v, c, n, f, st = [], [], [], [], []
    for i in range(count["vertex"]):
        x = struct.unpack_from("<6f3B2f" if places else "<6f3B", rest, size * i)
        v.append(list(x[:3])); n.append(list(x[3:6])); c.append(list(x[6:9])); st.append(list(x[9:]))
    at = size * count["vertex"]
    for i in range(count["face"]):
        x = struct.unpack_from("<B3i", rest, at + 13 * i)
        assert x[0] == 3
        f.append(list(x[1:]))
    assert at + 13 * count["face"] == len(rest)
    if places and v:
        v, n, c, f = join(v, n, c, st, f, len(f) // (3760 if len(f) < 15040 else 15040))
    return v, c, n, f, []
def read(name):
    return obj(name) if name.endswith(".obj") else ply(name)
def check(v, c, n, f, o):
    own = 1882 if len(v) < 7522 else 7522
    assert len(v) == len(n) == len(c) and len(v) % own == 0 and len(f) == (2 * own - 4) * (len(v) // own)
    assert all(abs(math.hypot(*x) - 1) < 1e-5 for x in n), "normals have length 1"
    edges = {}
    for t in f:
        for i in range(3):
            e = t[i], t[(i + 1) % 3]
            assert e not in edges, "an edge twice in one direction"
            edges[e] = 1
    assert all((b, a) in edges for a, b in edges), "closed"
    volume, agree = 0, 0
    for t in f:
        a, b, d = (v[i] for i in t)
        p, q = [b[k] - a[k] for k in range(3)], [d[k] - a[k] for k in range(3)]
        x = [p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0]]
        volume += sum(a[k] * x[k] for k in range(3)) / 6
        agree += sum(x[k] * sum(n[i][k] for i in t) for k in range(3)) > 0
    assert 0.05 * len(v) / own < volume < 0.12 * len(v) / own, volume
    assert agree > 0.99 * len(f), "normals point out"
    print("good")
what, meshes = sys.argv[1], [read(x) for x in sys.argv[2:]]
v, c, n, f, o = meshes[0]
if what == "check":
    check(*meshes[0])
elif what == "place":
    print(*(f"{min(x):.1f} {max(x):.1f}" for x in zip(*v)))
elif what == "colour":
    print(len(set(map(tuple, c))), *c[0], *o)
elif what == "same":
    turn = [1, -1, -1] if sys.argv[2][-3:] != sys.argv[3][-3:] else [1, 1, 1]
    for a, b in zip((v, n), (meshes[1][0], meshes[1][2])):
        assert len(a) == len(b)
        worst = max(abs(p[k] - turn[k] * q[k]) for p, q in zip(a, b) for k in range(3))
        assert worst < 2e-6, worst
    assert c == meshes[1][1] and f == meshes[1][3]
    print("same")
EOF2
mesh() { python3 mesh.py "$@" 2>&1 | tail -n 1; }

for kind in obj ply; do
	expect 0 "$kind" hmr-export -f $kind -o $kind tracks.jsonl
	is "$(echo $kind/*)" "$kind/000004_001.$kind $kind/000004_003.$kind" \
		"$kind: by frame and identity, nobody without one"
	is "$(mesh check $kind/000004_003.$kind)" good "$kind: counts, unit normals, closed, outside out"
done
is "$(mesh same obj/000004_003.obj ply/000004_003.ply)" same "obj is ply, turned"
is "$(mesh place ply/000004_003.ply)" "0.1 1.9 -0.3 1.5 19.8 20.5" "camera axes: feet down, where the camera says"
is "$(mesh place obj/000004_003.obj)" "0.1 1.9 -1.5 0.3 -20.5 -19.8" "y up: in front of the camera"
is "$(mesh colour obj/000004_001.obj | cut -d ' ' -f 1)" 1 "one colour a person"
[ "$(mesh colour obj/000004_001.obj)" != "$(mesh colour obj/000004_003.obj)" ]
ok $? "identities differ in colour"
expect 0 "--axes camera" hmr-export -f obj --axes camera -o axes tracks.jsonl
is "$(mesh place axes/000004_003.obj)" "0.1 1.9 -0.3 1.5 19.8 20.5" "obj in camera axes"
expect 0 "--axes y-up" hmr-export -f ply --axes y-up -o axes tracks.jsonl
is "$(mesh place axes/000004_003.ply)" "0.1 1.9 -1.5 0.3 -20.5 -19.8" "ply with y up"

# The light surface is the first vertices of the full one, with faces of its own.
cat >light.py <<'EOF2'
import sys
full, light = sys.argv[1:]
sys.argv = ["mesh.py", "none", full, light]
exec(open("mesh.py").read())
(v, c, *_), (w, d, *_) = meshes
assert len(w) == 1882 and w == v[:1882] and d == c[:1882]
print("first")
EOF2
for kind in obj ply; do
	expect 0 "$kind: the light surface" hmr-export -f $kind --surface light -o light tracks.jsonl
	is "$(mesh check light/000004_003.$kind)" good "$kind: counts, unit normals, closed, laid flat"
	is "$(python3 light.py $kind/000004_003.$kind light/000004_003.$kind 2>&1 | tail -n 1)" first \
		"$kind: the full one's first vertices"
done

expect 0 "a pattern of two" hmr-export -f obj -o 'two/%d-p%02d%%.obj' tracks.jsonl
is "$(echo two/*)" "two/4-p01%.obj two/4-p03%.obj" "two numbers"
for kind in obj ply; do
	expect 0 "$kind: a pattern of one" hmr-export -f $kind -o "one/%03d.$kind" tracks.jsonl
	is "$(mesh check one/004.$kind)" good "$kind: everybody in one file"
	expect 0 "$kind: one frame" hmr-export -f $kind --frames 4 -o four.$kind tracks.jsonl
	same four.$kind one/004.$kind "$kind: by its own name"
	[ -s one/005.$kind ]
	ok $? "$kind: a frame of nobody is an empty mesh"
done
is "$(mesh colour one/004.obj | cut -d ' ' -f 1,5-)" "2 person_1 person_3" "two colours, two objects"

# The same body without places for textures.
expect 0 "the body as a file" hmr-model import mannequin -o body.safetensors
python3 -c '
d = open("body.safetensors", "rb").read()
open("bare.safetensors", "wb").write(d.replace(b"\"uv\"", b"\"ux\"").replace(b"\"uv_faces\"", b"\"ux_faces\""))'
expect 0 "a body without places" hmr-export -f obj -m "$T/bare.safetensors" -o bare tracks.jsonl
is "$(sed -n 's,^f \([0-9]*\)//\1 .*,v//n,p' bare/000004_001.obj | sort -u)" "v//n" "no vt, faces without"
is "$(grep -c '^vt' bare/000004_001.obj)" 0 "no place"
sed '/^vt/d; /^f/s,/[0-9]*/,//,g' obj/000004_001.obj >cut.obj
same cut.obj bare/000004_001.obj "otherwise alike"

sed 's/"id": [0-9]*, "missed": 0, //g' tracks.jsonl >anonymous.jsonl
expect 0 "without identities" hmr-export -f ply -o anonymous anonymous.jsonl
is "$(echo anonymous/*)" "anonymous/000004_000.ply anonymous/000004_001.ply anonymous/000004_002.ply" \
	"by place in the frame"

# Vertices that the lines hold, here of other places, are taken as they are.
cat >store.py <<'EOF2'
import json
import sys
sys.argv = ["mesh.py", "none", "ply/000004_003.ply"]
exec(open("mesh.py").read())
for l in open("tracks.jsonl"):
    o = json.loads(l)
    for p in o.get("people", []):
        if p.get("id") == 1:
            p["vertices"] = [[a - b for a, b in zip(x, p["camera"])] for x in v]
            del p["pose"]
    print(json.dumps(o))
EOF2
python3 store.py >stored.jsonl
expect 0 "of stored vertices" hmr-export -f ply -o stored stored.jsonl
is "$(mesh colour stored/000004_001.ply)" "$(mesh colour ply/000004_001.ply)" "they keep their own colour"
is "$(mesh place stored/000004_001.ply)" "$(mesh place ply/000004_003.ply)" "and are where they were stored"

# --- refused
expect 2 "ply to standard output" hmr-export -f ply tracks.jsonl
expect 2 "one name for many frames" hmr-export -f ply -o many.ply tracks.jsonl
expect 2 "three numbers" hmr-export -f ply -o '%d%d%d.ply' tracks.jsonl
expect 2 "another kind of number" hmr-export -f ply -o '%s.ply' tracks.jsonl
expect 2 "--axes of nothing" hmr-export -f obj --axes z-up -o x tracks.jsonl
expect 2 "--axes for csv" hmr-export -f csv --axes camera tracks.jsonl
expect 2 "--surface of nothing" hmr-export -f obj --surface coarse -o x tracks.jsonl
expect 2 "--surface for csv" hmr-export -f csv --surface light tracks.jsonl
expect 2 "-m for png" hmr-export -f png -m mannequin -o x tracks.jsonl
sed 's/"body": "mannequin"/"body": "mannequin", "body_sha256": "0123456789"/' tracks.jsonl >other.jsonl
fails 1 "another body" hmr-export -f obj -o other other.jsonl
like err 'mannequin.*SHA-256 0123456789' "names both"
sed 's/"body": "mannequin"/"x": 0/' tracks.jsonl >none.jsonl
fails 3 "no body" hmr-export -f obj -o none none.jsonl
like err 'hmr-mesh' "names the stage that makes them"
python3 -c '
import json
for l in open("tracks.jsonl"):
    o = json.loads(l)
    for p in o.get("people", []):
        del p["pose"]
    print(json.dumps(o))' >poseless.jsonl
fails 3 "no pose" hmr-export -f obj -o poseless poseless.jsonl
[ -z "$(find . -name '*.tmp.*')" ]
ok $? "no temporary file is left"
finish
