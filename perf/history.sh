#!/usr/bin/env bash
# What the past costs: starts with and without snapshots, asAt cold and cached, memory, bytes an update, replay beside
# the engine's own rate, and the latency of the present while the past is asked for. Kept under perf/results by date and
# commit, a file for each of two loads:
#   flow    the recorded order flow, round after round, orders removed once they are done
#   trades  bench/src/load.rs: a twentieth as many updates, each a trade that the state keeps for late busts
# The flow is the extract that the project carries, or what lies in $ORDO_FLOW_DIR (btcusd-orders.csv.gz).
#   perf/history.sh            20 M updates, some ten minutes
#   perf/history.sh 2000000    fewer
set -euo pipefail
cd "$(dirname "$0")/.."

updates="${1:-20000000}"
cargo build --release --locked -p ordo-bench
kept="perf/results/$(date -u +%Y-%m-%d)-$(git rev-parse --short HEAD)-history"
flow=()
if [[ -n "${ORDO_FLOW_DIR:-}" ]]; then flow=(--flow "$ORDO_FLOW_DIR/btcusd-orders.csv.gz"); fi

measure() { # load, updates, further arguments
    local load="$1" updates="$2"
    shift 2
    target/release/ordo-bench --only history --load "$load" --updates "$updates" "$@" >"$kept-$load.json.part"
    mv "$kept-$load.json.part" "$kept-$load.json"
    cat "$kept-$load.json"
    echo "kept in $kept-$load.json" >&2
}

measure flow "$updates" "${flow[@]}"
measure trades "$((updates / 20))"
