#!/usr/bin/env bash
# Format, lints, documentation. No warning is left.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh

ensure_tools
step() { printf '\n== %s\n' "$*"; }

step "format"
cargo fmt --all --check
step "lints"
cargo clippy --release --locked --workspace --all-targets -- --deny warnings
step "documentation"
RUSTDOCFLAGS="--deny warnings --allow rustdoc::private_intra_doc_links" cargo doc --release --locked --workspace --no-deps --document-private-items
