//! Why figures are what they are, what differs between two points, and what would have been: against the record itself.

#![allow(clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use ordo_client::{Adapter, Form, messages, rest};
use ordo_core::dec::Dec;
use ordo_core::json::{self, Style, message};
use ordo_core::proto::{CashPosition, ExternalAction, FeedRequest, OrderTradeType, OrderUpdateReason, Side};
use ordo_core::subscription::SequencePosition;
use ordo_core::views::Views;
use ordo_history::investigation::{
    Change, Contradiction, Difference, Fields, Outlook, RecordKind, SettingsChange, Step, Subject, Value, WhatIf,
    changes_from_json_lines, changes_from_toml, differences, explain, what_if,
};
use ordo_history::replay::{Options, Replay};
use ordo_testkit::hub::*;
use prost::Message;

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

/// All that is told of a record.
struct Explanation {
    steps: Vec<Step>,
    fields: Fields,
}

fn explained(rig: &Rig, subject: &Subject) -> Explanation {
    explained_while(rig, subject, |_, _| true)
}

fn explained_while(
    rig: &Rig,
    subject: &Subject,
    is_wanted: impl FnMut(&ordo_core::engine::Engine, &ordo_core::outcome::Stamp) -> bool,
) -> Explanation {
    let mut steps = Vec::new();
    let fields = explain(&mut untouched(rig), subject, Style::default(), is_wanted, |step| {
        steps.push(step);
        ControlFlow::Continue(())
    });
    Explanation { steps, fields: fields.expect("the record can be replayed") }
}

fn all_differences(before: &Views, after: &Views) -> Vec<Difference> {
    let mut all = Vec::new();
    let told = differences(before, after, Style::default(), |it| {
        all.push(it);
        ControlFlow::Continue(())
    });
    assert!(told.is_continue());
    all
}

