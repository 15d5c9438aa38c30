//! `ordo backup` and `ordo restore`: what comes back is what was there, whatever went on meanwhile.

mod support;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ordo_client::{Adapter, rest};
use ordo_core::json::message;
use ordo_core::proto::{CashPosition, ExternalAction, OrderUpdateReason, Side};
use ordo_gateway::hub::Hub;
use ordo_history::investigation::words;
use ordo_history::replay::{Options, Replay};
use ordo_journal::{Kind, Reader, segments, verify};
use ordo_testkit::actions;
use serde_json::Value;
use support::{PATIENCE, small, stderr};
use tempfile::TempDir;

/// The n-th update: cash for one of nine accounts, or an order of one.
fn update(n: i64) -> ExternalAction {
    let of = actions::account("XS", &(n % 9).to_string());
    if n % 3 == 0 {
        let quantity = (1 + n % 100).to_string();
        let order = actions::limit_order(&of, &format!("O{}", n % 500), Side::Buy, &quantity, "7.25");
        return actions::update(order, OrderUpdateReason::New);
    }
    let value = format!("{}.{:02}", n % 1000, n % 100);
    actions::cash(actions::details(&of, &n.to_string()), actions::cash_transfer(&value))
}

/// Sends the next so many updates, and waits until they are durable.
fn send(adapter: &mut Adapter, count: i64) {
    let from = adapter.last_submitted().max(adapter.resumed());
    for n in from + 1..=from + count {
        adapter.submit(n, update(n)).expect("it is taken");
    }
    adapter.flush().expect("it is sent");
    adapter.wait_bookmark(from + count, PATIENCE).expect("it is durable");
}

/// A stopped hub's folder with so many updates in it.
fn recorded(data: &Path, tails: &Path, count: i64) {
    let hub = Hub::start(small(data, tails)).expect("a hub");
    send(&mut Adapter::open(hub.addr(), "F").expect("a feed"), count);
    hub.stop().expect("it stops well");
}

fn ordo(command: &str, from: &Path, option: &str, to: &Path) -> Command {
    let mut ordo = Command::new(env!("CARGO_BIN_EXE_ordo"));
    ordo.arg(command).arg(from).arg(option).arg(to).arg("--json").stdin(Stdio::null());
    ordo
}

fn run(mut command: Command) -> Output {
    command.output().expect("the program runs")
}

#[track_caller]
fn facts(output: &Output) -> Value {
    assert!(output.status.success(), "{}", stderr(output));
    serde_json::from_slice(&output.stdout).expect("a line of JSON")
}

fn number(facts: &Value, name: &str) -> u64 {
    facts[name].as_str().expect("it is told").parse().expect("a number")
}

#[track_caller]
fn assert_refused(output: &Output, code: i32, words: &str) {
    assert_eq!(output.status.code(), Some(code), "{}", stderr(output));
    assert!(stderr(output).contains(words), "{}", stderr(output));
}

/// State and events of a folder up to a number, from the beginning of the record.
fn replayed(data: &Path, until: u64) -> (u128, u128) {
    let mut replay = Replay::open(data, Options { snapshots: false, orders_expected: 1024 }).expect("a journal");
    while replay.peek().expect("it is good").is_some_and(|stamp| stamp.sequence <= until) {
        replay.next().expect("it can be applied");
    }
    (replay.engine().state_hash(), replay.engine().events_hash())
}

fn balances(addr: SocketAddr) -> Vec<CashPosition> {
    let answer = rest::get(addr, "/balance").expect("an answer");
    let mut balances: Vec<CashPosition> = answer.records(message::CASH_POSITION).expect("balances");
    balances.sort_by_cached_key(|it| it.account.clone().unwrap_or_default().account_id);
    balances
}

/// What was recorded after a number.
fn kinds_behind(data: &Path, number: u64) -> Vec<String> {
    let mut replay = Replay::open(data, Options { snapshots: false, orders_expected: 1024 }).expect("a journal");
    let mut kinds = Vec::new();
    while let Some(applied) = replay.next().expect("it is good") {
        if applied.outcome.stamp.sequence > number {
            kinds.push(words(applied.input.bytes, applied.input.request).kind);
        }
    }
    kinds
}

/// Raises a flag when it goes, also when a check fails: the load ends then.
struct Stops<'a>(&'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Names in a folder, hidden ones too.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("it is there");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

