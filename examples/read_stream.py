#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A reader of hmr-stream(5) in Python: numpy and the standard library.

    hmr-decode v.mov | hmr-detect | hmr-mesh | python3 read_stream.py

Import it for read(file): it yields ("head", dict), ("frame", Frame) and ("end",
dict), segment after segment, and raises EOFError where a stream ends without END.
Checksums are left to `hmr-info --verify`; compressed sections need libzstd.
"""
import ctypes
import json
import struct
import sys
from collections import namedtuple

import numpy as np

Frame = namedtuple("Frame", "number pts width height sections")
f4, u4 = "<f4", "<u4"
ROWS = {  # tag: the fields of a row, in order; a longer row is legal
    b"PEOP": [("box", f4, 4), ("score", f4), ("given_id", u4), ("flags", u4)],
    b"BODY": [("person", u4), ("flags", u4), ("pose", f4, (24, 3, 3)), ("shape", f4, 10),
              ("camera", f4, 3), ("camera_crop", f4, 3), ("focal", f4), ("fit_error", f4),
              ("crop", f4, 3), ("joints3d", f4, (44, 3)), ("joints2d", f4, (44, 2)),
              ("joint_conf", f4, 44)],
    b"TRAK": [("person", u4), ("id", u4), ("missed", u4), ("flags", u4)],
}


def table(section, tag):
    """The rows of a table section as a structured array."""
    rows, size, _, _ = struct.unpack_from("<4I", section)
    known = np.dtype(ROWS[tag])
    dtype = np.dtype({"names": known.names, "itemsize": size,
                      "formats": [known.fields[n][0] for n in known.names],
                      "offsets": [known.fields[n][1] for n in known.names]})
    return np.frombuffer(section, dtype, rows, 16)


def unpacked(stored, size):
    out = ctypes.create_string_buffer(size)
    zstd = ctypes.CDLL("libzstd.so.1").ZSTD_decompress
    zstd.restype, zstd.argtypes = ctypes.c_size_t, (
        ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t)
    if zstd(out, size, stored, len(stored)) != size:
        raise ValueError("a compressed section is damaged")
    return out.raw


def sections(payload, n):
    out, at = {}, 0
    for _ in range(n):
        tag, flags, stored, raw, _ = struct.unpack_from("<4sIQQQ", payload, at)
        out[tag] = payload[at + 32:at + 32 + stored]
        if flags & 2:
            out[tag] = unpacked(out[tag], raw)
        at += 32 + stored + -stored % 8
    return out


def read(file):
    kind = 3
    while header := file.read(64):
        magic, kind, major, _, _, size, number, pts, _, n, w, h, _, _ = struct.unpack(
            "<4s4BQQqqIIIIQ", header.ljust(64, b"\0"))
        if magic != b"HMR\xb1" or major != 1:
            raise ValueError("not an hmr stream of version 1")
        payload = file.read(size)
        if len(payload) < size:
            break
        parts = sections(payload, n)
        if kind == 2:
            yield "frame", Frame(number, pts, w, h, parts)
        elif kind in (1, 3):
            yield "head" if kind == 1 else "end", json.loads(parts[b"JSON"])
    if kind != 3 or len(payload) < size:
        raise EOFError("the stream ends without END")


if __name__ == "__main__":
    for what, value in read(sys.stdin.buffer):
        if what == "frame":
            t = {tag: table(value.sections[tag], tag) for tag in ROWS if tag in value.sections}
            print(f"frame {value.number} pts {value.pts} {value.width}x{value.height}", end=":")
            print("", *(f"{tag.decode()} {len(rows)}" for tag, rows in t.items()))
            for body in t.get(b"BODY", []):
                print("  pelvis at", np.round(body["joints3d"][8] + body["camera"], 3), "m")
        else:
            print(what, value.get("source", {}).get("name") or value.get("status"))
