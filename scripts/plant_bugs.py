#!/usr/bin/env python3
"""Plants known mistakes into the code, one at a time; the simulation must find each of them.

A mistake is a patch in simulation/planted/; the first paragraph of the file says what is wrong. The list beside
them, README.md there, says for each which property of the simulation it violates, and with which seed. For each
patch, or those that are named: it is applied to a copy of the working tree under target/planted/, the simulation is
built there, and run with the seed of the list; it must violate the property of the list. The tree as it is must pass
the same seeds. With --search the seeds are searched from 0 up instead, those aside that the tree as it is does not
pass, and the list is written anew. With --check nothing is built: each patch must still apply, and the list must have
each.

A violation is a line `violation: seed N: PROPERTY: TEXT` and exit code 1. Anything else, a panic of the simulation
or a run that takes longer than --patience, finds nothing. Exit code 0 only if all were found.
"""

import argparse
import functools
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from shared import newest

ROOT = Path(__file__).resolve().parent.parent
PATCHES = ROOT / "simulation" / "planted"
LIST = PATCHES / "README.md"
SCRATCH = ROOT / "target" / "planted"
TREE = SCRATCH / "tree"
BUILD = SCRATCH / "build"
AS_IT_IS = SCRATCH / "simulate"  # without a mistake

BLOCK = 250  # seeds of one run of a search: one that hangs is noticed soon

HEAD = ["| bug | mistake | property | seed |", "|---|---|---|---:|"]
ROW = re.compile(r"\| \[(?P<name>[^]]+)\]\([^)]*\) \| (?P<mistake>.*) \| (?P<property>.*) \| (?P<seed>\d*) \|")
VIOLATION = re.compile(r"^violation: seed (\d+): ([^:]+):", re.MULTILINE)
PANIC = re.compile(r"panicked at .*\n(.*)")


class Failure(Exception):
    """Why a bug was not found, in a few words."""


class Bug:
    """A patch, and what the list says of it."""

    def __init__(self, path):
        self.path = path
        self.name = path.stem
        self.mistake = " ".join(path.read_text().split("\n\n", 1)[0].split())
        self.property = None
        self.seed = None
        self.build_s = self.run_s = 0.0
        self.failure = None

    def row(self):
        seed = "" if self.seed is None else self.seed
        return f"| [{self.name}]({self.path.name}) | {self.mistake} | {self.property or ''} | {seed} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("patches", nargs="*", help="names, with or without folder and ending; default: all")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--search", action="store_true", help="search the seeds, and write the list anew")
    mode.add_argument("--check", action="store_true", help="only check that the patches apply")
    parser.add_argument("--seeds", type=int, default=10_000, help="so many are searched")
    parser.add_argument("--patience", type=float, default=300,
                        help="seconds that one run of the simulation may take")
    options = parser.parse_args()
    every = [Bug(path) for path in sorted(PATCHES.glob("*.patch"))]
    unknown = read_list(every)
    if options.check:
        sys.exit(check(every, unknown))
    names = {Path(name).stem for name in options.patches}
    bugs = [bug for bug in every if not names or bug.name in names]
    if not bugs or names - {bug.name for bug in bugs}:
        sys.exit(f"no such patch: {' '.join(sorted(names - {bug.name for bug in bugs})) or PATCHES}")

    copy_tree()
    try:
        build()
    except Failure as failure:
        sys.exit(f"the tree as it is {failure}")
    shutil.copy2(program(), AS_IT_IS)
    for bug in bugs:
        try:
            plant(bug, options)
        except Failure as failure:
            bug.failure = str(failure)
        if options.search:
            if bug.failure:
                bug.property = bug.seed = None
            write_list(every)
        said = bug.failure or f"{bug.property}, seed {bug.seed}"
        print(f"{bug.name}: {said} ({bug.build_s:.0f} s + {bug.run_s:.1f} s)", flush=True)
    copy_tree()
    wrong = passes_as_it_is(bugs, options.patience)
    sys.exit(tell(bugs, wrong, options))


def plant(bug, options):
    """Builds with the bug and looks for it."""
    if not options.search and bug.seed is None:
        raise Failure("has no seed in the list: --search")
    copy_tree()
    apply = ["git", "apply", str(bug.path)]
    # The copy lies inside a repository, and is none: without the ceiling git would look for the files there.
    environment = os.environ | {"GIT_CEILING_DIRECTORIES": str(SCRATCH)}
    if subprocess.run(apply, cwd=TREE, env=environment, capture_output=True).returncode != 0:
        raise Failure("does not apply")
    began = time.monotonic()
    try:
        build()
    finally:
        bug.build_s = time.monotonic() - began
    began = time.monotonic()
    try:
        found = search(options) if options.search else simulate(program(), (bug.seed, bug.seed + 1), options.patience)
    finally:
        bug.run_s = time.monotonic() - began
    if found is None:
        raise Failure(f"NOT FOUND with {f'{options.seeds} seeds' if options.search else f'seed {bug.seed}'}")
    seed, violated = found
    if not options.search and violated != bug.property:
        raise Failure(f"violates {violated}; the list says {bug.property}")
    bug.seed, bug.property = seed, violated


