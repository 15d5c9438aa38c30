//! `ordo journal` on a folder that a hub wrote: what it prints is what was recorded.

mod support;

use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};

use ordo_client::Adapter;
use ordo_core::dec::Dec;
use ordo_core::proto::{Account, ExternalAction, ExternalActionType, OrderState, Side};
use ordo_gateway::hub::Hub;
use ordo_testkit::actions;
use serde_json::Value;
use support::{PATIENCE, small, stderr, submit};

fn account(id: &str) -> Option<Account> {
    Some(actions::account("OWN", id))
}

fn deposit(id: &str) -> ExternalAction {
    actions::deposit(&actions::account("OWN", id), "100")
}

fn order(account_id: &str, order_id: &str) -> ExternalAction {
    let order = OrderState {
        account: account(account_id),
        order_id: order_id.into(),
        exchange: "XASX".into(),
        code: "BHP".into(),
        side: Side::Buy as i32,
        price: Some(Dec::whole(10).into()),
        quantity: Some(Dec::whole(5).into()),
        ..OrderState::default()
    };
    ExternalAction {
        r#type: ExternalActionType::Update as i32,
        order: Some(Box::new(order)),
        ..ExternalAction::default()
    }
}

/// A folder with a deposit (F 1), two orders (F 2, F 5) and a refused order (F 7) in it.
fn recorded(folder: &Path) {
    let hub = Hub::start(small(folder, folder)).expect("a hub");
    submit(&hub, [(1, deposit("A")), (2, order("A", "o1")), (5, order("B", "o2")), (7, order("", "o3"))]);
    hub.stop().expect("it stops well");
}

fn ordo(args: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ordo"));
    command.arg("journal").arg(args[0]).arg(folder).args(&args[1..]);
    command.output().expect("the program runs")
}

