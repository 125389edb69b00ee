#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How far fitted bodies are from the landmarks that were seen.

    hmr-decode vtest.avi | hmr-detect | hmr-mesh --landmarks -z 0 -o bodies.hmr
    python3 bench/fit.py bodies.hmr

Prints the mean, median and 95th percentile over all bodies of two errors as a part
of the box height: hmr-mesh's own fit_error (mean distance over all landmarks of
visibility above 0.5), and the distance of twelve limb joints from the stream's own
joints2d to the network's points, worked out here.
"""
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "examples"))
import read_stream

read_stream.ROWS[b"LAND"] = [("person", "<u4"), ("flag", "<f4"),
                             ("image", "<f4", (33, 3)), ("world", "<f4", (33, 3))]
# shoulders, elbows, wrists, hips, knees, ankles: left, right
SEEN = [11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28]
BODY25 = [5, 2, 6, 3, 7, 4, 12, 9, 13, 10, 14, 11]


def main(path):
    fit, own, people, looked, bodies, no_person = [], [], 0, 0, 0, 0
    for what, f in read_stream.read(open(path, "rb")):
        if what != "frame":
            continue
        rows = {t: read_stream.table(f.sections[t], t) for t in read_stream.ROWS
                if t in f.sections}
        boxes = rows[b"PEOP"]["box"]
        seen = {l["person"]: l for l in rows[b"LAND"]}
        people += len(boxes)
        looked += len(seen)
        bodies += len(rows[b"BODY"])
        for b in rows[b"BODY"]:
            box = boxes[b["person"]]
            height = box[3] - box[1]
            points = seen[b["person"]]["image"][SEEN]
            gap = np.linalg.norm(points[:, :2] - b["joints2d"][BODY25], axis=1)
            good = points[:, 2] > 0.5
            fit.append(b["fit_error"] / height)
            if good.any():
                own.append(gap[good].mean() / height)
    print(f"{people} people, {looked} looked at, {bodies} bodies")
    for name, x in ("fit_error", fit), ("limb joints", own):
        x = 100 * np.array(x)
        print(f"{name:12} mean {x.mean():.2f} %  median {np.median(x):.2f} %  "
              f"95th percentile {np.percentile(x, 95):.2f} %  worst {x.max():.1f} %")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: fit.py bodies.hmr")
    main(sys.argv[1])
