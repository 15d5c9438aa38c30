//! The keeper's snapshots: made while the hub runs, bounded, and good to start from.

use crate::heard::*;
use crate::support::*;

#[test]
fn snapshots_are_made_while_the_hub_runs_and_a_start_goes_on_from_the_newest() {
    let mut rig = Rig::start_with(|config| config.snapshot_every_updates = 100);
    Recording::make(&rig, 41, 500);
    wait_for_snapshots(&rig, 2);
    let live = rig.stop();
    let from_snapshot = rig.replay(true);
    assert_eq!(from_snapshot.updates(), 0, "the last one is of where it stopped");
    assert_eq!(rig.replay(false).engine().image(), from_snapshot.engine().image());
    // The one of the stop taken away: those made on the way serve as well.
    let mut files = snapshot_files(&rig);
    files.sort();
    std::fs::remove_file(files.pop().expect("some")).expect("it can be removed");
    let from_before = rig.replay(true);
    assert!(from_before.updates() > 0 && from_before.updates() < rig.replay(false).updates());
    assert_eq!(from_before.engine().state_hash(), live.state_hash);
    assert_eq!(from_before.engine().events_hash(), live.events_hash);
}

#[test]
fn no_more_snapshots_are_kept_than_may_be() {
    let mut rig = Rig::start_with(|config| {
        config.snapshot_every_updates = 20;
        config.snapshots_max = 4;
    });
    let mut listener = listener(&rig);
    let mut recording = Recording { told: Vec::new() };
    for round in 0..6 {
        recording.go_on(&rig, &mut listener, 50 + round, 100);
        wait_for_snapshots(&rig, 1);
    }
    drop(listener);
    rig.stop();
    let files = snapshot_files(&rig).len();
    assert!((2..=4).contains(&files), "{files} are kept");
    rig.start_again();
    let times = times(&recording.told);
    for time_ns in [times[0], times[times.len() / 3], times[times.len() - 1]] {
        let asked = State::asked(&rig, &format!("?asAt={}", iso(time_ns)));
        asked.assert_same(&recording.state_at(time_ns), &iso(time_ns));
    }
}
