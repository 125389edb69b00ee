#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bodies and their scores by numpy, for tests/hmr-eval.t.

    bodies.py make         truth.npz, grid.npz and result.jsonl of made-up people
    bodies.py check JSON   hmr-eval's scores against those worked out here
"""
import json
import sys

import numpy as np

FRAMES, PEOPLE = 12, 3
FOURTEEN = list(range(25, 38)) + [43]


def made():
    rng = np.random.default_rng(7)
    start = rng.normal(size=(1, PEOPLE, 44, 3))
    truth = (start + 0.05 * np.cumsum(rng.normal(size=(FRAMES, PEOPLE, 44, 3)), 0)).astype("f4")
    result = (truth * 1.1 + 0.04 * rng.normal(size=truth.shape) + [0.3, -0.1, 9]).astype("f4")
    corner = np.array([[[20 + 150 * p, 30] for p in range(PEOPLE)]] * FRAMES)
    box = np.concatenate([corner, corner + [80, 120]], -1).astype("f4")
    flat = (corner[:, :, None] + 100 * rng.random((FRAMES, PEOPLE, 44, 2))).astype("f4")
    seen = (flat + 8 * rng.normal(size=flat.shape)).astype("f4")
    sure = rng.random((FRAMES, PEOPLE, 44, 1)).astype("f4")
    conf = rng.random((FRAMES, PEOPLE, 44)).astype("f4")
    truth[2, 1, 30] = np.nan                    # a joint that nobody knows
    truth[5, 2] = np.nan                        # somebody who is not there
    return truth, result, box, flat, seen, sure, conf


def write():
    truth, result, box, flat, seen, sure, conf = made()
    np.savez("grid.npz", joints3d=truth, box=box, joints2d=np.concatenate([flat, sure], -1))
    there = [(f, p) for f in range(FRAMES) for p in range(PEOPLE) if (f, p) != (5, 2)]
    f, p = np.array(there).T
    np.savez_compressed("truth.npz", joints3d=truth[f, p].astype("f8"), box=box[f, p], frame=f, id=p + 1,
                        joints2d=np.concatenate([flat, sure], -1)[f, p])
    with open("result.jsonl", "w") as out:
        def line(**o):
            print(json.dumps(o), file=out)
        line(type="header", tracks="1.0", width=640, height=480, time_base=[1, 10], stages=[])
        for f in range(FRAMES):
            people = [{"id": 9 - p, "score": 0.9, "box": box[f, p].tolist(), "camera": [0, 0, 5],
                       "joints3d": result[f, p].tolist(), "joints2d": seen[f, p].tolist(),
                       "joint_conf": conf[f, p].tolist()} for p in range(PEOPLE) if (f, p) != (5, 2)]
            line(type="frame", frame=f, pts=f, people=people)
        line(type="end", frames=FRAMES, status="complete")


def procrustes(p, t):
    mp, mt = p.mean(0), t.mean(0)
    p0, t0 = p - mp, t - mt
    u, s, vt = np.linalg.svd(p0.T @ t0)
    d = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    r = vt.T @ np.diag(d) @ u.T
    return (s * d).sum() / (p0 ** 2).sum() * p0 @ r.T + mt


def rank(x):
    values, at, n = np.unique(x, return_inverse=True, return_counts=True)
    return (np.cumsum(n) - (n + 1) / 2)[at]


def check(name):
    truth, result, box, flat, seen, sure, conf = (x.astype("f8") for x in made())
    got = json.load(open(name))
    joints = FOURTEEN if got["joints"] == 14 else list(range(44))
    mpjpe, pa, hits, off, sureness = [], [], {j: [] for j in joints}, [], []
    root_t, root_r = truth - truth[:, :, 39:40], result - result[:, :, 39:40]
    for f in range(FRAMES):
        for p in range(PEOPLE):
            known = [j for j in joints if np.isfinite(truth[f, p, j]).all()]
            if not known:
                continue
            e = np.linalg.norm(root_r[f, p, known] - root_t[f, p, known], axis=-1)
            mpjpe.append(e.mean())
            fitted = procrustes(result[f, p, known], truth[f, p, known])
            pa.append(np.linalg.norm(fitted - truth[f, p, known], axis=-1).mean())
            for j, x in zip(known, e):
                if j != 39:
                    off.append(x)
                    sureness.append(conf[f, p, j])
            side = (box[f, p, 2:] - box[f, p, :2]).max()
            for j in joints:
                if sure[f, p, j, 0] > 0.5:
                    hits[j].append(np.linalg.norm(flat[f, p, j] - seen[f, p, j]) / side)
    accel = []
    for p in range(PEOPLE):
        d = root_r[:, p, joints] - root_t[:, p, joints]
        for f in range(1, FRAMES - 1):
            a = np.linalg.norm(d[f - 1] - 2 * d[f] + d[f + 1], axis=-1)
            if np.isfinite(a).any():
                accel.append(np.nanmean(a))
    hits = [np.array(h) for h in hits.values() if h]
    want = {"mpjpe": 1000 * np.mean(mpjpe), "mpjpe_median": 1000 * np.median(mpjpe),
            "pa_mpjpe": 1000 * np.mean(pa), "pa_mpjpe_median": 1000 * np.median(pa),
            "accel": 1000 * np.mean(accel), "pck05": np.mean([(h < 0.05).mean() for h in hits]),
            "pck10": np.mean([(h < 0.10).mean() for h in hits]),
            "conf_rank": np.corrcoef(rank(np.float32(sureness)), rank(np.float32(off)))[0, 1],
            "found": 1, "pairs": FRAMES * PEOPLE - 1, "pve": None}
    for key, value in want.items():
        if value is None or got[key] is None:
            bad = value is not got[key]
        else:
            bad = abs(got[key] - value) > (1e-3 if key == "conf_rank" else 1e-4 * max(1, abs(value)))
        if bad:
            sys.exit(f"{key}: {got[key]}, numpy has {value}")
    print("as numpy has it")


if __name__ == "__main__":
    write() if sys.argv[1] == "make" else check(sys.argv[2])