/// As `record key field before after`.
fn told(differences: &[Difference]) -> Vec<String> {
    let told = differences.iter().map(|it| {
        let names = [it.kind.name(), &it.owner, &it.account, &it.key].join(" ");
        format!("{names}: {} {} {}", it.field, it.before.json(), it.after.json())
    });
    told.collect()
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
        let Some(figure) = value.figure() else { continue };
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
    let explanation = explained_while(&rig, &unbooked(), until_4);
    assert_eq!(explanation.fields[1], ("UnbookedTransactions".into(), Value::Figure(dec("-685.0"))));
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

fn at(position: i64) -> SequencePosition {
    SequencePosition { sequence: FEED.into(), position }
}

fn outlook(rig: &Rig, changes: &[Change]) -> Outlook {
    what_if(untouched(rig), changes, |_| {}).expect("it replays")
}

fn differences_of(outlook: &Outlook) -> Vec<Difference> {
    let mut all = Vec::new();
    let told = outlook.differences(Style::default(), |it| {
        all.push(it);
        ControlFlow::Continue(())
    });
    assert!(told.is_continue());
    all
}

fn change_of(outlook: &Outlook, field: &str) -> Option<String> {
    let all = differences_of(outlook);
    let found = all.iter().find(|difference| difference.field == field);
    found.and_then(|difference| difference.change).map(|change| change.to_string())
}

#[test]
fn leaving_out_a_wrong_bust_shows_what_it_cost() {
    let rig = recorded(wrong_bust());
    let outlook = outlook(&rig, &[Change::LeaveOut(at(5))]);
    assert_eq!(outlook.parted.as_ref().map(|parted| &parted.place), Some(&at(5)));
    assert_eq!(outlook.consequence.as_ref().map(|parted| &parted.place), Some(&at(6)), "the next balance is another");
    let all = differences_of(&outlook);
    let cash = all.iter().find(|it| it.field == "UnbookedTransactions").expect("cash differs");
    let figures = [&cash.before, &cash.after].map(Value::json);
    assert_eq!((cash.kind, figures), (RecordKind::Balance, ["-400.0".into(), "-685.0".into()]));
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
    assert_eq!(differences_of(&replaced).len(), 1);
    let inserted = outlook(&rig, &[Change::InsertAfter(at(2), body(deposit(&of, "0.50")))]);
    assert_eq!(change_of(&inserted, "Balance").as_deref(), Some("0.50"));
    assert_eq!(inserted.parted.as_ref().map(|parted| &parted.place), Some(&at(2)));
}

#[test]
fn nothing_changed_comes_to_the_same_and_a_wrong_place_is_told() {
    let rig = recorded(wrong_bust());
    let same = outlook(&rig, &[]);
    assert!(same.parted.is_none() && differences_of(&same).is_empty());
    let missed = outlook(&rig, &[Change::LeaveOut(at(99))]);
    assert_eq!(missed.unmatched, [at(99)]);
}

#[test]
fn a_batch_comes_to_the_same_a_refused_one_too() {
    let mut rig = recorded(wrong_bust());
    rig.start_again();
    let record = |value: &str| {
        format!(
            "{{\"Transaction\":{{\"Account\":{{\"OwnerID\":\"OWN\",\"AccountID\":\"A\"}}}},\
             \"Transfer\":{{\"Currency\":\"{CURRENCY}\",\"Value\":{value}}}}}"
        )
    };
    let post = |records: [String; 3]| {
        rest::post(rig.addr(), "/balance/bulk", &format!("[{}]", records.join(","))).expect("an answer").status
    };
    assert_eq!(post([record("1"), record("2.5"), record("3")]), 204);
    assert_eq!(post([record("1"), "{}".into(), record("3")]), 422);
    rig.stop();
    let same = outlook(&rig, &[]);
    assert!(same.parted.is_none() && differences_of(&same).is_empty(), "{:?}", differences_of(&same));
    let place = SequencePosition { sequence: "oms".into(), position: 4 };
    let without = outlook(&rig, &[Change::LeaveOut(place)]);
    assert_eq!(change_of(&without, "Balance").as_deref(), Some("-2.5"), "{:?}", without.unmatched);
}

#[test]
fn with_other_settings_a_late_bust_finds_nothing_to_reverse() {
    let of = account("OWN", "A");
    let order = |executed: &str| {
        let mut order = limit_order(&of, "o1", Side::Buy, "40", "10");
        (order.executed_quantity, order.is_completed) = (Some(number(executed)), true);
        order
    };
    let mut gone = order("40");
    gone.remove_after = Some(ordo_core::proto::TimestampWithTimeZone::default());
    let rig = recorded(vec![
        trade(gone, order_trade("T1", OrderTradeType::Trade, "40", "10")),
        deposit(&of, "1"),
        trade(order("0"), order_trade("T1", OrderTradeType::Cancel, "40", "10")),
    ]);
    let changes = changes_from_toml("[[change]]\nsettings = { trade_retention_s = 0 }\n").expect("good TOML");
    let outlook = outlook(&rig, &changes);
    assert_eq!(outlook.consequence.as_ref().map(|parted| &parted.place), Some(&at(3)));
    assert_eq!(change_of(&outlook, "UnbookedTransactions").as_deref(), Some("-400"));
}

/// The hub removed an order a little after it was due. Under the settings that were in force the other run did so on the
/// instant, and then found nothing to do where the record has it: "the runs part", with no difference to show.
#[test]
fn settings_that_are_those_in_force_part_nothing() {
    let of = account("OWN", "A");
    let mut rig = Rig::start();
    let mut adapter = Adapter::open(rig.addr(), FEED).expect("a feed");
    let since_1970 = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("it is later");
    let due_ns = u64::try_from(since_1970.as_nanos()).expect("it fits") + 50_000_000;
    let mut order = limit_order(&of, "o1", Side::Buy, "40", "10");
    order.is_completed = true;
    order.remove_after = Some(ordo_core::proto::TimestampWithTimeZone::from_unix_nanos(due_ns));
    adapter.submit(1, update(order, OrderUpdateReason::New)).expect("it is submitted");
    adapter.wait_bookmark(1, PATIENCE).expect("it is durable");
    let until = std::time::Instant::now() + PATIENCE;
    while rig.get("/order/for/OWN/A").text().contains("o1") {
        assert!(std::time::Instant::now() < until, "it is never removed");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    adapter.submit(2, deposit(&of, "1")).expect("it is submitted");
    adapter.wait_bookmark(2, PATIENCE).expect("it is durable");
    adapter.cut();
    let trade_retention_s = Some(rig.config().trade_retention_s);
    rig.stop();
    let same = SettingsChange { trade_retention_s, ..SettingsChange::default() };
    let outlook = outlook(&rig, &[Change::Settings(same)]);
    assert!(outlook.parted.is_none(), "{:?}", outlook.parted);
    assert!(differences_of(&outlook).is_empty());
}

#[test]
fn leaving_out_what_opened_the_feed_leaves_its_updates_in() {
    let rig = recorded(wrong_bust());
    let place = SequencePosition { sequence: "oms".into(), position: 1 };
    let outlook = outlook(&rig, &[Change::LeaveOut(place)]);
    let all = differences_of(&outlook);
    assert!(all.is_empty(), "{all:?}");
}

#[test]
fn inserts_at_one_place_all_count_in_the_order_of_the_file() {
    let rig = recorded(wrong_bust());
    let of = account("OWN", "A");
    let order = |quantity: &str| {
        let new = update(limit_order(&of, "o9", Side::Buy, quantity, "1"), OrderUpdateReason::New);
        Change::InsertAfter(at(2), messages::action(FEED, 0, new).encode_to_vec())
    };
    let outlook = outlook(&rig, &[order("7"), order("8"), Change::LeaveOut(at(6))]);
    assert_eq!(change_of(&outlook, "Balance").as_deref(), Some("-1"));
    let all = differences_of(&outlook);
    let last = all.iter().find(|it| it.key == "o9" && it.field == "Quantity").map(|it| it.after.json());
    assert_eq!(last.as_deref(), Some("8"), "the second one counts");
}

#[test]
fn changes_that_contradict_each_other_are_refused_with_their_place() {
    let rig = recorded(wrong_bust());
    let body = messages::action(FEED, 0, deposit(&account("OWN", "A"), "1")).encode_to_vec();
    let refused = |changes: &[Change]| match what_if(untouched(&rig), changes, |_| {}) {
        Err(WhatIf::Contradiction(contradiction)) => contradiction,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&[Change::LeaveOut(at(5)), Change::Replace(at(5), body)]), Contradiction::Twice(at(5)));
    let settings = || Change::Settings(SettingsChange { trade_retention_s: Some(0), ..SettingsChange::default() });
    assert_eq!(refused(&[settings(), settings()]), Contradiction::Settings);
}

#[test]
fn an_update_that_is_refused_where_it_is_put_says_why_also_before_another() {
    let rig = recorded(wrong_bust());
    let put = |of| Change::InsertAfter(at(2), messages::action(FEED, 0, deposit(&of, "1")).encode_to_vec());
    let outlook = outlook(&rig, &[put(account("OWN", "")), put(account("OWN", "A"))]);
    let parted = outlook.parted.expect("the runs part");
    assert_eq!((parted.place, parted.errors_before.len(), parted.errors_after.len()), (at(2), 0, 1));
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
    let found = all_differences(&before, &after);
    let mut balances = after.balances().iter().map(|record| CashPosition::decode(&*record.bytes).expect("a position"));
    let cash = figure(balances.next().expect("one").balance);
    let balance = found.iter().find(|it| it.field == "Balance").expect("it came");
    assert_eq!((&balance.before, balance.change), (&Value::Absent, Some(cash)));
    let back = all_differences(&after, &before);
    assert_eq!(found.len(), back.len());
    assert!(back.iter().all(|it| it.after.is_absent()), "all is gone");
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

/// Codes and texts that could pass for figures and flags, and fields of every kind.
fn texts_like_figures() -> Vec<ExternalAction> {
    let of = account("OWN", "A");
    let order = |status: &str, side: Side| {
        let funds = |figure: &str| [("FEE".to_owned(), number(figure))].into();
        let mut order = limit_order(&of, "0012", side, "100", "10");
        (order.code, order.status, order.group) = ("0005".into(), status.into(), "7203".into());
        (order.remove_after, order.additional_funds) = (Some(instant(1 << 30)), funds("1.50"));
        order.properties = [("lot".to_owned(), "1e3".to_owned())].into();
        order
    };
    let mut last = order("true", Side::Sell);
    (last.remove_after, last.group) = (Some(instant(1 << 31)), String::new());
    vec![deposit(&of, "5000"), update(order("+5", Side::Buy), OrderUpdateReason::New), replace(last)]
}

#[test]
fn texts_that_look_like_figures_are_texts_over_rest() {
    let mut rig = recorded(texts_like_figures());
    rig.start_again();
    let read = |target: &str| {
        let answer = rig.get(target);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        serde_json::from_str::<serde_json::Value>(&answer.text()).unwrap_or_else(|error| panic!("{target}: {error}"))
    };
    let explained = read("/explain/order/OWN/A/0012");
    let first = &explained["Steps"][0];
    let change = |name: &str| {
        let changes = first["Changes"].as_array().expect("an array");
        changes.iter().find(|it| it["Field"] == name).unwrap_or_else(|| panic!("no {name}"))["After"].clone()
    };
    assert_eq!(first["OrderID"], "0012");
    let texts = ["Code", "Status", "Group", "Properties[lot]"].map(change);
    assert_eq!(texts, ["0005", "+5", "7203", "1e3"]);
    let digits = "\"Field\":\"AdditionalFunds[FEE]\",\"Before\":null,\"After\":1.50,\"Change\":1.50}";
    assert!(rig.get("/explain/order/OWN/A/0012").text().contains(digits), "all digits of a figure are told");
    assert_eq!(explained["Record"]["Status"], "true");
    let differences = read("/diff?from=2000-01-01T00:00:00Z");
    let of_order = differences.as_array().expect("an array").iter().filter(|it| it["Record"] == "order");
    let code = of_order.clone().find(|it| it["Field"] == "Code").expect("the code differs");
    assert_eq!((&code["Key"], &code["After"]), (&"0012".into(), &"0005".into()));
    assert!(of_order.clone().any(|it| it["Field"] == "Status" && it["After"] == "true"));
}

#[test]
fn any_field_of_an_order_that_is_another_is_told() {
    let rig = recorded(texts_like_figures());
    let order = Subject::Order { owner: "OWN".into(), account: "A".into(), order: "0012".into() };
    let explanation = explained(&rig, &order);
    let moved = explanation.steps[1].moved.iter().map(|it| (&*it.name, it.before.json(), it.after.json()));
    let text = |text: &str| format!("\"{text}\"");
    let time = |seconds| text(&instant(seconds).to_iso().expect("in range"));
    let expected = [
        ("Side", text("SIDE_BUY"), text("SIDE_SELL")),
        ("Status", text("+5"), text("true")),
        ("RemoveAfter", time(1 << 30), time(1 << 31)),
        ("Group", text("7203"), "null".to_owned()),
    ];
    assert_eq!(moved.collect::<Vec<_>>(), expected);
    let mut replay = untouched(&rig);
    while replay.engine().feeds().get(1).is_none_or(|feed| feed.position < 2) {
        replay.next().expect("it replays");
    }
    let before = replay.views();
    replay.run().expect("it replays");
    let found = all_differences(&before, &replay.views());
    let of_order = found.iter().filter(|it| it.kind == RecordKind::Order);
    assert_eq!(of_order.map(|it| &*it.field).collect::<Vec<_>>(), ["Side", "Status", "RemoveAfter", "Group"]);
}

#[test]
fn definitions_are_compared_too_and_identities_only_offline() {
    let mut rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, FEED, Form::Binary);
    let record = [owner("OWN", "7"), owned("OWN", "A", "x"), exchange("XASX", &[("D", "r")]), permissions("src", "me")];
    record.into_iter().for_each(|definition| line.operate(definition));
    line.operate(owner("OWN", "8"));
    let told_by_rest = rig.get("/diff?from=2000-01-01T00:00:00Z").text();
    assert!(told_by_rest.contains("\"Record\":\"owner\"") && !told_by_rest.contains("\"identity\""), "{told_by_rest}");
    drop(line);
    rig.stop();
    let mut replay = untouched(&rig);
    while replay.engine().feeds().get(1).is_none_or(|feed| feed.position < 4) {
        replay.next().expect("it replays");
    }
    let before = replay.views();
    replay.run().expect("it replays");
    assert_eq!(told(&all_differences(&before, &replay.views())), ["owner OWN  : Name \"7\" \"8\""]);
    let all = told(&all_differences(&Views::default(), &before));
    let expected = [
        "owner OWN  : OwnerID null \"OWN\"",
        "owner OWN  : Name null \"7\"",
        "account OWN A : Account[AccountID] null \"A\"",
        "account OWN A : Account[OwnerID] null \"OWN\"",
        "account OWN A : Name null \"x\"",
        "exchange   XASX: Exchange null \"XASX\"",
        "exchange   XASX: Destinations null [{\"ExDestination\":\"D\",\"Route\":\"r\"}]",
        "identity   src/me: Identity null \"me\"",
        "identity   src/me: Source null \"src\"",
    ];
    let told: Vec<&String> = all.iter().filter(|it| !it.starts_with("status ")).collect();
    assert_eq!(told, expected);
}

#[test]
fn a_long_explanation_is_told_whole() {
    const DEPOSITS: usize = 2000;
    let of = account("OWN", "A");
    let mut rig = recorded((0..DEPOSITS).map(|_| deposit(&of, "1")));
    rig.start_again();
    let answer = rig.get("/explain/balance/OWN/A/AUD");
    assert!(answer.body.len() > 3 * 64 * 1024, "several pieces");
    let explained: serde_json::Value = serde_json::from_str(&answer.text()).expect("it is JSON");
    assert_eq!(explained["Steps"].as_array().map(Vec::len), Some(DEPOSITS));
    assert_eq!(explained["Record"]["Balance"].to_string(), DEPOSITS.to_string());
    let compact = rest::request(rig.addr(), "GET", "/explain/balance/OWN/A/AUD", &[("X-OMS-Compact", "true")], None);
    assert_eq!(compact.expect("an answer").body, answer.body, "there is nothing to shorten");
}

#[test]
fn no_more_compare_at_once_than_may_look_at_the_past() {
    let mut rig = Rig::start_with(|config| config.history_requests_max = 1);
    let mut adapter = Adapter::open(rig.addr(), FEED).expect("a feed");
    for n in 1..=300 {
        adapter.submit(n, deposit(&account("OWN", &n.to_string()), "1")).expect("it is submitted");
    }
    adapter.wait_bookmark(300, PATIENCE).expect("all is durable");
    drop(adapter);
    // Both states are at hand from here on: nothing is folded.
    let now = rig.get("/audit/latest").text();
    let target = format!("/diff?from=2000-01-01T00:00:00Z&to={}", now.trim_matches('"'));
    let whole = rig.get(&target);
    assert_eq!(whole.status, 200);
    let addr = rig.addr();
    let statuses = std::thread::scope(|scope| {
        let ask = || (0..20).map(|_| rest::get(addr, &target).expect("an answer").status).collect::<Vec<_>>();
        let askers: Vec<_> = (0..12).map(|_| scope.spawn(ask)).collect();
        askers.into_iter().flat_map(|asker| asker.join().expect("ended")).collect::<Vec<_>>()
    });
    assert!(statuses.iter().all(|status| [200, 429].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&429) && statuses.contains(&200), "240 requests by twelve, and never two at once");
    rig.stop();
}