fn lines(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", stderr(output));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

fn places(lines: &[Value]) -> Vec<String> {
    lines
        .iter()
        .map(|line| format!("{}:{}", line["Sequence"].as_str().unwrap(), line["Position"].as_str().unwrap()))
        .collect()
}

#[test]
fn a_dump_is_what_was_recorded_and_filters_choose_from_it() {
    let folder = tempfile::tempdir().unwrap();
    recorded(folder.path());
    let all = lines(&ordo(&["dump", "--json"], folder.path()));
    assert_eq!(places(&all), ["oms:1", "F:1", "F:2", "F:5", "F:7", "oms:2"]);
    assert_eq!(all[1]["Update"]["Action"]["CashTransfer"]["Value"], 100);
    assert_eq!(all[2]["Kind"], "Update");
    assert_eq!(all[4]["Errors"], serde_json::json!(["Account"]), "a refused update is in the record too");
    let number = all[3]["Number"].to_string();
    let cases: [(&[&str], &[&str]); 13] = [
        (&["--feed", "F"], &["F:1", "F:2", "F:5", "F:7"]),
        (&["--account", "OWN/A"], &["F:1", "F:2"]),
        (&["--order", "o2"], &["F:5"]),
        (&["--kind", "cashtransfer"], &["F:1"]),
        (&["--kind", "Status"], &["oms:1", "oms:2"]),
        // A place bounds all feeds, and need not be one that was taken.
        (&["--from", "F:5"], &["F:5", "F:7", "oms:2"]),
        (&["--from", "F:3"], &["F:5", "F:7", "oms:2"]),
        (&["--from", "oms:2"], &["oms:2"]),
        (&["--from", "oms:1", "--to", "F:2"], &["oms:1", "F:1", "F:2"]),
        (&["--to", "F:4"], &["oms:1", "F:1", "F:2"]),
        (&["--from", "F:2", "--to", "F:5"], &["F:2", "F:5"]),
        (&["--from", &number], &["F:5", "F:7", "oms:2"]),
        (&["--to", all[1]["Time"].as_str().unwrap()], &["oms:1", "F:1"]),
    ];
    for (filters, expected) in cases {
        let found = lines(&ordo(&[&["dump", "--json"], filters].concat(), folder.path()));
        assert_eq!(places(&found), expected, "{filters:?}");
    }
}

#[test]
fn a_dump_for_a_spreadsheet_has_the_same_updates() {
    let folder = tempfile::tempdir().unwrap();
    recorded(folder.path());
    let dumped = ordo(&["dump", "--feed", "F"], folder.path());
    assert!(dumped.status.success());
    let mut rows = csv::Reader::from_reader(&*dumped.stdout);
    assert_eq!(rows.headers().unwrap().iter().take(3).collect::<Vec<_>>(), ["Number", "Sequence", "Position"]);
    let rows: Vec<csv::StringRecord> = rows.records().collect::<Result<_, _>>().unwrap();
    assert_eq!(rows.iter().map(|row| &row[2]).collect::<Vec<_>>(), ["1", "2", "5", "7"]);
    let update: Value = serde_json::from_str(&rows[1][8]).expect("the update is JSON");
    assert_eq!(update["Action"]["Order"]["OrderID"], "o1");
    let none = ordo(&["dump", "--feed", "nobody"], folder.path());
    assert_eq!(String::from_utf8_lossy(&none.stdout).lines().count(), 1, "the header alone");
}

#[test]
fn info_is_told_beside_a_hub_that_makes_snapshots_and_takes_them_away() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = small(folder.path(), folder.path());
    (config.snapshot_every_updates, config.snapshots_max) = (20, 2);
    let hub = Hub::start(config).expect("a hub");
    let mut adapter = Adapter::open(hub.addr(), "F").expect("a feed");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for position in 1.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                adapter.submit(position, deposit("A")).expect("it is taken");
                adapter.wait_bookmark(position, PATIENCE).expect("it is durable");
            }
        });
        // What a hub does now and then, all the time: drafts that get their names, and snapshots that go.
        scope.spawn(|| {
            let (draft, named) =
                (folder.path().join("snap-1.ordo.tmp"), folder.path().join(format!("snap-{:020}.ordo", 1)));
            while !stop.load(Ordering::Relaxed) {
                std::fs::write(&draft, "").expect("it is written");
                std::fs::rename(&draft, &named).expect("it is renamed");
                // The hub may have taken it away.
                let _ = std::fs::remove_file(&named);
            }
        });
        let told: Vec<Output> = (0..30).map(|_| ordo(&["info", "--json"], folder.path())).collect();
        stop.store(true, Ordering::Relaxed);
        for output in told {
            assert!(lines(&output)[0]["sequence"]["F"].is_string());
        }
    });
    hub.stop().expect("it stops well");
}

#[test]
fn info_says_what_a_folder_holds() {
    let folder = tempfile::tempdir().unwrap();
    recorded(folder.path());
    let info = lines(&ordo(&["info", "--json"], folder.path())).remove(0);
    assert_eq!(info["sequence"], serde_json::json!({"oms": "2", "F": "7"}));
    assert_eq!(info["journal"]["FirstNumber"], "1");
    assert_eq!(info["journal"]["LastNumber"], info["journal"]["DurableNumber"]);
    assert_eq!(info["snapshot"].as_object().map(serde_json::Map::len), Some(1), "a hub leaves one when it stops");
    assert!(info["segment"].as_object().is_some_and(|segments| !segments.is_empty()));
}

#[test]
fn an_account_that_an_order_moves_away_from_is_found_too() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::start(small(folder.path(), folder.path())).expect("a hub");
    let mut moved = order("B", "o1");
    moved.update =
        Some(Box::new(ordo_core::proto::OrderUpdate { previous_account: account("A"), ..Default::default() }));
    submit(&hub, [(1, order("A", "o1")), (2, moved), (3, order("C", "o2"))]);
    hub.stop().expect("it stops well");
    let found = |account: &str| places(&lines(&ordo(&["dump", "--json", "--account", account], folder.path())));
    assert_eq!(found("OWN/A"), ["F:1", "F:2"]);
    assert_eq!(found("OWN/B"), ["F:2"]);
    assert_eq!(found("/A"), [""; 0], "an account without an owner is another");
}

