//! A subscription that goes on where its connection broke off.

use ordo_client::{Adapter, Form, Heard, Subscriber, messages};
use ordo_core::proto::{EventMessageType, SubscriptionTarget, SubscriptionType};

use crate::heard::*;
use ordo_testkit::hub::*;

/// The positions that a subscriber knows, as a target.
fn known(positions: &std::collections::BTreeMap<Box<str>, i64>) -> SubscriptionTarget {
    let values: Vec<String> = positions.iter().map(|(name, position)| format!("{name}={position}")).collect();
    messages::target("Position", &values.iter().map(String::as_str).collect::<Vec<_>>())
}

fn play(adapter: &mut Adapter, random: &mut Random, count: i64) {
    let last = adapter.last_submitted();
    for n in last + 1..=last + count {
        adapter.submit(n, any_update(random, n)).expect("it is submitted");
    }
    adapter.wait_bookmark(last + count, PATIENCE).expect("all is durable");
}

/// Resumes after some positions; what came up to the answer of a Synchronise, by kind and frame.
fn resumed(rig: &Rig, view: SubscriptionType, after: SubscriptionTarget) -> Vec<Told> {
    let mut subscriber = rig.subscriber(Form::Binary);
    subscriber.connection().send(&messages::subscribe(view, vec![after], "r")).expect("it is sent");
    let mut told = Vec::new();
    subscriber.connection().send(&messages::synchronise("sync")).expect("it is sent");
    loop {
        let frame = subscriber.connection().receive(PATIENCE).expect("a frame").expect("in time");
        let message = frame.message().expect("a message");
        if word_of(&message) == "Response sync" {
            return told;
        }
        told.push(Told { message, bytes: frame.bytes().to_vec() });
    }
}

