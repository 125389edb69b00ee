#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""lockstep.py STREAM COMMAND: feeds a saved stream to a shell command record by
record, the next one only after the line of the last has come out. A stage that
holds a frame back stops the run after a minute: exit 1. Prints the milliseconds
from a frame's last byte going in to its line coming out: median, largest."""
import json
import pathlib
import select
import statistics
import struct
import subprocess
import sys
import time

data = pathlib.Path(sys.argv[1]).read_bytes()
run = subprocess.Popen(sys.argv[2], shell=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                       bufsize=0)
pending = b""


def line(seconds=60):
    global pending
    until = time.monotonic() + seconds
    while b"\n" not in pending:
        ready = select.select([run.stdout], [], [], until - time.monotonic())[0]
        got = ready and run.stdout.read(1 << 20)
        if not got:
            run.kill()
            sys.exit(f"no line: {'end of output' if ready else 'a frame is held back'}")
        pending += got
    first, pending = pending.split(b"\n", 1)
    return json.loads(first)


def give(part):
    view = memoryview(part)
    while view:
        view = view[run.stdin.write(view):]


at, times = 0, []
while at < len(data):
    kind, (size, number) = data[at + 4], struct.unpack_from("<QQ", data, at + 8)
    give(data[at:at + 64 + size])
    began = time.monotonic()
    at += 64 + size
    if kind == 1:
        assert line()["type"] == "header"
    elif kind == 2:
        got = line()
        assert got["type"] == "frame" and got["frame"] == number, got
        times.append(1000 * (time.monotonic() - began))
run.stdin.close()
assert line()["status"] == "complete"
print(f"{statistics.median(times):.1f} {max(times):.1f}")
