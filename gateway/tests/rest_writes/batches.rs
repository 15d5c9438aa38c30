//! Several at once: all or none, one frame, a position and a time each.

use ordo_core::json::{message, put_delimited};
use ordo_core::proto::model::CashTransferRequest;
use ordo_core::proto::{CashPosition, EventMessageType, SubscriptionType, UpdatePosition};
use prost::Message;

use crate::sending::*;
use ordo_testkit::hub::*;

fn bulk(parts: &[String]) -> String {
    format!("[{}]", parts.join(","))
}

fn settlement(account: &str, settle: &str, expected: &str) -> String {
    let expected = if expected.is_empty() { String::new() } else { format!(r#","ExpectedBalance":{expected}"#) };
    format!(r#"{{"Owner":"XS","Account":"{account}","Currency":"AUD"{expected},"Settle":{settle}}}"#)
}

fn unbooked(rig: &Rig, account: &str, value: &str) {
    let body = cash_json(account, value).replace(r#""Currency""#, r#""Settlement":"Unbooked","Currency""#);
    assert_eq!(post(rig, "/balance", &body), "204");
}

#[test]
fn a_batch_takes_a_position_and_a_time_for_each_member() {
    let rig = Rig::start();
    let (mut watcher, _) = watcher(&rig, SubscriptionType::Transactions);
    let body = bulk(&[cash_json("A", "1"), cash_json("B", "2"), cash_json("A", "3")]);
    assert_eq!(post(&rig, "/balance/bulk", &body), "204");
    assert_eq!((balance(&rig, "A"), balance(&rig, "B")), ("4 0".into(), "2 0".into()));
    let heard = heard_until_synchronised(&mut watcher);
    let updates =
        heard.iter().filter(|message| message.r#type() == EventMessageType::Update && message.position.is_some());
    let places: Vec<_> = updates.map(|message| message.position.clone().expect("a position")).collect();
    assert_eq!(places.iter().map(|place| place.position).collect::<Vec<_>>(), [1, 2, 3]);
    let times: Vec<u64> =
        places.iter().map(|place| place.executed_at.expect("a time").unix_nanos().expect("an instant")).collect();
    assert!(times[1] == times[0] + 1 && times[2] == times[1] + 1, "{times:?}");
}

#[test]
fn a_batch_with_one_bad_member_changes_nothing() {
    let rig = Rig::start();
    let bad = r#"{"Transaction":{"Account":{"OwnerID":"XS"}},"Transfer":{"Currency":"AUD","Value":1}}"#;
    let body = bulk(&[cash_json("A", "1"), cash_json("B", "2"), bad.into(), cash_json("C", "3")]);
    assert_eq!(post(&rig, "/balance/bulk", &body), "422 Account 2");
    let body = bulk(&[asset_json("A", "1"), asset_json("A", "1").replace("BHP", "")]);
    assert_eq!(post(&rig, "/holding/bulk", &body), "422 Symbol 1");
    assert_eq!(
        (rig.get("/balance").text(), rig.get("/holding").text(), oms_position(&rig)),
        ("[]".into(), "[]".into(), 0)
    );
    assert_eq!(post(&rig, "/balance", &cash_json("A", "1")), "204", "the next write passes");
    assert_eq!((balance(&rig, "A"), oms_position(&rig)), ("1 0".into(), 1));
}

#[test]
fn an_empty_batch_records_nothing() {
    let mut rig = Rig::start();
    for target in ["/balance/bulk", "/holding/bulk", "/balance/settle?id=X"] {
        assert_eq!(post(&rig, target, "[]"), "204", "{target}");
        assert_eq!(post(&rig, target, ""), "422 Details", "{target}");
        assert_eq!(told(&send(&rig, "POST", target, &[PROTOBUF], b"")), "204", "{target}");
    }
    assert_eq!(rig.stop().sequence, 0);
}

#[test]
fn a_batch_in_binary_is_length_delimited() {
    let rig = Rig::start();
    let mut body = Vec::new();
    for value in ["1", "2.5"] {
        let transfer = CashTransferRequest {
            transaction: Some(Box::new(details(&account("XS", "A"), ""))),
            transfer: Some(Box::new(cash_transfer(value))),
        };
        put_delimited(&transfer.encode_to_vec(), &mut body);
    }
    assert_eq!(told(&send(&rig, "POST", "/balance/bulk", &[PROTOBUF], &body)), "204");
    assert_eq!(balance(&rig, "A"), "3.5 0");
    assert_eq!(told(&send(&rig, "POST", "/balance/bulk", &[PROTOBUF], &body[..body.len() - 1])), "400 Data");
}

/// E23 of the semantics.
#[test]
fn a_settlement_expects_the_booked_balance() {
    let rig = Rig::start();
    assert_eq!(post(&rig, "/balance", &cash_json("A", "10000")), "204");
    unbooked(&rig, "A", "-1005.95");
    let body = bulk(&[settlement("A", "-1005.95", "9999")]);
    assert_eq!(post(&rig, "/balance/settle?id=S1", &body), "422 ExpectedBalance 0 10000");
    assert_eq!((balance(&rig, "A"), oms_position(&rig)), ("10000 -1005.95".into(), 2));
    let body = bulk(&[settlement("A", "-1005.95", "10000")]);
    assert_eq!(post(&rig, "/balance/settle?id=S1", &body), "204");
    assert_eq!(balance(&rig, "A"), "8994.05 0.00");
    // The same file again settles nothing; another one under its name does.
    assert_eq!(post(&rig, "/balance/settle?id=S1", &body), "204");
    assert_eq!((balance(&rig, "A"), oms_position(&rig)), ("8994.05 0.00".into(), 3));
    assert_eq!(post(&rig, "/balance/settle?id=S1", &bulk(&[settlement("A", "-1", "")])), "204");
    assert_eq!(oms_position(&rig), 4);
}

#[test]
fn each_record_of_a_settlement_expects_what_the_one_before_left() {
    let rig = Rig::start();
    unbooked(&rig, "A", "30");
    unbooked(&rig, "B", "5");
    let good = bulk(&[settlement("A", "10", "0"), settlement("A", "20", "10"), settlement("B", "5", "0")]);
    let bad = bulk(&[settlement("A", "10", "0"), settlement("A", "20", "11"), settlement("B", "5", "1")]);
    assert_eq!(post(&rig, "/balance/settle?id=S", &bad), "422 ExpectedBalance 1 10 ExpectedBalance 2 0");
    assert_eq!((balance(&rig, "A"), balance(&rig, "B")), ("0 30".into(), "0 5".into()));
    assert_eq!(post(&rig, "/balance/settle?id=S", &good), "204");
    assert_eq!((balance(&rig, "A"), balance(&rig, "B")), ("30 0".into(), "5 0".into()));
}

#[test]
fn a_settlement_says_its_id_to_subscribers() {
    let rig = Rig::start();
    unbooked(&rig, "A", "30");
    let (mut watcher, _) = watcher(&rig, SubscriptionType::Transactions);
    assert_eq!(post(&rig, "/balance/settle?id=May%2012", &bulk(&[settlement("A", "30", "")])), "204");
    let events = events_of(&heard_until_synchronised(&mut watcher));
    let details = events[0].transaction.as_ref().and_then(|of| of.details.as_ref()).expect("a transaction");
    assert_eq!((details.i_ds[0].name.as_str(), details.i_ds[0].values["ID"].as_str()), ("Settlement", "May 12"));
}

#[test]
fn a_settlement_without_an_id_gets_a_new_one_in_every_call() {
    let rig = Rig::start();
    unbooked(&rig, "A", "30");
    let (mut watcher, _) = watcher(&rig, SubscriptionType::Transactions);
    let body = bulk(&[settlement("A", "10", "")]);
    for target in ["/balance/settle", "/balance/settle?id=", "/balance/settle"] {
        assert_eq!(post(&rig, target, &body), "204", "{target}");
    }
    assert_eq!(balance(&rig, "A"), "30 0", "the same content is settled again");
    let events = events_of(&heard_until_synchronised(&mut watcher));
    let details = events.iter().map(|event| event.transaction.as_ref().and_then(|of| of.details.as_ref()));
    let ids: std::collections::BTreeSet<String> =
        details.map(|details| details.expect("a transaction").i_ds[0].values["ID"].clone()).collect();
    assert!(ids.len() == 3 && ids.iter().all(|id| id.starts_with("ST")), "{ids:?}");
    let long = "x".repeat(257);
    assert_eq!(post(&rig, &format!("/balance/settle?id={long}"), &body), "400 Data");
}

#[test]
fn batches_survive_a_restart_and_replay_to_the_same() {
    let mut rig = Rig::start();
    for round in 0..10 {
        let members: Vec<String> = (0..=round * 7).map(|n| cash_json(&format!("A{}", n % 5), "1")).collect();
        assert_eq!(post(&rig, "/balance/bulk", &bulk(&members)), "204");
        assert_eq!(post(&rig, "/balance/bulk", &bulk(&[cash_json("A0", "1"), cash_json("", "1")])), "422 Account 1");
        assert_eq!(post(&rig, "/balance", &cash_json("B", "1")), "204");
    }
    let (before, position) = (rig.get("/balance").text(), oms_position(&rig));
    let stopped = rig.stop();
    for snapshots in [false, true] {
        let replay = rig.replay(snapshots);
        assert_eq!(replay.engine().state_hash(), stopped.state_hash);
        assert_eq!(replay.engine().events_hash(), stopped.events_hash);
        assert_eq!(replay.engine().sequence(), stopped.sequence);
    }
    rig.start_again();
    assert_eq!((rig.get("/balance").text(), oms_position(&rig)), (before, position));
    assert_eq!(post(&rig, "/balance", &cash_json("B", "1")), "204", "time goes on behind the last member's");
    assert_eq!(oms_position(&rig), position + 1);
}

#[test]
fn a_batch_larger_than_the_ring_is_applied_whole_while_others_write() {
    let rig = Rig::start_with(|config| config.ring_slots = 64);
    let members: Vec<String> = (0..1500).map(|n| cash_json(&format!("A{}", n % 7), "1")).collect();
    let (mut line, _) = FeedLine::open(&rig, "f", ordo_client::Form::Binary);
    std::thread::scope(|scope| {
        let (rig, line) = (&rig, &mut line);
        scope.spawn(move || {
            for n in 1..=100 {
                line.act(n, deposit(&account("XF", "F"), "1"));
            }
        });
        scope.spawn(move || {
            for _ in 0..30 {
                assert_eq!(post(rig, "/balance", &cash_json("Z", "1")), "204");
            }
        });
        assert_eq!(post(rig, "/balance/bulk", &bulk(&members)), "204");
    });
    assert_eq!((balance(&rig, "Z"), balance(&rig, "A0")), ("30 0".into(), "215 0".into()));
    // One for the feed's opening.
    assert_eq!(oms_position(&rig), 1 + 1530);
}

#[test]
fn a_batch_that_no_frame_takes_is_413() {
    let rig = Rig::start();
    let members: Vec<String> = (0..8000).map(|_| cash_json("A", "1")).collect();
    assert_eq!(post(&rig, "/balance/bulk", &bulk(&members)), "413");
    assert_eq!(oms_position(&rig), 0);
}

#[test]
fn the_past_may_lie_within_a_batch() {
    let mut rig = Rig::start();
    let (mut watcher, _) = watcher(&rig, SubscriptionType::Transactions);
    assert_eq!(post(&rig, "/balance", &cash_json("A", "1")), "204");
    let body = bulk(&[cash_json("A", "10"), cash_json("A", "100"), cash_json("A", "1000")]);
    assert_eq!(post(&rig, "/balance/bulk", &body), "204");
    assert_eq!(post(&rig, "/balance", &cash_json("A", "10000")), "204");
    let heard = heard_until_synchronised(&mut watcher);
    let instants: Vec<String> = heard.iter().filter_map(|message| message.position.as_ref()).map(instant_of).collect();
    assert_eq!(instants.len(), 5);
    for is_restarted in [false, true] {
        for (instant, expected) in instants.iter().zip(["1 0", "11 0", "111 0", "1111 0", "11111 0"]) {
            let of: Vec<CashPosition> =
                rig.get(&format!("/balance/for/XS/A?asAt={instant}")).records(message::CASH_POSITION).expect("records");
            assert_eq!(format!("{} 0", figure(of[0].balance)), expected, "{instant}, restarted: {is_restarted}");
        }
        rig.stop();
        rig.start_again();
    }
}

fn instant_of(place: &UpdatePosition) -> String {
    let mut text = Vec::new();
    place.executed_at.expect("a time").write_iso(&mut text).expect("an instant");
    String::from_utf8(text).expect("ISO-8601")
}