def search(options):
    """The first seed that the bug fails, and the tree as it is does not, and the property; `None` = there is none."""
    first = 0
    while first < options.seeds:
        end = min(first + BLOCK, options.seeds)
        found = simulate(program(), (first, end), options.patience)
        if found is None:
            first = end
        elif wrong_as_it_is(found[0], options.patience) is None:
            return found
        else:
            first = found[0] + 1
    return None


@functools.cache
def wrong_as_it_is(seed, patience):
    """What the tree without any bug does wrong with a seed; `None` = nothing."""
    try:
        found = simulate(AS_IT_IS, (seed, seed + 1), patience)
    except Failure as failure:
        return str(failure)
    return found and found[1]


def passes_as_it_is(bugs, patience):
    """The seeds of the bugs with which the tree without any bug fails too, or does not end."""
    seeds = sorted({bug.seed for bug in bugs if bug.seed is not None})
    wrong = [(seed, wrong_as_it_is(seed, patience)) for seed in seeds]
    return [f"seed {seed}: {what}" for seed, what in wrong if what is not None]


def simulate(binary, seeds, patience):
    """Runs these seeds up to the first violation; its seed and its property, `None` where there is none."""
    command = [str(binary), "run", "--seeds", f"{seeds[0]}..{seeds[1]}", "--stop"]
    try:
        run = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=patience)
    except subprocess.TimeoutExpired:
        raise Failure(f"does not end in {patience:.0f} s") from None
    found = sorted((int(seed), violated) for seed, violated in VIOLATION.findall(run.stdout))
    if run.returncode == 0 and not found:
        return None
    if run.returncode == 1 and found:
        return found[0]
    panic = PANIC.search(run.stderr)
    raise Failure(f"makes the simulation end with {run.returncode}: {panic[1] if panic else last_line(run.stderr)}")


def build():
    """Builds the simulation in the copy of the tree."""
    command = ["cargo", "build", "--locked", "--quiet", "--profile", "simulation", "-p", "simulation"]
    environment = os.environ | {"CARGO_TARGET_DIR": str(BUILD)}
    built = subprocess.run(command, cwd=TREE, env=environment, capture_output=True, text=True, errors="replace")
    if built.returncode != 0:
        errors = [line for line in built.stderr.splitlines() if line.startswith("error")]
        raise Failure(f"does not build: {errors[0] if errors else last_line(built.stderr)}")


def program():
    binary = newest(BUILD, "simulation", "simulate")
    if binary is None:
        raise Failure("builds no program `simulate`")
    return binary


def last_line(text):
    return (text.strip().splitlines() or ["(nothing said)"])[-1]


def copy_tree():
    """Makes the copy what the working tree is, as far as git tracks it.

    Only what differs is written, so that cargo builds that again and no more; a bug that was planted goes with it.
    """
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    tracked = {name for name in listed.split("\0") if name and (ROOT / name).is_file()}
    for name in tracked:
        to, content = TREE / name, (ROOT / name).read_bytes()
        if not to.is_file() or to.read_bytes() != content:
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(content)
    for path in TREE.rglob("*"):
        if path.is_file() and str(path.relative_to(TREE)) not in tracked:
            path.unlink()


def read_list(bugs):
    """Takes in what the list says of the bugs; the names in it that no patch has."""
    by_name = {bug.name: bug for bug in bugs}
    unknown = []
    for line in LIST.read_text().splitlines():
        row = ROW.fullmatch(line)
        if row is None:
            continue
        bug = by_name.pop(row["name"], None)
        if bug is None:
            unknown.append(row["name"])
        else:
            bug.property = row["property"] or None
            bug.seed = int(row["seed"]) if row["seed"] else None
    return unknown


def write_list(bugs):
    above = LIST.read_text().split(HEAD[0])[0]
    LIST.write_text(above + "\n".join(HEAD + [bug.row() for bug in bugs]) + "\n")


def check(bugs, unknown):
    """Whether the patches apply and the list is theirs; 0 if so."""
    listed = LIST.read_text().splitlines()
    wrong = [f"{name} is in the list, and no patch has that name" for name in unknown]
    for bug in bugs:
        if bug.row() not in listed:
            wrong.append(f"{bug.name} is not in the list as it is")
        applies = subprocess.run(["git", "apply", "--check", str(bug.path)], cwd=ROOT, capture_output=True, text=True)
        if applies.returncode != 0:
            wrong.append(f"{bug.name} does not apply: {applies.stderr.strip().splitlines()[0]}")
    print("\n".join(wrong) or f"{len(bugs)} patches apply")
    return 1 if wrong or not bugs else 0


def tell(bugs, wrong, options):
    """Prints what was found, and how long it took; 0 if that is all, and nothing else."""
    width = max(len(bug.name) for bug in bugs)
    print(f"\n{'bug':{width}} {'seed':>6} {'build s':>8} {'run s':>7}  property")
    for bug in bugs:
        seed = "" if bug.seed is None else bug.seed
        print(f"{bug.name:{width}} {seed:>6} {bug.build_s:8.1f} {bug.run_s:7.1f}  {bug.failure or bug.property}")
    found = sum(bug.failure is None for bug in bugs)
    print(f"\n{found} of {len(bugs)} found" + (f" within {options.seeds} seeds" if options.search else ""))
    for line in wrong:
        print(f"the tree as it is does not pass {line}")
    return 0 if found == len(bugs) and not wrong else 1


if __name__ == "__main__":
    main()
