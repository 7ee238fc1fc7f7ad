#!/usr/bin/env bash
# Licenses, bans and sources of the dependencies (deny.toml). cargo-deny takes minutes to build: it is used where it is installed.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh

need_cargo
export PATH="$tools/bin:$PATH"
if ! has cargo-deny; then
    say "skipped: licenses and sources were not checked, as cargo-deny is not installed"
    say "(cargo install --locked cargo-deny --root $tools)"
    exit 0
fi
cargo deny --locked --all-features check licenses bans sources
