#!/usr/bin/env python3
"""Kills the supervisor at every system call that touches the disk, in a run and in its resumes.

A run of 20 small tasks by two workers is traced once to count its calls; then, for each kind of call and each
N, a fresh run is killed (SIGKILL) at its Nth, and resumed to the end. With --nested each of those runs, left
with a torn last record, is resumed and killed again at every Mth call before it may end. After every kill and at
the end: what was recorded before is there, unchanged and once, and its tasks were not run again; a second
later no process is left; at the end results.jsonl and summary.json are byte-equal to those of a calm run, and
no temporary file is left.

strace counts the calls of each thread of the supervisor (children are let go at their execve): N is the Nth of
the thread that makes most, which for writes, syncs of folders, renames and removals is the main thread, and for
fdatasync the journal's. A kill comes before the call does anything. Exit code 1 on a violation.

Needs: Linux, strace, a release build (cargo build --release; the feature `fault` does no harm).
"""

import argparse
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from pathlib import Path

from shared import build

CALLS = ["write", "fdatasync", "fsync", "rename", "renameat", "renameat2", "ftruncate", "mkdir", "unlink", "unlinkat",
         "rmdir"]

TASKS = 20

SPEC = f"""schema = 1
seed = 7

[[experiment]]
name = "sweep"
kind = "forecast"
mode = "synthetic"
max-series = {TASKS}
models = ["naive"]
"""


class Violation(Exception):
    pass


