//! What the passing of time does: orders leave, a feed's status runs out; and settings go into the record.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ordo_client::{Form, messages};
use ordo_core::json::message;
use ordo_core::proto::{ConnectionStatus, FeedDetails, OrderState, OrderUpdateReason, Side, SubscriptionType};
use ordo_core::proto::{Operation, OperationType, TimestampWithTimeZone, UpdateAction};

use ordo_testkit::hub::*;

fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as u64
}

fn in_ms(ms: u64) -> TimestampWithTimeZone {
    TimestampWithTimeZone::from_unix_nanos(now_ns() + ms * 1_000_000)
}

fn status_of(rig: &Rig, feed: &str) -> ConnectionStatus {
    let details: FeedDetails = rig.get(&format!("/feed/byid/{feed}")).record(message::FEED_DETAILS).expect("details");
    details.status()
}

#[test]
fn a_status_that_runs_out_is_followed_by_disconnected_and_a_later_one_renews_it() {
    let mut rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    let (_other, _) = FeedLine::open(&rig, "other", Form::Binary);
    let mut watcher = rig.subscriber(Form::Binary);
    let view = watcher.subscribe(SubscriptionType::Status, Vec::new()).expect("it is accepted");
    let online = |ms| FeedDetails {
        status: ConnectionStatus::Online as i32,
        expire_after: Some(in_ms(ms)),
        ..FeedDetails::default()
    };
    // Renewed before it runs out, it does not.
    assert!(line.ask(messages::status("f", 0, online(2_000))).is_empty());
    let expires = online(2_200);
    assert!(line.ask(messages::status("f", 0, expires.clone())).is_empty());
    let mut heard = Vec::new();
    while heard.len() < 3 {
        heard.extend(next_events(&mut watcher, view));
    }
    let told_ns = now_ns();
    let details: Vec<FeedDetails> = heard.into_iter().map(|event| event.status.expect("FeedDetails")).collect();
    let words: Vec<_> = details.iter().map(|it| (&*it.feed_id, it.status())).collect();
    let (on, off) = (("f", ConnectionStatus::Online), ("f", ConnectionStatus::Disconnected));
    assert_eq!(words, [on, on, off]);
    let due_ns = expires.expire_after.expect("it says so").unix_nanos().expect("an instant");
    let at_ns = details[2].timestamp.expect("the hub's time").unix_nanos().expect("an instant");
    assert!(at_ns >= due_ns, "{at_ns} before {due_ns}");
    assert!(told_ns - due_ns < 5_000_000_000, "{} ms late", (told_ns - due_ns) / 1_000_000);
    println!("told {} ms after it was due", (told_ns - due_ns) / 1_000_000);
    assert_eq!(status_of(&rig, "f"), ConnectionStatus::Disconnected);
    assert_eq!(status_of(&rig, "other"), ConnectionStatus::Online, "it said nothing of an end");
    // It still supplies the feed, and says so.
    line.act(0, deposit(&account("XA", "1"), "1"));
    assert!(line.ask(messages::status("f", 0, online(60_000))).is_empty());
    assert_eq!(status_of(&rig, "f"), ConnectionStatus::Online);
    let stopped = rig.stop();
    assert_eq!(rig.replay(false).engine().state_hash(), stopped.state_hash);
}

#[test]
fn a_feed_that_is_closed_has_no_status_to_run_out() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    let online = ConnectionStatus::Online as i32;
    let status = FeedDetails { status: online, expire_after: Some(in_ms(150)), ..FeedDetails::default() };
    assert!(line.ask(messages::status("f", 0, status)).is_empty());
    line.send(messages::close("f"), "c");
    while line.hear() != "Response c" {}
    let mut watcher = rig.subscriber(Form::Binary);
    watcher.subscribe(SubscriptionType::Status, Vec::new()).expect("it is accepted");
    std::thread::sleep(Duration::from_millis(400));
    assert!(heard_until_synchronised(&mut watcher).is_empty());
    assert_eq!(status_of(&rig, "f"), ConnectionStatus::Closed);
}