/// The folder's last segment that frames are in, and where they end in it.
fn end(data: &Path) -> (PathBuf, u64) {
    let report = verify(data).expect("a journal");
    let last = report.segments.iter().rfind(|segment| segment.frames > 0).expect("frames");
    (data.join(&last.name), last.used_bytes)
}

fn write_at(file: &Path, offset: u64, bytes: &[u8]) {
    use std::os::unix::fs::FileExt;
    let file = fs::OpenOptions::new().write(true).open(file).expect("it is there");
    file.write_all_at(bytes, offset).expect("it is written");
}

#[test]
fn a_backup_of_a_busy_hub_comes_back_as_the_state_of_its_last_update() {
    let folder = TempDir::new().expect("a folder");
    // One folder for the tails, as hubs on one machine have.
    let (data, tails) = (folder.path().join("data"), folder.path().join("tails"));
    fs::create_dir(&tails).expect("a folder");
    // A snapshot is in it, from the stop.
    recorded(&data, &tails, 500);
    let hub = Hub::start(small(&data, &tails)).expect("a hub");
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let (is_done, addr) = (&is_done, hub.addr());
        let _stops = Stops(is_done);
        let load = scope.spawn(move || {
            let mut adapter = Adapter::open(addr, "F").expect("a feed");
            while !is_done.load(Ordering::Acquire) {
                send(&mut adapter, 200);
            }
            adapter.last_submitted()
        });
        for round in 0..3 {
            thread::sleep(Duration::from_millis(100));
            let was_there = segments(&data).expect("a journal").iter().filter_map(|it| it.last).max();
            let (backup, restored) = (folder.path().join(format!("b{round}")), folder.path().join(format!("r{round}")));
            let told = facts(&run(ordo("backup", &data, "--to", &backup)));
            let last = number(&told, "last_number");
            assert!(last >= was_there.expect("frames").0, "it holds what was there when it began");
            // Equal, unless the disk stalled: then what no Mark speaks of is kept, as a start would keep it.
            assert!(number(&told, "durable_number") <= last);
            // The one from the stop, and those that the hub has made since.
            assert!(number(&told, "snapshots") >= 1);
            let back = facts(&run(ordo("restore", &backup, "--data", &restored)));
            assert_eq!(
                (back["last_number"].clone(), back["check"].clone()),
                (told["last_number"].clone(), told["check"].clone())
            );
            assert!(verify(&restored).expect("a journal").is_good());
            let (state, events) = replayed(&data, last);
            assert_eq!(replayed(&restored, u64::MAX), (state, events), "round {round}");
            // Beside the running original, whose tail has what comes next.
            let second = Hub::start(small(&restored, &tails)).expect("a hub on it");
            // At the most that the feed is offline now, and that as soon as it is on the disk.
            let kinds = kinds_behind(&restored, last);
            assert!(kinds.iter().all(|kind| kind == "Status"), "round {round}: {kinds:?}");
            assert_eq!(replayed(&restored, last), (state, events));
            let mut adapter = Adapter::open(second.addr(), "F").expect("a feed");
            assert!(adapter.resumed() > 0);
            send(&mut adapter, 100);
            second.stop().expect("it stops well");
        }
        is_done.store(true, Ordering::Release);
        assert!(load.join().expect("it was taken") > 600, "there was load");
    });
    hub.stop().expect("it stops well");
    assert!(verify(&data).expect("a journal").is_good());
}

#[test]
fn a_restored_hub_answers_as_the_one_that_was_copied() {
    let folder = TempDir::new().expect("a folder");
    let (data, restored) = (folder.path().join("data"), folder.path().join("restored"));
    recorded(&data, folder.path(), 1_000);
    facts(&run(ordo("backup", &data, "--to", &folder.path().join("b"))));
    fs::create_dir(&restored).expect("an empty folder is as good as none");
    facts(&run(ordo("restore", &folder.path().join("b"), "--data", &restored)));
    let [original, copy] = [data, restored].map(|data| {
        let hub = Hub::start(small(&data, folder.path())).expect("a hub");
        let shown = balances(hub.addr());
        (shown, hub.stop().expect("it stops well").state_hash)
    });
    assert_eq!(original, copy);
    assert_eq!(copy.0.len(), 9);
}