#[test]
fn what_can_be_no_kind_or_account_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    recorded(folder.path());
    for (option, wrong, said) in [
        ("--kind", "xyz", "one of Update, Replace, Trade, CashTransfer, AssetTransfer, Status, Configure, Operation"),
        ("--kind", "", "one of Update"),
        ("--account", "3", "OWNER/ACCOUNT"),
        ("--account", "OWN/", "OWNER/ACCOUNT"),
    ] {
        let refused = ordo(&["dump", option, wrong], folder.path());
        assert_eq!(refused.status.code(), Some(2), "{option} {wrong}");
        assert!(stderr(&refused).contains(said), "{}", stderr(&refused));
    }
    for kind in ["operation", "DefineOwner", "Operation DefineOwner", "STATUS"] {
        assert!(ordo(&["dump", "--kind", kind], folder.path()).status.success(), "{kind}");
    }
}

#[test]
fn a_sequence_that_the_record_never_names_is_said() {
    let folder = tempfile::tempdir().unwrap();
    recorded(folder.path());
    let dir = folder.path().to_str().expect("UTF-8");
    let elsewhere = tempfile::tempdir().unwrap();
    let cash = elsewhere.path().join("cash.csv");
    std::fs::write(&cash, "OwnerID,AccountID,Currency,Balance\nOWN,A,AUD,100\n").unwrap();
    let cash = cash.to_str().expect("UTF-8");
    let commands: [&[&str]; 10] = [
        &["journal", "dump", dir, "--from", "nope:7"],
        &["journal", "dump", dir, "--to", "nope:7"],
        &["journal", "dump", dir, "--from", "nope:7", "--to", "F:2"],
        &["journal", "export", dir, "--to", "out.csv", "--until", "nope:7"],
        &["replay", dir, "--until", "nope:7"],
        &["replay", dir, "--step", "--until", "nope:7"],
        &["replay", dir, "--diff", "nope:7", "F:2"],
        &["replay", dir, "--diff", "F:2", "nope:7"],
        &["explain", "balance", "OWN", "A", "AUD", "--data", dir, "--as-at", "nope:7"],
        &["reconcile", "--balances", cash, "--data", dir, "--as-at", "nope:7"],
    ];
    for args in commands {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ordo"));
        let refused = command.args(args).current_dir(elsewhere.path()).output().expect("the program runs");
        assert_eq!(refused.status.code(), Some(1), "{args:?}");
        let said = stderr(&refused);
        assert!(said.contains("nope:7: the record never names the sequence 'nope'"), "{args:?}: {said}");
    }
    assert!(!elsewhere.path().join("out.csv").exists());
    // One that it names later is early, and a position that has not come is the end.
    let early = lines(&ordo(&["dump", "--json", "--from", "F:1", "--to", "1"], folder.path()));
    assert!(early.is_empty(), "{early:?}");
    assert_eq!(lines(&ordo(&["dump", "--json", "--to", "F:99"], folder.path())).len(), 6);
}

#[test]
fn a_wrong_place_or_folder_is_said() {
    let folder = tempfile::tempdir().unwrap();
    recorded(folder.path());
    assert_eq!(ordo(&["dump", "--from", "yesterday"], folder.path()).status.code(), Some(2));
    let missing = ordo(&["info"], &folder.path().join("missing"));
    assert_eq!(missing.status.code(), Some(1));
    assert!(stderr(&missing).contains("no such folder"));
}

