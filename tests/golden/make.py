#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the streams that tests/golden.t reads: make.py DIRECTORY.

This writer knows formats/stream.md and nothing of lib/stream, so that two
readings of the specification meet. A file's name says what a reader must do:
good-* is whole (exit 0), bad-* is damaged or breaks the specification and
unsupported-* is of a kind this version does not read (both exit 3). Of
bad-NAME.N.hmr the first N frames are whole and must come out.
"""
import ctypes
import ctypes.util
import json
import pathlib
import struct
import sys

import numpy as np

xxh = ctypes.CDLL(ctypes.util.find_library("xxhash") or "libxxhash.so.0")
for f in ("XXH3_64bits", "XXH3_64bits_withSeed"):
    getattr(xxh, f).restype = ctypes.c_uint64


def xxh3(data, seed=None):
    if seed is None:
        return xxh.XXH3_64bits(bytes(data), ctypes.c_size_t(len(data)))
    return xxh.XXH3_64bits_withSeed(bytes(data), ctypes.c_size_t(len(data)), ctypes.c_uint64(seed))


def section(tag, data, flags=0, raw=None, sum_flip=0):
    head = struct.pack("<4sIQQ", tag, flags, len(data), len(data) if raw is None else raw)
    total = xxh3(data, xxh3(head)) ^ sum_flip
    return head + struct.pack("<Q", total) + data + bytes(-len(data) % 8)


def record(kind, sections, number=0, pts=0, duration=0, size=(0, 0), major=1, minor=0,
           flags=0, payload=None, frame_flags=0, magic=b"HMR\xb1", count=None):
    body = b"".join(sections)
    head = magic + struct.pack(
        "<4BQQqqIIII", kind, major, minor, flags, len(body) if payload is None else payload,
        number, pts, duration, len(sections) if count is None else count, *size, frame_flags)
    return head + struct.pack("<Q", xxh3(head)) + body


W, H = 16, 12


def head(**change):
    fields = {"format": "hmr-stream", "version": "1.0", "source": {"name": "made.py"},
              "width": W, "height": H, "time_base": [1, 10], "rate": [10, 1], "frames": 3,
              "max_payload": 65536, "stages": []}
    fields.update(change)
    fields = {k: v for k, v in fields.items() if v is not None}
    return record(1, [section(b"JSON", json.dumps(fields).encode())])


def end(frames, sections, status="complete", number=None, hash_flip=0, **more):
    sums = b"".join(s[24:32] for s in sections)
    fields = {"frames": frames, "status": status, "hash": f"{xxh3(sums) ^ hash_flip:016x}", **more}
    return record(3, [section(b"JSON", json.dumps(fields).encode())],
                  number=frames if number is None else number)


def table(rows, count=0, kind=0):
    size = len(rows[0]) if rows else 4
    return struct.pack("<4I", len(rows), size, count, kind) + b"".join(rows)


def image(width=W, height=H, pixel=5, stride=None, depth=8, fill=128, planes=1):
    header = struct.pack("<7I4x3I20x", pixel, 1, 2, depth, width, height, planes,
                         stride or width, 0, 0)
    assert len(header) == 64
    return header + bytes([fill]) * (W * H)


def person(x=2.0, y=1.0, w=6.0, h=10.0, score=0.9):
    return struct.pack("<5f3I", x, y, x + w, y + h, score, 0, 0, 0)


def body(index=0, value=0.0):
    pose = np.tile(np.eye(3, dtype="<f4").ravel(), 24)
    pose[:9] = np.diag([1, -1, -1]).ravel()
    rest = np.full(10 + 3 + 3 + 1 + 1 + 3 + 132 + 88 + 44, value, "<f4")
    rest[12], rest[16] = 5.0, 312.5          # camera z, focal
    row = struct.pack("<2I", index, 3) + pose.tobytes() + rest.tobytes()
    return row.ljust(2016, b"\0")


def track(index=0, identity=1):
    return struct.pack("<4I", index, identity, 0, 2)


def frame_sections(i):
    return [section(b"IMAG", image(fill=100 + i)),
            section(b"PEOP", table([person(2.0 + i)])),
            section(b"BODY", table([body(value=0.25)], 44, 1)),
            section(b"TRAK", table([track()]))]


def frame(i, sections, **change):
    args = {"number": i, "pts": i, "duration": 1, "size": (W, H), **change}
    return record(2, sections, **args)


def stream(frames=3, edit=None, edit_at=1, head_args=None, end_args=None, frame_args=None,
           make=frame_sections):
    """A stream of frames; edit(sections) changes those of frame edit_at."""
    out, all_sections = [head(**(head_args or {}))], []
    for i in range(frames):
        s = make(i)
        if edit and i == edit_at:
            s = edit(s) or s
        all_sections += s
        out.append(frame(i, s, **(frame_args(i) if frame_args else {})))
    return b"".join(out) + end(frames, all_sections, **(end_args or {}))


def replace(tag, data, **args):
    def edit(sections):
        return [section(tag, data, **args) if s[:4] == tag else s for s in sections]
    return edit


def add(tag, data, **args):
    return lambda sections: sections + [section(tag, data, **args)]


def only(*tags):
    return lambda i: [s for s in frame_sections(i) if s[:4] in tags]


def long_rows(i):
    """Rows of a later minor version: longer than this version knows."""
    return [section(b"PEOP", table([person() + b"\1\2\3\4"])),
            section(b"TRAK", table([track() + bytes(range(16))]))]


def at_frame(k, **args):
    return lambda i: args if i == k else {}


whole = stream()
nan = float("nan")
huge = 1 << 60
made = {
    "good-three": whole,
    "good-empty": head(frames=0) + end(0, []),
    "good-nobody": stream(make=lambda i: [section(b"IMAG", image()), section(b"PEOP", table([]))]),
    "good-no-image": stream(make=only(b"PEOP", b"BODY", b"TRAK")),
    "good-gaps": stream(frame_args=lambda i: {"number": 5 * i, "pts": 7 * i - 9}),
    "good-two-segments": whole + whole,
    "good-unknown-section": stream(edit=add(b"XYZW", b"passed through")),
    "good-unknown-record": (lambda: head() + record(77, [section(b"ABCD", b"skipped")]) + end(0, []))(),
    "good-minor-version": stream(frame_args=lambda i: {"minor": 9}),
    "good-long-rows": stream(make=long_rows),
    "good-more-in-head": stream(head_args={"later": {"deep": [1, 2, {"x": None}]}}),
    "good-padded-rows": stream(edit=replace(
        b"IMAG", image(width=8, height=12, stride=16)[:64 + 16 * 11 + 8])),

    "bad-nothing.0": b"",
    "bad-text.0": b"hello, world, this is no stream at all\n" * 9,
    "bad-magic.0": record(1, [section(b"JSON", b"{}")], magic=b"HMR\xb2"),
    "bad-no-end.3": whole[:whole.rindex(b"HMR\xb1")],
    "bad-after-end.3": whole + b"more",
    "bad-frame-first.0": frame(0, frame_sections(0)) + whole,
    "bad-head-twice.0": head() + whole,
    "bad-end-count.3": stream(end_args={"number": 4}),
    "bad-end-hash.3": stream(end_args={"hash_flip": 1}),
    "bad-end-failed.3": stream(end_args={"status": "failed", "stage": "hmr-x", "frame": 3,
                                         "message": "the disk is on fire"}),
    "bad-end-status.3": stream(end_args={"status": "fine"}),
    "bad-order.2": stream(frame_args=at_frame(2, number=1)),
    "bad-section-sum.1": stream(edit=replace(b"PEOP", table([person()]), sum_flip=1)),
    "bad-section-flags.1": stream(edit=replace(b"PEOP", table([person()]), flags=1 << 9)),
    "bad-section-raw.1": stream(edit=replace(b"PEOP", table([person()]), raw=7)),
    "bad-section-count.1": stream(frame_args=at_frame(1, count=5)),
    "bad-sections-many.1": stream(frame_args=at_frame(1, count=1 << 31)),
    "bad-record-flags.1": stream(frame_args=at_frame(1, flags=0x80)),
    "bad-payload-huge.1": stream(frame_args=at_frame(1, payload=huge)),
    "bad-payload-short.1": stream(frame_args=at_frame(1, payload=40)),
    "bad-head-huge.0": record(1, [section(b"JSON", b"{}")], payload=huge),
    "bad-head-json.0": record(1, [section(b"JSON", b"{\"format\":")]),
    "bad-head-array.0": record(1, [section(b"JSON", b"[1,2,3]")]),
    "bad-head-deep.0": record(1, [section(b"JSON", b"[" * 100000)]),
    "bad-head-size.0": stream(head_args={"width": 1e9}),
    "bad-head-payload.0": stream(head_args={"max_payload": 9e15}),
    "bad-head-negative.0": stream(head_args={"max_payload": -1}),
    "bad-head-time-base.0": stream(head_args={"time_base": [1, 0]}),
    "bad-head-no-stages.0": stream(head_args={"stages": None}),
    "bad-zstd.1": stream(edit=replace(b"PEOP", b"not zstd at all.", flags=2, raw=48)),
    "bad-zstd-huge.1": stream(edit=replace(b"PEOP", b"\x28\xb5\x2f\xfd" + bytes(12), flags=2, raw=huge)),
    "bad-rows-huge.1": stream(edit=replace(b"PEOP", struct.pack("<4I", 0xFFFFFFFF, 32, 0, 0) + person())),
    "bad-rows-wrap.1": stream(edit=replace(b"PEOP", struct.pack("<4I", 1 << 27, 32, 0, 0))),
    "bad-row-small.1": stream(edit=replace(b"PEOP", table([person()[:8]]))),
    "bad-table-short.1": stream(edit=replace(b"PEOP", b"\1\0\0\0")),
    "bad-box-nan.1": stream(edit=replace(b"PEOP", table([person(x=nan)]))),
    "bad-box-inf.1": stream(edit=replace(b"PEOP", table([person(w=float("inf"))]))),
    "bad-body-nan.1": stream(edit=replace(b"BODY", table([body(value=nan)], 44, 1))),
    "bad-body-person.1": stream(edit=replace(b"BODY", table([body(index=1)], 44, 1))),
    "bad-track-person.1": stream(edit=replace(b"TRAK", table([track(index=9)]))),
    "bad-track-zero.1": stream(edit=replace(b"TRAK", table([track(identity=0)]))),
    "bad-image-size.1": stream(edit=replace(b"IMAG", image(width=65535, height=65535))),
    "bad-image-zero.1": stream(edit=replace(b"IMAG", image(width=0))),
    "bad-image-stride.1": stream(edit=replace(b"IMAG", image(stride=3))),
    "bad-image-stride-wrap.1": stream(edit=replace(b"IMAG", image(stride=0xFFFFFFFF))),
    "bad-image-planes.1": stream(edit=replace(b"IMAG", image(planes=3))),
    "bad-image-depth.1": stream(edit=replace(b"IMAG", image(depth=9))),
    "bad-image-short.1": stream(edit=replace(b"IMAG", image()[:64 + 50])),
    "bad-image-header.1": stream(edit=replace(b"IMAG", b"\0" * 10)),

    "unsupported-major.0": record(1, [section(b"JSON", b"{}")], major=2),
    "unsupported-section.1": stream(edit=add(b"XYZW", b"needed", flags=1)),
    "unsupported-record.0": head() + record(77, [section(b"ABCD", b"needed")], flags=1) + end(0, []),
    "unsupported-pixel.1": stream(edit=replace(b"IMAG", image(pixel=99))),
    "unsupported-joints.1": stream(edit=replace(b"BODY", table([body()], 45, 1))),
}

out = pathlib.Path(sys.argv[1])
for name, data in made.items():
    (out / f"{name}.hmr").write_bytes(data)
