#!/usr/bin/env bash
# Minimum cost flow beside its peers, in one run: scripts/flow-peers.sh [RUNS]. Ours, the network simplex and the cost scaling of LEMON
# (apt: liblemon-dev), and SimpleMinCostFlow of OR-Tools (PyPI: ortools, into a virtual environment outside of the checkout).
# Prints the median time of each, on a processor and by the clock, the peak of memory, and how much faster ours is after a change than from scratch. Every objective must agree, or nothing is printed.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh

runs="${1:-5}"
peers="$cache/peers"
work="$peers/networks"
mkdir -p "$work"

if [ ! -e /usr/include/lemon/network_simplex.h ]; then
    install_by_apt "to measure beside LEMON" liblemon-dev
fi
if ! "$peers/python/bin/python" -c "import ortools" 2>/dev/null; then
    # Debian and Ubuntu keep what makes environments apart from Python.
    python3 -c "import ensurepip" 2>/dev/null || install_by_apt "to measure beside OR-Tools" python3-venv
    python3 -m venv "$peers/python"
    "$peers/python/bin/pip" install --quiet ortools
fi
need_cargo
ensure_own_builds
has c++ || install_by_apt "to build what is measured of LEMON" g++
# Nothing here needs HiGHS.
cargo build --quiet --release --locked --package apportion-models --no-default-features --example quincy --example flow_times
examples="$CARGO_TARGET_DIR/release/examples"
c++ -O3 -march=native -DNDEBUG benches/peers/lemon.cpp -o "$peers/lemon"

networks=()
for size in "1000 10000" "12500 50000" "12500 150000"; do
    set -- $size
    name="$work/quincy-$1-$2"
    "$examples/quincy" "$1" "$2" 1 "$name.min" "$name.changes" 1
    networks+=("$name.min")
done
find_data
for name in netgen_8_14a.min graph_1000m_64j_100t_10p.in; do
    if [ -n "${APPORTION_DATA:-}" ]; then
        networks+=("$APPORTION_DATA/flow-networks/$name")
    else
        say "without APPORTION_DATA, $name is left out"
    fi
done

printf '%s, %s, load %s; LEMON %s, OR-Tools %s, %s; %s runs each, medians\n\n' "$(uname -m)" \
    "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" \
    "$(cut -d ' ' -f 1 /proc/loadavg)" \
    "$(dpkg-query -W -f '${Version}' liblemon-dev 2>/dev/null || echo unknown)" \
    "$("$peers/python/bin/pip" list 2>/dev/null | sed -n 's/^ortools *//p')" "$(rustc --version)" "$runs"
for network in "${networks[@]}"; do
    changes="${network%.min}.changes"
    [ -e "$changes" ] || changes=
    "$peers/python/bin/python" benches/peers/compare.py "$runs" "$network" "$changes" \
        "ours=$examples/flow_times" \
        "LEMON network simplex=$peers/lemon network-simplex" \
        "LEMON cost scaling=$peers/lemon cost-scaling" \
        "OR-Tools=$peers/python/bin/python benches/peers/ortools_flow.py"
done
printf '\nload at the end: %s\n' "$(cut -d ' ' -f 1 /proc/loadavg)"
