#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""People as a middling detector would see them, from a MOTChallenge ground truth:

    bench/noisy.py gt.txt WIDTHxHEIGHT RATE SEED > people.jsonl

Who is hidden by somebody nearer is missed more often and scored lower; boxes shake by
4 % of their size; every tenth frame has a box of nobody, and two things that stand
still look like people half of the time. Scores below 0.3 are left out.
"""
import json
import sys

import numpy as np

path, size, rate, seed = sys.argv[1:]
width, height = map(int, size.split("x"))
rng = np.random.default_rng(int(seed))
truth = np.loadtxt(path, delimiter=",")
frames = int(truth[:, 0].max())
tall = np.median(truth[:, 5])
things = [(x * width, y * height, x * width + 0.4 * tall, y * height + tall, s)
          for x, y, s in ((0.43, 0.31, 0.45), (0.78, 0.6, 0.5))]


def hidden(box, others):
    """The largest part of a box that one nearer to the camera covers."""
    most = 0
    for o in others:
        w = min(box[2], o[2]) - max(box[0], o[0])
        h = min(box[3], o[3]) - max(box[1], o[1])
        if o[3] > box[3] and w > 0 and h > 0:
            most = max(most, w * h / ((box[2] - box[0]) * (box[3] - box[1])))
    return most


def people(frame):
    rows = truth[truth[:, 0] == frame + 1]
    boxes = np.column_stack([rows[:, 2:4], rows[:, 2:4] + rows[:, 4:6]])
    for box in boxes:
        seen = 1 - hidden(box, boxes)
        if rng.random() < (0.95 if seen > 0.6 else 0.6 if seen > 0.3 else 0.1):
            shake = rng.normal(0, 0.04, 4) * np.tile(box[2:] - box[:2], 2)
            yield box + shake, rng.normal(0.75 if seen > 0.6 else 0.45, 0.12)
    for *box, score in things:
        if rng.random() < 0.5:
            yield np.array(box) + rng.normal(0, 1.5, 4), rng.normal(score, 0.08)
    if rng.random() < 0.1:
        x, y = rng.uniform(0, width - tall), rng.uniform(0, height - tall)
        yield np.array([x, y, x + 0.4 * tall, y + tall]), rng.uniform(0.3, 0.6)


print(json.dumps({"type": "header", "tracks": "1.0", "source": {"name": "noisy"},
                  "width": width, "height": height, "time_base": [1, int(rate)],
                  "rate": [int(rate), 1]}))
for f in range(frames):
    rows = [{"box": [round(float(v), 2) for v in box], "score": round(float(min(s, 0.99)), 3)}
            for box, s in people(f) if s > 0.3]
    print(json.dumps({"type": "frame", "frame": f, "pts": f, "people": rows}))
print(json.dumps({"type": "end", "frames": frames, "status": "complete"}))
