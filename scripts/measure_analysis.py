#!/usr/bin/env python3
"""Measures the analysis by algebra of registers over GF(2) of the degrees 127, 128, 251 and 256.

Of each degree twenty random registers and one with an irreducible polynomial are the rows of a file, and the file is one
run with a process for each. Printed is what the workers needed for a register, rebuilding it and computing: the least of the
rounds for each register, and of these the median and the worst; and beside it the worst of any round. What remained unknown is named.

Needs: a release build (cargo build --release).
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
from pathlib import Path

from shared import build

# Exponents of irreducible polynomials: N. Zierler and J. Brillhart 1968 (127); NIST SP 800-38D (128); G. Seroussi, "Table of
# low-weight binary irreducible polynomials", HP Labs HPL-98-135 (251, 256). The program says that they are, or the run fails.
IRREDUCIBLE = {127: (1, 0), 128: (7, 2, 1, 0), 251: (7, 4, 2, 0), 256: (10, 5, 2, 0)}
BARS = {127: (5, 50), 128: (5, 50), 251: (2000, 2000), 256: (2000, 2000)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--supervisor", help="default: the newest release build under target/")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    supervisor = build(options.supervisor, "cargo build --release")
    chance = random.Random(options.seed)
    rows = {}
    for degree, terms in IRREDUCIBLE.items():
        rows[degree] = [[chance.randrange(2) for _ in range(degree)] for _ in range(20)]
        rows[degree].append([1 if i in terms else 0 for i in range(degree)])
    took = {(degree, at): [] for degree in rows for at in range(21)}
    unknown = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.rounds):
            for degree in chance.sample(sorted(rows), len(rows)):
                file, run = Path(folder) / f"{degree}.csv", Path(folder) / f"run-{degree}-{number}"
                file.write_text("".join(",".join(map(str, row)) + "\n" for row in rows[degree]))
                done = subprocess.run([supervisor, "lfsr", file, "2", "--analysis", "analytic", "--workers", "1", "--quiet",
                                       "--run-dir", run, "--output", "json"], stdout=subprocess.PIPE, check=True)
                experiments = json.loads(done.stdout)["experiments"]
                if experiments[20]["irreducible"] is not True:
                    sys.exit(f"degree {degree}: the last polynomial ought to be irreducible")
                if number == 0:
                    unknown += [(degree, e["name"], u) for e in experiments for u in e.get("unknown", [])]
                for line in (run / "attempts.jsonl").read_text().splitlines():
                    attempt = json.loads(line)
                    at = int(attempt["task"].split("/")[0].rsplit("-", 1)[1]) - 1
                    phases = attempt["phases_us"]
                    took[degree, at].append((phases["rebuild"] + phases["compute"]) / 1000)
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {options.rounds} rounds, seed {options.seed}")
    for degree in rows:
        random_ones = [min(took[degree, at]) for at in range(20)]
        worst_of_all = max(max(took[degree, at]) for at in range(20))
        bar, irreducible_bar = BARS[degree]
        print(f"degree {degree}: random median {statistics.median(random_ones):.2f} ms, worst {max(random_ones):.2f} ms "
              f"(any round {worst_of_all:.2f}; bar {bar}); irreducible {min(took[degree, 20]):.2f} ms "
              f"(any round {max(took[degree, 20]):.2f}; bar {irreducible_bar})")
    for degree, name, field in unknown:
        print(f"degree {degree}, {name}: {field['field']} is unknown: {field['reason']}")


if __name__ == "__main__":
    main()
