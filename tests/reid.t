#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Re-identification: the network's vectors in the stream, and who is who by them.
. "${0%/*}/lib.sh"
need hmr-detect hmr-mesh hmr-assoc hmr-decode hmr-info hmr-model ffmpeg
py=/usr/bin/python3
[ -x $py ] || py=python3
$py -c 'import numpy' 2>/dev/null || skip_all "no numpy"
need_shared
reid=$T/person-reid.safetensors
expect 0 "import of person-reid" hmr-model import onnx -o "$reid" \
    "$HMR_SHARED/data/onnx/person-reid-retail-0288.onnx"
vectors() {
	$py - "$ROOT/examples" "$@" <<-'END'
	import json, sys
	import numpy as np
	sys.path.insert(0, sys.argv[1])
	import read_stream
	def rows(f):
	    n, size, count, kind = np.frombuffer(f.sections[b"APPR"], "<u4", 4)
	    v = np.frombuffer(f.sections[b"APPR"], "<f4", offset=16).reshape(n, size // 4)
	    return v[:, 0].copy().view("<u4"), v[:, 1:], int(kind)
	frames = [f for k, f in read_stream.read(open(sys.argv[2], "rb")) if k == "frame"]
	exec(sys.argv[3])
	END
}

# The network's published input as an image and its whole as a box: what is written is
# its published output. Observed: 9e-6 off at most.
$py - "$HMR_SHARED/data/onnx/person-reid-retail-0288.expected.safetensors" "$T" <<'END'
import json, struct, sys
import numpy as np
f = open(sys.argv[1], "rb")
head = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
data = f.read()
get = lambda k: np.frombuffer(data[slice(*head[k]["data_offsets"])], "<f4")
bgr = get("input:inputs:0").reshape(256, 128, 3)
open(sys.argv[2] + "/x.ppm", "wb").write(b"P6\n128 256\n255\n" + bgr[:, :, ::-1].astype("u1").tobytes())
out = get("output:Identity:0")
np.save(sys.argv[2] + "/want.npy", out / np.linalg.norm(out))
END
echo 1,1,0,0,128,256,1 >"$T/x.txt"
ffmpeg -nostdin -v error -y -i "$T/x.ppm" "$T/x.png"
hmr-decode -q -z 0 -o "$T/x.hmr" "$T/x.png"
expect 0 "hmr-detect --reid" hmr-detect -q -z 0 --boxes "$T/x.txt" --reid "$reid" -o "$T/r.hmr" "$T/x.hmr"
cp "$T/x.hmr" "$T/image.hmr"
expect 0 "the published output" vectors "$T/r.hmr" \
    "gap = abs(rows(frames[0])[1] - np.load('$T/want.npy')).max(); print(gap); sys.exit(not gap < 1e-4)" || notefile "$T/out"
run hmr-info --json "$T/r.hmr"
sum=$(sha256sum "$reid" | cut -d ' ' -f 1)
like "$T/out" "\"reid_sha256\": *\"$sum\"" "the header names the network"
is "$(vectors "$T/r.hmr" 'print("%08x" % rows(frames[0])[2])')" \
    "$(printf %.6s "$sum")02" "the section's kind names it too"

expect 0 "the ONNX file as it is" hmr-detect -q -z 0 --boxes "$T/x.txt" \
    --reid "$HMR_SHARED/data/onnx/person-reid-retail-0288.onnx" -o "$T/onnx.hmr" "$T/x.hmr"
expect 0 "gives the same" vectors "$T/onnx.hmr" \
    "sys.exit(not abs(rows(frames[0])[1] - np.load('$T/want.npy')).max() < 1e-4)"

# A sidecar that swaps the colours gives something else; a wrong one is told of.
echo '{"format":"hmr-sidecar 1","kind":"reid","input":{"colour":"RGB"}}' >"$T/person-reid.json"
expect 0 "a sidecar" hmr-detect -q -z 0 --boxes "$T/x.txt" --reid "$reid" -o "$T/s.hmr" "$T/x.hmr"
expect 0 "is heeded" vectors "$T/s.hmr" \
    "sys.exit(not 1e-3 < abs(rows(frames[0])[1] - np.load('$T/want.npy')).max())"
echo '{"format":"hmr-sidecar 1","kind":"reid","input":{"color":"RGB"}}' >"$T/person-reid.json"
fails 3 "a wrong sidecar" hmr-detect --boxes "$T/x.txt" --reid "$reid" "$T/x.hmr"
like "$T/err" 'person-reid.json: input.color: not known' "it is said where"
rm "$T/person-reid.json"
fails 1 "no such network" hmr-detect --boxes "$T/x.txt" --reid "$T/none.safetensors" "$T/x.hmr"
if have_models nanodet; then
	fails 1 "a network that makes no vector" hmr-detect --boxes "$T/x.txt" --reid nanodet "$T/x.hmr"
fi

if ! have_vtest || ! have_models nanodet blazepose-lite; then
	skip "people" "no vtest.avi or no models"
	finish
fi
hmr-decode -q -z 0 --start 24 --frames 6 "$HMR_VTEST" | hmr-detect -q -z 0 -o "$T/p.hmr"
expect 0 "hmr-mesh --reid" hmr-mesh -q -m lite --reid "$reid" -z 0 -o "$T/m.hmr" "$T/p.hmr"
expect 0 "its sections are sound" hmr-info --verify "$T/m.hmr"
cat >"$T/nearest" <<'END'
# the most alike of the people a tenth of a second later stands nearest, too
(p, v, _), (q, w, _) = rows(frames[0]), rows(frames[1])
b, c = (read_stream.table(f.sections[b"PEOP"], b"PEOP")["box"] for f in (frames[0], frames[1]))
right = sum(int(np.argmin(abs(c[q] - b[i]).sum(1)) == np.argmax(w @ x)) for i, x in zip(p, v))
print(right, "of", len(p))
sys.exit(bool(len(p) < 5 or right < len(p) - 1 or abs(np.linalg.norm(v, axis=1) - 1).max() > 1e-5))
END
expect 0 "vectors of length 1, alike for the same person" vectors "$T/m.hmr" "$(cat "$T/nearest")" || notefile "$T/out"
hmr-detect -q -z 0 --reid "$reid" -o "$T/d.hmr" "$T/p.hmr"
hmr-mesh -q -m lite -z 0 -o "$T/dm.hmr" "$T/d.hmr"
is "$(vectors "$T/dm.hmr" 'print([rows(f)[1].sum() for f in frames])')" \
    "$(vectors "$T/d.hmr" 'print([rows(f)[1].sum() for f in frames])')" \
    "hmr-mesh passes on what hmr-detect --reid wrote"
expect 0 "hmr-assoc uses them" hmr-assoc -v "$T/d.hmr"
finish
