//! `/event`: what was told live, from the record, in the same bytes.

use std::collections::BTreeMap;

use ordo_client::rest;
use ordo_core::json::Delimited;
use ordo_core::proto::{EventMessage, EventMessageType, SubscriptionType};
use prost::Message;

use crate::heard::*;
use ordo_testkit::hub::*;

/// Events in binary: each message's bytes.
fn asked(rig: &Rig, target: &str) -> Vec<Vec<u8>> {
    let accept = [("Accept", "application/x-protobuf")];
    let answer = rest::request(rig.addr(), "GET", target, &accept, None).expect("an answer");
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/x-protobuf")), "{target}");
    Delimited::new(&answer.body).map(|bytes| bytes.expect("a message").to_vec()).collect()
}

fn decoded(messages: &[Vec<u8>]) -> Vec<EventMessage> {
    messages.iter().map(|bytes| EventMessage::decode(&**bytes).expect("an EventMessage")).collect()
}

/// What of a live message is the event's own: all behind its type and its subscription.
fn behind_head(bytes: &[u8], message: &EventMessage) -> Vec<u8> {
    let head =
        EventMessage { r#type: message.r#type, subscription: message.subscription.clone(), ..EventMessage::default() };
    let head = head.encode_to_vec();
    assert_eq!(bytes[..head.len()], head);
    bytes[head.len()..].to_vec()
}

#[test]
fn a_views_events_between_two_points_are_the_bytes_that_were_told_live() {
    const SEED: u64 = 11;
    let mut rig = Rig::start_with(|config| config.snapshot_every_updates = 100);
    let recording = Recording::make(&rig, SEED, 500);
    rig.stop();
    rig.start_again();
    let mut random = Random::of(SEED);
    let times = times(&recording.told);
    for round in 0..8 {
        let view = VIEWS[random.below(VIEWS.len() as u64) as usize];
        let [from, to] = [(); 2].map(|()| times[random.below(times.len() as u64) as usize]);
        let target = format!("/event/fromdate?for={}&from={}&to={}", view.as_str_name(), iso(from), iso(to));
        let expected: Vec<Vec<u8>> = recording
            .told
            .iter()
            .filter(|told| told.view() == view && told.time_ns() > from && told.time_ns() <= to)
            .map(|told| behind_head(&told.bytes, &told.message))
            .collect();
        let got = asked(&rig, &target);
        let got: Vec<Vec<u8>> = got.iter().zip(decoded(&got)).map(|(bytes, m)| behind_head(bytes, &m)).collect();
        assert_eq!(got.len(), expected.len(), "round {round}: {target}");
        assert!(got == expected, "round {round}: {target}");
    }
}

#[test]
fn without_a_view_a_message_holds_the_events_of_all_in_one_order() {
    let rig = Rig::start();
    let recording = Recording::make(&rig, 12, 200);
    // Live, each view has a message of its own.
    let order = [
        SubscriptionType::Updates,
        SubscriptionType::Status,
        SubscriptionType::Orders,
        SubscriptionType::Holdings,
        SubscriptionType::Balances,
        SubscriptionType::Transactions,
    ];
    let mut expected: BTreeMap<u64, EventMessage> = BTreeMap::new();
    for view in order {
        for told in recording.told.iter().filter(|told| told.view() == view) {
            let message = expected.entry(told.time_ns()).or_insert_with(|| EventMessage {
                r#type: EventMessageType::Update as i32,
                position: told.message.position.clone(),
                ..EventMessage::default()
            });
            message.updates.extend(told.message.updates.iter().cloned());
        }
    }
    let expected: Vec<EventMessage> = expected.into_values().collect();
    let since = iso(times(&recording.told)[0] - 1);
    let got = decoded(&asked(&rig, &format!("/event/fromdate?from={since}")));
    assert_eq!(got.len(), expected.len());
    assert_eq!(got, expected);
    assert_eq!(decoded(&asked(&rig, &format!("/event/audit/fromdate?from={since}&count=7"))), expected[..7]);
    let as_json: Vec<EventMessage> = rig
        .get(&format!("/event/fromdate?from={since}"))
        .records(ordo_core::json::message::EVENT_MESSAGE)
        .expect("events as JSON");
    assert_eq!(as_json, expected);
}

#[test]
fn owner_and_account_filters_let_through_what_matches_either() {
    let rig = Rig::start();
    let recording = Recording::make(&rig, 13, 300);
    let since = iso(times(&recording.told)[0] - 1);
    let target = format!("/event/fromdate?for=Balances&from={since}&owner=XA&account=XB%2F3&account=XB/4");
    let passes = |event: &ordo_core::proto::UpdateEvent| {
        let account = event.balance.as_ref().and_then(|record| record.account.clone()).expect("an account");
        account.owner_id == "XA" || ["3", "4"].contains(&&*account.account_id)
    };
    let expected: Vec<_> = recording
        .told
        .iter()
        .filter(|told| told.view() == SubscriptionType::Balances)
        .flat_map(|told| told.message.updates.iter().filter(|event| passes(event)).cloned())
        .collect();
    let got: Vec<_> = decoded(&asked(&rig, &target)).into_iter().flat_map(|message| message.updates).collect();
    assert!(!got.is_empty() && got == expected);
    assert_eq!(rig.get("/event/fromdate?account=XB").status, 403, "an account that nobody may see");
    assert_eq!(rig.get("/event/fromdate?for=Trades").status, 400);
}

/// Folds a snapshot's messages, and gives what follows them.
fn fold_snapshots(messages: &[EventMessage]) -> (State, BTreeMap<String, i64>, &[EventMessage]) {
    let mut state = State::default();
    let mut positions = BTreeMap::new();
    let mut end = 0;
    for (at, message) in messages.iter().enumerate() {
        match message.r#type() {
            EventMessageType::SnapshotStart => {
                let snapshot = message.snapshot.as_ref().expect("its positions");
                positions = snapshot.positions.clone().into_iter().collect();
            }
            EventMessageType::SnapshotFinish => end = at + 1,
            EventMessageType::Update if message.position.is_none() => state.take(message),
            _ => {}
        }
    }
    (state, positions, &messages[end..])
}

