//! What the tests say and look at.

use ordo_client::rest::{Answer, request};
use ordo_client::{Form, Subscriber, ViewId};
use ordo_core::proto::{CashPosition, SubscriptionType};

use ordo_testkit::hub::*;

pub(crate) const JSON: (&str, &str) = ("Content-Type", "application/json");
pub(crate) const PROTOBUF: (&str, &str) = ("Content-Type", "application/x-protobuf");
pub(crate) const WANTS_PROTOBUF: (&str, &str) = ("Accept", "application/x-protobuf");
pub(crate) const COMPACT: (&str, &str) = ("X-OMS-Compact", "true");
pub(crate) const LENIENT: (&str, &str) = ("X-OMS-Lenient", "true");

pub(crate) fn send(rig: &Rig, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    request(rig.addr(), method, target, headers, Some(body)).expect("an answer")
}

/// Without a body.
pub(crate) fn ask(rig: &Rig, method: &str, target: &str) -> Answer {
    request(rig.addr(), method, target, &[], None).expect("an answer")
}

pub(crate) fn post(rig: &Rig, target: &str, json: &str) -> String {
    told(&send(rig, "POST", target, &[JSON], json.as_bytes()))
}

pub(crate) fn delete(rig: &Rig, target: &str) -> String {
    told(&ask(rig, "DELETE", target))
}

/// Status and codes of an answer without records: `204`, `422 Account`, `400 Data`; the text in words is left out.
pub(crate) fn told(answer: &Answer) -> String {
    let mut codes: Vec<String> = serde_json::from_slice(&answer.body).unwrap_or_default();
    match answer.status {
        204 => assert!(answer.body.is_empty(), "{}", answer.text()),
        400 => {
            assert!(codes.len() == 2 && !codes[1].is_empty(), "a code and a text: {}", answer.text());
            codes.truncate(1);
        }
        422 => assert!(!codes.is_empty(), "codes: {}", answer.text()),
        _ => {}
    }
    [answer.status.to_string()].into_iter().chain(codes).collect::<Vec<_>>().join(" ")
}

pub(crate) fn cash_json(account: &str, value: &str) -> String {
    format!(
        r#"{{"Transaction":{{"Account":{{"OwnerID":"XS","AccountID":"{account}"}}}},"Transfer":{{"Currency":"AUD","Value":{value}}}}}"#
    )
}

pub(crate) fn asset_json(account: &str, value: &str) -> String {
    format!(
        r#"{{"Transaction":{{"Account":{{"OwnerID":"XS","AccountID":"{account}"}}}},"Transfer":{{"Exchange":"XASX","Code":"BHP","Value":{value}}}}}"#
    )
}

/// Balance and unbooked of `XS/account` in AUD: `10 -5`; empty where there is none.
pub(crate) fn balance(rig: &Rig, account: &str) -> String {
    let balances: Vec<CashPosition> = listed(rig.addr(), &format!("/for/XS/{account}"));
    let shown = |of: &CashPosition| format!("{} {}", figure(of.balance), figure(of.unbooked_transactions));
    balances.first().map(shown).unwrap_or_default()
}

/// A subscriber to a view, its snapshot taken in.
pub(crate) fn watcher(rig: &Rig, view: SubscriptionType) -> (Subscriber, ViewId) {
    let mut watcher = rig.subscriber(Form::Binary);
    let view = watcher.subscribe(view, Vec::new()).expect("it is accepted");
    watcher.synchronise().expect("it is answered");
    (watcher, view)
}

/// The position in `oms` that the hub has come to.
pub(crate) fn oms_position(rig: &Rig) -> i64 {
    let (watcher, view) = watcher(rig, SubscriptionType::Balances);
    watcher.view(view).position("oms")
}
