#!/usr/bin/env python3
"""Runs a million tasks, one in a hundred of which kills its own worker, and counts what became of them.

Two runs of N tasks on two workers, each task in a process of its own: one in which the hundredth task dies by
SIGKILL on every attempt, without retries, and one in which it dies on the first attempt only. Every record is
read back: no task may be missing, none may stand there twice, none may be charged that was not told to die.
A run of N/100 tasks before them shows what the supervisor's memory grows by.

Needs: cargo build --release --features fault
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from shared import build

EVERY = 100
MOST_PER_TASK = 120  # bytes


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--supervisor", help="default: the newest release build under target/")
    parser.add_argument("--method", default="fork", choices=["fork", "spawn"])
    parser.add_argument("--folder", help="where the run folders go; default: a temporary folder")
    options = parser.parse_args()
    supervisor = build(options.supervisor, "cargo build --release --features fault")

    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        folder = Path(folder)
        few, many = options.tasks // 100, options.tasks
        always = [
            run(supervisor, folder, options.method, tasks, attempts=0, retries=0) for tasks in (few, many)
        ]
        once = run(supervisor, folder, options.method, many, attempts=1, retries=2)

    small, large = always
    grown = (large["peak"] - small["peak"]) / (many - few)
    ratio = large["peak"] / small["peak"]
    bounded = ratio <= 1.3 or grown <= MOST_PER_TASK
    print(f"\nmemory of the supervisor: {mib(small['peak'])} at {few:,} tasks, {mib(large['peak'])} at {many:,}: "
          f"{ratio:.2f} times, {grown:.0f} bytes a task more (bar: 1.3 times or {MOST_PER_TASK} bytes): "
          f"{'holds' if bounded else 'DOES NOT HOLD'}")
    if not (bounded and all(found["right"] for found in [*always, once])):
        sys.exit(1)


def run(supervisor, folder, method, tasks, attempts, retries):
    spec = folder / "spec.toml"
    spec.write_text(
        f'schema = 1\n[[experiment]]\nname = "m"\nkind = "fault"\ntasks = {tasks}\n'
        f'fault = "signal=9"\nevery = {EVERY}\nattempts = {attempts}\n')
    place = folder / "run"
    began = time.monotonic()
    pid = os.posix_spawn(
        str(supervisor),
        [str(supervisor), "run", str(spec), "--run-dir", str(place), "--workers", "2", "--start-method", method,
         "--retries", str(retries), "--progress", "none", "--quiet", "--output", "csv"],
        {**os.environ, "SUPERVISOR_COUNTS": str(folder / "counts")},
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                      (os.POSIX_SPAWN_OPEN, 2, str(folder / "talk"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)])
    _, status = os.waitpid(pid, 0)
    wall = time.monotonic() - began
    # Its own word for it: the kernel's figure for a child begins with the memory of whoever started it.
    peak = [int(line.split()[1]) * 1024 for line in open(folder / "counts") if line.startswith("peak ")][-1]
    (folder / "counts").unlink()
    code = os.waitstatus_to_exitcode(status)
    faulty = tasks // EVERY
    # Without another attempt each of them stays dead, and the run says so with exit code 1.
    expected = {"ok": tasks - faulty, "crashed": faulty} if attempts == 0 else {"ok": tasks}
    found, wrong = read(place, tasks, attempts)
    right = found == expected and not wrong and code == (1 if attempts == 0 else 0)
    how = "on every attempt, no retries" if attempts == 0 else "on the first attempt only"
    print(f"{tasks:,} tasks, {method}, {faulty:,} die {how}: {found}, exit {code}, "
          f"{wall:.0f} s, {wall / tasks * 1e6:.0f} us a task, peak {mib(peak)}: "
          f"{'as it should be' if right else 'WRONG'}", flush=True)
    for line in wrong[:10]:
        print(f"  {line}")
    if not right:
        print((folder / "talk").read_text()[-2000:])
    shutil.rmtree(place, ignore_errors=True)
    return {"right": right, "peak": peak}


def read(place, tasks, attempts):
    """States of the results by count, and every line that should not be."""
    states, wrong, at = {}, [], 0
    with open(place / "results.jsonl") as lines:
        for at, line in enumerate(lines, start=1):
            result = json.loads(line)
            states[result["state"]] = states.get(result["state"], 0) + 1
            if result["task"] != f"m/{at - 1}/fault":
                wrong.append(f"result {at} is of {result['task']}")
            dies = at % EVERY == 0 and attempts == 0
            if dies and result["cause"].get("signal") != "SIGKILL":
                wrong.append(f"no signal: {line}")
            if (result["state"] == "crashed") != dies:
                wrong.append(f"a bystander: {line}")
    if at != tasks:
        wrong.append(f"{at} results of {tasks} tasks")
    charged = ended = 0
    with open(place / "attempts.jsonl") as lines:
        for line in lines:
            attempt = json.loads(line)
            number = int(attempt["task"].split("/")[1])
            if attempt["outcome"] == "crashed":
                charged += 1
                if (number + 1) % EVERY != 0 or attempt["attempt"] != 1:
                    wrong.append(f"charged without cause: {line}")
            elif attempt["outcome"] == "ok":
                ended += 1
            else:
                wrong.append(f"an attempt that should not be: {line}")
    if charged != tasks // EVERY or ended != states.get("ok"):
        wrong.append(f"{charged} charged and {ended} good attempts")
    return states, wrong


def mib(count):
    return f"{count / 2**20:.1f} MiB"


if __name__ == "__main__":
    main()
