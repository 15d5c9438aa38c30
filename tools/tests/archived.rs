//! A folder whose oldest segments were archived: what can still be told is told from the oldest snapshot on, and what
//! cannot is said.

use std::path::Path;
use std::process::{Command, Output};

use ordo_client::Adapter;
use ordo_core::proto::ExternalAction;
use ordo_gateway::hub::{Config, Hub, Wait};
use ordo_journal::{Fate, Journal, Options, Snapshots};
use ordo_testkit::{PATIENCE, actions};
use serde_json::Value;
use tempfile::TempDir;

/// Updates before the snapshot that is kept, and after it.
const BEFORE: i64 = 2500;
const AFTER: i64 = 50;

fn config(data: &Path, tails: &Path) -> Config {
    let mut config = Config::new(data);
    (config.dev, config.pin, config.wait) = (true, false, Wait::Park);
    (config.segment_bytes, config.message_bytes_max) = (128 << 10, 16 << 10);
    config.tail_dir = Some(tails.into());
    config
}

fn deposit(account: &str) -> ExternalAction {
    actions::deposit(&actions::account("OWN", account), "1")
}

/// Records deposits at positions up to `last` in feed F.
fn record(data: &Path, tails: &Path, last: i64) {
    let hub = Hub::start(config(data, tails)).expect("a hub");
    let mut adapter = Adapter::open(hub.addr(), "F").expect("a feed");
    for position in adapter.resumed() + 1..=last {
        adapter.submit(position, deposit("A")).expect("it is taken");
    }
    adapter.flush().expect("it is sent");
    adapter.wait_bookmark(last, PATIENCE).expect("it is durable");
    drop(adapter);
    hub.stop().expect("it stops well");
}

/// Takes away the segments below a snapshot, as a hub's housekeeping would.
fn archive(data: &Path, tails: &Path, below: u64) -> u64 {
    let mut options = Options::new(data);
    (options.segment_bytes, options.body_bytes_max) = (128 << 10, 16 << 10);
    (options.tail_dir, options.start_from) = (Some(tails.into()), below);
    let journal = Journal::open(options).expect("it opens").journal;
    let archived = journal.archive(below, &Fate::Remove).expect("it is archived");
    journal.close().expect("it closes");
    assert!(archived.segments > 0, "nothing to take away");
    archived.begins_after
}

fn ordo(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ordo")).args(args).output().expect("the program runs")
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn lines(args: &[&str]) -> Vec<Value> {
    let output = ordo(args);
    assert!(output.status.success(), "{args:?}: {}", err(&output));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

#[test]
fn what_is_left_is_told_from_the_oldest_snapshot_and_what_is_gone_is_said() {
    let folder = TempDir::new().expect("a folder");
    let (path, tails) = (folder.path().join("data"), folder.path());
    record(&path, tails, BEFORE);
    let oldest = Snapshots::new(&path, usize::MAX).sequences().expect("a list")[0];
    record(&path, tails, BEFORE + AFTER);
    let whole = lines(&["replay", path.to_str().expect("UTF-8"), "--no-snapshots", "--json"]).remove(0);
    let archived = archive(&path, tails, oldest);
    let data = path.to_str().expect("UTF-8");

    // To the end, it comes to the same.
    let left = ordo(&["replay", data, "--no-snapshots", "--json"]);
    assert!(err(&left).contains(&format!("updates up to {archived} were archived")), "{}", err(&left));
    let summary: Value = serde_json::from_slice(&left.stdout).expect("a line of JSON");
    assert_eq!(summary["state_hash"], whole["state_hash"]);
    assert_eq!(summary["from_sequence"], oldest.to_string());
    let last = format!("F:{}", BEFORE + AFTER);
    let diff = lines(&["replay", data, "--diff", &format!("F:{}", BEFORE + 1), &last, "--json"]);
    let balance: Vec<&str> = diff.iter().filter_map(|row| row["Change"].as_str()).collect();
    assert_eq!(balance, [(AFTER - 1).to_string()]);

    // The figure still adds up: what was there before is its first step.
    let steps = lines(&["explain", "balance", "OWN", "A", "AUD", "--data", data, "--json"]);
    assert_eq!((&steps[0]["Kind"], &steps[0]["After"]), (&"Snapshot".into(), &BEFORE.to_string().into()));
    assert_eq!(
        (steps.len(), &steps[AFTER as usize]["After"]),
        (1 + AFTER as usize, &(BEFORE + AFTER).to_string().into())
    );
    let dumped = lines(&["journal", "dump", data, "--feed", "F", "--kind", "CashTransfer", "--json"]);
    assert_eq!(dumped.len(), AFTER as usize);
    let changes = folder.path().join("changes.json");
    std::fs::write(&changes, format!("{{\"leave_out\":\"{last}\"}}\n")).expect("it is written");
    let without = lines(&["replay", data, "--what-if", changes.to_str().expect("UTF-8"), "--json"]);
    assert_eq!((without.len(), &without[0]["Change"]), (1, &"-1".into()));

    // Places that are gone, and no advice to look for damage where there is none.
    for args in [
        &["replay", data, "--until", "F:7"][..],
        &["replay", data, "--diff", "F:7", &last],
        &["explain", "balance", "OWN", "A", "AUD", "--data", data, "--as-at", "F:7"],
        &["journal", "dump", data, "--to", "F:7"],
    ] {
        let refused = ordo(args);
        assert_eq!(refused.status.code(), Some(1), "{args:?}");
        let said = err(&refused);
        assert!(said.contains(&format!("up to {archived} were archived")) && !said.contains("verify"), "{said}");
    }

    // Without any snapshot nothing can be told.
    let snapshots = Snapshots::new(&path, usize::MAX);
    snapshots.sequences().expect("a list").into_iter().for_each(|at| snapshots.remove(at).expect("it is removed"));
    for args in [&["replay", data][..], &["replay", data, "--no-snapshots"], &["journal", "info", data]] {
        let refused = ordo(args);
        assert_eq!(refused.status.code(), Some(1), "{args:?}: {}", err(&refused));
        assert!(err(&refused).contains("no good snapshot"), "{}", err(&refused));
    }
}
