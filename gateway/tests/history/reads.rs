//! Audit records, trades, transactions, feed updates, channels.

use ordo_client::{Form, messages};
use ordo_core::json::message::{AUDIT_RECORD, CLIENT_TRANSACTION, EXTERNAL_ACTION, FEED_REQUEST};
use ordo_core::proto::model::AuditRecord;
use ordo_core::proto::{ClientTransaction, ExternalAction, ExternalActionType, FeedRequest};
use ordo_core::proto::{OrderUpdateReason, SubscriptionType, UpdateEventType};

use crate::heard::*;
use ordo_testkit::hub::*;

fn places(records: &[AuditRecord]) -> Vec<(String, i64)> {
    records.iter().map(|record| (record.sequence.clone(), record.id)).collect()
}

#[test]
fn e21_positions_may_skip_and_only_what_was_applied_is_told() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "F", Form::Binary);
    let of = account("XS", "A");
    line.act(7, deposit(&of, "1"));
    for position in [8, 8, 7, 12, 10] {
        line.act(position, deposit(&of, "1"));
    }
    let asked = |query: &str| -> Vec<AuditRecord> {
        rig.get(&format!("/audit/between?{query}")).records(AUDIT_RECORD).expect("records")
    };
    assert_eq!(places(&asked("from[F]=8&to[F]=12")), [("F".into(), 12)]);
    assert_eq!(places(&asked("from%5BF%5D=0&to%5BF%5D=99")), [7, 8, 12].map(|at| ("F".into(), at)));
    assert_eq!(places(&asked("to[F]=8&count=1")), [("F".into(), 7)]);
    assert_eq!(places(&asked("to[none]=8")), []);
    let (_, resumed) = reopened_after_cut(&rig, line);
    assert_eq!(resumed, 12);
}

fn reopened_after_cut(rig: &Rig, mut line: FeedLine) -> (FeedLine, i64) {
    line.connection.cut();
    reopened(rig, "F")
}

