#!/usr/bin/env python3
"""Asks SageMath about registers and compares its answers with the program's.

For random registers over several fields, the lines that the program prints for Sage are read there. Compared are the
characteristic polynomial of Sage's companion matrix, the matrix itself, the factors with their multiplicities, the order of the matrix, and
whether the polynomial is primitive.

Needs: a build, and Sage's Python (`sage -python`, or an environment with the package passagemath-standard-no-symbolics).
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from shared import build

ORDERS = [2, 3, 4, 5, 7, 8, 9, 16, 25, 27]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--registers", type=int, default=20, help="of each field")
    parser.add_argument("--supervisor", help="default: the newest debug build under target/")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    try:
        from sage.all import GF, companion_matrix
        from sage.repl.preparse import preparse
    except ImportError:
        sys.exit("this Python has no Sage")
    supervisor = build(options.supervisor, "cargo build", "debug")
    chance = random.Random(options.seed)
    compared = 0
    for order in ORDERS:
        degree = max(d for d in range(1, 13) if order**d <= 4096)
        rows = []
        for _ in range(options.registers):
            row = [chance.randrange(order) for _ in range(chance.randint(1, degree))]
            rows.append(row)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "registers.csv"
            file.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
            done = subprocess.run([supervisor, "lfsr", file, str(order), "--run-dir", f"{folder}/run", "--quiet",
                                   "--start-method", "inline", "--output", "json"], stdout=subprocess.PIPE, check=True)
        for found in json.loads(done.stdout)["experiments"]:
            names = {"GF": GF, "companion_matrix": companion_matrix}
            exec("from sage.all import *", names)
            exec("\n".join(preparse(line) for line in found["sage"].split("\n")), names)
            field, f, matrix = names["K"], names["f"], names["C"]
            element = [field.from_integer(n) if order > 2 and not field.is_prime_field() else field(n) for n in range(order)]
            number = {value: n for n, value in enumerate(element)}
            text = f"GF({order}) {found['coefficients']}"

            def check(what, ours, theirs):
                if ours != theirs:
                    sys.exit(f"{text}: {what}: {ours} here, {theirs} in Sage")

            check("matrix", found["companion_matrix"], [[number[c] for c in row] for row in matrix.rows()])
            check("polynomial", found["characteristic_polynomial"], [number[c] for c in matrix.charpoly().list()])
            factors = sorted(([number[c] for c in g.monic().list()], e) for g, e in f.factor())
            check("factors", sorted((g["coeffs_low_to_high"], g["multiplicity"]) for g in found["factors"]), factors)
            singular = found["coefficients"][0] == 0
            check("order", found["matrix_order"], None if singular else str(matrix.multiplicative_order()))
            # Sage knows primitive polynomials over finite fields, but not x.
            check("primitive", found["primitive"], not singular and f.is_irreducible() and f.is_primitive())
            compared += 1
    print(f"{compared} registers over {len(ORDERS)} fields: the same answers, seed {options.seed}")


if __name__ == "__main__":
    main()
