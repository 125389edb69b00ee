#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How far fitted bodies are from the landmarks that were seen.

    hmr-decode vtest.avi | hmr-detect | hmr-mesh --landmarks -o bodies.hmr
    HMR_BIN=build/cpu python3 bench/fit.py bodies.hmr

Poses the mannequin's 33 landmarks (formats/body.md) and prints over the points of
visibility above 0.5, mean of bodies, median and 95th percentile:

2D         from the network's image points, % of the box's height
3D         from the network's metric points as they come, mm, both centred, after one
           scale for each body
3D, fixed  the same less what is fixed: each point's median offset in camera axes, which
           no body can follow (MODEL.md, "Calibration")
network    its image points from its own metric points, % of the box's height
fit_error  what hmr-mesh says, % of the box's height
"""
import json
import os
import struct
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "examples"))
import read_stream

read_stream.ROWS[b"LAND"] = [("person", "<u4"), ("flag", "<f4"),
                             ("image", "<f4", (33, 3)), ("world", "<f4", (33, 3))]
# shoulders, elbows, wrists, hips, knees, ankles: left, right
SEEN = [11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28]
BODY25 = [5, 2, 6, 3, 7, 4, 12, 9, 13, 10, 14, 11]


def mannequin():
    """The tensors of the body's file."""
    name = os.path.join(os.environ.get("HMR_BIN", ""), "hmr-model")
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "body.safetensors")
        subprocess.run([name, "-q", "import", "mannequin", "-o", path], check=True)
        data = open(path, "rb").read()
    n, = struct.unpack_from("<Q", data)
    out = {}
    for key, t in json.loads(data[8:8 + n]).items():
        if key != "__metadata__" and t["dtype"] in ("F32", "I32"):
            a, b = t["data_offsets"]
            out[key] = np.frombuffer(data[8 + n + a:8 + n + b],
                                     "<" + t["dtype"][0].lower() + "4").reshape(t["shape"])
    return out


def landmarks(m, pose, shape):
    """The 33 landmarks of a body, [33][3]."""
    rest = m["joints"] + np.tensordot(shape, m["joint_shape"], 1)
    turn, at = np.zeros((24, 3, 3)), np.zeros((24, 3))
    for j, p in enumerate(m["parents"]):
        turn[j] = pose[j] if p < 0 else turn[p] @ pose[j]
        at[j] = rest[j] if p < 0 else at[p] + turn[p] @ (rest[j] - rest[p])
    bone = at - np.einsum("jab,jb->ja", turn, rest)
    points = np.zeros((77, 3))
    c = m["point_rest"][:, :3] + np.tensordot(shape, m["point_shape"], 1)
    for (i, j), x, s in zip(m["point_index"], c, m["point_rest"][:, 3]):
        points[i] += turn[j] @ x + s * bone[j]
    return points[44:]


def centred(x, w):
    return x - (w[:, None] * x).sum(0) / w.sum()


def scaled(a, b, w):
    """Offsets of a from b, both centred, a scaled once to fit."""
    a, b = centred(a, w), centred(b, w)
    return (w[:, None] * a * b).sum() / (w[:, None] * a * a).sum() * a - b


def bodies(path):
    for what, f in read_stream.read(open(path, "rb")):
        if what != "frame" or b"BODY" not in f.sections:
            continue
        rows = {t: read_stream.table(f.sections[t], t) for t in read_stream.ROWS
                if t in f.sections}
        if b"LAND" not in rows:
            sys.exit(f"{path}: bodies without what was seen: hmr-mesh --landmarks writes it")
        seen = {l["person"]: l for l in rows[b"LAND"]}
        for b in rows[b"BODY"]:
            box = rows[b"PEOP"]["box"][b["person"]]
            yield b, seen[b["person"]], float(box[3] - box[1]), (f.width / 2, f.height / 2)


def show(name, unit, x):
    x = np.array(x)
    print(f"{name:10} mean {x.mean():6.2f} {unit:2}  median {np.median(x):6.2f}  "
          f"95th percentile {np.percentile(x, 95):6.2f}  worst {x.max():6.1f}")


def main(path):
    m, two, three, own, error, seen = mannequin(), [], [], [], [], []
    for b, l, height, centre in bodies(path):
        w = (l["image"][:, 2] > 0.5).astype(float)
        if w.sum() < 8:
            continue
        x = landmarks(m, b["pose"].astype(float), b["shape"].astype(float))
        image, world = l["image"][:, :2].astype(float), l["world"].astype(float)
        full = x + b["camera"]
        flat = b["focal"] * full[:, :2] / full[:, 2:] + centre
        two.append((w * np.linalg.norm(flat - image, axis=1)).sum() / w.sum() / height)
        own.append((w * np.linalg.norm(scaled(world[:, :2], image, w), axis=1)).sum() /
                   w.sum() / height)
        three.append(scaled(x, world, w))
        error.append(b["fit_error"] / height)
        seen.append(w)
    print(f"{len(two)} bodies")
    three, seen = np.array(three), np.array(seen)
    fixed = np.array([np.median(three[seen[:, i] > 0, i], axis=0) for i in range(33)])
    show("2D", "%", 100 * np.array(two))
    for name, d in ("3D", three), ("3D, fixed", three - fixed):
        show(name, "mm", 1e3 * (seen * np.linalg.norm(d, axis=2)).sum(1) / seen.sum(1))
    show("network", "%", 100 * np.array(own))
    show("fit_error", "%", 100 * np.array(error))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: fit.py bodies.hmr")
    main(sys.argv[1])
