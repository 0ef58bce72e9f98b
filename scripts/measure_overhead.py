#!/usr/bin/env python3
"""Measures what a process of its own costs a trivial task, beside the floor of this machine.

One interleaved run: in each round, in random order, the same plan (one trivial model on N synthetic series,
one worker, journal on, default limits) runs inline, by fork, by spawn, and by fork with 1 GiB resident in the
supervisor; and a C program forks, exits and waits N times. Printed is the wall time a task over inline:
median of the rounds, [quartiles], and the bars that the project holds itself to.

Needs: a release build (cargo build --release), a C compiler.
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

from shared import build, newest

FLOOR = r"""
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv) {
    for (int i = atoi(argv[1]); i > 0; i--) {
        pid_t pid = fork();
        if (pid == 0) _exit(0);
        int status;
        if (wait4(pid, &status, 0, 0) != pid) return 1;
    }
    return 0;
}
"""

BALLAST = "1073741824"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--tasks", type=int, default=2000)
    parser.add_argument("--supervisor", help="default: the newest release build under target/")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-ballast", action="store_true", help="leave the 1 GiB case out")
    options = parser.parse_args()
    supervisor = build(options.supervisor, "cargo build --release")
    ballast = None if options.no_ballast else newest("target/ballast")
    if ballast is None and not options.no_ballast:
        # Memory for nothing can only be asked of a build with the feature `fault`.
        subprocess.run(
            ["cargo", "build", "--release", "--quiet", "--package", "supervisor", "--features", "fault",
             "--target-dir", "target/ballast"], check=True)
        ballast = newest("target/ballast")
    random.seed(options.seed)

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "floor.c").write_text(FLOOR)
        subprocess.run(["cc", "-O2", "-o", "floor", "floor.c"], cwd=folder, check=True)
        cases = ["floor", "inline", "fork", "spawn"] + (["fork, 0 GiB", "fork, 1 GiB"] if ballast else [])
        walls = {case: [] for case in cases}
        for number in range(options.rounds + 1):
            random.shuffle(cases)
            for case in cases:
                wall = measure(case, ballast if "GiB" in case else supervisor, folder, options.tasks)
                if number > 0:  # the first round warms up
                    walls[case].append(wall / options.tasks * 1e6)

    inline = statistics.median(walls["inline"])
    floor = statistics.median(walls["floor"])
    print(f"{platform.system()} {platform.release()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f};")
    print(f"{options.rounds} rounds of {options.tasks} tasks, seed {options.seed}; microseconds a task\n")
    print(f"{'case':14} {'median':>8}  {'quartiles':>16}  {'over inline':>11}  {'x floor':>7}")
    over = {}
    for case in ["floor", "inline", "fork", "spawn", "fork, 0 GiB", "fork, 1 GiB"]:
        if case not in walls:
            continue
        low, median, high = statistics.quantiles(walls[case], n=4)
        line = f"{case:14} {median:8.1f}  [{low:6.1f}, {high:6.1f}]"
        if case not in ("floor", "inline"):
            # Paired by round: what drifts is the same for both.
            over[case] = statistics.median(a - b for a, b in zip(walls[case], walls["inline"]))
            line += f"  {over[case]:11.1f}  {over[case] / floor:7.2f}"
        print(line)
    bar = max(150.0, 1.6 * floor)
    print(f"\nfork  {over['fork']:7.1f} us, bar {bar:.1f} us (150 us or 1.6 x the floor): {verdict(over['fork'] <= bar)}")
    print(f"spawn {over['spawn']:7.1f} us, bar 800.0 us: {verdict(over['spawn'] <= 800)}")
    if "fork, 1 GiB" in over:
        ratio = over["fork, 1 GiB"] / over["fork, 0 GiB"]
        print(f"fork with 1 GiB in the supervisor: {ratio:.2f} x the small case, bar 1.30: {verdict(ratio <= 1.3)}")


def verdict(holds):
    return "holds" if holds else "DOES NOT HOLD"


def measure(case, supervisor, folder, tasks):
    if case == "floor":
        command = [str(folder / "floor"), str(tasks)]
    else:
        command = [
            str(supervisor), "forecast", "--mode", "synthetic", "--models", "naive",
            "--max-series", str(tasks), "--workers", "1", "--progress", "none", "--quiet",
            "--output", "csv", "--run-dir", str(folder / "run"), "--start-method", case.split(",")[0],
        ]
    environment = dict(os.environ)
    fill = 0.0
    if "1 GiB" in case:
        environment["SUPERVISOR_BALLAST"] = BALLAST
        fill = time_to_fill(supervisor, environment, folder)
    began = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
    wall = time.perf_counter() - began - fill
    if done.returncode != 0:
        sys.exit(f"{case}: exit {done.returncode}\n{done.stderr.decode()}")
    shutil.rmtree(folder / "run", ignore_errors=True)
    return wall


def time_to_fill(supervisor, environment, folder):
    """What a run of one task inline takes with the memory: nearly all of it is writing the pages."""
    command = [
        str(supervisor), "forecast", "--mode", "synthetic", "--models", "naive", "--max-series", "1",
        "--progress", "none", "--quiet", "--run-dir", str(folder / "fill"), "--start-method", "inline",
    ]
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    wall = time.perf_counter() - began
    shutil.rmtree(folder / "fill", ignore_errors=True)
    return wall


if __name__ == "__main__":
    main()
