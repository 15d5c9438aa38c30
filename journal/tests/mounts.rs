//! The journal on file systems made for it: full ones, ones whose disk gives up, and ones whose power is cut.
//!
//! Needs root, loop devices and `mkfs.ext4`; `perf/power_loss.sh` runs it. Without them it fails: nothing was tested.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use ordo_journal::{
    AppendError, Entry, Fate, Journal, Kind, Options, Reader, SnapshotInfo, Snapshots, SyncMode, WritePathKind, verify,
};
use tempfile::TempDir;

/// A file system of its own, taken away at the end.
struct Mount {
    at: PathBuf,
    image: Option<PathBuf>,
    _files: TempDir,
}

impl Mount {
    fn tmpfs(mebibytes: u64) -> Self {
        let files = tempfile::tempdir().expect("a folder");
        let at = files.path().join("mnt");
        std::fs::create_dir(&at).expect("is made");
        let size = format!("size={mebibytes}m");
        let is_mounted = run("mount", &["-t", "tmpfs", "-o", &size, "ordo-test", &at.to_string_lossy()]);
        assert!(is_mounted, "NOTHING TESTED: a tmpfs cannot be mounted here; are you root?");
        Self { at, image: None, _files: files }
    }

    /// ext4 in a file of that size, which is full of holes, in a folder.
    fn ext4(folder: &Path, mebibytes: u64) -> Self {
        let files = tempfile::tempdir().expect("a folder");
        let (at, image) = (files.path().join("mnt"), folder.join("ext4.img"));
        std::fs::create_dir(&at).expect("is made");
        let is_made = File::create(&image).and_then(|file| file.set_len(mebibytes << 20)).is_ok();
        let is_formatted = is_made && run("mkfs.ext4", &["-q", "-F", &image.to_string_lossy()]);
        assert!(is_formatted, "NOTHING TESTED: no file of {mebibytes} MiB, or no mkfs.ext4 here");
        let mount = Self { at, image: Some(image), _files: files };
        assert!(mount.mount(), "NOTHING TESTED: no loop device can be mounted here; are you root?");
        mount
    }

    fn mount(&self) -> bool {
        let image = self.image.as_ref().expect("only images are mounted again");
        run("mount", &["-o", "loop", &image.to_string_lossy(), &self.at.to_string_lossy()])
    }

    fn unmount(&self) -> bool {
        // Busy for a moment after a process that used it has died.
        (0..100).any(|_| {
            let is_done = run("umount", &[&self.at.to_string_lossy()]);
            if !is_done {
                std::thread::sleep(Duration::from_millis(20));
            }
            is_done
        })
    }

    /// Power off: nothing that is not on the disk gets there any more.
    fn cut_power(&self) {
        const FS_IOC_SHUTDOWN: libc::c_ulong = 0x8004_587D;
        const NOLOGFLUSH: u32 = 2;
        let folder = File::open(&self.at).expect("opens");
        let how = NOLOGFLUSH;
        // SAFETY: the descriptor is open, and the call reads four bytes from `how`, which lives through it.
        let outcome = unsafe { libc::ioctl(folder.as_raw_fd(), FS_IOC_SHUTDOWN, &how) };
        assert_eq!(outcome, 0, "{}", std::io::Error::last_os_error());
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.at).stderr(Stdio::null()).status();
    }
}

