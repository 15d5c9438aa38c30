//! The journal on a real file system, with its threads and io_uring: what a disk in memory cannot show.

use std::path::Path;

use ordo_journal::{
    AppendError, Entry, Fate, Journal, Kind, OpenError, Options, Reader, SnapshotInfo, Snapshots, SyncMode,
    WritePathKind, verify,
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
        let entry = Entry {
            kind: Kind::Update,
            rules: 1,
            flags: 0,
            feed: 1,
            identity: 1,
            position: n as i64,
            time_ns: n,
            body: &body,
        };
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
            assert_eq!(
                (opened.recovered.last_sequence, opened.recovered.cut),
                (7_000, None),
                "{write_path:?} {mode:?}"
            );
            let mut journal = opened.journal;
            append(&mut journal, 7_001, 8_000);
            journal.close().expect("closes");
            assert_eq!(count(dir.path()), 8_000);
            let report = verify(&dir.path().join("journal")).expect("is verified");
            assert!(report.is_good(), "{report:?}");
            let left: Vec<_> =
                std::fs::read_dir(dir.path()).expect("lists").map(|e| e.expect("a name").file_name()).collect();
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
fn neither_segments_nor_the_tail_are_ever_sparse() {
    use std::os::unix::fs::MetadataExt as _;
    let dir = tempfile::tempdir().expect("a folder");
    let mut journal = Journal::open(options(dir.path())).expect("opens").journal;
    append(&mut journal, 1, 8_000);
    journal.flush().expect("is durable");
    let files = |dir: &Path| -> Vec<_> {
        let entries = std::fs::read_dir(dir).expect("lists").map(|entry| entry.expect("a name").path());
        entries.filter(|path| path.extension().is_some_and(|ext| ext == "ordo" || ext == "tail")).collect()
    };
    let (segments, tails) = (files(&dir.path().join("journal")), files(dir.path()));
    assert!(segments.len() >= 3 && tails.len() == 1);
    for path in segments.iter().chain(&tails) {
        let meta = std::fs::metadata(path).expect("is there");
        assert!(meta.blocks() * 512 >= meta.len(), "{}: {meta:?}", path.display());
        assert!(meta.len() >= 1 << 20);
    }
}

#[test]
fn segments_move_to_another_file_system_while_frames_come_in() {
    let dir = tempfile::tempdir().expect("a folder");
    let memory = Path::new("/dev/shm");
    let elsewhere =
        if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.expect("a folder elsewhere");
    let mut journal = Journal::open(options(dir.path())).expect("opens").journal;
    append(&mut journal, 1, 9_000);
    journal.flush().expect("is durable");
    let archiver = journal.archiver();
    let fate = Fate::MoveTo(elsewhere.path().join("archive"));
    let thread = std::thread::spawn(move || archiver.archive(6_000, &fate).expect("archives"));
    append(&mut journal, 9_001, 14_000);
    let archived = thread.join().expect("no panic");
    assert!(archived.segments >= 2 && archived.begins_after < 6_000, "{archived:?}");
    journal.close().expect("closes");
    let moved = verify(&elsewhere.path().join("archive")).expect("is verified");
    assert!(moved.is_good() && moved.last.is_some_and(|(last, _)| last == archived.begins_after), "{moved:?}");
    let options = Options { start_from: 6_000, ..options(dir.path()) };
    let recovered = Journal::open(options).expect("opens").recovered;
    assert_eq!((recovered.last_sequence, recovered.begins_after), (14_000, archived.begins_after));
    let rest = verify(&dir.path().join("journal")).expect("is verified");
    assert!(rest.is_good() && rest.frames == 14_000 - archived.begins_after, "{rest:?}");
}

#[test]
fn snapshots_are_written_past_the_page_cache_and_read_back() {
    use std::io::{Read as _, Write as _};
    let dir = tempfile::tempdir().expect("a folder");
    let snapshots = Snapshots::new(dir.path(), 2);
    for (sequence, len) in [(1, 0), (2, 5_000), (3, 700_001)] {
        let info = SnapshotInfo { body_version: 1, sequence, time_ns: 2, state_hash: [3; 16], body_bytes: 0 };
        let body: Vec<u8> = (0..len).map(|n| n as u8).collect();
        let mut writer = snapshots.write(info).expect("starts");
        writer.write_all(&body).expect("writes");
        writer.finish().expect("finishes");
        let (found, skipped) = snapshots.newest_good_until(u64::MAX).expect("looks");
        let mut found = found.expect("is there");
        let mut read = Vec::new();
        found.read_to_end(&mut read).expect("reads");
        assert_eq!((found.info.sequence, read == body, skipped.len()), (sequence, true, 0));
    }
    assert_eq!(snapshots.sequences().expect("lists"), [3, 2]);
}

#[test]
fn a_second_open_of_the_folder_is_locked() {
    let dir = tempfile::tempdir().expect("a folder");
    let journal = Journal::open(options(dir.path())).expect("opens").journal;
    assert!(matches!(Journal::open(options(dir.path())), Err(OpenError::Locked(_))));
    drop(journal);
}

/// Set in the child process of the kill test: its folder.
const CHILD: &str = "ORDO_JOURNAL_KILL_TEST";

/// The child: appends for ever, and says what it was told is written and durable.
fn run_child(dir: &Path, mode: SyncMode) -> ! {
    use std::io::Write as _;
    let opened = Journal::open(Options { mode, ..options(dir) }).expect("opens");
    let (mut journal, mut n) = (opened.journal, opened.recovered.last_sequence);
    loop {
        append(&mut journal, n + 1, n + 40);
        n += 40;
        let line = format!("{} {}\n", journal.written(), journal.durable());
        std::io::stdout().write_all(line.as_bytes()).expect("the parent reads");
    }
}

#[test]
fn kill_9_at_any_moment_loses_nothing_that_was_appended() {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};
    if let Some(dir) = std::env::var_os(CHILD) {
        let mode = if std::env::var_os("ORDO_JOURNAL_ASYNC").is_some() { SyncMode::Async } else { SyncMode::Sync };
        run_child(Path::new(&dir), mode);
    }
    for mode in [SyncMode::Async, SyncMode::Sync] {
        let dir = tempfile::tempdir().expect("a folder");
        let mut last = 0;
        for round in 0..12 {
            let mut command = Command::new(std::env::current_exe().expect("this test"));
            command.args(["--exact", "kill_9_at_any_moment_loses_nothing_that_was_appended", "--nocapture"]);
            command.env(CHILD, dir.path()).stdout(Stdio::piped());
            if mode == SyncMode::Async {
                command.env("ORDO_JOURNAL_ASYNC", "1");
            }
            let mut child = command.spawn().expect("starts");
            let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
            let mut said = 0;
            for (seen, line) in lines.enumerate() {
                let line = line.expect("reads");
                if let Some((written, _)) = line.split_once(' ')
                    && let Ok(written) = written.parse::<u64>()
                {
                    said = written;
                }
                if seen == 3 + round * 17 {
                    child.kill().expect("is killed");
                }
            }
            child.wait().expect("ends");
            let opened = Journal::open(Options { mode, ..options(dir.path()) }).expect("opens");
            let recovered = opened.recovered.last_sequence;
            assert!(recovered >= said && said > last, "round {round}: {recovered} of {said}");
            assert_eq!(opened.recovered.cut, None);
            last = recovered;
            drop(opened);
        }
        assert_eq!(count(dir.path()), last);
    }
}
