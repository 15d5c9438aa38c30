#!/usr/bin/env bash
# What the past costs: starts with and without snapshots, asAt cold and cached, memory, bytes an update, and the latency
# of the present while the past is asked for. Kept under perf/results by date and commit.
#   perf/history.sh            20 M updates, some ten minutes
#   perf/history.sh 2000000    fewer
# The updates are the trades of bench/src/load.rs, completed orders removed.
set -euo pipefail
cd "$(dirname "$0")/.."

updates="${1:-20000000}"
cargo build --release --locked -p ordo-bench
result="perf/results/$(date -u +%Y-%m-%d)-$(git rev-parse --short HEAD)-history.json"
target/release/ordo-bench --only history --updates "$updates" >"$result.part"
mv "$result.part" "$result"
cat "$result"
echo "kept in $result" >&2
