#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How much bodies shake from frame to frame, and how late they are.

    hmr-decode clip.mp4 | hmr-detect | hmr-mesh --landmarks -z 0 -o bodies.hmr
    bench/jitter.py bodies.hmr [hmr-assoc's options]

Runs hmr-assoc with --smooth off, light and strong, with the default lag and with
--lag 0, on the same stream, and compares the same people in the same frames. With
--still the body is taken to stand still: then the whole movement is jitter.

jitter  mm a frame: root mean square over 44 joints of the distance to a parabola
        through the 7 frames around (camera not added); --still: to the mean, and
        there lag and amp say nothing: no movement is meant
accel   mm a frame squared, mean of the second difference of the 44 joints
depth   the same residual of the camera's depth, in parts of a thousand of it
2D      px, the same residual of joints2d
shape   mean over tracks of the standard deviation of the ten shape numbers
lag     frames by which wrists and ankles come later than unsmoothed ones (peak of the
        cross-correlation of their speeds)
amp     how much of the quick movement of wrists and ankles is left (slope of their
        velocities against unsmoothed ones where these are fastest, a tenth)
off     how far joints2d went from unsmoothed ones, % of the box's height, mean
seen    distance of the twelve limb joints from the network's points as bench/fit.py
        has it, % of the box's height, mean
"""
import os
import subprocess
import sys

import numpy as np

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(here, "..", "examples"), here]
import read_stream
from fit import BODY25, SEEN

HMR = os.environ.get("HMR_BIN")
LIMBS = [4, 7, 11, 14]


def tracks(path, options):
    """id -> frame -> (body, box height, landmarks or None), seen people only."""
    name = os.path.join(HMR, "hmr-assoc") if HMR else "hmr-assoc"
    p = subprocess.Popen([name, "--stream", "-z0", *options, path], stdout=subprocess.PIPE)
    out = {}
    for what, f in read_stream.read(p.stdout):
        if what != "frame" or b"BODY" not in f.sections:
            continue
        rows = {t: read_stream.table(f.sections[t], t) for t in read_stream.ROWS
                if t in f.sections}
        bodies = {b["person"]: b for b in rows[b"BODY"]}
        land = {l["person"]: l["image"] for l in rows.get(b"LAND", ())}
        for t in rows[b"TRAK"]:
            if not t["missed"] and t["person"] in bodies:
                box = rows[b"PEOP"][t["person"]]["box"]
                out.setdefault(t["id"], {})[f.number] = (
                    bodies[t["person"]], box[3] - box[1], land.get(t["person"]))
    if p.wait():
        sys.exit("hmr-assoc failed")
    return out


def runs(frames):
    """Frame numbers of a track, cut where some are missing."""
    n = sorted(frames)
    step = min(np.diff(n)) if len(n) > 1 else 1
    cuts = [i + 1 for i, d in enumerate(np.diff(n)) if d != step]
    return [r for r in np.split(np.array(n), cuts) if len(r) >= 15]


def residual(x, still):
    """What of x [frame][...] a parabola through 7 frames does not explain."""
    if still:
        return x - x.mean(0)
    t = np.arange(-3.0, 4)
    a = np.stack([t ** 0, t, t * t], 1)
    w = (a @ np.linalg.pinv(a))[3]
    return x[3:-3] - np.tensordot(w, np.stack([x[i:len(x) - 6 + i] for i in range(7)]), 1)


def rms(parts, axes):
    return np.sqrt(np.mean(np.concatenate([(p ** 2).sum(axes).ravel() for p in parts])))


def late(pairs):
    """Frames by which b comes after a: the peak of the correlation over all runs."""
    shifts = np.arange(-8, 9)
    c = np.zeros(len(shifts))
    for a, b in pairs:
        for i, s in enumerate(shifts):
            u, v = (a[:len(a) - s], b[s:]) if s >= 0 else (a[-s:], b[:s])
            c[i] += (u * v).sum() / len(u)
    k = int(np.clip(c.argmax(), 1, len(c) - 2))
    bend = c[k - 1] - 2 * c[k] + c[k + 1]
    return shifts[k] + (0.5 * (c[k - 1] - c[k + 1]) / bend if bend else 0)


def measure(base, now, still):
    j, acc, depth, px, shape, speed, off, seen, quick = ([] for _ in range(9))
    for who in base:
        for r in runs(base[who]):
            b0 = [base[who][n][0] for n in r]
            b1 = [now[who][n][0] for n in r]
            x0, x1 = (np.stack([b["joints3d"] for b in s]) * 1e3 for s in (b0, b1))
            j.append(residual(x1, still))
            acc.append(np.linalg.norm(np.diff(x1, 2, axis=0), axis=-1))
            z = np.array([b["camera"][2] for b in b1], float)
            depth.append(residual(np.log(z), still)[:, None])
            px.append(residual(np.stack([b["joints2d"] for b in b1]).astype(float), still))
            shape.append(np.stack([b["shape"] for b in b1]).std(0).mean())
            v0, v1 = (np.diff(x[:, LIMBS], axis=0) for x in (x0, x1))
            speed.append((np.linalg.norm(v0, axis=-1) - np.linalg.norm(v0, axis=-1).mean(0),
                          np.linalg.norm(v1, axis=-1) - np.linalg.norm(v1, axis=-1).mean(0)))
            quick.append((v0.reshape(-1, 3), v1.reshape(-1, 3)))
            for n, a, b in zip(r, b0, b1):
                h, land = base[who][n][1:]
                off.append(np.linalg.norm(a["joints2d"] - b["joints2d"], axis=1).mean() / h)
                if land is not None:
                    p = land[SEEN]
                    ok = p[:, 2] > 0.5
                    if ok.any():
                        gap = np.linalg.norm(p[:, :2] - b["joints2d"][BODY25], axis=1)
                        seen.append(gap[ok].mean() / h)
    v0, v1 = (np.concatenate(q) for q in zip(*quick))
    s = np.linalg.norm(v0, axis=1)
    fast = s >= np.quantile(s, 0.9)
    amp = (v0[fast] * v1[fast]).sum() / (v0[fast] ** 2).sum()
    slow = (np.nan, np.nan) if still else (late(speed), amp)
    return (rms(j, -1), np.mean(np.concatenate([a.ravel() for a in acc])),
            1e3 * rms(depth, -1), rms(px, -1), np.mean(shape), *slow,
            100 * np.mean(off), 100 * np.mean(seen) if seen else float("nan"))


def main(args):
    still = "--still" in args
    args = [a for a in args if a != "--still"]
    path, options = args[0], args[1:]
    read_stream.ROWS[b"LAND"] = [("person", "<u4"), ("flag", "<f4"),
                                 ("image", "<f4", (33, 3)), ("world", "<f4", (33, 3))]
    print(f"{'':16}{'jitter':>8}{'accel':>8}{'depth':>8}{'2D':>8}{'shape':>8}{'lag':>8}"
          f"{'amp':>8}{'off':>8}{'seen':>8}")
    for lag in [], ["--lag", "0"]:
        base = tracks(path, ["--smooth", "off", *lag, *options])
        for how in "off", "light", "strong":
            now = tracks(path, ["--smooth", how, *lag, *options])
            print(f"{how + ' ' + ' '.join(lag):16}" +
                  "".join(f"{v:8.2f}" for v in measure(base, now, still)), flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: jitter.py bodies.hmr [--still] [option of hmr-assoc ...]")
    main(sys.argv[1:])
