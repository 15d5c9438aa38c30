#!/usr/bin/env bash
# The codecs on millions of random, broken and hostile messages, in release: three binary readers against each other
# and JSON in every spelling. Each run begins at another seed, printed; a failure names the seed that shows it.
#   perf/codec_fuzz.sh [millions, default 5]
#   ORDO_SEED=7 perf/codec_fuzz.sh 1    from that seed on
set -euo pipefail
cd "$(dirname "$0")/.."

millions=${1:-5}
export ORDO_SEED=${ORDO_SEED:-$(date +%s%N)}
echo "ORDO_SEED=$ORDO_SEED, $millions million messages"
ORDO_CASES=$((millions * 1000000)) \
    cargo test --release --locked -p ordo-core --test wire_three_readers -- --nocapture
# Each of these is a message, its text and a tree: a tenth as many take as long.
ORDO_CASES=$((millions * 100000)) \
    cargo test --release --locked -p ordo-core --test json_spellings --test codec_memory -- --nocapture
