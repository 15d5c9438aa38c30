#!/usr/bin/env bash
# Tests too long for every day, that no other script here runs: a gap of a million updates resumed, connections that
# are dropped after ten seconds, transforms over thousands of random streams; and what a transform of a million orders
# costs, printed. Some minutes. With ORDO_FLOW_DIR, the tests of the whole recording too.
#   perf/long_tests.sh
set -euo pipefail
cd "$(dirname "$0")/.."

# Each by its name: a test that is gone or renamed fails the script, and is not passed over.
run() {
    local name=$1 out
    shift
    out=$(cargo test --release --locked "$@" -- --ignored --nocapture --test-threads 1 "$name" 2>&1 | tee /dev/stderr)
    grep -qE "^test .*$name.* ok$|^test result: ok\. [1-9]" <<<"$out" || { echo "not run: $name" >&2; exit 1; }
}

run a_gap_of_a_million_is_filled -p ordo-gateway --test history
run who_does_not_go_on_for_ten_seconds_is_dropped -p ordo-gateway --test protocol
run many_streams_with_transforms_keep_the_invariants -p ordo-core --lib
run cost_of_transforms_over_a_million_orders -p ordo-core --lib
if [ -n "${ORDO_FLOW_DIR:-}" ]; then
    run whole_recording -p ordo --test flow
    run whole_recording -p ordo-bench --lib
else
    echo "not run: the tests of the whole recording (ORDO_FLOW_DIR is not set)" >&2
fi
