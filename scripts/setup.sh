#!/usr/bin/env bash
# Installs what is missing, builds the release, and runs the main job on the examples.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh

ensure_tools
say "Building into $CARGO_TARGET_DIR (the first build compiles HiGHS: several minutes)"
cargo build --release --locked --package apportion
program="$CARGO_TARGET_DIR/release/apportion"

for snapshot in examples/*.json; do
    "$program" plan "$snapshot" --quiet
    "$program" plan "$snapshot" --quiet --json | "$program" verify "$snapshot" - --quiet >/dev/null
    printf '\n%s: the plan above was verified\n\n' "$snapshot"
done
say "The program is $program"