#[test]
fn a_torn_end_is_left_out_and_frames_that_no_mark_speaks_of_are_kept() {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    recorded(&data, folder.path(), 300);
    let (file, used) = end(&data);
    // As after a kill: the last group without the Mark behind it, and half of the next.
    let mut reader = Reader::open(&data).expect("a journal");
    let mut last = 0;
    while let Some(frame) = reader.next().expect("it is good") {
        assert_ne!(frame.kind, Kind::Mark);
        last = frame.sequence;
    }
    write_at(&file, used - 4096, &[0; 4096]);
    write_at(&file, used - 4096, &[200, 0, 0, 0, 5, 1]);
    for snapshot in names(&data).iter().filter(|name| name.starts_with("snap-")) {
        fs::remove_file(data.join(snapshot)).expect("it is removed");
    }
    let broken = verify(&data).expect("a journal");
    assert!(broken.bad.is_some_and(|bad| !bad.was_durable), "the end is torn");
    let told = facts(&run(ordo("backup", &data, "--to", &folder.path().join("b"))));
    assert_eq!(number(&told, "last_number"), last);
    let copy = verify(&folder.path().join("b")).expect("a journal");
    assert!(copy.is_good() && copy.durable < last, "{copy:?}");
}

#[test]
fn a_damaged_folder_gives_no_backup() {
    let folder = TempDir::new().expect("a folder");
    let (data, backups) = (folder.path().join("data"), folder.path().join("backups"));
    recorded(&data, folder.path(), 2_000);
    let first = data.join(&segments(&data).expect("a journal")[0].name);
    write_at(&first, 40_000, b"damage");
    let output = run(ordo("backup", &data, "--to", &backups.join("b")));
    assert_refused(&output, 65, "CORRUPT seq=");
    assert!(stderr(&output).contains("ordo journal verify"));
    assert_eq!(names(&backups), [""; 0], "nothing is left of it");
}

#[test]
fn a_folder_that_lost_what_a_snapshot_knows_of_is_not_taken_for_whole() {
    let folder = TempDir::new().expect("a folder");
    let (data, backup) = (folder.path().join("data"), folder.path().join("b"));
    recorded(&data, folder.path(), 2_000);
    // The chain of what is left is whole.
    let written = verify(&data).expect("a journal").segments;
    let last = written.iter().rposition(|segment| segment.frames > 0).expect("frames");
    assert!(last > 0, "{written:?}");
    written[last..].iter().for_each(|segment| fs::remove_file(data.join(&segment.name)).expect("it is removed"));
    let found = verify(&data).expect("a journal");
    let bad = found.bad.expect("its end is missing");
    assert!(bad.was_durable && found.snapshot >= bad.place.sequence, "{bad:?}");
    let verified = Command::new(env!("CARGO_BIN_EXE_ordo")).args(["journal", "verify"]).arg(&data).output();
    assert_refused(&verified.expect("the program runs"), 1, "according to a snapshot: restore the missing part");
    assert_refused(&run(ordo("backup", &data, "--to", &backup)), 65, "CORRUPT seq=");
    assert!(!backup.exists());
    let copied = folder.path().join("copied");
    assert_refused(&run(ordo("restore", &data, "--data", &copied)), 65, "field=missing");
    let replayed = Command::new(env!("CARGO_BIN_EXE_ordo")).arg("replay").arg(&data).output();
    assert_refused(&replayed.expect("the program runs"), 65, "but a snapshot knows it to be durable up to");
    let hub = Hub::start(small(&data, folder.path()));
    assert!(hub.is_err_and(|error| error.exit_code() == 65));
}

#[test]
fn a_backup_that_lost_its_end_is_found_out() {
    let folder = TempDir::new().expect("a folder");
    let (data, backup) = (folder.path().join("data"), folder.path().join("b"));
    recorded(&data, folder.path(), 2_000);
    facts(&run(ordo("backup", &data, "--to", &backup)));
    let copied = segments(&backup).expect("a journal");
    assert!(copied.len() > 1, "{copied:?}");
    fs::remove_file(backup.join(&copied.last().expect("segments").name)).expect("it is removed");
    // Nothing but the note knows then what was there.
    for snapshot in names(&backup).iter().filter(|name| name.starts_with("snap-")) {
        fs::remove_file(backup.join(snapshot)).expect("it is removed");
    }
    let restored = folder.path().join("restored");
    assert_refused(&run(ordo("restore", &backup, "--data", &restored)), 65, "part of it is missing");
    assert!(!restored.exists());
}

