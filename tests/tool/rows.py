# SPDX-License-Identifier: Apache-2.0
"""Prints the rows of a stream's tables as text, one a line, for tests:

    rows.py people FILE      frame x0 y0 x1 y1 score
    rows.py given FILE       the same, and given_id
    rows.py bodies FILE      frame person fit_error/box-height camera(3) camera_crop(3) crop(3)
    rows.py frames FILE      frame sha256 of its sections, IMAG included
    rows.py camera FILE      fails where cameras, joints and vertices contradict each other
    rows.py gap A B LIMIT    fails where bodies of the same person differ by more, relative
                             to their own size
    rows.py turned A B DEGREES    where B's images are A's turned clockwise: for each body of
                             both, by given_id, the mean distance of its joints, mm
    rows.py nearest FILE SCORE < BOXES     for each line "x0 y0 x1 y1" the largest
                             coordinate difference to a person of that score or more
"""
import hashlib
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "examples"))
import read_stream


def numbers(*values):
    return " ".join(f"{x:.6g}" for v in values for x in np.ravel(v))


def bodies(path):
    """(frame, person) -> row of BODY, and the frame."""
    out = {}
    for kind, f in read_stream.read(open(path, "rb")):
        if kind == "frame":
            for b in read_stream.table(f.sections[b"BODY"], b"BODY"):
                out[f.number, b["person"]] = b, f
    return out


def turned(path, other, degrees):
    """People of a known identity, before and after their image was turned."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    back = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
    joints = [{}, {}]
    for known, name in zip(joints, (path, other)):
        for (number, person), (b, f) in bodies(name).items():
            row = read_stream.table(f.sections[b"PEOP"], b"PEOP")[person]
            known[number, row["given_id"]] = b["joints3d"].astype(float)
    for key in sorted(set(joints[0]) & set(joints[1])):
        gap = joints[1][key] @ back.T - joints[0][key]
        print(numbers(*key, 1000 * np.linalg.norm(gap, axis=1).mean()))


def camera(path):
    worst = 0
    for (number, person), (b, f) in bodies(path).items():
        x = b["joints3d"].astype(float) + b["camera"]
        size = np.array([f.width, f.height])
        pixels = b["focal"] * x[:, :2] / x[:, 2:] + size / 2
        worst = max(worst, np.abs(pixels - b["joints2d"]).max())
        # hmr2: from the crop's camera to the whole image's
        s, tx, ty = b["camera_crop"].astype(float)
        cx, cy, side = b["crop"].astype(float)
        whole = [tx + 2 * (cx - size[0] / 2) / (side * s), ty + 2 * (cy - size[1] / 2) / (side * s),
                 2 * b["focal"] / (side * s)]
        worst = max(worst, 1000 * np.abs(np.array(whole) / b["camera"] - 1).max())
        if b"VERT" in f.sections:   # the surface surrounds the joints
            rows, size, count, _ = np.frombuffer(f.sections[b"VERT"], "<u4", 4)
            v = np.frombuffer(f.sections[b"VERT"], "<f4", offset=16).reshape(rows, size // 4)
            v = v[v[:, 0].view("<u4") == person][0, 1:].reshape(-1, 3)
            near = v.min(0) - 0.05, v.max(0) + 0.05
            if ((b["joints3d"] < near[0]) | (b["joints3d"] > near[1])).any():
                sys.exit(f"frame {number} person {person}: joints outside the surface")
    print(f"worst {worst:.3f}")
    sys.exit(int(worst > 0.1))


def gap(a, b, limit):
    a, b, worst = bodies(a), bodies(b), 0
    for key in a.keys() & b.keys():
        for name in "pose", "shape", "camera", "joints3d", "joints2d", "joint_conf":
            x, y = (np.ravel(r[key][0][name]).astype(float) for r in (a, b))
            worst = max(worst, np.abs(x - y).max() / max(np.abs(x).max(), 1))
    print(f"{len(a.keys() & b.keys())} bodies, worst {worst:.2g}")
    sys.exit(int(not worst <= limit or not a.keys() & b.keys()))


def main(what, path, least="0", limit="0"):
    if what == "camera":
        camera(path)
    if what == "gap":
        gap(path, least, float(limit))
    if what == "turned":
        turned(path, least, float(limit))
        return
    people = []
    for kind, f in read_stream.read(open(path, "rb")):
        if kind != "frame":
            continue
        rows = {t: read_stream.table(f.sections[t], t) for t in (b"PEOP", b"BODY")
                if t in f.sections}
        if what == "frames":
            h = hashlib.sha256()
            for tag in sorted(f.sections):
                h.update(tag + f.sections[tag])
            print(f.number, f.pts, h.hexdigest())
        elif what == "bodies":
            for b in rows[b"BODY"]:
                box = rows[b"PEOP"]["box"][b["person"]]
                print(f.number, b["person"], numbers(
                    b["fit_error"] / (box[3] - box[1]), b["camera"], b["camera_crop"], b["crop"]))
        else:
            for p in rows[b"PEOP"]:
                if what == "people":
                    print(f.number, numbers(p["box"], p["score"]))
                elif what == "given":
                    print(f.number, numbers(p["box"], p["score"]), p["given_id"])
                elif p["score"] >= float(least):
                    people.append(p["box"])
    if what == "nearest":
        for line in sys.stdin:
            want = np.array(line.split(), float)
            gaps = [np.abs(p - want).max() for p in people] or [9999]
            print(f"{min(gaps):.2f}")


main(*sys.argv[1:])
