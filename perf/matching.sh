#!/usr/bin/env bash
# The matching core: against its naive twin over a hundred million random commands (the seed is printed; a failure names
# the one that shows it), then its speed beside matching crates of the registry, as JSON.
#   perf/matching.sh [commands, default 100000000] [messages a scenario, default 2000000]
#   ORDO_SEED=7 perf/matching.sh 2000    from that seed on
set -euo pipefail
cd "$(dirname "$0")/.."

commands=${1:-100000000}
messages=${2:-2000000}
export ORDO_SEED=${ORDO_SEED:-$(date +%s)}
echo "ORDO_SEED=$ORDO_SEED, $commands commands" >&2
ORDO_COMMANDS=$commands \
    cargo test --release --locked -p ordo-core --test venue -- --ignored --nocapture >&2
cargo test --release --locked -p ordo-bench --features peers --lib matching >&2
cargo run --release --locked -p ordo-bench --features peers -- --only matching --updates "$messages"
