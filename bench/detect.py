#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Recall and precision of a stream's people against MOTChallenge ground truth.

    hmr-decode vtest.avi | hmr-detect -o people.hmr
    python3 bench/detect.py gt.txt people.hmr

Frame by frame: a person and a labelled box belong together where they overlap by
0.5 or more; the assignment with the most pairs, then the largest overlap, counts. Labels
whose seventh column is 0 are not scored: they are no misses, and people on them
(and on nothing scored) are no false alarms.
"""
import os
import sys

import numpy as np
from scipy.optimize import linear_sum_assignment

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "examples"))
import read_stream


def labels(path):
    """frame from 0 -> boxes [n, 4] and whether each is scored [n]."""
    rows = np.loadtxt(path, delimiter=",", ndmin=2)
    boxes = np.concatenate([rows[:, 2:4], rows[:, 2:4] + rows[:, 4:6]], 1)
    return {int(f) - 1: (boxes[rows[:, 0] == f], rows[rows[:, 0] == f, 6] != 0)
            for f in np.unique(rows[:, 0])}


def overlap(a, b):
    lo = np.maximum(a[:, None, :2], b[None, :, :2])
    hi = np.minimum(a[:, None, 2:], b[None, :, 2:])
    inter = np.prod(np.clip(hi - lo, 0, None), 2)
    area = lambda x: np.prod(x[:, 2:] - x[:, :2], 1)
    return inter / np.maximum(area(a)[:, None] + area(b)[None] - inter, 1e-9)


def count(boxes, truth, scored, least=0.5):
    """True positives, people that count, labels that count; sum of overlaps."""
    iou = overlap(boxes, truth)
    gain = np.where(iou >= least, 1 + iou, 0)
    # A pair with a scored label is worth more than any with one that is not.
    i, j = linear_sum_assignment(-gain * np.where(scored, 1000, 1)[None])
    good = iou[i, j] >= least
    i, j = i[good], j[good]
    hit = scored[j]
    ignored = len(i) - hit.sum()
    return hit.sum(), len(boxes) - ignored, scored.sum(), iou[i, j][hit].sum()


def main(truth, stream):
    truth = labels(truth)
    found = {}
    with open(stream, "rb") as file:
        for what, value in read_stream.read(file):
            if what == "frame":
                found[value.number] = read_stream.table(value.sections[b"PEOP"], b"PEOP")
    none = np.zeros((0, 4)), np.zeros(0, bool)
    print("threshold recall precision false missed overlap")
    for t in np.arange(0.30, 0.651, 0.05):
        total = np.zeros(4)
        for frame, people in found.items():
            boxes = people["box"][people["score"] >= t].astype(float)
            total += count(boxes, *truth.get(frame, none))
        hit, people, want, iou = total
        print(f"{t:9.2f} {hit / max(want, 1):6.3f} {hit / max(people, 1):9.3f} "
              f"{people - hit:5.0f} {want - hit:6.0f} {iou / max(hit, 1):7.3f}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: detect.py gt.txt people.hmr")
    main(*sys.argv[1:])
