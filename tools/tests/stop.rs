//! `ordo serve` asked to stop while it is busy: takes no more, records and answers what it took, and says goodbye.

mod support;

use std::process::Command;
use std::time::{Duration, Instant};

use ordo_client::{Adapter, ClientError, Connection, Form};
use ordo_core::proto::ExternalAction;
use ordo_history::replay::{Options, Replay};
use ordo_testkit::actions;
use support::{PATIENCE, Served};

/// How long a busy hub may take to stop.
const STOP_MAX: Duration = Duration::from_secs(2);
const GOING_AWAY: u16 = 1001;

fn transfer(n: i64) -> ExternalAction {
    let details = actions::details(&actions::account("XS", &(n % 9).to_string()), &n.to_string());
    actions::cash(details, actions::cash_transfer(&n.to_string()))
}

#[test]
fn a_busy_hub_stops_on_sigterm_with_all_it_acknowledged_and_exit_code_0() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut served = Served::start(folder.path(), &["segment_bytes=4194304"]);
    let mut quiet = Connection::open(served.addr, Form::Binary).expect("a connection");
    let mut adapter = Adapter::open(served.addr, "f").expect("the feed is open");
    let mut asked = None;
    let mut n = 0;
    let closed = loop {
        n += 1;
        match adapter.submit(n, transfer(n)).and_then(|()| adapter.poll()) {
            Ok(()) => {}
            Err(error) => break error,
        }
        if n == 2_000 {
            let sent = Command::new("kill").args(["-TERM", &served.process.id().to_string()]).status();
            assert!(sent.expect("the signal is sent").success());
            asked = Some(Instant::now());
        }
    };
    let status = served.process.wait().expect("it ends");
    let took = asked.expect("it was asked").elapsed();
    assert_eq!(status.code(), Some(0), "{status}");
    assert!(took < STOP_MAX, "it took {took:?}");
    // One that sends nothing reads why it ends.
    match quiet.receive(PATIENCE) {
        Err(ClientError::Closed(closed)) => assert_eq!(closed.code, Some(GOING_AWAY), "{closed:?}"),
        other => panic!("{other:?}"),
    }
    // A frame that crossed the close frame resets the connection: then the code does not arrive.
    match closed {
        ClientError::Closed(closed) => assert!(closed.code.is_none_or(|code| code == GOING_AWAY), "{closed:?}"),
        ClientError::Io(_) => {}
        other => panic!("{other}"),
    }
    let mut replay = Replay::open(&folder.path().join("data"), Options::default()).expect("there is a journal");
    replay.run().expect("it can be replayed");
    let feed = replay.engine().names().feeds.iter().position(|name| &**name == "f").expect("the feed is known");
    let recorded = replay.engine().feeds()[feed].position;
    assert!(recorded >= adapter.bookmark() && recorded > 0, "{recorded} recorded, {} told", adapter.bookmark());
}

fn send(served: &Served, signal: &str) {
    let sent = Command::new("kill").args([signal, &served.process.id().to_string()]).status();
    assert!(sent.expect("the signal is sent").success());
}

#[test]
fn a_terminal_that_closes_stops_the_hub_as_sigterm_does() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut served = Served::start(folder.path(), &["segment_bytes=4194304"]);
    send(&served, "-HUP");
    assert_eq!(served.process.wait().expect("it ends").code(), Some(0));
}

#[test]
fn a_second_signal_ends_the_hub_at_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut served = Served::start(folder.path(), &["segment_bytes=4194304"]);
    // Both are there when it goes on: the second comes before the first has stopped anything.
    for signal in ["-STOP", "-INT", "-TERM", "-CONT"] {
        send(&served, signal);
    }
    assert_eq!(served.process.wait().expect("it ends").code(), Some(143));
}
