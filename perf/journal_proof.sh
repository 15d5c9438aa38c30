#!/bin/sh
# The journal's exhaustive tests that are too long for every day: every single bit of a small journal turned over,
# for recovery and for `journal verify`. Some minutes; no root needed.
set -eu
cd "$(dirname "$0")/.."
exec ${CARGO:-cargo} test --locked -p ordo-journal --lib -- --ignored --nocapture --test-threads 1
