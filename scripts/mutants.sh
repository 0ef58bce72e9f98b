#!/bin/sh
# Mutation testing of the scheduler and the journal: each small change of their code must fail a test.
#
#     scripts/mutants.sh [--shard K/N]      (needs: cargo install --locked cargo-mutants)
#
# Ends with the number of mutants caught and missed of each room, and fails below 85 % caught. The tests that
# count are the rooms' own, which take seconds: a mutant that only a run of real processes notices counts as
# missed. Optimisation is off, since nearly all of the time is building.
set -eu
cd "$(dirname "$0")/.."
out=${MUTANTS_OUT:-target/mutants}
export CARGO_PROFILE_DEV_OPT_LEVEL=0 CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=1
failed=0
mkdir -p "$out/scheduler" "$out/journal"

# Of a room: its name, its files, the package and the target whose tests count, and which of them.
room() {
    name=$1 files=$2 package=$3 target=$4 tests=$5
    shift 5
    for file in $files; do set -- "$@" --file "$file"; done
    # Mutants that are missed are an exit code too: the count below decides.
    cargo mutants --workspace --baseline skip --timeout 120 --output "$out/$name" \
        --test-package "$package" --cargo-test-arg="$target" "$@" -- "$tests" >/dev/null || true
    caught=$(cat "$out/$name"/mutants.out/caught.txt "$out/$name"/mutants.out/timeout.txt | wc -l)
    missed=$(wc -l <"$out/$name/mutants.out/missed.txt")
    all=$((caught + missed))
    echo "$name: $caught of $all caught"
    [ "$all" -gt 0 ] && [ $((caught * 100)) -ge $((all * 85)) ] || failed=1
}

room scheduler '**/engine/reactor.rs **/engine/reactor/*.rs **/engine/state.rs' \
    supervisor --bin=supervisor engine:: "$@"
room journal '**/record/journal.rs **/record/sync.rs **/record/recover.rs **/record/scan.rs **/record/line.rs **/record/entry.rs' \
    fumehood --lib record:: "$@"
exit $failed
