#!/usr/bin/env python3
"""What isolation costs a large forecasting run: CPU time under two workers over that of no process at all.

Interleaved: in each round, in random order, all 23,000 yearly series of M4 under seven models, by
`--start-method inline`, and by fork with 2 workers and `--max-tasks-per-worker auto`. CPU time is user and system
time of the whole command, all processes included. Printed are the medians of the rounds, [least, largest], and of
each pair the ratio.
"""

import argparse
import os
import random
import statistics
import subprocess
import tempfile
from pathlib import Path

from shared import build

MODELS = "naive2,ses,holt,damped,comb,theta,ets"
WAYS = {"inline": ["--start-method", "inline"], "2 workers": ["--start-method", "fork", "--workers", "2"]}
BAR = 1.10


def cpu(supervisor, data, way, folder):
    """CPU seconds of one run, and its results."""
    before = os.times()
    subprocess.run(
        [supervisor, "forecast", "--mode", "m4", "--data", data, "--frequency", "yearly", "--models", MODELS,
         "--max-tasks-per-worker", "auto", "--run-dir", folder, "--progress", "none", "-q", "--output", "csv", *WAYS[way]],
        check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return (after.children_user + after.children_system - before.children_user - before.children_system,
            (Path(folder) / "results.jsonl").read_bytes())


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--supervisor", help="default: the newest release build")
    options.add_argument("--data", default="../shared/data/m4")
    given = options.parse_args()
    supervisor = build(given.supervisor, "cargo build --release")
    random.seed(given.seed)
    seconds = {way: [] for way in WAYS}
    for number in range(given.rounds):
        results = []
        for way in random.sample(list(WAYS), len(WAYS)):
            with tempfile.TemporaryDirectory() as folder:
                taken, bytes_ = cpu(supervisor, given.data, way, Path(folder) / "run")
            seconds[way].append(taken)
            results.append(bytes_)
        assert results[0] == results[1], "the same bytes"
    for way, all_ in seconds.items():
        print(f"{way:<10} {statistics.median(all_):7.2f} CPU s [{min(all_):.2f}, {max(all_):.2f}], n = {len(all_)}")
    ratios = [two / none for two, none in zip(seconds["2 workers"], seconds["inline"])]
    ratio = statistics.median(ratios)
    print(f"ratio {ratio:.3f} [{min(ratios):.3f}, {max(ratios):.3f}], bar {BAR:.2f}: {'holds' if ratio <= BAR else 'MISSED'}")


if __name__ == "__main__":
    main()
