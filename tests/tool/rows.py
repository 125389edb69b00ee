# SPDX-License-Identifier: Apache-2.0
"""Prints the rows of a stream's tables as text, one a line, for tests:

    rows.py people FILE      frame x0 y0 x1 y1 score
    rows.py bodies FILE      frame person fit_error/box-height camera(3) camera_crop(3) crop(3)
    rows.py frames FILE      frame sha256 of its sections, IMAG included
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


def main(what, path, least="0"):
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
                elif p["score"] >= float(least):
                    people.append(p["box"])
    if what == "nearest":
        for line in sys.stdin:
            want = np.array(line.split(), float)
            gaps = [np.abs(p - want).max() for p in people] or [9999]
            print(f"{min(gaps):.2f}")


main(*sys.argv[1:])
