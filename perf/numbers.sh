#!/usr/bin/env bash
# Makes every figure of the pages and inserts it: results with their conditions into perf/results, from there into
# README.md and the other pages. About 15 minutes, on a machine that runs nothing else; commit what it changes.
#   perf/numbers.sh
#   ORDO_NUMBERS_SHORT=1 perf/numbers.sh   the same within two minutes, into target/numbers: shows that this works
#   ORDO_FLOW_DIR=DIR                      history of the whole recording (btcusd-orders.csv.gz) instead of the extract
set -euo pipefail
cd "$(dirname "$0")/.."

root=. seconds=5 history_updates=20000000 insert=()
if [[ -n "${ORDO_NUMBERS_SHORT:-}" ]]; then
    root=target/numbers seconds=0.2 history_updates=200000 insert=(--even-quick)
    rm -rf "$root"
    git ls-files '*.md' 'perf/results/*' | xargs cp --parents -t "$(mkdir -p "$root" && echo "$root")"
fi
flow=()
if [[ -n "${ORDO_FLOW_DIR:-}" ]]; then flow=(--flow "$ORDO_FLOW_DIR/btcusd-orders.csv.gz"); fi

${CARGO:-cargo} build --release --locked -p ordo -p ordo-bench
commit="$(git rev-parse --short=7 HEAD)"
kept="perf/results/$(date -u +%Y-%m-%d)-$commit"
mkdir -p "$root/perf/results"

# Builds and earlier measurements leave a load average behind that would flag the next result.
wait_until_quiet() {
    [[ "$root" != . ]] && return
    for _ in $(seq 60); do
        awk -v cores="$(nproc)" '{ exit !($1 < cores / 5) }' /proc/loadavg && return
        sleep 5
    done
    echo "the machine does not become quiet: the result will be flagged" >&2
}

measure() { # name of the result, arguments
    local file="$root/$kept$1"
    shift
    wait_until_quiet
    "$@" >"$file.part"
    mv "$file.part" "$file"
    echo "kept $file" >&2
}

bench=(target/release/ordo-bench --seconds "$seconds")
measure .json "${bench[@]}"
measure -history-flow.json "${bench[@]}" --only history --load flow --updates "$history_updates" "${flow[@]}"
measure -history-trades.json "${bench[@]}" --only history --load trades --updates "$((history_updates / 10))"
measure -demo.txt target/release/ordo demo --exit

target/release/ordo-bench pages --root "$root" "${insert[@]}" run="$kept.json" demo="$kept-demo.txt" \
    flow="$kept-history-flow.json" trades="$kept-history-trades.json"
target/release/ordo-bench pages --root "$root"