#[test]
fn the_audit_shows_what_was_recorded_as_it_came_refused_updates_too() {
    let rig = Rig::start();
    assert_eq!(rig.get("/audit/latest").status, 204, "nothing was recorded yet");
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    let of = account("XS", "A");
    let nameless = update(limit_order(&of, "", ordo_core::proto::Side::Buy, "1", "1"), OrderUpdateReason::New);
    line.act(1, deposit(&of, "10"));
    assert_eq!(line.try_act(2, nameless.clone()), ["Order"]);
    line.act(3, deposit(&of, "5"));
    let records: Vec<AuditRecord> = rig.get("/audit/fromdate").records(AUDIT_RECORD).expect("records");
    let kinds: Vec<(String, i64, UpdateEventType)> = records
        .iter()
        .map(|record| (record.sequence.clone(), record.id, record.update.as_ref().expect("an update").r#type()))
        .collect();
    assert_eq!(
        kinds,
        [
            ("oms".into(), 1, UpdateEventType::Status),
            ("f".into(), 1, UpdateEventType::Action),
            ("f".into(), 2, UpdateEventType::Action),
            ("f".into(), 3, UpdateEventType::Action),
        ]
    );
    let action = |at: usize| records[at].update.as_ref().expect("an update").action.clone().expect("an action");
    assert_eq!(action(1), deposit(&of, "10"));
    assert_eq!(action(2), nameless);
    let times: Vec<u64> = records
        .iter()
        .map(|record| record.timestamp.expect("a time").unix_nanos().expect("that can be held"))
        .collect();
    assert!(times.is_sorted_by(|a, b| a < b));
    assert_eq!(rig.get("/audit/latest").text(), format!("\"{}\"", iso(times[3])));
    // The four routes bound the same record.
    let asked = |target: &str| -> Vec<AuditRecord> { rig.get(target).records(AUDIT_RECORD).expect("records") };
    assert_eq!(asked(&format!("/audit/fromdate?from={}&to={}", iso(times[0]), iso(times[2]))), records[1..3]);
    assert_eq!(asked(&format!("/audit/fromposition?from[f]=1&from[oms]=1&to={}", iso(times[2]))), records[2..3]);
    assert_eq!(asked(&format!("/audit/toposition?from={}&to[f]=2", iso(times[0]))), records[1..3]);
    assert_eq!(asked("/audit/toposition?to[f]=2&to[oms]=1"), records[..3]);
    for target in ["/audit/between", "/audit/toposition", "/audit/between?to=3", "/audit/fromdate?from[f]=1"] {
        assert_eq!(rig.get(target).status, 400, "{target}");
    }
}

#[test]
fn trades_and_transactions_are_those_of_the_live_views() {
    let rig = Rig::start();
    let recording = Recording::make(&rig, 21, 300);
    let of_view = |view| recording.told.iter().filter(move |told| told.view() == view);
    let live_trades: Vec<ExternalAction> = of_view(SubscriptionType::Updates)
        .flat_map(|told| &told.message.updates)
        .filter_map(|event| event.action.as_ref())
        .filter(|action| action.r#type() == ExternalActionType::Trade)
        .cloned()
        .collect();
    let trades: Vec<ExternalAction> = rig.get("/trades/fromposition").records(EXTERNAL_ACTION).expect("trades");
    assert!(!trades.is_empty() && trades == live_trades);
    let live: Vec<ClientTransaction> = of_view(SubscriptionType::Transactions)
        .flat_map(|told| &told.message.updates)
        .filter_map(|event| event.transaction.as_ref())
        .cloned()
        .collect();
    let all: Vec<ClientTransaction> = rig.get("/transaction/fromdate").records(CLIENT_TRANSACTION).expect("all");
    assert!(!all.is_empty() && all == live);
    let of_xa: Vec<ClientTransaction> =
        rig.get("/transaction/fromdate?owner=XA&count=5").records(CLIENT_TRANSACTION).expect("some");
    let owner = |transaction: &ClientTransaction| {
        transaction.details.as_ref().and_then(|details| details.account.clone()).expect("an account").owner_id
    };
    assert_eq!(of_xa, live.iter().filter(|one| owner(one) == "XA").take(5).cloned().collect::<Vec<_>>());
}

#[test]
fn a_feeds_updates_come_back_as_they_were_submitted_with_the_position_they_took() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    let of = account("XS", "A");
    let sent: Vec<_> = (1..=5).map(|n| deposit(&of, &n.to_string())).collect();
    // The third takes the position after the last.
    for (position, action) in [2, 4, 0, 6, 9].into_iter().zip(&sent) {
        line.act(position, action.clone());
    }
    let asked = |query: &str| -> Vec<FeedRequest> {
        rig.get(&format!("/feed/byid/f/updates{query}")).records(FEED_REQUEST).expect("requests")
    };
    let expected: Vec<FeedRequest> = [2, 4, 5, 6, 9]
        .into_iter()
        .zip(&sent)
        .map(|(position, action)| messages::action("f", position, action.clone()))
        .collect();
    assert_eq!(asked("?from=0"), expected);
    assert_eq!(asked("?from=4&to=6"), expected[2..4]);
    assert_eq!(asked("?from=4&count=1"), expected[2..3]);
    assert_eq!(asked("/fromdate?from=2020-01-01T00:00:00Z&to=4"), expected[..2]);
    assert_eq!(asked("/fromdate?from=2999-01-01T00:00:00Z"), []);
    assert_eq!(rig.get("/feed/byid/f/updates").status, 400);
    assert_eq!(rig.get("/feed/byid/f/updates?from=-1").status, 400);
    assert_eq!(rig.get("/feed/byid/none/updates?from=0").status, 404);
}

#[test]
fn a_channel_says_its_records_and_where_every_sequence_stands() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    line.act(5, deposit(&account("XS", "A"), "10"));
    let names: Vec<String> = serde_json::from_slice(&rig.get("/diagnostics/channel").body).expect("names");
    assert!(names.iter().any(|name| name == "Balances"));
    for name in &names {
        let answer = rig.get(&format!("/diagnostics/channel/{name}"));
        let channel: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(channel["Position"]["f"], 5, "{name}");
        assert!(channel[name].is_array() || name == "Trades", "{name}");
    }
    let balances: serde_json::Value =
        serde_json::from_slice(&rig.get("/diagnostics/channel/Balances").body).expect("JSON");
    assert_eq!(balances["Balances"][0]["Balance"], 10);
    let before = rig.get("/diagnostics/channel/Balances?asAt=2020-01-01T00:00:00Z");
    assert_eq!(before.text(), r#"{"Position":{},"Balances":[]}"#);
    assert_eq!(rig.get("/diagnostics/channel/Nothing").status, 404);
}
