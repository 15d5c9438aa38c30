//! The journal on a real file system, with its threads and io_uring: what a disk in memory cannot show.

use std::path::{Path, PathBuf};

use ordo_journal::{
    AppendError, ArchiveError, DurabilityProof, Entry, Fate, Field, FolderLost, Journal, Kind, OpenError, Options,
    Poisoned, Reader, SnapshotInfo, Snapshots, SyncMode, WritePathKind, segments, verify,
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

fn entry(n: u64, body: &[u8]) -> Entry<'_> {
    Entry { kind: Kind::Update, rules: 1, flags: 0, feed: 1, identity: 1, position: n as i64, time_ns: n, body }
}

fn append(journal: &mut Journal, from: u64, to: u64) {
    for n in from..=to {
        let body = n.to_le_bytes().repeat(40);
        let entry = entry(n, &body);
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

/// Names in a folder, in order.
fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).expect("lists");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("a name").file_name().into_string().expect("UTF-8")).collect();
    names.sort();
    names
}

#[test]
fn a_folder_renamed_under_a_journal_and_another_in_its_place_share_nothing() {
    for write_path in [WritePathKind::Auto, WritePathKind::Thread] {
        let dir = tempfile::tempdir().expect("a folder");
        let (old, new) = (dir.path().join("journal"), dir.path().join("moved"));
        let options = Options { write_path, ..options(dir.path()) };
        let mut journal = Journal::open(options.clone()).expect("opens").journal;
        let snapshots = Snapshots::new(&old, 2);
        assert_eq!(snapshots.sequences().expect("lists"), []);
        append(&mut journal, 1, 100);
        journal.flush().expect("is durable");
        std::fs::rename(&old, &new).expect("is renamed");
        let mut second = Journal::open(options).expect("another journal opens").journal;
        append(&mut second, 1, 50);
        // Segments, a snapshot: until a look finds it all goes to the folder that was opened.
        for n in 101..=9_000 {
            let entry = entry(n, b"and on");
            while journal.append(&entry) == Err(AppendError::Full) && journal.poll_sync(n).is_ok() {}
        }
        let info = SnapshotInfo { body_version: 1, sequence: 50, time_ns: 0, state_hash: [0; 16], body_bytes: 0 };
        snapshots.write(info).and_then(|writer| writer.finish()).expect("is written");
        assert_eq!(journal.check_folder(), Err(Poisoned::Folder(FolderLost::Moved)), "{write_path:?}");
        assert!(matches!(journal.append(&entry(1, b"x")), Err(AppendError::Poisoned(_))));
        assert!(journal.close().is_err());
        append(&mut second, 51, 7_000);
        assert_eq!(second.check_folder(), Ok(()));
        second.close().expect("closes");
        assert_eq!(count(dir.path()), 7_000);
        let (ours, theirs) = (verify(&new).expect("is verified"), verify(&old).expect("is verified"));
        assert!(theirs.is_good() && theirs.frames == 7_000, "{theirs:?}");
        assert!(ours.bad.is_none() && ours.frames >= 100 && ours.journal != theirs.journal, "{ours:?}");
        assert!(names(&new).iter().any(|name| name.starts_with("snap-")));
        assert!(!names(&old).iter().any(|name| name.starts_with("snap-")));
    }
}

#[test]
fn a_removed_folder_is_noticed_by_the_thread_that_looks_and_by_close() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut journal = Journal::open(options(dir.path())).expect("opens").journal;
    append(&mut journal, 1, 100);
    std::fs::remove_dir_all(dir.path().join("journal")).expect("is removed");
    let mut looks = 0;
    while journal.poll_sync(0).is_ok() {
        std::thread::sleep(std::time::Duration::from_millis(10));
        looks += 1;
        assert!(looks < 6_000, "a minute without a look");
    }
    assert_eq!(journal.poisoned(), Some(Poisoned::Folder(FolderLost::Moved)));
    let mut journal = Journal::open(options(dir.path())).expect("opens").journal;
    append(&mut journal, 1, 100);
    std::fs::remove_dir_all(dir.path().join("journal")).expect("is removed");
    assert_eq!(journal.close(), Err(Poisoned::Folder(FolderLost::Moved)));
}

#[test]
fn a_second_open_is_refused_after_the_lock_file_was_removed() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut journal = Journal::open(options(dir.path())).expect("opens").journal;
    append(&mut journal, 1, 10);
    for _ in 0..2 {
        std::fs::remove_file(dir.path().join("journal/LOCK")).expect("is removed");
        assert!(matches!(Journal::open(options(dir.path())), Err(OpenError::Locked(_))));
        assert_eq!(journal.check_folder(), Ok(()));
    }
    append(&mut journal, 11, 20);
    journal.close().expect("closes");
    assert_eq!(count(dir.path()), 20);
}

