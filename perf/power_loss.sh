#!/bin/sh
# Power lost under a writing journal, again and again; full file systems; a disk that gives up below one.
#
#   perf/power_loss.sh [CYCLES]        as root; default 50 cycles of power loss, about a third of a second each
#
# ext4 on a loop device is shut down without flushing its log (FS_IOC_SHUTDOWN, NOLOGFLUSH) while a process writes,
# takes snapshots and archives; then it is mounted again, recovered, read and verified: every frame reported as durable
# must be there. ORDO_SEED chooses the moments. Fails where it cannot test: not root, no loop device, no mkfs.ext4.
set -eu
cd "$(dirname "$0")/.."
. perf/expect_tests.sh
ORDO_POWER_LOSS_CYCLES=${1:-50} expect_tests 3 -p ordo-journal --test mounts
