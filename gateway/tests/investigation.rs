//! Why figures are what they are, what differs between two points, and what would have been: against the record itself.

mod support;

use std::collections::BTreeMap;

use ordo_core::dec::Dec;
use ordo_core::json::{self, Style, message};
use ordo_core::proto::{CashPosition, ExternalAction, FeedRequest, OrderTradeType, OrderUpdateReason, Side};
use ordo_core::views::Views;
use ordo_gateway::client::{Adapter, messages};
use ordo_gateway::investigation::{
    Change, Explanation, Outlook, Place, RecordKind, Subject, changes_from_json_lines, changes_from_toml, differences,
    explain, what_if,
};
use ordo_gateway::replay::{Options, Replay};
use prost::Message;
use support::*;

const FEED: &str = "f";

/// A folder in which a feed's actions were recorded, at positions 1, 2, 3 ...
fn recorded(actions: impl IntoIterator<Item = ExternalAction>) -> Rig {
    let mut rig = Rig::start();
    let mut adapter = Adapter::open(rig.addr(), FEED).expect("a feed");
    for (n, action) in (1..).zip(actions) {
        adapter.submit(n, action).expect("it is submitted");
    }
    let last = adapter.last_submitted();
    adapter.wait_bookmark(last, PATIENCE).expect("all is durable");
    adapter.cut();
    rig.stop();
    rig
}

fn untouched(rig: &Rig) -> Replay {
    Replay::open(&rig.data(), Options { snapshots: false, orders_expected: 1024 }).expect("a journal")
}

fn explained(rig: &Rig, subject: &Subject) -> Explanation {
    explain(&mut untouched(rig), subject, |_, _| true, |_| {}).expect("the record can be replayed")
}

/// Every figure's changes, summed.
fn sums(explanation: &Explanation) -> BTreeMap<&str, Dec> {
    let mut sums: BTreeMap<&str, Dec> = BTreeMap::new();
    for moved in explanation.steps.iter().flat_map(|step| &step.moved) {
        if let Some(change) = moved.change {
            let sum = sums.entry(&moved.name).or_default();
            *sum = sum.plus(change).expect("it fits");
        }
    }
    sums
}

fn assert_sums(explanation: &Explanation, subject: &Subject) {
    let sums = sums(explanation);
    for (name, value) in &explanation.fields {
        let Ok(figure) = value.parse::<Dec>() else { continue };
        assert_eq!(sums.get(name.as_str()).copied().unwrap_or_default(), figure, "{subject}: {name}");
    }
    let gone = sums.iter().filter(|(name, _)| !explanation.fields.iter().any(|(field, _)| field == *name));
    gone.for_each(|(name, sum)| assert!(sum.is_zero(), "{subject}: {name} is gone, and {sum} is left of it"));
}

/// Buys 100, of which two trades are made; then the second is taken back, wrongly.
fn wrong_bust() -> Vec<ExternalAction> {
    let of = account("OWN", "A");
    let order = |executed: &str| {
        let mut order = limit_order(&of, "o1", Side::Buy, "100", "10");
        order.executed_quantity = Some(number(executed));
        order
    };
    vec![
        deposit(&of, "5000"),
        update(order("0"), OrderUpdateReason::New),
        trade(order("40"), order_trade("T1", OrderTradeType::Trade, "40", "10")),
        trade(order("70"), order_trade("T2", OrderTradeType::Trade, "30", "9.5")),
        trade(order("40"), order_trade("T2", OrderTradeType::Cancel, "30", "9.5")),
        deposit(&of, "1"),
    ]
}

fn unbooked() -> Subject {
    Subject::Balance { owner: "OWN".into(), account: "A".into(), currency: CURRENCY.into() }
}

#[test]
fn an_explanation_names_each_update_that_moved_a_figure_in_order() {
    let rig = recorded(wrong_bust());
    let explanation = explained(&rig, &unbooked());
    let steps: Vec<String> = explanation
        .steps
        .iter()
        .flat_map(|step| step.moved.iter().map(move |moved| (step, moved)))
        .filter(|(_, moved)| moved.name == "UnbookedTransactions")
        .map(|(step, moved)| {
            let change = moved.change.expect("a figure");
            format!("{}:{} {} {} {change}", step.sequence, step.position, step.what.kind, step.what.reference)
        })
        .collect();
    assert_eq!(steps, ["f:3 Trade T1 -400", "f:4 Trade T2 -285.0", "f:5 Trade T2 285.0"]);
    assert_sums(&explanation, &unbooked());
}

