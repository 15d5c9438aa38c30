//! The journal on a real file system, with its threads and io_uring: what a disk in memory cannot show.

use std::path::Path;

use ordo_journal::{
    AppendError, Entry, Journal, Kind, OpenError, Options, Reader, SyncMode, WritePathKind, verify,
};

fn options(dir: &Path) -> Options {
    Options {
        segment_bytes: 1 << 20,
        tail_bytes: 1 << 20,
        body_bytes_max: 64 << 10,
        tail_dir: Some(dir.to_owned()),
        ..Options::new(dir.join("journal"))
    }
}

fn append(journal: &mut Journal, from: u64, to: u64) {
    for n in from..=to {
        let body = n.to_le_bytes().repeat(40);
        let entry = Entry { kind: Kind::Update, rules: 1, flags: 0, feed: 1, identity: 1, position: n as i64, time_ns: n, body: &body };
        loop {
            match journal.append(&entry) {
                Ok(sequence) => break assert_eq!(sequence, n),
                Err(AppendError::Full) => std::thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
            journal.poll_sync(n).expect("not poisoned");
        }
        journal.poll_sync(n).expect("not poisoned");
    }
}

fn count(dir: &Path) -> u64 {
    let mut reader = Reader::open(&dir.join("journal")).expect("opens");
    let mut n = 0_u64;
    while let Some(frame) = reader.next().expect("reads") {
        n += 1;
        assert_eq!((frame.sequence, frame.body), (n, &n.to_le_bytes().repeat(40)[..]));
    }
    n
}

#[test]
fn every_write_path_writes_the_same_journal_and_comes_back_from_a_drop() {
    for write_path in [WritePathKind::Auto, WritePathKind::Thread, WritePathKind::Inline] {
        for mode in [SyncMode::Sync, SyncMode::Async] {
            let dir = tempfile::tempdir().expect("a folder");
            let options = Options { write_path, mode, ..options(dir.path()) };
            let mut journal = Journal::open(options.clone()).expect("opens").journal;
            append(&mut journal, 1, 7_000);
            drop(journal);
            let opened = Journal::open(options).expect("opens again");
            assert_eq!((opened.recovered.last_sequence, opened.recovered.cut), (7_000, None), "{write_path:?} {mode:?}");
            let mut journal = opened.journal;
            append(&mut journal, 7_001, 8_000);
            journal.close().expect("closes");
            assert_eq!(count(dir.path()), 8_000);
            let report = verify(&dir.path().join("journal")).expect("is verified");
            assert!(report.is_good(), "{report:?}");
            let left: Vec<_> = std::fs::read_dir(dir.path()).expect("lists").map(|e| e.expect("a name").file_name()).collect();
            assert_eq!(left, ["journal"], "the tail is gone");
        }
    }
}

#[test]
fn a_reader_in_another_thread_sees_a_prefix_that_grows() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut journal = Journal::open(options(dir.path())).expect("opens").journal;
    let path = dir.path().join("journal");
    let follower = std::thread::spawn(move || {
        let mut reader = Reader::open(&path).expect("opens");
        let mut n = 0_u64;
        while n < 20_000 {
            match reader.next().expect("reads") {
                Some(frame) => {
                    n += 1;
                    assert_eq!((frame.sequence, frame.body), (n, &n.to_le_bytes().repeat(40)[..]));
                }
                None => std::thread::yield_now(),
            }
        }
    });
    append(&mut journal, 1, 20_000);
    journal.flush().expect("is durable");
    follower.join().expect("the follower saw all of it");
}

#[test]
fn segments_are_never_sparse() {
    use std::os::unix::fs::MetadataExt as _;
    let dir = tempfile::tempdir().expect("a folder");
    let journal = Journal::open(options(dir.path())).expect("opens").journal;
    let meta = std::fs::metadata(dir.path().join("journal/seg-0000000000000000.ordo")).expect("is there");
    assert!(meta.blocks() * 512 >= meta.len() && meta.len() == 1 << 20);
    drop(journal);
}

#[test]
fn a_second_open_of_the_folder_is_locked() {
    let dir = tempfile::tempdir().expect("a folder");
    let journal = Journal::open(options(dir.path())).expect("opens").journal;
    assert!(matches!(Journal::open(options(dir.path())), Err(OpenError::Locked(_))));
    drop(journal);
}
