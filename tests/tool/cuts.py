#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""For tests/robust.t. cuts.py ends FILE: the byte after each record of a stream,
with its type. cuts.py flip FILE DIRECTORY [STEP]: copies with one bit flipped, at
every STEP-th byte, the bit changing from byte to byte. For tests/pipeline.t:
cuts.py frames FILE: the number and a hash over every byte of each FRAME."""
import hashlib
import pathlib
import struct
import sys

data = pathlib.Path(sys.argv[2]).read_bytes()
if sys.argv[1] in ("ends", "frames"):
    at = 0
    while at < len(data):
        kind, (size, number) = data[at + 4], struct.unpack_from("<QQ", data, at + 8)
        if sys.argv[1] == "ends":
            print(at + 64 + size, {1: "head", 2: "frame", 3: "end"}[kind])
        elif kind == 2:
            print(number, hashlib.sha256(data[at:at + 64 + size]).hexdigest())
        at += 64 + size
elif sys.argv[1] == "flip":
    step = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    for at in range(0, len(data), step):
        changed = bytearray(data)
        changed[at] ^= 1 << at // step % 8
        pathlib.Path(sys.argv[3], f"{at}.hmr").write_bytes(changed)
