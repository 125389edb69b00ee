#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Times several programs in turn, so that all meet the same machine:

    hmr2_run.py ROUNDS PEOPLE,... NAME=COMMAND ...

Each command is started once and loads; then every round asks each of them for one
run of each number of people (see hmr2_time.c). Prints the medians per person and how
many times as fast as the first command that is, in the same round."""
import statistics
import subprocess
import sys
import time

rounds, batches = int(sys.argv[1]), [int(b) for b in sys.argv[2].split(",")]
progs = {}
for arg in sys.argv[3:]:
    name, command = arg.split("=", 1)
    p = subprocess.Popen(command.split(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         text=True)
    loaded = p.stdout.readline().strip()
    if not loaded:
        sys.exit(f"{name}: no answer")
    print(f"{name}: loaded in {loaded} s", flush=True)
    progs[name] = p


def ask(p, people):
    p.stdin.write(f"{people}\n")
    p.stdin.flush()
    return [float(v) / people for v in p.stdout.readline().split()]


first = next(iter(progs))
for people in batches:
    took = {name: [] for name in progs}
    for i in range(rounds + 1):         # the first is a warm-up
        for name, p in progs.items():
            time.sleep(0.1)
            t = ask(p, people)
            if i:
                took[name].append(t)
    for name, t in took.items():
        wall, cpu = zip(*t)
        ratio = statistics.median(a[0] / b for a, b in zip(took[first], wall))
        print(f"{name}, {people} at once: {statistics.median(wall):.3f} s per person "
              f"({min(wall):.3f} to {max(wall):.3f}), CPU {statistics.median(cpu):.3f}: "
              f"{ratio:.2f} times {first}", flush=True)
for name, p in progs.items():
    p.stdin.close()
    print(f"{name}: peak {int(p.stdout.readline()) / 1000:.0f} MB")
    p.wait()