/// Operations that the Updates view shows until the last order has left, and when each order left.
#[test]
fn an_order_leaves_when_its_time_has_come_once_and_not_before() {
    let mut rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    let mut watcher = rig.subscriber(Form::Binary);
    let orders = watcher.subscribe(SubscriptionType::Orders, Vec::new()).expect("it is accepted");
    let updates = watcher.subscribe(SubscriptionType::Updates, Vec::new()).expect("it is accepted");
    let balances = watcher.subscribe(SubscriptionType::Balances, Vec::new()).expect("it is accepted");
    let mut due_ns = Vec::new();
    for (id, ms) in [("1", Some(300)), ("2", Some(300)), ("3", Some(700)), ("4", None), ("5", Some(600_000))] {
        let remove_after = ms.map(in_ms);
        let order = limit_order(&account("XA", "1"), id, Side::Buy, "10", "5");
        line.act(0, update(OrderState { remove_after, ..order }, OrderUpdateReason::New));
        due_ns.push(remove_after.map(|at| at.unix_nanos().expect("an instant")));
    }
    let mut left = Vec::new();
    let mut operations: Vec<Operation> = Vec::new();
    while left.len() < 3 {
        let ordo_client::Heard::View { view, frame, .. } = next(&mut watcher) else { continue };
        let message = frame.message().expect("a message");
        let at_ns = message.position.and_then(|it| it.executed_at).and_then(|at| at.unix_nanos().ok());
        for event in message.updates {
            if view == orders && event.update_action() == UpdateAction::Remove {
                let id = event.order.expect("the order").order_id;
                let due_ns = due_ns[id.parse::<usize>().expect("a number") - 1].expect("it has a time");
                let at_ns = at_ns.expect("a live event");
                assert!(at_ns >= due_ns, "order {id}: {at_ns} before {due_ns}");
                println!("order {id}: {} ms late", (at_ns - due_ns) / 1_000_000);
                assert!(at_ns - due_ns < 5_000_000_000, "order {id}");
                left.push(id);
            } else if view == updates {
                operations.extend(event.operation.map(|operation| *operation));
            }
        }
    }
    assert_eq!(left, ["1", "2", "3"]);
    operations.extend(
        events_of(&heard_until_synchronised(&mut watcher)).into_iter().filter_map(|it| it.operation.map(|it| *it)),
    );
    assert!((2..=3).contains(&operations.len()), "one for each time: {operations:?}");
    for operation in &operations {
        assert_eq!(operation.r#type(), OperationType::Transform);
        assert!(operation.transform.as_ref().is_some_and(|it| it.parameters.contains_key("DueBy")), "{operation:?}");
    }
    let unfilled = &folded::<ordo_core::proto::CashPosition>(watcher.view(balances))[0].unfilled_buys;
    assert_eq!(figure(*unfilled), dec("-100"), "of two open orders");
    let stopped = rig.stop();
    assert_eq!(rig.replay(false).engine().state_hash(), stopped.state_hash);
    // One whose time came while the hub was down leaves at its start.
    let before = rig.replay(false).last_sequence();
    rig.start_again();
    let ids: Vec<String> = listed::<OrderState>(rig.addr(), "").into_iter().map(|order| order.order_id).collect();
    assert_eq!(ids, ["4", "5"]);
    rig.stop();
    let updates = rig.replay(false).last_sequence() - before;
    assert!(updates < 10, "nothing is recorded again and again: {updates}");
}

#[test]
fn settings_that_differ_are_recorded_once_and_repeated_by_a_replay() {
    let mut rig = Rig::start_with(|config| config.trade_retention_s = 86_400);
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    line.act(0, deposit(&account("XA", "1"), "1"));
    drop(line);
    let stopped = rig.stop();
    for snapshots in [false, true] {
        let replay = rig.replay(snapshots);
        assert_eq!(replay.engine().settings().trade_retention_s, 86_400);
        assert_eq!(replay.engine().state_hash(), stopped.state_hash);
    }
    rig.start_again();
    let again = rig.stop();
    rig.start_again();
    let third = rig.stop();
    assert_eq!((again.sequence, again.state_hash), (third.sequence, third.state_hash), "recorded once");
    let mut usual = Rig::start();
    assert_eq!(usual.stop().sequence, 0, "those of the beginning need no record");
}

#[test]
fn what_is_no_longer_needed_is_forgotten_by_a_tick_in_the_record() {
    let mut rig = Rig::start_with(|config| config.trade_retention_s = 1);
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    let mut order = limit_order(&account("XA", "1"), "1", Side::Buy, "10", "5");
    let fill = order_trade("T1", ordo_core::proto::OrderTradeType::Trade, "10", "5");
    line.act(0, trade(order.clone(), fill.clone()));
    order.is_completed = true;
    order.remove_after = Some(TimestampWithTimeZone::default());
    line.act(0, update(order, OrderUpdateReason::Status));
    let recorded = |rig: &Rig| {
        let replay = rig.replay(false);
        (replay.last_sequence(), replay.updates(), replay.engine().counts().trades)
    };
    let (sequence, updates, trades) = recorded(&rig);
    assert_eq!(trades, 1, "a late correction would find it");
    let mut last = (sequence, updates, trades);
    let until = std::time::Instant::now() + PATIENCE;
    while last.2 > 0 {
        assert!(std::time::Instant::now() < until, "it is kept for ever");
        std::thread::sleep(Duration::from_millis(100));
        last = recorded(&rig);
    }
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(recorded(&rig), (sequence + 1, updates, 0), "one Tick was enough, and it is no update");
    let stopped = rig.stop();
    assert_eq!(rig.replay(false).engine().state_hash(), stopped.state_hash);
}
