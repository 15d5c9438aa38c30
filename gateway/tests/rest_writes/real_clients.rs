//! Requests as clients in .NET and Python write them.

use std::collections::BTreeSet;

use ordo_client::rest::request;
use ordo_core::json::message;
use ordo_core::proto::{EventMessage, UpdateEvent};

use crate::sending::*;
use ordo_testkit::hub::*;

#[test]
fn names_booleans_and_empty_values_come_in_any_form() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", ordo_client::Form::Binary);
    let mut order = limit_order(&account("XS", "A"), "done", ordo_core::proto::Side::Buy, "10", "5");
    order.is_completed = true;
    line.act(0, update(order, ordo_core::proto::OrderUpdateReason::New));
    for all in ["", "?onlyActive=", "?OnlyActive=False", "?onlyactive=0", "?asAt=", "?count=&OnlyActive=false"] {
        assert_eq!(rig.get(&format!("/order{all}")).text().matches("OrderID").count(), 1, "{all}");
    }
    for none in ["?onlyActive=True", "?ONLYACTIVE=1", "?OnlyActive=true"] {
        assert_eq!(rig.get(&format!("/order{none}")).text(), "[]", "{none}");
    }
    assert_eq!(rig.get("/order?onlyActive=yes").status, 400);
    for compact in ["True", "true", "1", "TRUE"] {
        let answer = request(rig.addr(), "GET", "/order", &[("X-OMS-Compact", compact)], None).expect("an answer");
        assert!(answer.text().contains("\"OrderType\":\"LIMIT\""), "{compact}");
    }
    let body = cash_json("A", "1").replacen('{', r#"{"Colour":"blue","#, 1);
    assert_eq!(told(&send(&rig, "POST", "/balance", &[JSON, ("X-OMS-Lenient", "True")], body.as_bytes())), "204");
}

#[test]
fn instants_come_in_the_forms_of_dot_net_and_python() {
    let rig = Rig::start();
    assert_eq!(post(&rig, "/balance", &cash_json("A", "1")), "204");
    let now = rig.get("/balance").text();
    for later in ["2999-11-24", "29991124", "2999-11-24T10:00:00", "2999-11-24T10:00:00.1234567", "2999-11-24 10:00:00"]
    {
        let target = format!("/balance?AsAt={}", later.replace(' ', "%20"));
        assert_eq!(rig.get(&target).text(), now, "{later}");
    }
    for earlier in ["1999-11-24", "19991124T100000", "1999-11-24T10:00:00%2B10:00", "1999-11-24T10:00:00+10:00"] {
        assert_eq!(rig.get(&format!("/balance?asat={earlier}")).text(), "[]", "{earlier}");
        let events = rig.get(&format!("/event/fromdate?From={earlier}&COUNT=1&FOR=balances"));
        assert_eq!(events.text().matches("\"Updates\"").count(), 1, "{}", events.text());
    }
    assert_eq!(rig.get("/balance?asAt=2999-11-31").status, 400);
}

#[test]
fn a_path_may_end_in_a_slash() {
    let rig = Rig::start();
    assert_eq!(post(&rig, "/balance/", &cash_json("A", "1")), "204");
    for target in ["/balance/", "/balance/for/XS/", "/balance/for/XS/A/", "/balance/for/XS/A/?asAt=2999-01-01"] {
        assert_eq!(rig.get(target).text().matches("AccountID").count(), 1, "{target}");
    }
    assert_eq!(rig.get("/diagnostics/ping/").text(), "OK");
}

