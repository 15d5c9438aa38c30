use ordo_core::dec::Dec;
use ordo_core::proto::{Account, CashPosition, EventMessage, SnapshotPosition, UpdateEvent, UpdateEventType};
use ordo_core::proto::{UpdateAction, UpdatePosition};

use super::*;

fn balances() -> FoldedView {
    FoldedView::new(SubscriptionDetails { r#type: SubscriptionType::Balances as i32, targets: vec![] })
}

fn record(account: &str, balance: i64) -> CashPosition {
    CashPosition {
        account: Some(Account { owner_id: "XS".into(), account_id: account.into() }),
        currency: "AUD".into(),
        balance: Some(Dec::whole(balance).into()),
        ..CashPosition::default()
    }
}

fn message(kind: EventMessageType, position: Option<i64>, records: &[(CashPosition, UpdateAction)]) -> Frame {
    let place = |position| UpdatePosition { sequence: "f".into(), position, executed_at: None };
    let event = |(record, action): &(CashPosition, UpdateAction)| UpdateEvent {
        r#type: UpdateEventType::Balance as i32,
        update_action: *action as i32,
        balance: Some(Box::new(record.clone())),
        ..UpdateEvent::default()
    };
    let message = EventMessage {
        r#type: kind as i32,
        position: position.map(place),
        updates: records.iter().map(event).collect(),
        ..EventMessage::default()
    };
    Frame::binary(message.encode_to_vec().into())
}

fn snapshot_start(position: i64) -> Frame {
    let positions = [("f".to_owned(), position)].into();
    let message = EventMessage {
        r#type: EventMessageType::SnapshotStart as i32,
        snapshot: Some(SnapshotPosition { positions }),
        ..EventMessage::default()
    };
    Frame::binary(message.encode_to_vec().into())
}

fn live(position: i64) -> FoldedView {
    let mut view = balances();
    let finish = message(EventMessageType::SnapshotFinish, None, &[]);
    let records = message(EventMessageType::Update, None, &[(record("A", 1), UpdateAction::Update)]);
    for frame in [&snapshot_start(position), &records, &finish] {
        view.fold(frame).expect("a snapshot folds");
    }
    view
}

#[test]
fn snapshot_and_events_give_the_latest_record_of_each_key() {
    let mut view = live(7);
    let (keep, drop) = (UpdateAction::Update, UpdateAction::Remove);
    let update = message(EventMessageType::Update, Some(9), &[(record("B", 5), keep), (record("A", 2), keep)]);
    assert_eq!(view.fold(&update).expect("it folds"), Step::Update { position: 9, events: 2 });
    assert_eq!(view.records::<CashPosition>().expect("they decode"), [record("A", 2), record("B", 5)]);
    view.fold(&message(EventMessageType::Update, Some(12), &[(record("A", 2), drop)])).expect("it folds");
    assert!(view.get(&Key::of(&["XS", "A", "AUD"])).is_none());
    assert!(view.get(&Key::of(&["XS", "B", "AUD"])).is_some());
    assert_eq!((view.position("f"), view.updates(), view.events()), (12, 2, 3));
}

#[test]
fn an_update_that_comes_twice_or_from_before_the_snapshot_is_an_error() {
    for position in [6, 7] {
        let update = message(EventMessageType::Update, Some(position), &[]);
        let error = live(7).fold(&update).expect_err("it is not after the snapshot");
        assert!(matches!(error, ClientError::OutOfOrder { last: 7, .. }), "{error}");
    }
}

#[test]
fn a_bookmark_moves_the_position_and_may_repeat_it() {
    let mut view = live(7);
    for position in [7, 8, 8] {
        view.fold(&message(EventMessageType::Bookmark, Some(position), &[])).expect("it folds");
    }
    assert_eq!((view.position("f"), view.updates()), (8, 0));
    view.fold(&message(EventMessageType::Bookmark, Some(7), &[])).expect_err("it goes back");
}

#[test]
fn names_that_only_differ_in_where_they_part_have_different_keys() {
    assert_ne!(Key::of(&["a", "bc"]), Key::of(&["ab", "c"]));
    assert_ne!(Key::of(&["", "a"]), Key::of(&["a", ""]));
}