const STATES: &str = "for=Balances&for=Holdings&for=Orders&snapshot=true";

#[test]
fn a_snapshot_at_a_time_and_the_events_behind_it_are_the_state_later() {
    let rig = Rig::start_with(|config| config.snapshot_every_updates = 100);
    let recording = Recording::make(&rig, 14, 400);
    let times = times(&recording.told);
    for (from, to) in [(10, 300), (200, 201), (330, 330)] {
        let (from, to) = (times[from], times[to]);
        let target = format!("/event/fromdate?{STATES}&from={}&to={}", iso(from), iso(to));
        let messages = decoded(&asked(&rig, &target));
        let (mut state, _, events) = fold_snapshots(&messages);
        state.assert_same(&State::asked(&rig, &format!("?asAt={}", iso(from))), "the snapshot");
        events.iter().for_each(|message| state.take(message));
        state.assert_same(&State::asked(&rig, &format!("?asAt={}", iso(to))), "with the events");
    }
}

#[test]
fn a_snapshot_at_positions_is_the_fold_of_exactly_the_updates_at_or_below_them() {
    const SEED: u64 = 15;
    let rig = Rig::start_with(|config| config.snapshot_every_updates = 100);
    let recording = Recording::make(&rig, SEED, 400);
    let mut random = Random::of(SEED);
    let last = |feed: &str| recording.told.iter().filter(|told| told.place().0 == feed).map(|t| t.place().1).max();
    let (last_f, last_g) = (last("f").expect("some"), last("g").expect("some"));
    for round in 0..6 {
        let f = random.below(last_f as u64 + 1) as i64;
        let g = random.below(last_g as u64 + 1) as i64;
        // An own fold of a hub that was only ever given these.
        let other = Rig::start();
        replay_into(&rig, &other, (f, g));
        let target = format!("/event/between?{STATES}&from[f]={f}&from[g]={g}&to[f]={f}");
        let messages = decoded(&asked(&rig, &target));
        let (state, positions, events) = fold_snapshots(&messages);
        assert!(events.is_empty(), "round {round}: nothing is behind the last position");
        assert!(positions.get("f").copied().unwrap_or(0) <= f && !positions.contains_key("oms"), "{positions:?}");
        state.assert_same(&State::asked(&other, ""), &format!("round {round}: f {f}, g {g}"));
    }
}