#[test]
fn a_pipe_or_a_device_in_place_of_a_file_hangs_nobody() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let make = |what: &str, path: &Path| match what {
        "a pipe" => mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("is made"),
        _ => std::os::unix::fs::symlink("/dev/urandom", path).expect("is made"),
    };
    for name in
        ["seg-0000000000000000.ordo", "seg-0000000000000001.ordo", "begin.ordo", "snap-00000000000000000010.ordo"]
    {
        for what in ["a pipe", "a device"] {
            let dir = tempfile::tempdir().expect("a folder");
            let mut journal = Journal::open(options(dir.path())).expect("opens").journal;
            append(&mut journal, 1, 4_000);
            drop(journal);
            let folder = dir.path().join("journal");
            let _ = std::fs::remove_file(folder.join(name));
            make(what, &folder.join(name));
            let is_snapshot = name.starts_with("snap");
            assert_eq!(verify(&folder).is_ok_and(|report| report.is_good()), is_snapshot, "verify: {name} is {what}");
            let read_all = || -> Result<u64, ordo_journal::ReadError> {
                let mut reader = Reader::open(&folder)?;
                while reader.next()?.is_some() {}
                Ok(reader.sequence())
            };
            assert_eq!(read_all().is_ok(), is_snapshot, "reader: {name} is {what}");
            assert_eq!(segments(&folder).is_ok(), is_snapshot, "segments: {name} is {what}");
            let (found, skipped) = Snapshots::new(&folder, 2).newest_good_until(u64::MAX).expect("looks");
            assert_eq!((found.is_none(), skipped.len()), (true, usize::from(is_snapshot)));
            // The tail too; it is passed over, and another takes its place.
            let tails = std::fs::read_dir(dir.path()).expect("lists").map(|entry| entry.expect("a name").path());
            for tail in tails.filter(|path| path.extension().is_some_and(|extension| extension == "tail")) {
                std::fs::remove_file(&tail).expect("is removed");
                make(what, &tail);
            }
            assert_eq!(Journal::open(options(dir.path())).is_ok(), is_snapshot, "open: {name} is {what}");
        }
    }
}

#[test]
fn eight_gibibytes_of_nothing_behind_a_segment_are_damage_and_not_read() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut journal = Journal::open(options(dir.path())).expect("opens").journal;
    append(&mut journal, 1, 7_000);
    journal.close().expect("closes");
    let folder = dir.path().join("journal");
    let name = "seg-0000000000000001.ordo";
    let file = std::fs::OpenOptions::new().write(true).open(folder.join(name)).expect("opens");
    file.set_len(8 << 30).expect("is made longer");
    let report = verify(&folder).expect("is verified");
    let bad = report.bad.expect("it is seen");
    assert_eq!((&*bad.file, bad.place.offset, bad.place.field), (name, 1 << 20, Field::Size));
    assert_eq!(report.frames, 7_000);
    assert_eq!(count(dir.path()), 7_000);
}

/// Whether a journal opens with a folder to archive to; what was refused.
fn open_with_archive(dir: &Path, archive: PathBuf) -> Result<Journal, ArchiveError> {
    match Journal::open(Options { archive_dir: Some(archive), start_from: u64::MAX, ..options(dir) }) {
        Ok(opened) => Ok(opened.journal),
        Err(OpenError::Archive { source, .. }) => Err(source),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn an_archive_that_cannot_take_the_segments_is_refused_at_the_start() {
    let (dir, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let archive = dir.path().join("archive");
    for home in [&dir, &other] {
        let mut journal = open_with_archive(home.path(), archive.clone()).expect("it is not there yet");
        append(&mut journal, 1, 7_000);
        journal.flush().expect("is durable");
        if home.path() == dir.path() {
            journal.archive(5_000, &Fate::MoveTo(archive.clone())).expect("archives");
            drop(journal);
            drop(open_with_archive(home.path(), archive.clone()).expect("it is this journal's"));
            std::fs::rename(&archive, dir.path().join("aside")).expect("is renamed");
        }
    }
    std::fs::rename(dir.path().join("aside"), &archive).expect("is renamed");
    let refused = open_with_archive(other.path(), archive).err().expect("it is another's");
    assert!(
        matches!(&refused, ArchiveError::AnotherJournal { name } if name == "seg-0000000000000000.ordo"),
        "{refused}"
    );
    let file = dir.path().join("file");
    std::fs::write(&file, b"").expect("is written");
    assert!(matches!(open_with_archive(other.path(), file), Err(ArchiveError::NotAFolder)));
    assert!(matches!(open_with_archive(other.path(), other.path().join("journal")), Err(ArchiveError::Own)));
}

#[test]
fn a_journal_in_memory_is_not_proven_to_be_durable() {
    let memory = Path::new("/dev/shm");
    if !memory.is_dir() {
        return eprintln!("no memory file system here");
    }
    let dir = tempfile::tempdir_in(memory).expect("a folder");
    let journal = Journal::open(options(dir.path())).expect("opens").journal;
    assert_eq!(journal.durability_proof(), DurabilityProof::Unproven("tmpfs"));
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