#[test]
fn an_explanation_ends_where_it_is_told_to() {
    let rig = recorded(wrong_bust());
    let until_4 =
        |engine: &ordo_core::engine::Engine, _: &_| engine.feeds().get(1).is_none_or(|feed| feed.position < 4);
    let explanation = explain(&mut untouched(&rig), &unbooked(), until_4, |_| {}).expect("it replays");
    assert_eq!(explanation.fields[1], ("UnbookedTransactions".into(), "-685.0".into()));
}

#[test]
fn the_changes_of_any_figure_sum_to_what_it_is() {
    for seed in [3, 4] {
        println!("seed {seed}");
        let mut random = Random::of(seed);
        let rig = recorded((1..=400).map(|n| any_update(&mut random, n)));
        let mut replay = untouched(&rig);
        replay.run().expect("it replays");
        for owner in ["XA", "XB"] {
            for of in 0..7 {
                let (owner, account) = (owner.to_owned(), of.to_string());
                let subjects = [
                    Subject::Balance { owner: owner.clone(), account: account.clone(), currency: CURRENCY.into() },
                    Subject::Holding { owner, account, exchange: EXCHANGE.into(), code: CODE.into() },
                ];
                for subject in &subjects {
                    assert_sums(&explained(&rig, subject), subject);
                }
            }
        }
    }
}

fn at(position: i64) -> Place {
    Place { sequence: FEED.into(), position }
}

fn outlook(rig: &Rig, changes: &[Change]) -> Outlook {
    what_if(untouched(rig), changes, |_| {}).expect("it replays")
}

fn change_of(outlook: &Outlook, field: &str) -> Option<String> {
    let found = outlook.differences.iter().find(|difference| difference.field == field);
    found.and_then(|difference| difference.change).map(|change| change.to_string())
}

#[test]
fn leaving_out_a_wrong_bust_shows_what_it_cost() {
    let rig = recorded(wrong_bust());
    let outlook = outlook(&rig, &[Change::LeaveOut(at(5))]);
    assert_eq!(outlook.parted.as_ref().map(|parted| &parted.place), Some(&at(5)));
    assert_eq!(outlook.consequence.as_ref().map(|parted| &parted.place), Some(&at(6)), "the next balance is another");
    let cash = outlook.differences.iter().find(|it| it.field == "UnbookedTransactions").expect("cash differs");
    assert_eq!((cash.kind, cash.before.as_str(), cash.after.as_str()), (RecordKind::Balance, "-400.0", "-685.0"));
    assert_eq!(change_of(&outlook, "ExecutedQuantity").as_deref(), Some("30"));
    assert_eq!(change_of(&outlook, "UnfilledBuys").as_deref(), Some("300"));
}

#[test]
fn an_update_can_be_replaced_and_inserted() {
    let rig = recorded(wrong_bust());
    let body = |action| messages::action(FEED, 0, action).encode_to_vec();
    let of = account("OWN", "A");
    let replaced = outlook(&rig, &[Change::Replace(at(1), body(deposit(&of, "7000")))]);
    assert_eq!(change_of(&replaced, "Balance").as_deref(), Some("2000"));
    assert_eq!(replaced.differences.len(), 1);
    let inserted = outlook(&rig, &[Change::InsertAfter(at(2), body(deposit(&of, "0.50")))]);
    assert_eq!(change_of(&inserted, "Balance").as_deref(), Some("0.50"));
    assert_eq!(inserted.parted.as_ref().map(|parted| &parted.place), Some(&at(2)));
}

#[test]
fn nothing_changed_comes_to_the_same_and_a_wrong_place_is_told() {
    let rig = recorded(wrong_bust());
    let same = outlook(&rig, &[]);
    assert!(same.parted.is_none() && same.differences.is_empty());
    let missed = outlook(&rig, &[Change::LeaveOut(at(99))]);
    assert_eq!(missed.unmatched, [at(99)]);
}

#[test]
fn leaving_out_what_opened_the_feed_leaves_its_updates_in() {
    let rig = recorded(wrong_bust());
    let place = Place { sequence: "oms".into(), position: 1 };
    let outlook = outlook(&rig, &[Change::LeaveOut(place)]);
    assert!(outlook.differences.is_empty(), "{:?}", outlook.differences);
}

