#!/usr/bin/env python3
"""Kills the supervisor again and again, goes on with its run each time, and counts what was lost or done twice.

Runs of short tasks on two workers. Each is killed (SIGKILL) at a random moment of what the rest of it should
take, and resumed, until it ends by itself. After every kill: no process of the run lives a second later, every
record that was there before still is, no task has two terminal records. At the end of a run: its results are,
byte for byte, those of a run that nobody killed. Work done again is counted by the workers, a mark for each
task that is begun: at most two tasks a worker and kill, one that runs and one that has answered and whose process
is on its way out (docs/adr/0003).

With --restarts N instead: one run of N tasks whose supervisor dies after each record, N times.

Needs: cargo build --release --features fault
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from shared import build

WORKERS = 2
AGAIN = 2 * WORKERS  # tasks that a kill may cost
TASKS = 60
SPEC = """schema = 1
seed = 7
[[experiment]]
name = "f"
kind = "fault"
tasks = {tasks}
fault = "{fault}"
every = {every}
attempts = 0
"""


class Violation(Exception):
    pass


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=1000, help="over all methods")
    parser.add_argument("--method", choices=["fork", "spawn"], action="append", help="default: both")
    parser.add_argument("--restarts", type=int, help="this many restarts, one record each, instead")
    parser.add_argument("--supervisor", help="default: the newest release build under target/")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    supervisor = build(options.supervisor, "cargo build --release --features fault")
    methods = options.method or ["fork", "spawn"]
    print(f"seed {options.seed}", flush=True)
    began = time.monotonic()
    try:
        for method in methods:
            with tempfile.TemporaryDirectory() as folder:
                place = Place(Path(folder), supervisor, method)
                if options.restarts:
                    print(place.restart(options.restarts))
                else:
                    print(place.kill(options.kills // len(methods), random.Random(f"{options.seed} {method}")))
    except Violation as violation:
        sys.exit(f"VIOLATION: {violation}")
    print(f"took {time.monotonic() - began:.0f} s")


class Place:
    """A folder in which runs are killed under one start method."""

    def __init__(self, folder, supervisor, method):
        self.folder = folder
        self.run = folder / "run"
        self.method = method
        self.begun = folder / "begun"
        self.command = [
            str(supervisor), "--run-dir", str(self.run), "--start-method", method, "--workers", str(WORKERS),
            "--progress", "none", "--quiet",
        ]
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder),
            "XDG_RUNTIME_DIR": str(folder), "SUPERVISOR_FAULT_LOG": str(self.begun),
        }

    def kill(self, kills, chance):
        # One fail point that never does anything: beside the log it counts each task that is begun.
        self.environment["SUPERVISOR_FAULT"] = "worker.begun:sleep-ms=0:1000000000"
        spec = SPEC.format(tasks=TASKS, fault="daemon+sleep-ms=4", every=4)
        calm, whole = self.calm(spec, TASKS)
        done = runs = survivors = again = early = 0
        while done < kills:
            self.clear()
            runs += 1
            killed_here = 0
            recorded = 0
            while True:
                # Of what the rest should take; a resume that has little left is killed early.
                rest = whole * (0.3 + 0.7 * (TASKS - recorded) / TASKS)
                moment = chance.uniform(0, rest) if done < kills else None
                before = self.records()
                code, lived = self.start(moment)
                after = self.records()
                self.compare(before, after)
                recorded = len(after)
                if code == 0:
                    break
                if code != -signal.SIGKILL:
                    raise Violation(f"exit {code} in run {runs}")
                done += 1
                killed_here += 1
                early += not after
                survivors += lived
            self.at_the_end(calm, TASKS)
            # What was begun beyond once a task was begun in vain; the self-tests begin none.
            more = self.counted("worker.begun") - TASKS
            if more > AGAIN * killed_here:
                raise Violation(f"{more} tasks done again after {killed_here} kills of one run")
            again += max(more, 0)
        return (f"{self.method}: {done} kills in {runs} runs of {TASKS} tasks ({early} before the first record): "
                f"0 lost, 0 twice, {again} done again ({again / done:.2f} a kill, at most {AGAIN}), "
                f"{survivors} alive after 1 s")

    def restart(self, restarts):
        tasks = restarts + 1
        spec = SPEC.format(tasks=tasks, fault="error", every=0)
        self.environment.pop("SUPERVISOR_FAULT_LOG", None)
        calm, _ = self.calm(spec, tasks)
        self.clear()
        self.environment["SUPERVISOR_FAULT"] = "supervisor.recorded:signal=9:1"
        times = []
        for number in range(1, restarts + 1):
            began = time.monotonic()
            code, _ = self.start(None)
            times.append(time.monotonic() - began)
            found = len(self.records()) if number % 50 == 0 or number < 5 else number
            if code != -signal.SIGKILL or found != number:
                raise Violation(f"restart {number}: exit {code}, {found} records")
            segments = len(os.listdir(self.run / "journal"))
            if segments != number:
                raise Violation(f"restart {number}: {segments} segments")
        del self.environment["SUPERVISOR_FAULT"]
        code, _ = self.start(None)
        if code != 0:
            raise Violation(f"exit {code} at the end")
        self.at_the_end(calm, tasks)
        tenth = max(restarts // 10, 1)
        first, last = sum(times[:tenth]) / tenth, sum(times[-tenth:]) / tenth
        return (f"{self.method}: {restarts} restarts, one record each; a restart took {first * 1e3:.1f} ms at first, "
                f"{last * 1e3:.1f} ms at last; lock file {os.path.getsize(self.run / 'lock')} bytes")

    def calm(self, spec, tasks):
        """Results of a run that nobody kills, and how long it took."""
        (self.folder / "spec.toml").write_text(spec)
        took = []
        for _ in range(2):
            self.clear()
            began = time.monotonic()
            code, _ = self.start(None)
            took.append(time.monotonic() - began)
            if code != 0:
                raise Violation(f"the calm run: exit {code}")
        self.at_the_end(None, tasks)
        return {name: (self.run / name).read_bytes() for name in ("results.jsonl", "summary.json")}, min(took)

    def clear(self):
        shutil.rmtree(self.run, ignore_errors=True)
        for path in self.folder.glob("begun*"):
            path.unlink()

    def start(self, moment):
        """Runs or resumes; kills after so many seconds. The exit code, and how many processes outlived a kill."""
        program, *flags = self.command
        command = [program, "run", str(self.folder / "spec.toml"), *flags]
        child = subprocess.Popen(command, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if moment is not None:
            try:
                child.wait(moment)
            except subprocess.TimeoutExpired:
                child.kill()
        # Its end, not that of a pipe which somebody else might hold.
        child.wait()
        deadline = time.monotonic() + 1.0
        while (lived := self.alive()) and time.monotonic() < deadline:
            time.sleep(0.002)
        if lived:
            raise Violation(f"alive a second after the end: {lived}")
        said = child.stderr.read().decode()
        child.stderr.close()
        if child.returncode not in (0, -signal.SIGKILL):
            raise Violation(f"exit {child.returncode}: {said}")
        return child.returncode, len(lived)

    def alive(self):
        """Processes whose environment points into our folder."""
        mark = f"TMPDIR={self.folder}".encode()
        found = []
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    if mark in Path(f"/proc/{name}/environ").read_bytes().split(b"\0"):
                        found.append((int(name), Path(f"/proc/{name}/comm").read_text().strip()))
                except OSError:
                    pass  # it is gone
        return found

    def records(self):
        """The terminal records by task, of all segments; two of one task are a violation."""
        records = {}
        for segment in sorted((self.run / "journal").glob("*.jsonl")) if self.run.exists() else []:
            text = segment.read_bytes()
            for line in text[: text.rfind(b"\n") + 1].splitlines():
                record = json.loads(line)
                if "terminal" in record:
                    task = record["attempt"]["task"]
                    if task in records:
                        raise Violation(f"{task} was recorded twice")
                    records[task] = line
        return records

    def compare(self, before, after):
        for task, line in before.items():
            if after.get(task) != line:
                raise Violation(f"the record of {task} was lost or changed")

    def at_the_end(self, calm, tasks):
        if len(self.records()) != tasks:
            raise Violation(f"{len(self.records())} records of {tasks}")
        for name, expected in (calm or {}).items():
            if (self.run / name).read_bytes() != expected:
                raise Violation(f"{name} is not that of a calm run")
        left = [p.name for p in self.folder.iterdir() if p.name.startswith("fumehood-")]
        if left:
            raise Violation(f"left behind: {left}")

    def counted(self, point):
        path = self.folder / f"begun.{point}"
        return path.stat().st_size if path.exists() else 0


if __name__ == "__main__":
    main()
