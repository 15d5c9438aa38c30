#!/usr/bin/env bash
# Makes the numbers: figures and their floors in one run, kept under perf/results by date and commit.
#   perf/run.sh           all of it, some minutes
#   perf/run.sh --quick   under 50 seconds
# Run it on a machine that does nothing else; "load_before" in the result says how still it was.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --locked -p ordo-bench
result="perf/results/$(date -u +%Y-%m-%d)-$(git rev-parse --short HEAD).json"
target/release/ordo-bench "$@" >"$result.part"
mv "$result.part" "$result"
cat "$result"
echo "kept in $result" >&2