/// A view's live messages after a gap, and the same by resuming: all but the subscription are the same bytes.
fn gap_of(gap: i64, seed: u64) {
    println!("seed {seed}");
    let rig = Rig::start_with(|config| config.snapshot_every_updates = 1000);
    let mut adapter = Adapter::open(rig.addr(), "f").expect("the feed is open");
    let mut random = Random::of(seed);
    play(&mut adapter, &mut random, 200);
    let mut listener = rig.subscriber(Form::Binary);
    let view = listener.subscribe(SubscriptionType::Balances, Vec::new()).expect("it is accepted");
    let after = known(listener.view(view).positions());
    let mut live = Vec::new();
    let mut left = gap;
    while left > 0 {
        // No more at a time than a subscriber may fall behind.
        play(&mut adapter, &mut random, left.min(2000));
        left -= 2000;
        live.extend(heard_frames(&mut listener));
    }
    let resumed = resumed(&rig, SubscriptionType::Balances, after);
    let kinds: Vec<EventMessageType> = resumed.iter().take(3).map(|told| told.message.r#type()).collect();
    let expected = [EventMessageType::Response, EventMessageType::SnapshotStart, EventMessageType::SnapshotFinish];
    assert_eq!(kinds, expected);
    assert!(resumed[1].message.snapshot.is_none(), "it stands where the subscriber stood");
    let events = |told: &[Told]| -> Vec<_> {
        let updates = told.iter().filter(|told| told.message.r#type() == EventMessageType::Update);
        updates.map(|told| (told.message.position.clone(), told.message.updates.clone())).collect()
    };
    let (resumed, live) = (events(&resumed), events(&live));
    assert!(!live.is_empty());
    assert_eq!(resumed.len(), live.len());
    assert!(resumed == live);
}

fn heard_frames(listener: &mut Subscriber) -> Vec<Told> {
    listener.connection().send(&messages::synchronise("sync")).expect("it is sent");
    let mut told = Vec::new();
    loop {
        let (Heard::Other(frame) | Heard::View { frame, .. }) = next(listener);
        let message = frame.message().expect("a message");
        if word_of(&message) == "Response sync" {
            return told;
        }
        told.push(Told { message, bytes: frame.bytes().to_vec() });
    }
}

#[test]
fn a_gap_of_ten_is_filled() {
    gap_of(10, 61);
}

#[test]
fn a_gap_of_twenty_thousand_is_filled() {
    gap_of(20_000, 62);
}

#[test]
#[ignore = "a minute and more: run by perf/long_tests.sh"]
fn a_gap_of_a_million_is_filled() {
    gap_of(1_000_000, 63);
}

#[test]
fn what_is_missed_and_what_is_live_join_without_a_gap_while_updates_go_on() {
    const SEED: u64 = 64;
    println!("seed {SEED}");
    let rig = Rig::start_with(|config| config.snapshot_every_updates = 1000);
    let mut adapter = Adapter::open(rig.addr(), "f").expect("the feed is open");
    let mut random = Random::of(SEED);
    play(&mut adapter, &mut random, 500);
    let mut first = rig.subscriber(Form::Binary);
    let all: Vec<_> = [SubscriptionType::Orders, SubscriptionType::Holdings, SubscriptionType::Balances]
        .map(|view| (view, first.subscribe(view, Vec::new()).expect("it is accepted")))
        .into();
    first.synchronise().expect("it is answered");
    let after = known(first.view(all[0].1).positions());
    let mut state = State::asked(&rig, "");
    first.connection().cut();
    for round in 0..6 {
        // Submitted, not waited for: what is missed ends somewhere in here.
        let last = adapter.last_submitted();
        for n in last + 1..=last + 700 {
            adapter.submit(n, any_update(&mut random, n)).expect("it is submitted");
            if n % 350 == 0 {
                adapter.flush().expect("it is sent");
            }
        }
        let mut subscriber = rig.subscriber(Form::Binary);
        for (view, _) in &all {
            let request = messages::subscribe(*view, vec![after.clone()], "r");
            subscriber.connection().send(&request).expect("it is sent");
        }
        adapter.wait_bookmark(last + 700, PATIENCE).expect("all is durable");
        subscriber.connection().send(&messages::synchronise("sync")).expect("it is sent");
        let mut folded = state.clone();
        let mut last_place = std::collections::BTreeMap::new();
        loop {
            let message = subscriber.connection().receive_message(PATIENCE).expect("a message");
            if word_of(&message) == "Response sync" {
                break;
            }
            if message.r#type() == EventMessageType::Update {
                let position = message.position.as_ref().expect("no snapshot comes").position;
                let view = message.subscription.as_ref().expect("a subscription").r#type;
                let before = last_place.insert(view, position);
                assert!(before.is_none_or(|before| before < position), "round {round}: {before:?} {position}");
                folded.take(&message);
            }
        }
        folded.assert_same(&State::asked(&rig, ""), &format!("round {round}"));
    }
    state = State::asked(&rig, "");
    assert!(!state.balances.is_empty());
}

#[test]
fn a_position_that_the_hub_does_not_have_brings_a_snapshot_and_one_that_is_none_is_refused() {
    let rig = Rig::start();
    let mut adapter = Adapter::open(rig.addr(), "f").expect("the feed is open");
    play(&mut adapter, &mut Random::of(65), 100);
    for unknown in ["f=101", "none=1"] {
        let told = resumed(&rig, SubscriptionType::Balances, messages::target("Position", &[unknown]));
        let start = told.iter().find(|told| told.message.r#type() == EventMessageType::SnapshotStart);
        let snapshot = start.expect("a snapshot").message.snapshot.clone().expect("its positions");
        assert_eq!(snapshot.positions.get("f"), Some(&100), "{unknown}");
    }
    for bad in ["f", "f=x", "f=-1"] {
        let told = resumed(&rig, SubscriptionType::Balances, messages::target("Position", &[bad]));
        assert!(word_of(&told[0].message).starts_with("Response r Data.Deserialise"), "{bad}");
    }
    // From the beginning: all there ever was.
    let told = resumed(&rig, SubscriptionType::Transactions, messages::target("Position", &["f=0"]));
    let recorded = rig.get("/transaction/fromdate");
    let recorded: Vec<ordo_core::proto::ClientTransaction> =
        recorded.records(ordo_core::json::message::CLIENT_TRANSACTION).expect("transactions");
    let heard: Vec<_> =
        told.iter().flat_map(|told| &told.message.updates).filter_map(|e| e.transaction.clone()).collect();
    assert!(!heard.is_empty() && heard == recorded);
}

/// Everything that the view Transactions ever told, by resuming after nothing.
fn all_transactions(rig: &Rig) -> Vec<ordo_core::proto::ClientTransaction> {
    let told = resumed(rig, SubscriptionType::Transactions, messages::target("Position", &["f=0"]));
    let start = told.iter().find(|told| told.message.r#type() == EventMessageType::SnapshotStart);
    assert!(start.expect("it begins").message.snapshot.is_none(), "no snapshot, but what was missed");
    told.iter().flat_map(|told| &told.message.updates).filter_map(|event| event.transaction.clone()).collect()
}

#[test]
fn more_than_may_resume_at_once_wait_for_their_turn() {
    let rig = Rig::start_with(|config| config.history_requests_max = 1);
    let mut adapter = Adapter::open(rig.addr(), "f").expect("the feed is open");
    play(&mut adapter, &mut Random::of(66), 3000);
    let told: Vec<_> = std::thread::scope(|scope| {
        let resuming: Vec<_> = (0..12).map(|_| scope.spawn(|| all_transactions(&rig))).collect();
        resuming.into_iter().map(|one| one.join().expect("it has all")).collect()
    });
    assert!(!told[0].is_empty() && told.iter().all(|one| *one == told[0]));
}

#[test]
fn one_that_resumes_and_does_not_read_is_closed_and_lets_the_next_have_its_turn() {
    let rig = Rig::start_with(|config| {
        config.history_requests_max = 1;
        config.reader_patience = std::time::Duration::from_secs(1);
    });
    let mut adapter = Adapter::open(rig.addr(), "f").expect("the feed is open");
    for _ in 0..10 {
        play(&mut adapter, &mut Random::of(67), 2000);
    }
    let mut unread = rig.subscriber(Form::Json);
    for n in 0..40 {
        // As many as it takes to fill what lies between.
        let after = messages::target("Position", &["f=0", &format!("f{n}=0")]);
        let subscribe = messages::subscribe(SubscriptionType::Updates, vec![after], "r");
        unread.connection().send(&subscribe).expect("it is sent");
    }
    assert!(!all_transactions(&rig).is_empty(), "the one that reads has its turn");
    let closed = loop {
        match unread.connection().receive(PATIENCE) {
            Ok(Some(_)) => {}
            ended => break ended,
        }
    };
    assert!(format!("{closed:?}").contains("4408"), "{closed:?}");
}
