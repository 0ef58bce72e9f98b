#!/usr/bin/env bash
# A simulated year: 366 runs of a day each, with 100 things that go wrong in every hour. For a night; minutes on a fast machine.
#
#     scripts/simulate_year.sh [FIRST_SEED]
#
# Each day is a run of its own, from a seed of its own. The exit code is 1 if one of them broke a promise; the command
# that replays it is said. See docs/design/how-it-is-checked.md.
set -euo pipefail
cd "$(dirname "$0")/.."

first=${1:-0}
[[ $first =~ ^[0-9]{1,15}$ ]] || { echo "simulate_year.sh: the first seed is a number" >&2 && exit 2; }
exec cargo run --locked --quiet --profile simulation -p simulation -- \
    run --seeds "$first..$((first + 366))" --hours 24
