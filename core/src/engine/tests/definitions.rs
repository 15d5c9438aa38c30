//! Definitions: full replacement, no event for the same again, refusals by key; and what the views tell of them.

use super::*;
use crate::metadata::Details;
use crate::outcome::MetadataKind;

fn operation(operation: proto::Operation) -> proto::FeedRequest {
    let r#type = FeedRequestType::Operation as i32;
    proto::FeedRequest { r#type, operation: Some(Box::new(operation)), ..Default::default() }
}

fn key(kind: MetadataKind) -> Details {
    let second = matches!(kind, MetadataKind::Account | MetadataKind::Identity);
    Details::of_key(kind, "first", if second { "second" } else { "" })
}

/// The same record with a word more.
fn altered(kind: MetadataKind) -> Details {
    let mut details = key(kind);
    let name = || "Named".to_owned();
    match &mut details {
        Details::Owner(details) => details.name = name(),
        Details::Account(details) => details.name = name(),
        Details::Exchange(details) => drop(details.metadata.insert(name(), name())),
        Details::RequestStatus(details) => details.name = name(),
        Details::Identity(details) => details.features.push(name()),
        Details::IdentitySource(details) => details.name = name(),
    }
    details
}

fn event(table: &Table) -> proto::UpdateEvent {
    let mut w = ReverseWriter::default();
    let [event] = table.outcome.metadata[..] else { panic!("one event: {:?}", table.outcome.metadata) };
    crate::encode::metadata_event(&mut w, &table.outcome, &event);
    proto::EventMessage::decode(w.bytes()).expect("prost reads what the writer writes").updates.remove(0)
}

/// The one definition of a kind, as a snapshot shows it.
fn at_rest(table: &Table, kind: MetadataKind) -> proto::Operation {
    let mut w = ReverseWriter::default();
    let record = table.views.metadata().all(kind).next().expect("defined");
    crate::encode::definition_event(&mut w, kind, &record.bytes);
    let mut message = proto::EventMessage::decode(w.bytes()).expect("prost reads what the writer writes");
    *message.updates.remove(0).operation.expect("an operation")
}

const UNDEFINED_ALONE: [MetadataKind; 5] = [
    MetadataKind::Account,
    MetadataKind::Exchange,
    MetadataKind::RequestStatus,
    MetadataKind::Identity,
    MetadataKind::IdentitySource,
];

#[test]
fn a_definition_replaces_the_one_before_and_is_told_once() {
    for kind in MetadataKind::ALL {
        let mut table = Table::new();
        let (first, second) = (key(kind), altered(kind));
        let details = |table: &Table| {
            let record = table.views.metadata().get(kind, first.key().0, first.key().1);
            record.map(|record| record.details.clone())
        };
        assert_eq!(table.rest(&operation(first.clone().define())), 1);
        assert_eq!(event(&table).operation.as_deref(), Some(&first.clone().define()));
        assert_eq!(details(&table).as_ref(), Some(&first));
        assert_eq!(at_rest(&table, kind), first.clone().define());
        let hash = table.engine.state_hash();
        assert_eq!(table.rest(&operation(first.clone().define())), 0, "{kind:?}: the same again takes no position");
        assert!(table.outcome.is_accepted() && table.outcome.metadata.is_empty());
        assert_eq!(table.engine.state_hash(), hash);
        assert_eq!(table.rest(&operation(second.clone().define())), 2);
        assert_eq!(details(&table).as_ref(), Some(&second));
        assert_ne!(table.engine.state_hash(), hash);
        table.assert_image_is_whole();
        let loaded = Views::of(&table.engine);
        assert!(loaded.metadata().all(kind).map(|record| &record.bytes).eq([&second.encode()[..].into()]));
    }
}

#[test]
fn an_undefined_record_is_shown_one_last_time() {
    for kind in UNDEFINED_ALONE {
        let mut table = Table::new();
        assert_eq!(table.rest(&operation(key(kind).undefine())), 0, "{kind:?}: there was none");
        assert!(table.outcome.is_accepted());
        let empty = table.engine.state.hash;
        table.rest(&operation(altered(kind).define()));
        assert_eq!(table.rest(&operation(key(kind).undefine())), 2);
        let [removed] = table.outcome.metadata[..] else { panic!("one event") };
        assert!(removed.removed);
        assert_eq!(table.outcome.bytes_of(removed.details), altered(kind).encode(), "as last known");
        let event = event(&table);
        assert_eq!(event.update_action, proto::UpdateAction::Remove as i32);
        assert_eq!(event.operation.as_deref(), Some(&key(kind).undefine()));
        assert!(table.views.metadata().all(kind).next().is_none());
        assert_eq!(table.engine.state.hash, empty);
        table.assert_image_is_whole();
    }
}

#[test]
fn a_feed_keeps_its_position_where_a_definition_says_nothing_new() {
    let mut table = Table::new();
    let status = proto::FeedDetails { feed_id: "F".into(), ..Default::default() };
    let r#type = FeedRequestType::Status as i32;
    table.rest(&proto::FeedRequest { r#type, status: Some(status), ..Default::default() });
    let feed = table.engine.state.feed_number("F").expect("just made");
    let request = operation(altered(MetadataKind::Owner).define()).encode_to_vec();
    for position in [7, 9] {
        table.apply_at(Stamp { feed, position, ..table.next_stamp() }, &request);
        assert_eq!((table.outcome.stamp.position, table.engine.feeds()[feed.index()].position), (position, position));
        assert_eq!(table.outcome.metadata.len(), usize::from(position == 7));
    }
}

#[test]
fn an_operation_without_a_key_or_details_is_refused_by_its_code() {
    let mut table = Table::new();
    let empty = |kind| Details::of_key(kind, "", "");
    let codes: [(MetadataKind, &[&str]); 6] = [
        (MetadataKind::Owner, &["Owner"]),
        (MetadataKind::Account, &["Account"]),
        (MetadataKind::Exchange, &["Exchange"]),
        (MetadataKind::RequestStatus, &["Status"]),
        (MetadataKind::Identity, &["Identity", "IdentitySource"]),
        (MetadataKind::IdentitySource, &["IdentitySource"]),
    ];
    for (kind, codes) in codes {
        assert_eq!(table.rest(&operation(empty(kind).define())), 0);
        assert_eq!(table.codes(), codes);
        let without = proto::Operation { r#type: kind.define() as i32, ..Default::default() };
        table.rest(&operation(without));
        assert_eq!(table.codes(), ["Details"]);
    }
    for kind in UNDEFINED_ALONE {
        table.rest(&operation(empty(kind).undefine()));
        assert_eq!(table.codes().len(), if kind == MetadataKind::Identity { 2 } else { 1 });
    }
    for r#type in [0, 1, 999, -1] {
        table.rest(&operation(proto::Operation { r#type, ..Default::default() }));
        assert_eq!(table.codes(), ["Operation.Unknown"]);
    }
    let r#type = FeedRequestType::Operation as i32;
    table.rest(&proto::FeedRequest { r#type, ..Default::default() });
    assert_eq!(table.codes(), ["Details"]);
    assert_eq!(table.engine.state_hash(), 0);
}

/// An account without an owner is one.
#[test]
fn an_account_needs_no_owner() {
    let mut table = Table::new();
    table.rest(&operation(Details::of_key(MetadataKind::Account, "", "1234").define()));
    assert!(table.outcome.is_accepted());
    assert!(table.views.account_exists("", "1234") && table.views.owner_exists(""));
}

#[test]
fn an_order_without_a_currency_has_that_of_its_account() {
    let mut table = Table::new();
    let mut details = Details::of_key(MetadataKind::Account, "O", "A");
    let Details::Account(account) = &mut details else { panic!("as made") };
    account.default_currency = Some("USD".into());
    table.rest(&operation(details.define()));
    for (command, currency) in [("buy A #1 10@2 currency \"\"", "USD"), ("buy B #2 10@2 currency \"\"", "")] {
        let action = table.action(command);
        table.apply(&action);
        assert_eq!(table.views.names().currency(table.outcome.balances[0].currency), currency);
    }
    assert_eq!(table.cash("A/USD"), "0 0 -20 0");
    // What was filled in stays, whatever the account says later.
    table.rest(&operation(Details::of_key(MetadataKind::Account, "O", "A").define()));
    let action = table.action("amend #1 20@2 currency \"\"");
    table.apply(&action);
    assert_eq!(table.cash("A/USD"), "0 0 -40 0");
}

#[test]
fn what_a_definition_or_a_live_record_names_exists() {
    let mut table = Table::new();
    let exist = |table: &Table| {
        let views = [&table.views, &Views::of(&table.engine)];
        views.map(|v| (v.owner_exists("O"), v.account_exists("O", "A"), v.exchange_exists("XASX")))
    };
    assert_eq!(exist(&table), [(false, false, false); 2]);
    for command in ["cash A 5", "buy A #1 1@1", "stock A 3"] {
        let action = table.action(command);
        table.apply(&action);
        assert_eq!(exist(&table), [(true, true, command != "cash A 5"); 2], "{command}");
    }
    for command in ["stock A -3", "amend #1 1@1 remove", "cash A -5"] {
        let action = table.action(command);
        assert_eq!(exist(&table), [(true, true, !command.starts_with("cash")); 2], "{command}");
        table.apply(&action);
    }
    assert_eq!(exist(&table), [(false, false, false); 2], "named once, and no more");
    table.rest(&operation(Details::of_key(MetadataKind::Exchange, "XASX", "").define()));
    table.rest(&operation(Details::of_key(MetadataKind::Account, "O", "A").define()));
    assert_eq!(exist(&table), [(true, true, true); 2]);
}
