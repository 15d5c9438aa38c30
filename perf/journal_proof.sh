#!/bin/sh
# The journal's exhaustive tests that are too long for every day: every single bit of a small journal turned over,
# for recovery and for `journal verify`. Some minutes; no root needed. Fails if a test did not run.
set -eu
cd "$(dirname "$0")/.."
. perf/expect_tests.sh
expect_tests 3 -p ordo-journal --lib