class Lab:
    """A folder in which one run lives, and is killed."""

    def __init__(self, options, method, folder):
        self.options = options
        self.method = method
        self.root = folder
        self.run = folder / "run"
        for name in ("tmp", "sockets"):
            (folder / name).mkdir(parents=True)
        (folder / "spec.toml").write_text(SPEC)

    def copy(self, folder):
        lab = Lab(self.options, self.method, folder)
        if self.run.exists():
            shutil.copytree(self.run, lab.run, symlinks=True)
        return lab

    def supervise(self, *strace):
        """Runs, or goes on with, the run; under strace where there are options for it."""
        command = [self.options.supervisor, "run", "spec.toml", "--run-dir", "run", "--start-method", self.method,
                   "--workers", "2", "--progress", "none", "--quiet", "--output", "csv"]
        if strace:
            command = ["strace", "-D", "-f", "-b", "execve", "-qq", "-o", str(self.root / "strace"), *strace, *command]
        environment = {"PATH": os.environ["PATH"], "TMPDIR": str(self.root / "tmp"),
                       "XDG_RUNTIME_DIR": str(self.root / "sockets")}
        return subprocess.run(command, cwd=self.root, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)

    def kill_at(self, call, number):
        """Whether the kill happened: a thread may make fewer calls than it did when they were counted."""
        before = self.records()
        done = self.supervise("-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}")
        if done.returncode not in (-9, 0):
            raise Violation(f"exit {done.returncode}: {done.stderr.decode()}")
        self.check(before)
        self.expect_no_process()
        return done.returncode == -9

    def finish(self, calm):
        before = self.records()
        done = self.supervise()
        if done.returncode != 0:
            raise Violation(f"the resume ended with {done.returncode}: {done.stderr.decode()}")
        self.check(before)
        self.expect_no_process()
        for name, expected in calm.items():
            if (self.run / name).read_bytes() != expected:
                raise Violation(f"{name} is not that of a calm run")
        left = [path for place in ("tmp", "sockets") for path in (self.root / place).iterdir()]
        left += [path for path in self.run.iterdir() if path.name.endswith(".tmp")]
        if left:
            raise Violation(f"left behind: {left}")

    def records(self):
        """Task -> the lines of its records, in order. A torn last line is none."""
        records = {}
        for segment in sorted((self.run / "journal").glob("*.jsonl")):
            for line in segment.read_bytes().split(b"\n")[:-1]:
                sealed = re.fullmatch(rb'(.*),"crc":"([0-9a-f]{8})"}', line, re.DOTALL)
                if sealed is None or zlib.crc32(sealed[1]) != int(sealed[2], 16):
                    raise Violation(f"a checksum does not hold: {segment}: {line}")
                record = json.loads(line)
                if record["type"] == "attempt":
                    records.setdefault(record["index"], []).append(line)
        for task, lines in records.items():
            if sum(b',"terminal":{' in line for line in lines) > 1:
                raise Violation(f"task {task} ended twice")
        return records

    def check(self, before):
        after = self.records()
        for task, lines in before.items():
            now = after.get(task, [])
            if any(b',"terminal":{' in line for line in lines):
                # It had ended: not one attempt more.
                if now != lines:
                    raise Violation(f"task {task} was recorded, and then lost, changed or run again")
            elif now[:len(lines)] != lines:
                raise Violation(f"an attempt at task {task} was lost")

    def tear(self):
        """Leaves the last record half written."""
        segments = sorted((self.run / "journal").glob("*.jsonl"))
        if segments:
            text = segments[-1].read_bytes()
            start = text.rfind(b"\n", 0, len(text) - 1) + 1
            if start > 0:
                segments[-1].write_bytes(text[:(start + len(text)) // 2])

    def expect_no_process(self):
        deadline = time.monotonic() + 1
        while True:
            left = [entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit() and self.is_ours(entry)]
            if not left:
                return
            if time.monotonic() > deadline:
                raise Violation(f"still alive after a second: {left}")
            time.sleep(0.005)

    def is_ours(self, process):
        try:
            return Path(os.readlink(process / "cwd")) == self.root
        except OSError:
            return False

    def counts(self):
        """Calls of each kind: those of the thread that makes most."""
        names = ",".join(f"?{call}" for call in CALLS)
        done = self.supervise("-e", f"trace={names}")
        if done.returncode != 0:
            sys.exit(f"the traced run ended with {done.returncode}\n{done.stderr.decode()}")
        self.expect_no_process()
        threads = Counter()
        for line in (self.root / "strace").read_text().splitlines():
            found = re.match(r"(\d+) +(\w+)\(", line)
            if found:
                threads[found.groups()] += 1
        counts = {}
        for (_, call), count in threads.items():
            counts[call] = max(count, counts.get(call, 0))
        return {call: counts[call] for call in CALLS if call in counts}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", choices=["fork", "spawn", "both"], default="both")
    parser.add_argument("--every", type=int, default=1, help="only every so many calls (and the first and last)")
    parser.add_argument("--nested", action="store_true", help="also kill the resume of each at every call")
    parser.add_argument("--nested-every", type=int, help="the step of the second kill; default: that of --every")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--supervisor", help="default: the newest release build under target/")
    options = parser.parse_args()
    options.supervisor = str(build(options.supervisor, "cargo build --release"))
    options.nested_every = options.nested_every or options.every
    methods = ["fork", "spawn"] if options.method == "both" else [options.method]
    violations = []
    with tempfile.TemporaryDirectory(prefix="sweep-", dir=fast_place()) as folder:
        for method in methods:
            violations += sweep(options, method, Path(folder) / method)
    for violation in violations:
        print(f"VIOLATION: {violation}")
    sys.exit(1 if violations else 0)


def sweep(options, method, folder):
    calm_lab = Lab(options, "inline", folder / "calm")
    if calm_lab.supervise().returncode != 0:
        sys.exit("the calm run failed")
    calm = {name: (calm_lab.run / name).read_bytes() for name in ("results.jsonl", "summary.json")}
    counts = Lab(options, method, folder / "counted").counts()
    print(f"{method}: calls of a run: {counts}")
    began = time.monotonic()
    tally, violations = Counter(), []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        cases = [(call, n) for call, count in counts.items() for n in chosen(count, options.every)]
        waiting = [pool.submit(one, options, method, folder / f"{call}-{n}", calm, call, n) for call, n in cases]
        for done in concurrent.futures.as_completed(waiting):
            found, broken = done.result()
            tally += found
            violations += broken
    took = time.monotonic() - began
    print(f"{method}: {tally['runs']} runs, {tally['kills']} of them killed in the run, {tally['again']} resumes killed, "
          f"{len(violations)} violations, {took:.0f} s")
    return violations


def one(options, method, folder, calm, call, number):
    """Kills a run at one call, and its resume at each; gives the tally and the violations."""
    tally, violations = Counter(runs=1), []
    what = f"{method}, killed at {call} {number}"
    try:
        lab = Lab(options, method, folder / "run")
        tally["kills"] += lab.kill_at(call, number)
        torn = lab.copy(folder / "torn")
        lab.finish(calm)
        if options.nested:
            torn.tear()
            counts = torn.copy(folder / "counted").counts()
            for again, count in counts.items():
                for m in chosen(count, options.nested_every):
                    what = f"{method}, killed at {call} {number}, its resume at {again} {m}"
                    twice = torn.copy(folder / "twice")
                    tally["runs"] += 1
                    tally["again"] += twice.kill_at(again, m)
                    twice.finish(calm)
                    shutil.rmtree(folder / "twice")
    except (Violation, subprocess.TimeoutExpired) as violation:
        violations.append(f"{what}: {violation}")
    shutil.rmtree(folder)
    return tally, violations


def chosen(count, every):
    return [n for n in range(1, count + 1) if n in (1, count) or n % every == 0]


def fast_place():
    """In memory where it can be: what is killed is a process, not the machine."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


if __name__ == "__main__":
    main()
