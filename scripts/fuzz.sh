#!/usr/bin/env bash
# Fuzzing: every target is run for a while, and a table says how it went (fuzz/targets, fuzz/src/lib.rs).
#
#     scripts/fuzz.sh [--runs N | --seconds S] [--fast] [--length L] [target...]
#
# Without an option each target runs for 60 s; without a target, all are run. The code is built with
# AddressSanitizer, unless `--fast` asks for many more executions instead: the code under test is safe Rust,
# in which the sanitizer has little to find, and it costs two thirds of the speed and more. `--length` makes no input
# longer than that many bytes: short ones are fast, and ten million of them are a matter of minutes.
#
# What is found goes to fuzz/target/found/TARGET, beside the committed corpus and never into it. A crash leaves
# its input in fuzz/artifacts/TARGET, and the exit code is 1. It needs cargo-fuzz and a C++ compiler, since
# libFuzzer is C++. The sanitizer is part of every compiler, but a stable one uses it only when told to be
# another (RUSTC_BOOTSTRAP).
set -euo pipefail
cd "$(dirname "$0")/.."
export RUSTC_BOOTSTRAP=1

stop=-max_total_time=60
length=
build=(--target-dir fuzz/target)
while [ $# -gt 0 ]; do
    case $1 in
    --runs) stop=-runs=${2:?a number} && shift ;;
    --seconds) stop=-max_total_time=${2:?a number} && shift ;;
    --length) length=${2:?a number} && shift ;;
    --fast) build=(--target-dir fuzz/target/fast --sanitizer none --no-trace-compares) ;;
    --help | -h) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" && exit 0 ;;
    -*) echo "fuzz.sh: unknown option $1; see --help" >&2 && exit 2 ;;
    *) break ;;
    esac
    shift
done
install="cargo install cargo-fuzz --version 0.13.2 --locked"
if ! command -v cargo-fuzz >/dev/null; then
    [ "${CI-}" = true ] || { echo "fuzz.sh: needs cargo-fuzz: $install" >&2 && exit 2; }
    $install
fi
all=$(cargo fuzz list)
targets=("$@")
[ $# -gt 0 ] || mapfile -t targets <<<"$all"
for target in "${targets[@]}"; do
    grep -qx -- "$target" <<<"$all" ||
        { echo "fuzz.sh: no target $target; there are: ${all//$'\n'/ }" >&2 && exit 2; }
done
# cargo-fuzz would update the lock file in silence, and what is fuzzed would not be what was committed.
cargo metadata --locked --format-version 1 --manifest-path fuzz/Cargo.toml >/dev/null
cargo fuzz build "${build[@]}"
echo "fuzz.sh: built after $SECONDS s" >&2

# The longest input: long enough to reach all that a target checks, and no longer.
longest() {
    [ -z "$length" ] || { echo "$length" && return; }
    case $1 in
    protocol) echo 4096 ;;
    spec | csv | competition) echo 2048 ;;
    *) echo 512 ;;
    esac
}

# The sanitizer keeps freed memory out of use, to notice when it is used: by default 256 MiB, which no cache
# holds. And it notes a stack for each allocation, which a replay does too.
export ASAN_OPTIONS=quarantine_size_mb=8:malloc_context_size=0:${ASAN_OPTIONS-}

row() { printf '%-12s %12s %8s %7s %8s  %s\n' "$@"; }
table=$(row target executions per_s corpus peak result)
failed=0
for target in "${targets[@]}"; do
    found=fuzz/target/found/$target
    log=$found.log
    options=("$stop" "-max_len=$(longest "$target")" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1)
    mkdir -p "fuzz/corpus/$target"
    [ ! -f "fuzz/dictionaries/$target.dict" ] || options+=("-dict=fuzz/dictionaries/$target.dict")
    mkdir -p "$found"
    echo "fuzz.sh: $target ($stop)" >&2
    result=ok
    # New inputs are written to the first folder.
    cargo fuzz run "${build[@]}" "$target" "$found" "fuzz/corpus/$target" -- "${options[@]}" \
        >"$log" 2>&1 || result=CRASHED
    last() { sed -n "$1" "$log" | tail -n 1; }
    if [ $result != ok ]; then
        failed=1
        input=$(last 's/.*Test unit written to //p')
        # Of what was said, the part that says why.
        { grep -a -m 1 -A 4 -e ' panicked at ' -e '^memory allocation of' -e 'ERROR: ' "$log" ||
            tail -n 30 "$log"; } | cut -c 1-300 >&2
        [ -z "$input" ] || echo "fuzz.sh: again: RUSTC_BOOTSTRAP=1 cargo fuzz run $target $input" >&2
        echo "fuzz.sh: all that was said: $log" >&2
    fi
    executions=$(last 's/^stat::number_of_executed_units: *//p')
    speed=$(last 's/^stat::average_exec_per_sec: *//p')
    corpus=$(last 's/.*corp: \([0-9]*\).*/\1/p')
    peak=$(last 's/^peak of the code under test: //p')
    table+=$'\n'$(row "$target" "${executions:--}" "${speed:--}" "${corpus:--}" "${peak:--}" $result)
done
echo "$table"
exit $failed