fn run(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn options(dir: &Path, tails: &Path) -> Options {
    Options {
        segment_bytes: 512 << 10,
        tail_bytes: 256 << 10,
        body_bytes_max: 32 << 10,
        tail_dir: Some(tails.to_owned()),
        ..Options::new(dir)
    }
}

fn body(n: u64) -> Vec<u8> {
    n.to_le_bytes().repeat(5 + (n % 60) as usize)
}

fn append(journal: &mut Journal, n: u64) -> Result<(), AppendError> {
    let body = body(n);
    let (feed, identity, position, time_ns) = (1, 1, n as i64, n);
    let entry = Entry { kind: Kind::Update, rules: 1, flags: 0, feed, identity, position, time_ns, body: &body };
    loop {
        match journal.append(&entry) {
            Ok(sequence) => break assert_eq!(sequence, n),
            Err(AppendError::Full) => drop(journal.poll_sync(n).map_err(AppendError::Poisoned)?),
            Err(error) => return Err(error),
        }
    }
    journal.poll_sync(n).map(drop).map_err(AppendError::Poisoned)
}

/// Whether all frames after `from` are there as they were appended; the last one.
fn read_all(dir: &Path, from: u64) -> u64 {
    let mut reader = Reader::open(dir).expect("opens");
    reader.seek(from + 1).expect("is there");
    let mut n = from;
    while let Some(frame) = reader.next().expect("reads") {
        n += 1;
        assert_eq!((frame.sequence, frame.body), (n, &body(n)[..]));
    }
    n
}

#[test]
#[ignore = "needs root: run by perf/power_loss.sh"]
fn a_full_file_system_refuses_ahead_and_goes_on_when_there_is_room() {
    let disk = tempfile::tempdir().expect("a folder");
    for (name, mount) in [("tmpfs", Mount::tmpfs(16)), ("ext4", Mount::ext4(disk.path(), 32))] {
        let tails = tempfile::tempdir().expect("a folder");
        let (dir, ballast) = (mount.at.join("journal"), mount.at.join("ballast"));
        std::fs::write(&ballast, vec![1; 4 << 20]).expect("is written");
        let options = Options { segment_bytes: 2 << 20, ..options(&dir, tails.path()) };
        let mut journal = Journal::open(options).expect("opens").journal;
        let mut n = 0;
        while !journal.is_short_of_storage() {
            n += 1;
            append(&mut journal, n).expect("there is room");
        }
        let (left, at_shortage) = (journal.bytes_left(), n);
        let snapshots = Snapshots::new(&dir, 1);
        std::fs::write(mount.at.join("rest"), vec![1; 24 << 20]).expect_err("the file system is full");
        let info = SnapshotInfo { body_version: 1, sequence: n, time_ns: 0, state_hash: [0; 16], body_bytes: 0 };
        let written = snapshots.write(info).and_then(|mut writer| {
            writer.write_all(&vec![3; 1 << 20])?;
            writer.finish()
        });
        assert!(written.is_err(), "a snapshot finds no room either");
        let refused = loop {
            match append(&mut journal, n + 1) {
                Ok(()) => n += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(refused, AppendError::StorageFull, "{name}");
        journal.flush().expect("what was taken is written");
        assert_eq!((journal.durable(), read_all(&dir, 0)), (n, n), "{name}");
        println!("{name}: short of storage at {at_shortage} with {left} bytes left, refused after {n}");
        // ext4 looks for room for some milliseconds before it says that there is none.
        assert!(left > 1 << 20, "{name}: {left}");
        let drafts =
            std::fs::read_dir(&dir).expect("lists").filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let drafts: Vec<_> = drafts.filter(|name| name.ends_with(".tmp")).collect();
        assert!(drafts.len() <= 1 && drafts.iter().all(|draft| draft.starts_with("seg-")), "{drafts:?}");
        std::fs::remove_file(mount.at.join("rest")).expect("is removed");
        std::fs::remove_file(&ballast).expect("is removed");
        let mut looks = 0;
        while journal.is_short_of_storage() {
            std::thread::sleep(Duration::from_millis(5));
            looks += 1;
            assert!(looks < 600, "{name}: three seconds without another try");
        }
        println!("{name}: on again after {} ms", looks * 5);
        for _ in 0..2_000 {
            n += 1;
            append(&mut journal, n).expect("there is room again");
        }
        journal.close().expect("closes");
        let report = verify(&dir).expect("is verified");
        assert!(report.is_good() && report.frames == n, "{name}: {report:?}");
    }
}

#[test]
#[ignore = "needs root: run by perf/power_loss.sh"]
fn a_disk_that_gives_up_below_a_mounted_file_system_takes_nothing_acknowledged() {
    // An image full of holes on a file system that runs out: ext4 believes in room that its disk cannot give.
    let below = Mount::tmpfs(12);
    let mount = Mount::ext4(&below.at, 64);
    let tails = tempfile::tempdir().expect("a folder");
    let dir = mount.at.join("journal");
    let mut journal = Journal::open(options(&dir, tails.path())).expect("opens").journal;
    let mut n = 0;
    let refused = loop {
        match append(&mut journal, n + 1) {
            Ok(()) => n += 1,
            Err(error) => break error,
        }
    };
    let is_stop = matches!(refused, AppendError::StorageFull | AppendError::Poisoned(_));
    assert!(is_stop, "{refused}");
    let (durable, is_poisoned) = (journal.durable(), journal.poisoned().is_some());
    println!("refused at {n} with {durable} durable: {refused}");
    drop(journal);
    assert!(mount.unmount());
    let larger = ["-o", "remount,size=96m", &below.at.to_string_lossy()].map(str::to_owned);
    assert!(run("mount", &larger.each_ref().map(String::as_str)) && mount.mount());
    let recovered = Journal::open(options(&dir, tails.path())).expect("opens").recovered;
    assert!(recovered.last_sequence >= durable, "{recovered:?}, poisoned: {is_poisoned}");
    assert_eq!(read_all(&dir, 0), recovered.last_sequence);
}

/// Set in the child process of the power test: its folder, and the folder of the tail.
const CHILD: &str = "ORDO_JOURNAL_POWER_TEST";
const TAILS: &str = "ORDO_JOURNAL_POWER_TAILS";
const ROUND: &str = "ORDO_JOURNAL_POWER_ROUND";
/// The child takes a snapshot every so many frames, and archives what both snapshots cover.
const SNAPSHOT_EVERY: u64 = 2_000;

/// How round n writes: each mode, each write path in turn.
fn round_options(dir: &Path, tails: &Path, round: u64) -> Options {
    let mode = [SyncMode::Sync, SyncMode::Async, SyncMode::SyncEach][(round % 3) as usize];
    let write_path = [WritePathKind::Auto, WritePathKind::Thread][(round / 3 % 2) as usize];
    let newest =
        Snapshots::new(dir, 2).newest_good_until(u64::MAX).map_or(0, |(found, _)| found.map_or(0, |s| s.info.sequence));
    Options { mode, write_path, known_durable: newest, start_from: newest, ..options(dir, tails) }
}

/// The child: appends, takes snapshots and archives for ever, and says what it was told is durable.
fn write_until_the_end(dir: &Path, tails: &Path, round: u64) -> ! {
    // The power may go while it opens.
    let Ok(opened) = Journal::open(round_options(dir, tails, round)) else { std::process::exit(74) };
    let (mut journal, mut n) = (opened.journal, opened.recovered.last_sequence);
    let archiver = journal.archiver();
    let snapshots = Snapshots::new(dir, 2);
    let mut out = std::io::stdout();
    loop {
        n += 1;
        if append(&mut journal, n).is_err() {
            std::process::exit(74);
        }
        if n.is_multiple_of(16) && out.write_all(format!("durable {}\n", journal.durable()).as_bytes()).is_err() {
            std::process::exit(1);
        }
        if n.is_multiple_of(SNAPSHOT_EVERY) {
            let sequence = journal.durable();
            let info = SnapshotInfo { body_version: 1, sequence, time_ns: 0, state_hash: [0; 16], body_bytes: 0 };
            let written = snapshots.write(info).and_then(|mut writer| {
                writer.write_all(&body(sequence).repeat(100))?;
                writer.finish()
            });
            let oldest = snapshots.sequences().ok().and_then(|sequences| sequences.last().copied());
            if written.is_err() || archiver.archive(oldest.unwrap_or(0), &Fate::Remove).is_err() {
                std::process::exit(74);
            }
        }
    }
}

#[test]
#[ignore = "needs root: run by perf/power_loss.sh"]
fn power_lost_while_writing_takes_nothing_that_was_durable() {
    let variable = |name| std::env::var(name).ok();
    if let (Some(dir), Some(tails), Some(round)) = (variable(CHILD), variable(TAILS), variable(ROUND)) {
        write_until_the_end(Path::new(&dir), Path::new(&tails), round.parse().expect("a number"));
    }
    let cycles: u64 = variable("ORDO_POWER_LOSS_CYCLES").map_or(10, |cycles| cycles.parse().expect("a number"));
    let mut seed: u64 = variable("ORDO_SEED").map_or(0x5eed, |seed| seed.parse().expect("a number"));
    println!("{cycles} cycles, seed {seed}");
    let disk = tempfile::tempdir().expect("a folder");
    let mount = Mount::ext4(disk.path(), 64);
    let dir = mount.at.join("journal");
    let (mut last, mut acknowledged, mut cut, mut stopped) = (0, 0, 0, 0);
    for round in 0..cycles {
        let tails = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(std::env::current_exe().expect("this test"));
        command.args([
            "--exact",
            "power_lost_while_writing_takes_nothing_that_was_durable",
            "--ignored",
            "--nocapture",
        ]);
        command.env(CHILD, &dir).env(TAILS, tails.path()).env(ROUND, round.to_string());
        let mut child = command.stdout(Stdio::piped()).spawn().expect("starts");
        let pipe = child.stdout.take().expect("a pipe");
        let listener = std::thread::spawn(move || {
            let said = |line: String| line.strip_prefix("durable ")?.parse::<u64>().ok();
            BufReader::new(pipe).lines().map_while(Result::ok).filter_map(said).last().unwrap_or(0)
        });
        seed = seed.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        std::thread::sleep(Duration::from_micros(20_000 + (seed >> 33) % 250_000));
        mount.cut_power();
        // It stops by itself at its next write; one that rests is killed.
        let ended = (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(5));
            child.try_wait().expect("waits").is_some()
        });
        if !ended {
            child.kill().expect("is killed");
        }
        let status = child.wait().expect("ends");
        stopped += u64::from(status.code() == Some(74));
        let said = listener.join().expect("listens");
        assert!(mount.unmount() && mount.mount(), "round {round}");
        // The tail was memory: it is gone, and a new folder takes the next one.
        let tails = tempfile::tempdir().expect("a folder");
        let opened = Journal::open(round_options(&dir, tails.path(), round));
        let recovered = opened.unwrap_or_else(|error| panic!("round {round}: {error}")).recovered;
        let is_kept = recovered.last_sequence >= said && recovered.last_sequence >= last;
        assert!(is_kept, "round {round}: {said} were durable, {last} before: {recovered:?}");
        assert_eq!(read_all(&dir, recovered.begins_after), recovered.last_sequence, "round {round}");
        let report = verify(&dir).expect("is verified");
        assert!(report.is_good(), "round {round}: {report:?}");
        acknowledged += said.saturating_sub(last);
        cut += u64::from(recovered.cut.is_some());
        last = recovered.last_sequence;
    }
    println!(
        "{acknowledged} frames said to be durable, {last} recovered, {cut} torn ends, {stopped} stops by themselves"
    );
    assert!(acknowledged > 0, "NOTHING TESTED: no frame was durable before the power went, in any of {cycles} cycles");
    assert!(mount.unmount());
}