#[test]
fn a_damaged_snapshot_is_left_out_and_said() {
    let folder = TempDir::new().expect("a folder");
    let (data, backup) = (folder.path().join("data"), folder.path().join("b"));
    recorded(&data, folder.path(), 100);
    let snapshot = names(&data).into_iter().find(|name| name.starts_with("snap-")).expect("one from the stop");
    write_at(&data.join(snapshot), 5000, b"damage");
    let output = run(ordo("backup", &data, "--to", &backup));
    assert_eq!(number(&facts(&output), "snapshots"), 0);
    assert!(stderr(&output).contains("is left out: damaged: its body"), "{}", stderr(&output));
    assert_eq!(replayed(&backup, u64::MAX), replayed(&data, u64::MAX));
}

#[test]
fn what_is_there_is_not_written_over() {
    let folder = TempDir::new().expect("a folder");
    let (data, used) = (folder.path().join("data"), folder.path().join("used"));
    recorded(&data, folder.path(), 10);
    fs::create_dir(&used).expect("a folder");
    fs::write(used.join("file"), "mine").expect("a file");
    assert_refused(&run(ordo("backup", &data, "--to", &used)), 1, "not empty");
    assert_refused(&run(ordo("restore", &data, "--data", &used)), 1, "not empty");
    assert_refused(&run(ordo("backup", &used, "--to", &folder.path().join("b"))), 1, "no journal");
    assert_eq!(names(&used), ["file"]);
}

#[test]
fn a_copy_is_open_to_nobody_to_whom_the_folder_was_not() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().expect("a folder");
    let (data, backup, restored) = (folder.path().join("data"), folder.path().join("b"), folder.path().join("r"));
    recorded(&data, folder.path(), 10);
    fs::set_permissions(&data, fs::Permissions::from_mode(0o750)).expect("it is ours");
    facts(&run(ordo("backup", &data, "--to", &backup)));
    facts(&run(ordo("restore", &backup, "--data", &restored)));
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    for copy in [&backup, &restored] {
        for name in names(copy) {
            assert_eq!(mode(&copy.join(&name)) & !0o640, 0, "{name}: as a hub's own files at the most");
        }
        assert_eq!(mode(copy) & !0o750, 0);
    }
}

#[test]
fn a_copy_lies_outside_of_its_source() {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    recorded(&data, folder.path(), 10);
    let before = names(&data);
    assert_refused(&run(ordo("backup", &data, "--to", &data.join("sub"))), 2, "name a place elsewhere");
    assert_refused(&run(ordo("restore", &data, "--data", &data.join("a/b"))), 2, "name a place elsewhere");
    assert_eq!(names(&data), before);
}

#[test]
fn a_segment_that_is_too_short_is_the_source_s_fault() {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    recorded(&data, folder.path(), 300);
    let (file, used) = end(&data);
    // Behind all that was written: the chain is whole.
    fs::OpenOptions::new().write(true).open(&file).expect("a segment").set_len(used + 100).expect("it is cut");
    let others = segments(&data).expect("a journal").into_iter().map(|it| data.join(it.name));
    others.filter(|other| *other > file).for_each(|spare| fs::remove_file(spare).expect("it is removed"));
    let output = run(ordo("backup", &data, "--to", &folder.path().join("b")));
    assert_refused(&output, 65, &format!("{} is damaged: CORRUPT", data.display()));
    assert!(stderr(&output).contains("the file is too short; run 'ordo journal verify"), "{}", stderr(&output));
    assert!(!folder.path().join("b").exists());
}

#[test]
fn an_interrupted_backup_has_not_the_name_of_one() {
    let folder = TempDir::new().expect("a folder");
    let (data, backups) = (folder.path().join("data"), folder.path().join("backups"));
    recorded(&data, folder.path(), 10);
    // It waits for ever at a snapshot that nobody writes.
    let fifo = data.join("snap-00000000000000000001.ordo");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs").success());
    let mut process = ordo("backup", &data, "--to", &backups.join("b")).spawn().expect("the program starts");
    let until = Instant::now() + PATIENCE;
    while !backups.is_dir() || names(&backups).is_empty() {
        assert!(Instant::now() < until, "it has not begun");
        thread::sleep(Duration::from_millis(5));
    }
    process.kill().expect("it is ours");
    process.wait().expect("it has ended");
    let left = names(&backups);
    assert!(left.len() == 1 && left[0].ends_with(".partial"), "{left:?}");
}
