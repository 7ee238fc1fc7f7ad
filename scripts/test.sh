#!/usr/bin/env bash
# Every test: with HiGHS, the documentation's examples, and the build that needs no C++.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh

ensure_tools
find_data
if [ -z "${APPORTION_DATA:-}" ]; then
    say "APPORTION_DATA is not set: the tests on public traces say that they are skipped"
fi

# Random inputs are the same in every run, so that a failure is one of the change under test.
# scripts/soak.sh draws others.
export PROPTEST_RNG_SEED="${PROPTEST_RNG_SEED:-1}"

step() { printf '\n== %s\n' "$*"; }

# One feature set and one profile for everything, so that nothing is compiled twice.
step "tests, and examples in the documentation"
cargo test --release --locked --workspace
step "benchmarks, once each"
cargo test --release --locked --workspace --benches

step "tests of the build without C++"
pure=(--no-default-features --features cli --package apportion)
if cargo tree --locked "${pure[@]}" --edges normal,build,dev | grep -q highs-sys; then
    say "the build without C++ depends on highs-sys"
    exit 1
fi
cargo test --release --locked "${pure[@]}"
