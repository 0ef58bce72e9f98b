#!/usr/bin/env python3
"""What a large data set costs: memory of the supervisor, of the workers, and CPU time of the two readings.

A file of so many GiB of values (one series a column) is made in a temporary folder, beside one of 20 MiB, and
both are run under 2 and 4 workers. For each run: the most memory the supervisor ever had (VmHWM), and of the
workers the mapped values, each worker's own count (Rss) and its share (Pss): with one copy for all, shares add
up to no more than the file.
"""

import argparse
import random
import re
import resource
import subprocess
import tempfile
import time
from pathlib import Path

from shared import build

COLUMNS = 4_000
BLOCK = 256


def make(path, values):
    """A file of so many values; a block of random rows again and again, for rows take long to make up."""
    numbers = random.Random(7)
    rows = [",".join(f"{numbers.uniform(100, 999):.3f}" for _ in range(COLUMNS)) for _ in range(BLOCK)]
    block = "\n".join(rows) + "\n"
    count = -(-values // COLUMNS)
    with open(path, "w") as file:
        file.write(",".join(f"s{i}" for i in range(COLUMNS)) + "\n")
        for _ in range(count // BLOCK):
            file.write(block)
        file.writelines(row + "\n" for row in rows[: count % BLOCK])
    return count * COLUMNS


def field(path, name):
    """A figure in KiB of a file of /proc; 0 where the process has gone."""
    try:
        found = re.search(rf"^{name}:\s+(\d+) kB", Path(path).read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found.group(1)) if found else 0


def mapped(pid):
    """Rss and Pss of the mapped values of a process, in KiB."""
    try:
        text = Path(f"/proc/{pid}/smaps").read_text()
    except OSError:
        return 0, 0
    rss = pss = 0
    ours = False
    for line in text.splitlines():
        if re.match(r"^[0-9a-f]+-[0-9a-f]+ ", line):
            ours = line.endswith("values.npy")
        elif ours and line.startswith("Rss:"):
            rss += int(line.split()[1])
        elif ours and line.startswith("Pss:"):
            pss += int(line.split()[1])
    return rss, pss


def descendants(pid):
    """Processes below one, by the kernel's own lists."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:
            continue
        for child in children:
            found.append(int(child))
            found += descendants(int(child))
    return found


def run(supervisor, data, workers, folder):
    """One run, watched. Peaks in KiB, and the CPU seconds of all of it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(
        [supervisor, "forecast", "--mode", "custom", "--data", data, "--models", "naive,drift",
         "--test-size", "12", "--workers", str(workers), "--max-tasks-per-worker", "64",
         "--run-dir", folder, "--progress", "none", "-q", "--output", "csv"],
        stdout=subprocess.DEVNULL,
    )
    peak = most_rss = most_pss = 0
    while process.poll() is None:
        peak = max(peak, field(f"/proc/{process.pid}/status", "VmHWM"))
        maps = [mapped(pid) for pid in descendants(process.pid)]
        most_rss = max(most_rss, sum(rss for rss, _ in maps))
        most_pss = max(most_pss, sum(pss for _, pss in maps))
        time.sleep(0.02)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert process.returncode == 0, process.returncode
    return peak, most_rss, most_pss, cpu


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--supervisor", help="the program to measure; default: the newest release build")
    options.add_argument("--gib", type=float, default=1.0, help="GiB of values, 8 bytes each")
    options.add_argument("--folder", help="where the files are made; they go away")
    given = options.parse_args()
    supervisor = build(given.supervisor, "cargo build --release")
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        folder = Path(folder)
        print(f"{'values':>12} {'text MiB':>9} {'workers':>7} {'supervisor peak MiB':>20} "
              f"{'mapped Rss MiB':>15} {'mapped Pss MiB':>15} {'CPU s':>7}")
        for mebibytes in (20, given.gib * 1024):
            data = folder / f"{mebibytes:.0f}.csv"
            values = make(data, int(mebibytes * (1 << 20) / 8))
            text = data.stat().st_size / (1 << 20)
            for workers in (2, 4):
                place = folder / f"run-{mebibytes:.0f}-{workers}"
                peak, rss, pss, cpu = run(supervisor, data, workers, place)
                store = next(place.glob("data/*/values.npy")).stat().st_size / (1 << 20)
                assert store >= values * 8 / (1 << 20), "the store holds every value"
                print(f"{values:>12,} {text:>9.0f} {workers:>7} {peak / 1024:>20.1f} {rss / 1024:>15.1f} "
                      f"{pss / 1024:>15.1f} {cpu:>7.1f}", flush=True)
                subprocess.run(["rm", "-r", place], check=True)


if __name__ == "__main__":
    main()