#[test]
fn an_account_without_a_definition_cannot_be_dropped() {
    let rig = Rig::start();
    assert_eq!(post(&rig, "/balance", &cash_json("A", "1")), "204");
    assert_eq!(delete(&rig, "/account/byid/XS/A"), "404", "a live record names it, and it has no metadata");
    assert_eq!(post(&rig, "/account", r#"{"Account":{"OwnerID":"XS","AccountID":"A"},"Name":"n"}"#), "204");
    assert_eq!(delete(&rig, "/account/byid/XS/A"), "204");
    assert_eq!(delete(&rig, "/account/byid/XS/A"), "404");
}

#[test]
fn a_cash_leg_and_an_asset_leg_may_share_their_id() {
    let rig = Rig::start();
    let with_id = |json: String| json.replacen(r#""Transaction":{"#, r#""Transaction":{"TransactionID":"T1","#, 1);
    let (cash, asset) = (with_id(cash_json("A", "-10")), with_id(asset_json("A", "2")));
    for _ in 0..2 {
        assert_eq!(post(&rig, "/balance", &cash), "204");
        assert_eq!(post(&rig, "/holding", &asset), "204");
    }
    assert_eq!(balance(&rig, "A"), "-10 0", "the same leg again is the same");
    assert_eq!(rig.get("/holding").text().matches("\"Quantity\":2,").count(), 1);
}

#[test]
fn a_number_that_no_rule_computes_with_is_carried_whatever_its_size() {
    let rig = Rig::start();
    let large = "9".repeat(60);
    let values = format!(r#""Transaction":{{"Values":{{"large":{large}}},"#);
    let body = cash_json("A", "1").replacen(r#""Transaction":{"#, &values, 1);
    assert_eq!(post(&rig, "/balance", &body), "204");
    assert!(rig.get("/transaction/fromdate").text().contains(&format!("\"large\":{large}")));
    assert_eq!(post(&rig, "/balance", &cash_json("A", &large)), "422 NumberOutOfRange");
}

#[test]
fn a_filter_of_owners_or_accounts_leaves_out_what_belongs_to_none() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", ordo_client::Form::Binary);
    line.act(0, deposit(&account("XS", "A"), "1"));
    line.act(0, deposit(&account("XT", "B"), "1"));
    assert_eq!(post(&rig, "/exchange", r#"{"Exchange":"XASX"}"#), "204");
    assert_eq!(post(&rig, "/status/request", r#"{"Code":"Pending"}"#), "204");
    assert_eq!(post(&rig, "/owner", r#"{"OwnerID":"XS"}"#), "204");
    assert_eq!(post(&rig, "/owner", r#"{"OwnerID":"XT"}"#), "204");
    assert_eq!(post(&rig, "/account", r#"{"Account":{"OwnerID":"XT","AccountID":"B"}}"#), "204");
    let kinds = |filter: &str| -> BTreeSet<&'static str> {
        let messages: Vec<EventMessage> =
            rig.get(&format!("/event/fromdate?{filter}")).records(message::EVENT_MESSAGE).expect("events");
        messages.iter().flat_map(|message| &message.updates).map(kind_of).collect()
    };
    let unowned = ["UpdateEventType_Status", "OperationType_DefineExchange", "OperationType_DefineRequestStatus"];
    let all = kinds("");
    assert!(unowned.iter().all(|kind| all.contains(kind)), "{all:?}");
    let balance = "UpdateEventType_Balance";
    let (owner, account) = ("OperationType_DefineOwner", "OperationType_DefineAccount");
    let of_owner = kinds("owner=XS");
    assert!([owner, balance].iter().all(|kind| of_owner.contains(kind)) && !of_owner.contains(account), "{of_owner:?}");
    let of_account = kinds("Account=XT%2FB");
    assert!([account, balance].iter().all(|kind| of_account.contains(kind)), "{of_account:?}");
    assert!(!of_account.contains(owner), "an owner is no account");
    let with_snapshot = kinds("owner=XS&snapshot=True&for=Metadata&for=Status");
    for found in [&of_owner, &of_account, &with_snapshot] {
        assert!(unowned.iter().all(|kind| !found.contains(kind)), "{found:?}");
    }
    assert_eq!(kinds("owner=nobody"), BTreeSet::new());
    assert_eq!(rig.get("/event/fromdate?account=XT").status, 403);
}

fn kind_of(event: &UpdateEvent) -> &'static str {
    match &event.operation {
        Some(operation) => operation.r#type().as_str_name(),
        None => event.r#type().as_str_name(),
    }
}
