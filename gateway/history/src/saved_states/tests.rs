use std::borrow::Cow;

use ordo_core::outcome::{Outcome, Stamp};
use ordo_core::record::Step;
use tempfile::TempDir;

use super::*;

/// An engine that stands at a sequence.
fn engine(sequence: u64) -> Engine {
    let mut engine = Engine::new(0);
    let settings = engine.settings().clone();
    let stamp = Stamp { sequence, time_ns: sequence * 10, ..Stamp::default() };
    let settings = Step::Settings { stamp, settings: Cow::Owned(settings) };
    engine.apply(settings, &mut Outcome::with_room());
    engine
}

fn saved(sequences: &[u64]) -> (TempDir, SavedStates) {
    let folder = TempDir::new().unwrap();
    let saved = SavedStates::of(folder.path());
    sequences.iter().for_each(|sequence| saved.save(&engine(*sequence)).unwrap());
    (folder, saved)
}

/// Puts a snapshot in place of another that says something else of itself.
fn say(saved: &SavedStates, sequence: u64, change: impl FnOnce(&mut SnapshotInfo)) {
    let (mut info, body) = saved.snapshots.load(sequence).unwrap();
    change(&mut info);
    let mut writer = saved.snapshots.write(info).unwrap();
    writer.write_all(&body).unwrap();
    writer.finish().unwrap();
}

fn newest(saved: &SavedStates) -> Option<u64> {
    saved.newest(u64::MAX).unwrap().map(|engine| engine.sequence())
}

fn passed_over(saved: &SavedStates) -> u64 {
    saved.passed_over.load(Ordering::Relaxed)
}

#[test]
fn positions_come_back_and_what_follows_is_left() {
    let positions = Positions::from([("f".into(), 7), ("oms".into(), i64::MAX)]);
    let mut body = encoded(&positions);
    assert!((0..body.len()).all(|len| split(&body[..len]).is_none()));
    body.extend_from_slice(b"image");
    assert_eq!(split(&body), Some((positions, &b"image"[..])));
}

#[test]
fn a_snapshot_that_says_of_itself_what_it_does_not_hold_is_passed_over() {
    let changes: [fn(&mut SnapshotInfo); 2] = [|info| info.time_ns += 1, |info| info.state_hash[0] ^= 1];
    for change in changes {
        let (_folder, saved) = saved(&[5, 9]);
        say(&saved, 9, change);
        assert_eq!((newest(&saved), passed_over(&saved)), (Some(5), 1));
    }
}

#[test]
fn one_of_another_version_is_judged_by_its_header_alone() {
    let (folder, of_before) = saved(&[5, 9]);
    say(&of_before, 9, |info| info.body_version = BODY_VERSION_OLDEST - 1);
    let saved = SavedStates::of(folder.path());
    assert_eq!(saved.infos().unwrap().iter().map(|info| info.sequence).collect::<Vec<_>>(), [5]);
    assert_eq!((passed_over(&saved), newest(&saved)), (1, Some(5)));
}

#[test]
fn what_is_of_no_use_is_said_once_stays_until_it_is_discarded_and_makes_room_for_a_good_one() {
    let (folder, of_before) = saved(&[5, 9, 12]);
    say(&of_before, 9, |info| info.time_ns += 1);
    let path = folder.path().join("snap-00000000000000000012.ordo");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[20] ^= 1;
    std::fs::write(path, bytes).unwrap();
    let saved = SavedStates::of(folder.path());
    for _ in 0..3 {
        assert_eq!((newest(&saved), passed_over(&saved)), (Some(5), 2));
    }
    assert_eq!(saved.snapshots.sequences().unwrap(), [12, 9, 5], "a reader takes nothing away");
    saved.save(&engine(9)).unwrap();
    assert_eq!(newest(&saved), Some(9), "a good one in its place");
    saved.discard(usize::MAX).unwrap();
    assert_eq!(saved.snapshots.sequences().unwrap(), [9, 5]);
    saved.save(&engine(12)).unwrap();
    assert_eq!((newest(&saved), passed_over(&saved)), (Some(12), 2));
}

#[test]
fn what_cannot_be_read_is_said_once_and_may_be_good_later() {
    let (folder, saved) = saved(&[5]);
    std::fs::create_dir(folder.path().join("snap-00000000000000000009.ordo")).unwrap();
    for _ in 0..3 {
        assert_eq!((newest(&saved), passed_over(&saved)), (Some(5), 1));
    }
    saved.discard(usize::MAX).unwrap();
    assert_eq!(saved.snapshots.sequences().unwrap(), [9, 5]);
}

#[test]
fn a_snapshot_finished_or_taken_away_while_one_is_looked_for_is_no_damage() {
    const ROUNDS: u64 = 60;
    let (_folder, saved) = saved(&[1]);
    let keep = Retention { count: 2, bytes: u64::MAX };
    std::thread::scope(|scope| {
        let snapshotter = scope.spawn(|| {
            for sequence in 2..ROUNDS {
                saved.save(&engine(sequence)).unwrap();
                saved.thin(keep).unwrap();
            }
        });
        while !snapshotter.is_finished() {
            newest(&saved);
        }
    });
    assert_eq!(passed_over(&saved), 0);
    assert_eq!(newest(&saved), Some(ROUNDS - 1));
}
