//! Old segments that were archived: what is left of the past, and what is needed stays.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use ordo_client::{Adapter, Form, messages};
use ordo_core::proto::{EventMessageType, SubscriptionType};
use ordo_gateway::hub::Config;
use ordo_history::replay::{Options, Replay};
use ordo_journal::{segments, verify};

use crate::heard::*;
use ordo_testkit::hub::*;

const SEGMENT_BYTES: u64 = 64 << 10;

/// A hub whose folder keeps three segments of its record, and where the others go.
fn archiving(set: impl FnOnce(&mut Config)) -> (Rig, PathBuf) {
    let rig = Rig::start_with(|config| {
        config.segment_bytes = SEGMENT_BYTES;
        config.message_bytes_max = 16 << 10;
        config.archive_dir = Some(config.data.join("../archive"));
        config.journal_bytes_max = 3 * SEGMENT_BYTES;
        config.snapshot_every_updates = 200;
        set(config);
    });
    let archive = rig.data().join("../archive");
    (rig, archive)
}

fn play(rig: &Rig, feed: &str, count: i64) {
    let mut adapter = Adapter::open(rig.addr(), feed).expect("the feed is open");
    let mut random = Random::of(71);
    let first = adapter.resumed() + 1;
    for n in first..first + count {
        adapter.submit(n, any_update(&mut random, n)).expect("it is submitted");
    }
    adapter.wait_bookmark(first + count - 1, PATIENCE).expect("all is durable");
    // Else the next would have to wait until the hub sees that this one is gone.
    adapter.close(PATIENCE).expect("all is written");
}

fn archived_segments(archive: &PathBuf) -> usize {
    std::fs::read_dir(archive).map_or(0, Iterator::count)
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_oldest_segments_go_and_a_start_and_the_later_past_do_without_them() {
    let (mut rig, archive) = archiving(|_| {});
    let first = {
        play(&rig, "f", 1);
        let latest = rig.get("/audit/latest").text();
        latest.trim_matches('"').to_owned()
    };
    play(&rig, "f", 3_000);
    wait_until("segments are archived", || archived_segments(&archive) >= 2);
    wait_until("no more than may stay", || segments(&rig.data()).expect("a journal").len() <= 4);
    // The past that is left.
    let latest = rig.get("/audit/latest").text();
    let now = State::asked(&rig, "");
    State::asked(&rig, &format!("?asAt={}", latest.trim_matches('"'))).assert_same(&now, "at the end");
    assert_eq!(rig.get("/audit/fromposition?from[f]=2990&from[oms]=1000").status, 200);
    // And the one that is not.
    for gone in [
        format!("/balance?asAt={first}"),
        "/audit/fromdate".into(),
        "/event/between?to[f]=10".into(),
        "/feed/byid/f/updates?from=0".into(),
        format!("/feed/byid/f/updates/fromdate?from={first}"),
    ] {
        let answer = rig.get(&gone);
        assert_eq!(answer.status, 410, "{gone}: {}", answer.text());
        assert!(answer.text().starts_with("[\"Archived\","), "{}", answer.text());
    }
    // Who knows no more than that gets all there is.
    let mut subscriber = rig.subscriber(Form::Binary);
    let after = messages::target("Position", &["f=1"]);
    subscriber.connection().send(&messages::subscribe(SubscriptionType::Balances, vec![after], "r")).expect("sent");
    let start = loop {
        let message = subscriber.connection().receive(PATIENCE).expect("a frame").expect("in time").message();
        let message = message.expect("a message");
        if message.r#type() == EventMessageType::SnapshotStart {
            break message;
        }
    };
    assert_eq!(start.snapshot.expect("a whole snapshot").positions.get("f"), Some(&3_001));

    let live = rig.stop();
    rig.start_again();
    State::asked(&rig, "").assert_same(&now, "after a restart");
    assert_eq!(rig.get("/audit/fromdate").status, 410);
    assert_eq!(rig.stop().state_hash, live.state_hash);
    // What went is a journal to be read.
    let report = verify(&archive).expect("a journal");
    assert!(report.bad.is_none() && report.frames > 0, "{report:?}");
    let mut replay = Replay::open(&archive, Options::default()).expect("it opens");
    assert!(replay.run().expect("it is good") > 0);
    assert_eq!(replay.last_sequence(), segments(&rig.data()).expect("a journal")[0].first.expect("frames").0 - 1);
}

#[test]
fn what_somebody_reads_stays_until_he_is_done() {
    let (rig, archive) = archiving(|config| config.journal_bytes_max = 1 << 40);
    play(&rig, "f", 8_000);
    let whole = rig.get("/audit/fromdate").body.len();
    let (mut rig, archive) = {
        // The same folder, of which little may stay now.
        let mut rig = rig;
        rig.stop();
        rig.start_again_with(|config| config.journal_bytes_max = SEGMENT_BYTES);
        (rig, archive)
    };
    // Begun before the first look at what may go, and read while that goes on.
    let mut reading = crate::unread::ask(rig.addr(), "/audit/fromdate");
    let answer = crate::unread::drain_slowly(&mut reading, Duration::from_millis(2_500));
    assert!(answer.len() > whole, "head and all records: {} of {whole}", answer.len());
    drop(reading);
    wait_until("segments are archived", || archived_segments(&archive) >= 2);
    assert_eq!(rig.get("/audit/fromdate").status, 410);
    rig.stop();
}