#[test]
fn changes_are_read_from_toml_and_json_lines() {
    let action = deposit(&account("OWN", "A"), "10.50");
    let mut text = Vec::new();
    let bytes = messages::action(FEED, 7, action).encode_to_vec();
    json::from_binary(message::FEED_REQUEST, &bytes, Style::default(), &mut text).expect("it has a JSON form");
    let text = String::from_utf8(text).expect("JSON is text");
    let toml = format!("[[change]]\nleave_out = \"f:1\"\n[[change]]\ninsert_after = \"f:2\"\nupdate = '{text}'\n");
    let lines = format!("{{\"leave_out\":\"f:1\"}}\n\n{{\"insert_after\":\"f:2\",\"update\":{text}}}\n");
    let expected = [Change::LeaveOut(at(1)), Change::InsertAfter(at(2), bytes.clone())];
    let read = changes_from_toml(&toml).expect("good TOML");
    assert_eq!(read, changes_from_json_lines(&lines).expect("good lines"));
    let same = |change: &Change| match change {
        Change::InsertAfter(place, body) => {
            Change::InsertAfter(place.clone(), FeedRequest::decode(&body[..]).expect("a FeedRequest").encode_to_vec())
        }
        other => other.clone(),
    };
    assert_eq!(read.iter().map(same).collect::<Vec<_>>(), expected.iter().map(same).collect::<Vec<_>>());
    for wrong in [
        "{\"leave_out\":\"f\"}",
        "{\"leave_out\":\"f:1\",\"update\":{}}",
        "{\"replace\":\"f:1\"}",
        "{\"omit\":\"f:1\"}",
    ] {
        assert!(changes_from_json_lines(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn differences_name_what_came_went_and_changed() {
    let rig = recorded(wrong_bust());
    let mut replay = untouched(&rig);
    let before: Views = replay.views();
    replay.run().expect("it replays");
    let after = replay.views();
    let found = differences(&before, &after);
    let mut balances = after.balances().iter().map(|record| CashPosition::decode(&*record.bytes).expect("a position"));
    let cash = figure(balances.next().expect("one").balance);
    let balance = found.iter().find(|it| it.field == "Balance").expect("it came");
    assert_eq!((balance.before.as_str(), balance.change), ("", Some(cash)));
    let back = differences(&after, &before);
    assert_eq!(found.len(), back.len());
    assert!(back.iter().all(|it| it.after.is_empty()), "all is gone");
}

#[test]
fn explanations_and_differences_are_told_over_rest_too() {
    let mut rig = recorded(wrong_bust());
    rig.start_again();
    let read = |target: &str| {
        let answer = rig.get(target);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        serde_json::from_str::<serde_json::Value>(&answer.text()).expect("it is JSON")
    };
    let balance = read("/explain/balance/OWN/A/AUD");
    assert_eq!(balance["Record"]["Balance"].to_string(), "5001");
    let steps = balance["Steps"].as_array().expect("an array");
    let places: Vec<&str> = steps.iter().map(|step| step["Position"].as_str().expect("a text")).collect();
    assert_eq!(places, ["1", "2", "3", "4", "5", "6"]);
    assert_eq!(steps[3]["Reference"], "T2");
    let before = steps[3]["Timestamp"].as_str().expect("a time").to_owned();
    let past = read(&format!("/explain/balance/OWN/A/AUD?asAt={before}"));
    assert_eq!(past["Steps"].as_array().map(Vec::len), Some(4));
    assert_eq!(read("/explain/holding/OWN/A/XASX/BHP")["Record"]["Quantity"].to_string(), "40");
    assert_eq!(read("/explain/order/OWN/A/o1")["Record"]["ExecutedQuantity"].to_string(), "40");
    assert_eq!(rig.get("/explain/balance/OWN/B/AUD").status, 404);
    let differences = read(&format!("/diff?from={before}"));
    let quantity = differences.as_array().expect("an array").iter().find(|it| it["Field"] == "Quantity");
    assert_eq!(quantity.map(|it| it["Change"].to_string()).as_deref(), Some("-30"));
    assert_eq!(rig.get("/diff").status, 400);
}
