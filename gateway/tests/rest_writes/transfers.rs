//! Single transfers.

use ordo_core::json::message;
use ordo_core::proto::model::{AssetTransferRequest, CashTransferRequest};
use ordo_core::proto::{AssetPosition, CashPosition, SubscriptionType};
use prost::Message;

use crate::sending::*;
use ordo_testkit::hub::*;

#[test]
fn a_transfer_is_applied_when_it_is_answered() {
    let rig = Rig::start();
    for round in 1..=50 {
        assert_eq!(post(&rig, "/balance", &cash_json("A", "10")), "204");
        assert_eq!(balance(&rig, "A"), format!("{} 0", round * 10));
    }
    assert_eq!(post(&rig, "/holding", &asset_json("A", "7")), "204");
    assert!(rig.get("/holding/for/XS/A").text().contains("\"Quantity\":7,"));
    assert_eq!(oms_position(&rig), 51);
}

#[test]
fn many_writers_at_once_are_all_answered_and_applied() {
    let rig = Rig::start();
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let rig = &rig;
            scope.spawn(move || {
                for round in 1..=25 {
                    assert_eq!(post(rig, "/balance", &cash_json(&format!("W{writer}"), "1")), "204");
                    assert_eq!(balance(rig, &format!("W{writer}")), format!("{round} 0"));
                }
            });
        }
    });
    assert_eq!(oms_position(&rig), 200);
}

#[test]
fn a_body_in_binary_says_the_same() {
    let rig = Rig::start();
    let of = account("XS", "A");
    let cash = CashTransferRequest {
        transaction: Some(Box::new(details(&of, "C1"))),
        transfer: Some(Box::new(cash_transfer("12.50"))),
    };
    let assets = AssetTransferRequest {
        transaction: Some(Box::new(details(&of, "A1"))),
        transfer: Some(Box::new(asset_transfer("3"))),
    };
    assert_eq!(told(&send(&rig, "POST", "/balance", &[PROTOBUF], &cash.encode_to_vec())), "204");
    assert_eq!(told(&send(&rig, "POST", "/holding", &[PROTOBUF], &assets.encode_to_vec())), "204");
    assert_eq!(balance(&rig, "A"), "12.50 0");
    let answer = send(&rig, "GET", "/balance/for/XS/A", &[WANTS_PROTOBUF], b"");
    let binary: Vec<CashPosition> = ordo_core::json::Delimited::new(&answer.body)
        .map(|bytes| CashPosition::decode(bytes.expect("a record")).expect("a position"))
        .collect();
    assert_eq!(binary, rig.get("/balance/for/XS/A").records::<CashPosition>(message::CASH_POSITION).expect("records"));
    let holdings: Vec<AssetPosition> = listed(rig.addr(), "/for/XS/A");
    assert_eq!(figure(holdings[0].quantity), dec("3"));
}

#[test]
fn what_changes_nothing_is_answered_and_takes_no_position() {
    let rig = Rig::start();
    let (mut watcher, view) = watcher(&rig, SubscriptionType::Balances);
    assert_eq!(post(&rig, "/balance", &cash_json("A", "0")), "204");
    assert_eq!(post(&rig, "/holding", &asset_json("A", "0")), "204");
    let once = r#"{"Transaction":{"TransactionID":"T","Account":{"OwnerID":"XS","AccountID":"A"}},"Transfer":{"Currency":"AUD","Value":5}}"#;
    assert_eq!(post(&rig, "/balance", once), "204");
    assert_eq!(post(&rig, "/balance", once), "204", "the same again");
    assert_eq!(post(&rig, "/balance", &once.replace(":5", ":6")), "422 TransactionID.Duplicate");
    assert_eq!(post(&rig, "/balance", &cash_json("A", "1")), "204");
    watcher.wait_position(view, "oms", 2).expect("the second change is the second position");
    assert_eq!((balance(&rig, "A"), watcher.view(view).events()), ("6 0".into(), 2));
}

#[test]
fn what_is_refused_says_every_problem_and_takes_no_position() {
    let rig = Rig::start();
    for (target, body, expected) in [
        ("/balance", r#"{"Transfer":{"Currency":"AUD","Value":1}}"#, "422 Account"),
        (
            "/balance",
            r#"{"Transaction":{"Account":{"OwnerID":"XS"}},"Transfer":{"Currency":"AUD","Value":1}}"#,
            "422 Account",
        ),
        ("/balance", r#"{"Transaction":{"Account":{"AccountID":"A"}},"Transfer":{"Value":1}}"#, "422 Currency"),
        ("/balance", r#"{"Transfer":{"Value":1}}"#, "422 Account Currency"),
        ("/balance", "", "422 Details"),
        ("/holding", "", "422 Details"),
        (
            "/holding",
            r#"{"Transaction":{"Account":{"AccountID":"A"}},"Transfer":{"Exchange":"XASX","Value":1}}"#,
            "422 Symbol",
        ),
        (
            "/holding",
            r#"{"Transaction":{"Account":{"AccountID":"A"}},"Transfer":{"Code":"BHP","Value":1}}"#,
            "422 Exchange",
        ),
    ] {
        assert_eq!(post(&rig, target, body), expected, "{target} {body}");
    }
    assert_eq!(oms_position(&rig), 0);
    assert_eq!(rig.get("/balance").text(), "[]");
}

#[test]
fn a_sum_out_of_range_is_refused_and_changes_nothing() {
    let rig = Rig::start();
    let most = i128::MAX.to_string();
    assert_eq!(post(&rig, "/balance", &cash_json("A", &most)), "204");
    assert_eq!(post(&rig, "/balance", &cash_json("A", "1")), "422 NumberOutOfRange");
    assert_eq!(post(&rig, "/balance", &cash_json("A", "1e400")), "422 NumberOutOfRange");
    assert_eq!((balance(&rig, "A"), oms_position(&rig)), (format!("{most} 0"), 1));
}

#[test]
fn an_account_without_an_owner_takes_transfers_too() {
    let rig = Rig::start();
    let body = r#"{"Transaction":{"Account":{"AccountID":"1234"}},"Transfer":{"Currency":"AUD","Value":1}}"#;
    assert_eq!(post(&rig, "/balance", body), "204");
    assert_eq!(rig.get("/balance/for//1234").text().matches("AccountID").count(), 1);
}

#[test]
fn written_state_outlives_the_hub() {
    let mut rig = Rig::start();
    for n in 0..20 {
        assert_eq!(post(&rig, "/balance", &cash_json(&format!("A{}", n % 3), "1.5")), "204");
    }
    let (before, position) = (rig.get("/balance").text(), oms_position(&rig));
    let stopped = rig.stop();
    assert_eq!(rig.replay(false).engine().state_hash(), stopped.state_hash);
    assert_eq!(rig.replay(true).engine().state_hash(), stopped.state_hash);
    rig.start_again();
    assert_eq!((rig.get("/balance").text(), oms_position(&rig)), (before, position));
    assert_eq!(post(&rig, "/balance", &cash_json("A0", "1")), "204");
    assert_eq!(oms_position(&rig), position + 1);
}
