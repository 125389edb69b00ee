#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Do the tracker's constants stand on a plateau or on a peak?

    bench/plateau.py MOT-FOLDER people.hmr [SEEDS [FACTOR]]

MOT-FOLDER holds PETS09-S2L1/gt.txt and TUD-Campus/gt.txt, people.hmr the people (or
bodies) of vtest.avi, whose truth PETS09-S2L1 is. Sequences: vtest.avi, its halves, and
both truths made noisy (bench/noisy.py) under SEEDS seeds (3). Each constant of
lib/track is multiplied and divided by FACTOR (1.3), one at a time, in a copy of the
source that is built; printed are MOTA, IDF1 and switches over all sequences, and the
change from what stands in the source. HMR_BIN: programs for everything else.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BIN = os.environ.get("HMR_BIN", os.path.join(ROOT, "build/cpu"))
FILES = "tracker.c", "cost.c", "motion.c", "known.c", "look.c"
DEFINE = re.compile(r"^#define ([A-Z_]+) (-?[0-9.]+f?)(\s|$)", re.M)
SKIP = ("PHALP_WORST", "PHALP_LOOK", "PHALP_POSE", "PHALP_POSE_MOST", "HMR_SHOT_AHEAD")


def build(top):
    r = subprocess.run(["make", "-s", "-C", top, "CUDA=0", "O=" + top + "/o", top + "/o/hmr-assoc"],
                       capture_output=True, text=True)
    if r.returncode:
        sys.exit(r.stderr)


def cut_lines(lines, lo, hi):
    """The frames lo to below hi of a list of JSON lines."""
    for line in lines:
        d = json.loads(line)
        if d["type"] == "end":
            d["frames"] = hi - lo
        if d["type"] != "frame" or lo <= d["frame"] < hi:
            yield json.dumps(d) + "\n"


def sequences(folder, people, seeds, work):
    """(name, input, truth) of each."""
    pets, tud = (os.path.join(folder, s, "gt.txt") for s in ("PETS09-S2L1", "TUD-Campus"))
    yield "vtest", people, pets
    lines = subprocess.run([BIN + "/hmr-export", "-q", "-f", "jsonl", people],
                           stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    rows = open(pets).readlines()
    for k, (lo, hi) in enumerate(((0, 397), (397, 795))):
        name = f"{work}/half{k}"
        with open(name + ".jsonl", "w") as f:
            f.writelines(cut_lines(lines, lo, hi))
        with open(name + ".txt", "w") as f:
            f.writelines(r for r in rows if lo < int(r.split(",")[0]) <= hi)
        yield f"half {k + 1}", name + ".jsonl", name + ".txt"
    for seed in range(seeds):
        for name, truth, size, rate in (("PETS", pets, "768x576", "10"),
                                        ("TUD", tud, "640x480", "25")):
            out = f"{work}/{name}{seed}.jsonl"
            with open(out, "w") as f:
                subprocess.run([sys.executable, ROOT + "/bench/noisy.py", truth, size, rate,
                                str(seed)], stdout=f, check=True)
            yield f"{name} {seed}", out, truth


def score(program, cases, work):
    """name: (MOTA, IDF1, switches)."""
    out = {}
    for name, people, truth in cases:
        subprocess.run([program, "-q", "--fields", "box,score", "-o", work + "/t.jsonl", people],
                       check=True)
        r = subprocess.run([BIN + "/hmr-eval", "tracks", "--json", "--truth", truth,
                            work + "/t.jsonl"], stdout=subprocess.PIPE, check=True)
        d = json.loads(r.stdout)
        out[name] = d["mota"], d["idf1"], d["switches"]
    return out


def total(s):
    n = len(s)
    return [sum(v[0] for v in s.values()) / n, sum(v[1] for v in s.values()) / n,
            sum(v[2] for v in s.values())]


def constants(top):
    for file in FILES:
        text = open(f"{top}/lib/track/{file}").read()
        for m in DEFINE.finditer(text):
            if m[1] not in SKIP:
                yield file, m[1], m.span(2), m[2]


def scaled(value, factor):
    x = float(value.rstrip("f"))
    x = 1 - (1 - x) * factor if 0.8 < x < 1 else x * factor    # 0.9: a tenth is new
    return str(max(1, round(x))) if re.fullmatch(r"-?\d+", value) else f"{x:.6g}" + (
        "f" if value.endswith("f") else "")


def main(folder, people, seeds="3", factor="1.3"):
    top = tempfile.mkdtemp(prefix="hmr-plateau.")
    try:
        for d in "Makefile", "lib", "cmd":
            (shutil.copytree if d != "Makefile" else shutil.copy)(f"{ROOT}/{d}", f"{top}/{d}")
        build(top)
        cases = list(sequences(folder, os.path.abspath(people), int(seeds), top))
        first = score(top + "/o/hmr-assoc", cases, top)
        for name, v in first.items():
            print(f"{name:10} MOTA {v[0]:.3f}  IDF1 {v[1]:.3f}  switches {v[2]}")
        base = total(first)
        print("all        MOTA %.4f  IDF1 %.4f  switches %d" % tuple(base))
        print(f"{'constant':24} {'value':>8}   MOTA    IDF1  switches, changes", flush=True)
        for file, name, span, value in list(constants(top)):
            path = f"{top}/lib/track/{file}"
            text = open(path).read()
            for f in (1 / float(factor), float(factor)):
                new = scaled(value, f)
                if new == value:
                    continue
                with open(path, "w") as out:
                    out.write(text[:span[0]] + new + text[span[1]:])
                build(top)
                now = total(score(top + "/o/hmr-assoc", cases, top))
                print(f"{file[:-2] + '.' + name:24} {new:>8} {now[0] - base[0]:+7.4f} "
                      f"{now[1] - base[1]:+7.4f} {now[2] - base[2]:+4d}", flush=True)
            with open(path, "w") as out:
                out.write(text)
    finally:
        shutil.rmtree(top)


if len(sys.argv) < 3:
    sys.exit(__doc__)
main(*sys.argv[1:])
