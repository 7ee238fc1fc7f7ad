#!/usr/bin/env bash
# Property tests on inputs that no earlier run has seen: scripts/soak.sh [ROUNDS]. Ends at the first failure and names
# the seed that repeats it.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh

ensure_tools
rounds="${1:-20}"
tests=(--package apportion --package apportion-models --lib --test import_kubernetes --test snapshot
    --test verify_table --test formats --test dimacs)
cargo test --release --locked "${tests[@]}" --no-run
for ((round = 1; round <= rounds; round++)); do
    seed="$(od -An -N7 -tu8 /dev/urandom | tr -d ' ')"
    if ! output="$(PROPTEST_RNG_SEED="$seed" cargo test --quiet --release --locked "${tests[@]}" 2>&1)"; then
        printf '%s\n' "$output"
        say "round $round failed; repeat it with PROPTEST_RNG_SEED=$seed"
        exit 1
    fi
done
say "$rounds rounds, no failure"
