#!/usr/bin/env bash
# Kills `ordo serve` with -9 again and again under load, in sync and in async; checks after each start that every
# acknowledged update is there, and at the end that the state equals that of a hub without kills.
#   perf/kills.sh [KILLS] [SEED]     200 kills of each mode take some minutes
set -euo pipefail
cd "$(dirname "$0")/.."

ORDO_KILLS="${1:-200}" ORDO_SEED="${2:-$RANDOM}" \
    cargo test --locked -p ordo --test kill -- --ignored --nocapture many_kills