/// What was left out belonged to a run without the setting by which the next run removed orders: they came back.
#[test]
fn a_snapshot_at_positions_goes_by_the_settings_that_were_in_force() {
    let mut rig = Rig::start();
    let of = account("XS", "A");
    let (mut left_out, _) = FeedLine::open(&rig, "g", ordo_client::Form::Binary);
    left_out.act(1, deposit(&of, "1"));
    let (mut line, _) = FeedLine::open(&rig, "f", ordo_client::Form::Binary);
    let mut order = limit_order(&of, "1", ordo_core::proto::Side::Buy, "10", "5");
    order.is_completed = true;
    line.act(1, update(order.clone(), ordo_core::proto::OrderUpdateReason::Status));
    order.order_id = "2".into();
    order.is_completed = false;
    line.act(2, update(order, ordo_core::proto::OrderUpdateReason::New));
    rig.stop();
    rig.start_again_with(|config| config.completed_order_retention_s = 1);
    let orders = |state: &State| state.orders.values().map(|order| order.order_id.clone()).collect::<Vec<_>>();
    let deadline = std::time::Instant::now() + PATIENCE;
    while orders(&State::asked(&rig, "")) != ["2"] {
        assert!(std::time::Instant::now() < deadline, "the completed order stays for ever");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let target = format!("/event/between?{STATES}&from[f]=2&from[oms]=99&to[f]=2");
    let (state, positions, _) = fold_snapshots(&decoded(&asked(&rig, &target)));
    assert!(state.balances.values().all(|it| figure(it.balance).is_zero()), "the deposit is left out");
    assert!(!positions.contains_key("g"));
    assert_eq!(orders(&state), ["2"]);
}

/// What was held lay behind a Tick that had forgotten the trade that it corrects.
#[test]
fn a_snapshot_at_positions_has_forgotten_what_was_forgotten() {
    let rig = Rig::start_with(|config| config.trade_retention_s = 1);
    let of = account("XS", "A");
    let (mut left_out, _) = FeedLine::open(&rig, "g", ordo_client::Form::Binary);
    left_out.act(1, deposit(&of, "1"));
    let (mut line, _) = FeedLine::open(&rig, "f", ordo_client::Form::Binary);
    let mut order = limit_order(&of, "1", ordo_core::proto::Side::Buy, "10", "5");
    line.act(1, trade(order.clone(), order_trade("T1", ordo_core::proto::OrderTradeType::Trade, "10", "5")));
    order.is_completed = true;
    order.remove_after = Some(ordo_core::proto::TimestampWithTimeZone::default());
    line.act(2, update(order.clone(), ordo_core::proto::OrderUpdateReason::Status));
    let deadline = std::time::Instant::now() + PATIENCE;
    while rig.replay(false).engine().counts().trades > 0 {
        assert!(std::time::Instant::now() < deadline, "it is kept for ever");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    line.act(3, trade(order, order_trade("T1", ordo_core::proto::OrderTradeType::Cancel, "10", "5")));
    let target = format!("/event/between?{STATES}&from[f]=3&from[oms]=99&to[f]=3");
    let (state, positions, _) = fold_snapshots(&decoded(&asked(&rig, &target)));
    assert_eq!(positions.get("f"), Some(&3));
    assert_eq!(state.holdings, State::asked(&rig, "").holdings, "the same cash and stock as at that time");
}

/// Submits the updates of both feeds up to a position each, in their global order, to another hub.
fn replay_into(from: &Rig, into: &Rig, (f, g): (i64, i64)) {
    let records: Vec<ordo_core::proto::model::AuditRecord> = from
        .get(&format!("/audit/between?to[f]={f}&to[g]={g}"))
        .records(ordo_core::json::message::AUDIT_RECORD)
        .expect("records");
    let mut lines = ["f", "g"].map(|feed| FeedLine::open(into, feed, ordo_client::Form::Binary).0);
    for record in records {
        let line = if record.sequence == "f" { &mut lines[0] } else { &mut lines[1] };
        let action = record.update.expect("an update").action.expect("an action");
        line.try_act(record.id, action);
    }
}