#[test]
fn a_folder_without_a_journal_is_said_alike_by_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let (empty, other) = (folder.path().join("empty"), folder.path().join("other"));
    std::fs::create_dir(&empty).unwrap();
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("seg-notes.txt"), "of somebody else").unwrap();
    let cash = folder.path().join("cash.csv");
    std::fs::write(&cash, "OwnerID,AccountID,Currency,Balance\nOWN,A,AUD,100\n").unwrap();
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let (cash, to) = (text(&cash), text(&folder.path().join("to.csv")));
    for dir in [text(&empty), text(&other)] {
        let commands: [&[&str]; 10] = [
            &["journal", "info", &dir],
            &["journal", "verify", &dir],
            &["journal", "dump", &dir],
            &["journal", "export", &dir, "--to", &to],
            &["replay", &dir],
            &["replay", &dir, "--diff", "1", "2"],
            &["explain", "balance", "OWN", "A", "AUD", "--data", &dir],
            &["reconcile", "--balances", &cash, "--data", &dir],
            &["backup", &dir, "--to", &to],
            &["restore", &dir, "--data", &to],
        ];
        for args in commands {
            let refused = Command::new(env!("CARGO_BIN_EXE_ordo")).args(args).output().expect("the program runs");
            assert_eq!(refused.status.code(), Some(1), "{args:?}");
            let said = format!("ordo: {dir}: no journal is in it; name the --data folder of a hub\n");
            assert_eq!(stderr(&refused), said, "{args:?}");
        }
    }
}

/// `ordo ... 2>&1 | true`: a panic at the first line that could not be printed, on stderr, was the end of it.
#[test]
fn a_reader_that_has_gone_ends_every_command_quietly() {
    let folder = tempfile::tempdir().unwrap();
    recorded(folder.path());
    let dir = folder.path().to_str().expect("UTF-8");
    let commands: [&[&str]; 12] = [
        &["journal", "info", dir],
        &["journal", "verify", dir],
        &["journal", "dump", dir],
        &["replay", dir],
        &["replay", dir, "--state", "balances"],
        &["replay", dir, "--state", "holdings"],
        &["replay", dir, "--state", "orders"],
        &["replay", dir, "--step"],
        &["replay", dir, "--diff", "1", "4"],
        &["explain", "balance", "OWN", "A", "AUD", "--data", dir],
        &["config"],
        &["--help"],
    ];
    for args in commands {
        for format in [&[][..], &["--csv"], &["--json"]] {
            if (args.contains(&"--step") && format == ["--csv"]) || args.contains(&"--help") && !format.is_empty() {
                continue;
            }
            for is_stderr_gone in [false, true] {
                let (reader, writer) = std::io::pipe().expect("a pipe");
                drop(reader);
                let mut command = Command::new(env!("CARGO_BIN_EXE_ordo"));
                command.args(args).args(format);
                if is_stderr_gone {
                    command.stderr(writer.try_clone().expect("a pipe"));
                } else {
                    command.stderr(std::process::Stdio::null());
                }
                let status = command.stdout(writer).status().expect("the program runs");
                assert!(status.success(), "{args:?} {format:?}, stderr gone: {is_stderr_gone}: {status}");
            }
        }
    }
}

#[test]
fn verify_says_where_a_segment_is_missing_and_what_is_good_before_it() {
    let folder = tempfile::tempdir().unwrap();
    recorded(folder.path());
    let first = folder.path().join("seg-0000000000000000.ordo");
    let verify = || {
        let verified = ordo(&["verify"], folder.path());
        assert_eq!(verified.status.code(), Some(1));
        stderr(&verified)
    };
    std::fs::write(&first, "").unwrap();
    let said = verify();
    let place = "CORRUPT seq=1 offset=0 segment=0 field=header";
    assert!(said.contains(place) && said.contains("the file is empty; a hub does not start without it"), "{said}");
    std::fs::remove_file(&first).unwrap();
    let said = verify();
    assert!(said.starts_with("good: no frames\nordo: CORRUPT seq=1 offset=0 segment=0 field=missing"), "{said}");
    assert!(said.contains("restore it, or the whole folder, from a copy"), "{said}");
}
