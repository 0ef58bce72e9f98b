#!/usr/bin/env python3
"""Measures enumeration as its users meet it: the whole command, process start, journal and merge included.

One interleaved run: each round does every row once, in random order. Beside the rows of one or two workers stand a
walk through a bitmap in C (bitmap_walk.c, compiled here with gcc -O3 -march=native), which is what one core can do
without segments, at degrees 28 and 30. Each row is pinned to as many cores as it has workers, and its answer is
compared with what is known: from the theory of the register, or from the bitmap.

Printed are the median of the rounds, [least, largest], and states a second by the median; for the bitmap also how many
times faster the enumeration was, by pairs within a round.

Needs: a release build (cargo build --release), gcc.
"""

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from shared import build


def taps(degree, *ones):
    """The coefficients of a register over GF(2), given the exponents whose coefficient is 1."""
    return [1 if i in ones else 0 for i in range(degree)]


def sparse(degree, **at):
    """The coefficients c0 .. c(d-1), given those that are not 0 as c0=1, c3=2, ..."""
    return [at.get(f"c{i}", 0) for i in range(degree)]


def necklaces(length):
    """The cycles of the rotation of so many bits, by length (Moreau 1872)."""
    whole = {}
    for d in (d for d in range(1, length + 1) if length % d == 0):
        whole[d] = 2**d - sum(n for other, n in whole.items() if d % other == 0)
    return {str(d): str(n // d) for d, n in whole.items()}


def one_cycle(order, degree):
    """The cycles of a primitive register."""
    return {"1": "1", str(order**degree - 1): "1"}


# Name, order, coefficients, workers, the cycles where they are known, states a second that it ought to reach.
ROWS = [
    ("GF(2) 28, x^28 + x^3 + 1", 2, taps(28, 0, 3), 1, one_cycle(2, 28), None),
    ("GF(2) 30, x^30 + x^6 + x^4 + x + 1", 2, taps(30, 0, 1, 4, 6), 1, one_cycle(2, 30), None),
    ("GF(2) 36, x^36 + x^25 + 1", 2, taps(36, 0, 25), 1, one_cycle(2, 36), 25e9),
    ("GF(2) 36, x^36 + x^25 + 1", 2, taps(36, 0, 25), 2, one_cycle(2, 36), 45e9),
    ("GF(4) 17, four taps", 4, sparse(17, c0=2, c1=1, c5=3, c9=1), 1, None, 5e9),
    ("GF(3) 20, four taps", 3, sparse(20, c0=1, c2=2, c7=1, c11=2), 1, None, 1.5e9),
    ("GF(5) 12", 5, sparse(12, c0=3, c1=3, c2=2, c3=1, c4=1, c6=4, c7=4), 1, one_cycle(5, 12), 350e6),
    ("GF(7) 10", 7, sparse(10, c0=4, c1=4, c2=5, c3=6, c4=3, c5=6, c6=6), 1, one_cycle(7, 10), 350e6),
    ("GF(16) 7", 16, [9, 3, 14, 1, 7, 2, 5], 1, None, 350e6),
    ("GF(25) 6", 25, [7, 24, 3, 11, 1, 19], 1, None, 350e6),
    ("GF(2) 28, rotation", 2, taps(28, 0), 1, necklaces(28), 150e6),
]
LARGEST = ("GF(2) 40, x^40 + x^21 + x^19 + x^2 + 1", 2, taps(40, 0, 2, 19, 21), 2, one_cycle(2, 40), 2**40 / 60)


class Enumeration:
    """A row that runs the program."""

    def __init__(self, supervisor, row):
        self.name, self.order, self.coefficients, self.workers, self.known, self.bar = row
        self.supervisor, self.seconds = supervisor, []
        self.states = self.order ** len(self.coefficients)

    def run(self):
        with tempfile.TemporaryDirectory() as folder:
            command = [self.supervisor, "lfsr", str(self.order), "--coefficients", ",".join(map(str, self.coefficients)),
                       "--analysis", "enumerate", "--workers", str(self.workers), "--run-dir", f"{folder}/run",
                       "--timeout", "none", "--quiet", "--output", "json"]
            began = time.perf_counter()
            done = subprocess.run(command, preexec_fn=lambda: os.sched_setaffinity(0, range(self.workers)),
                                  stdout=subprocess.PIPE, check=True)
            self.seconds.append(time.perf_counter() - began)
        cycles = json.loads(done.stdout)["experiments"][0]["cycle_lengths"]
        if cycles is None or (self.known is not None and cycles != self.known):
            sys.exit(f"{self.name}: WRONG: {cycles}")
        if self.known is None and sum(int(l) * int(n) for l, n in cycles.items()) != self.states:
            sys.exit(f"{self.name}: WRONG: states are missing: {cycles}")


class Bitmap:
    """A row that runs the C program on the register of an enumeration."""

    def __init__(self, program, beside):
        self.name, self.beside, self.program = f"bitmap in C, degree {len(beside.coefficients)}", beside, program
        self.workers, self.bar, self.seconds, self.states = 1, None, [], beside.states
        self.taps = sum(c << i for i, c in enumerate(beside.coefficients))

    def run(self):
        command = [self.program, str(len(self.beside.coefficients)), hex(self.taps)]
        began = time.perf_counter()
        done = subprocess.run(command, preexec_fn=lambda: os.sched_setaffinity(0, [0]), stdout=subprocess.PIPE, check=True)
        self.seconds.append(time.perf_counter() - began)
        cycles = dict(line.split() for line in done.stdout.decode().splitlines())
        if cycles != self.beside.known:
            sys.exit(f"{self.name}: WRONG: {cycles}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--largest", action="store_true", help="also degree 40, a quarter of a minute a round")
    parser.add_argument("--supervisor", help="default: the newest release build under target/")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    supervisor = build(options.supervisor, "cargo build --release")
    rows = [Enumeration(supervisor, row) for row in ROWS + [LARGEST] * options.largest]
    with tempfile.TemporaryDirectory() as folder:
        walk = f"{folder}/bitmap_walk"
        source = Path(__file__).with_name("bitmap_walk.c")
        subprocess.run(["gcc", "-O3", "-march=native", "-o", walk, source], check=True)
        bitmaps = [Bitmap(walk, row) for row in rows[:2]]
        chance = random.Random(options.seed)
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
            for row in chance.sample(rows + bitmaps, len(rows + bitmaps)):
                row.run()
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {options.rounds} rounds, seed {options.seed}")
    for row in rows + bitmaps:
        median = statistics.median(row.seconds)
        line = (f"{row.name + ',':40} {row.workers} core{'s' if row.workers > 1 else ' '}  {median:8.3f} s "
                f"[{min(row.seconds):.3f}, {max(row.seconds):.3f}]  {row.states / median / 1e6:9,.0f} M states/s")
        if row.bar:
            line += f"  (bar {row.bar / 1e6:,.0f})"
        print(line)
    for row in bitmaps:
        ratios = [slow / fast for slow, fast in zip(row.seconds, row.beside.seconds)]
        print(f"{row.name}: enumeration is {statistics.median(ratios):.1f} times as fast "
              f"[{min(ratios):.1f}, {max(ratios):.1f}]  (bar 20)")


if __name__ == "__main__":
    main()
