//! A process without a file descriptor left: the journal goes on to its next segments, and snapshots are written. A
//! process of its own, since the limit is the process's.

use std::fs::File;
use std::io::Write as _;

use ordo_journal::{AppendError, Entry, Journal, Kind, Options, SnapshotInfo, Snapshots, verify};
use rustix::process::{Resource, Rlimit, setrlimit};

/// Takes all descriptors that the process may still open.
fn take_all() -> Vec<File> {
    let taken: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    assert!(!taken.is_empty());
    taken
}

#[test]
fn without_a_descriptor_left_segments_are_changed_and_snapshots_written() {
    let limit = Rlimit { current: Some(64), maximum: Some(64) };
    setrlimit(Resource::Nofile, limit).expect("is lowered");
    let dir = tempfile::tempdir().expect("a folder");
    let options = Options {
        segment_bytes: 256 << 10,
        tail_bytes: 256 << 10,
        body_bytes_max: 16 << 10,
        tail_dir: Some(dir.path().to_owned()),
        ..Options::new(dir.path().join("journal"))
    };
    let mut journal = Journal::open(options.clone()).expect("opens").journal;
    let snapshots = Snapshots::new(&options.dir, 2);
    let write_snapshot = |sequence: u64| {
        let info = SnapshotInfo { body_version: 1, sequence, time_ns: 0, state_hash: [0; 16], body_bytes: 0 };
        let mut writer = snapshots.write(info)?;
        writer.write_all(&[7; 10_000])?;
        writer.finish()
    };
    write_snapshot(1).expect("is written");
    let taken = take_all();
    assert!(File::open("/dev/null").is_err(), "none is left");
    for n in 1..=10_000 {
        let entry = Entry {
            kind: Kind::Update,
            rules: 1,
            flags: 0,
            feed: 1,
            identity: 1,
            position: n as i64,
            time_ns: n,
            body: &[5; 300],
        };
        while let Err(refused) = journal.append(&entry) {
            assert_eq!(refused, AppendError::Full, "{:?}", journal.storage_trouble());
            journal.poll_sync(n).expect("not poisoned");
            std::thread::yield_now();
        }
        if n % 2_000 == 0 {
            write_snapshot(n).unwrap_or_else(|error| panic!("snapshot {n}: {error}"));
        }
    }
    journal.flush().expect("is durable");
    assert_eq!(journal.check_folder(), Ok(()));
    assert!(journal.stats().segments > 8, "{:?}", journal.stats());
    drop(taken);
    journal.close().expect("closes");
    let report = verify(&options.dir).expect("is verified");
    assert!(report.is_good() && report.frames == 10_000, "{report:?}");
}
