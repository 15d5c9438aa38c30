//! The keeper's snapshots: made while the hub runs, bounded, and good to start from.

use std::io::Write as _;
use std::time::{Duration, Instant};

use ordo_journal::{SnapshotInfo, Snapshots};

use crate::heard::*;
use ordo_testkit::hub::*;

fn snapshots(rig: &Rig) -> Snapshots {
    Snapshots::new(&rig.data(), usize::MAX)
}

/// Sequences, newest first.
fn sequences(rig: &Rig) -> Vec<u64> {
    snapshots(rig).sequences().expect("the folder can be listed")
}

/// What those snapshots say of themselves that are whole; one that is taken away meanwhile is none.
fn whole(rig: &Rig) -> Vec<SnapshotInfo> {
    sequences(rig).into_iter().filter_map(|at| snapshots(rig).load(at).ok()).map(|(info, _)| info).collect()
}

fn path_of(rig: &Rig, sequence: u64) -> std::path::PathBuf {
    rig.data().join(format!("snap-{sequence:020}.ordo"))
}

fn damage(rig: &Rig, sequence: u64, at: usize) {
    let path = path_of(rig, sequence);
    let mut bytes = std::fs::read(&path).expect("it can be read");
    bytes[at] ^= 1;
    std::fs::write(path, bytes).expect("it can be written");
}

#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A record of 600 updates with snapshots on the way, its hub stopped.
fn recorded(seed: u64) -> (Rig, Recording) {
    let mut rig = Rig::start_with(|config| config.snapshot_every_updates = 100);
    let recording = Recording::make(&rig, seed, 600);
    wait_for_snapshots(&rig, 3);
    rig.stop();
    (rig, recording)
}

#[test]
fn the_keeper_replaces_snapshots_whose_bodies_turn_out_to_be_damaged() {
    const IN_THE_BODY: usize = 4096 + 700;
    let (mut rig, recording) = recorded(43);
    let before = sequences(&rig);
    before[1..].iter().for_each(|at| damage(&rig, *at, IN_THE_BODY));
    rig.start_again();
    // Nobody knows before they are needed: here all but the newest are tried, one after another.
    let time_ns = times(&recording.told).last().expect("some") - 1;
    State::asked(&rig, &format!("?asAt={}", iso(time_ns))).assert_same(&recording.state_at(time_ns), "from the record");
    wait_until("what is damaged stays, or leaves a gap", || {
        let whole = whole(&rig);
        let gaps =
            whole.iter().map(|info| info.sequence).zip(whole.iter().skip(1).map(|info| info.sequence).chain([0]));
        whole.len() == sequences(&rig).len() && gaps.into_iter().all(|(after, before)| after - before <= 200)
    });
    let time_ns = times(&recording.told)[300];
    State::asked(&rig, &format!("?asAt={}", iso(time_ns))).assert_same(&recording.state_at(time_ns), "from new ones");
}

#[test]
fn the_keeper_replaces_snapshots_of_another_version_and_takes_damaged_headers_away() {
    let (mut rig, recording) = recorded(44);
    let of_now = whole(&rig)[0].body_version;
    // The version before this one is still read; the one before that is not.
    for at in sequences(&rig) {
        let (info, body) = snapshots(&rig).load(at).expect("it is whole");
        let older = SnapshotInfo { body_version: of_now - 2, ..info };
        let mut writer = snapshots(&rig).write(older).expect("it can be written");
        writer.write_all(&body).expect("it is written");
        writer.finish().expect("it takes the other's place");
    }
    damage(&rig, sequences(&rig)[1], 20);
    assert_eq!(rig.replay(true).updates(), rig.replay(false).updates(), "none of them can be used");
    rig.start_again();
    wait_until("old ones stay, or are not replaced", || {
        let whole = whole(&rig);
        whole.len() >= 3 && whole.len() == sequences(&rig).len() && whole.iter().all(|it| it.body_version == of_now)
    });
    let time_ns = times(&recording.told)[300];
    State::asked(&rig, &format!("?asAt={}", iso(time_ns))).assert_same(&recording.state_at(time_ns), "from new ones");
    rig.drop_hub();
    assert_eq!(rig.replay(true).engine().image(), rig.replay(false).engine().image());
}

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
    for round in 1..=6 {
        recording.go_on(&rig, &mut listener, 50 + round, 100);
        // No stop takes any away: the keeper does, once it has made those that are due.
        wait_until("the keeper makes none, or takes none away", || {
            let sequences = sequences(&rig);
            sequences.first().is_some_and(|newest| *newest > 60 * round) && (2..=4).contains(&sequences.len())
        });
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
