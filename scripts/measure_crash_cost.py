#!/usr/bin/env python3
"""Measures what crashes cost a run: the wall time with one task in a hundred dying, over that of a calm run.

One interleaved run: in each round, in random order, the same N tasks of 5 ms each on two workers, a process
a task, journal on, by fork and by spawn; calm, or with each hundredth task killing its worker on its first
attempt, after its 5 ms, and being tried again. Printed is the median of the rounds, [quartiles], the ratio of
each pair, and the bars that the project holds itself to.

Needs: cargo build --release --features fault
"""

import argparse
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from shared import build

SLEEP = "sleep-ms=5"
CASES = {"calm": SLEEP, "1 % crash": f"{SLEEP}+if-nth=100+if-attempt=1+signal=9"}
BARS = {"fork": 1.2, "spawn": 1.5}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--supervisor", help="default: the newest release build under target/")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    supervisor = build(options.supervisor, "cargo build --release --features fault")
    random.seed(options.seed)

    walls = {(method, case): [] for method in BARS for case in CASES}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.rounds + 1):
            order = list(walls)
            random.shuffle(order)
            for method, case in order:
                wall = measure(supervisor, Path(folder), method, case, options.tasks)
                if number > 0:  # the first round warms up
                    walls[method, case].append(wall)

    print(f"{platform.system()} {platform.release()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f};")
    print(f"{options.rounds} rounds of {options.tasks} tasks of 5 ms, 2 workers, seed {options.seed}; "
          f"floor of the tasks alone {options.tasks * 5 / 2:.0f} ms\n")
    for (method, case), values in walls.items():
        low, median, high = statistics.quantiles(values, n=4)
        print(f"{method:6} {case:10} {median * 1e3:8.0f} ms  [{low * 1e3:.0f}, {high * 1e3:.0f}]")
    missed = False
    print()
    for method, bar in BARS.items():
        # Paired by round: what drifts is the same for both.
        pairs = zip(walls[method, "1 % crash"], walls[method, "calm"])
        low, ratio, high = statistics.quantiles([crash / calm for crash, calm in pairs], n=4)
        holds = ratio <= bar
        missed |= not holds
        print(f"{method:6} {ratio:.3f} times the calm run [{low:.3f}, {high:.3f}], bar {bar}: "
              f"{'holds' if holds else 'DOES NOT HOLD'}")
    sys.exit(int(missed))


def measure(supervisor, folder, method, case, tasks):
    (folder / "spec.toml").write_text(
        f'schema = 1\n[[experiment]]\nname = "m"\nkind = "fault"\ntasks = {tasks}\nfault = "{CASES[case]}"\nevery = 1\n')
    began = time.perf_counter()
    done = subprocess.run(
        [str(supervisor), "run", str(folder / "spec.toml"), "--run-dir", str(folder / "run"), "--workers", "2",
         "--start-method", method, "--progress", "none", "--quiet", "--output", "csv"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wall = time.perf_counter() - began
    crashed = (folder / "run/attempts.jsonl").read_text().count('"outcome":"crashed"')
    if done.returncode != 0 or crashed != (tasks // 100 if case != "calm" else 0):
        sys.exit(f"{method}, {case}: exit {done.returncode}, {crashed} crashed\n{done.stderr.decode()}")
    shutil.rmtree(folder / "run")
    return wall


if __name__ == "__main__":
    main()
