//! The Metadata view: what is defined, in a snapshot and live, and for whom.

use ordo_client::{Form, Key, Subscriber, ViewId, messages};
use ordo_core::proto::{EventMessage, Operation, OperationType, SubscriptionType, UpdateAction, UpdateEventType};

use ordo_testkit::hub::*;

fn all() -> Vec<Operation> {
    vec![
        exchange("XASX", &[("", "asx")]),
        exchange("XNZE", &[]),
        owner("XA", "First"),
        owner("XB", "Second"),
        owned("XA", "1", "One"),
        owned("XB", "1", "Other one"),
        owned("", "1", "Nobody's"),
        request_status("Pending", "Is pending"),
    ]
}

/// What an event does to what, in a word: `DefineOwner`.
fn words(messages: &[EventMessage]) -> Vec<String> {
    let word = |operation: &Operation| operation.r#type().as_str_name().trim_start_matches("OperationType_").to_owned();
    let events = events_of(messages).into_iter();
    let words = events.map(|event| {
        assert_eq!(event.r#type(), UpdateEventType::Operation);
        let operation = event.operation.as_ref().expect("an Operation");
        let is_removed = event.update_action() == UpdateAction::Remove;
        assert_eq!(is_removed, word(operation).starts_with("Undefine"), "{operation:?}");
        word(operation)
    });
    words.collect()
}

fn watch(rig: &Rig, form: Form, targets: &[(&str, &[&str])]) -> (Subscriber, ViewId) {
    let mut subscriber = rig.subscriber(form);
    let targets = targets.iter().map(|(name, values)| messages::target(name, values)).collect();
    let view = subscriber.subscribe(SubscriptionType::Metadata, targets).expect("it is accepted");
    (subscriber, view)
}

fn folded_definitions(subscriber: &Subscriber, view: ViewId) -> Vec<Operation> {
    subscriber.view(view).records().expect("Operations")
}

#[test]
fn definitions_are_shown_in_snapshots_and_live_but_not_who_may_do_what() {
    for form in [Form::Binary, Form::Json] {
        let rig = Rig::start();
        let (mut feed, _) = FeedLine::open(&rig, "f", Form::Binary);
        let (mut early, early_view) = watch(&rig, Form::Binary, &[]);
        for operation in all().into_iter().chain([permissions("dir", "joe"), identity_source("dir")]) {
            feed.operate(operation);
        }
        let heard = heard_until_synchronised(&mut early);
        let mut expected: Vec<&str> = Vec::new();
        expected.extend(["DefineExchange"; 2]);
        expected.extend(["DefineOwner"; 2]);
        expected.extend(["DefineAccount"; 3]);
        expected.push("DefineRequestStatus");
        assert_eq!(words(&heard), expected);
        let positions: Vec<i64> = heard.iter().map(|it| it.position.as_ref().expect("a position").position).collect();
        assert_eq!(positions, (1..=8).collect::<Vec<i64>>());

        let (late, late_view) = watch(&rig, form, &[]);
        assert_eq!(folded_definitions(&late, late_view).len(), all().len());
        for operation in all() {
            assert!(folded_definitions(&late, late_view).contains(&operation), "{operation:?}");
        }
        assert_eq!(folded_definitions(&late, late_view), folded_definitions(&early, early_view));
    }
}

#[test]
fn what_is_dropped_is_shown_removed_and_what_says_the_same_is_not_shown() {
    let rig = Rig::start();
    let (mut feed, _) = FeedLine::open(&rig, "f", Form::Binary);
    all().into_iter().for_each(|operation| feed.operate(operation));
    let (mut watcher, view) = watch(&rig, Form::Json, &[]);
    // From a feed it is recorded and takes its position, but is no event.
    feed.operate(owner("XA", "First"));
    feed.operate(owner("XA", "First of all"));
    for operation in [exchange("XNZE", &[]), owned("XB", "1", ""), request_status("Pending", "")] {
        feed.operate(dropped(&operation));
        // There is no such record any more.
        feed.operate(dropped(&operation));
    }
    let heard = heard_until_synchronised(&mut watcher);
    assert_eq!(words(&heard), ["DefineOwner", "UndefineExchange", "UndefineAccount", "UndefineRequestStatus"]);
    let folded = watcher.view(view);
    assert_eq!(folded.len(), all().len() - 3);
    for gone in [&["Exchange", "XNZE"][..], &["Account", "XB", "1"], &["RequestStatus", "Pending"]] {
        assert!(folded.get(&Key::of(gone)).is_none(), "{gone:?}");
    }
    assert!(folded.get(&Key::of(&["Owner", "XA"])).is_some());
}

#[test]
fn targets_choose_owners_accounts_and_exchanges() {
    type Targets = &'static [(&'static str, &'static [&'static str])];
    // Exchanges, owners, accounts that pass; the request status always does.
    let cases: [(Targets, &[&str]); 6] = [
        (&[], &["XASX", "XNZE", "XA", "XB", "XA/1", "XB/1", "/1"]),
        (&[("Owner", &["XA"])], &["XASX", "XNZE", "XA", "XA/1"]),
        (&[("Account", &["XB/1", "/1"])], &["XASX", "XNZE", "XA", "XB", "XB/1", "/1"]),
        (&[("Owner", &["XA"]), ("Account", &["/1"])], &["XASX", "XNZE", "XA", "XA/1", "/1"]),
        (&[("Exchange", &["XNZE"])], &["XNZE", "XA", "XB", "XA/1", "XB/1", "/1"]),
        (&[("Exchange", &["XASX"]), ("Owner", &["XB"])], &["XASX", "XB", "XB/1"]),
    ];
    let rig = Rig::start();
    let (mut feed, _) = FeedLine::open(&rig, "f", Form::Binary);
    let mut live: Vec<_> = cases.iter().map(|(targets, _)| watch(&rig, Form::Binary, targets)).collect();
    all().into_iter().for_each(|operation| feed.operate(operation));
    for ((targets, expected), (subscriber, view)) in cases.iter().zip(&mut live) {
        subscriber.synchronise().expect("it is answered");
        let late = watch(&rig, Form::Binary, targets);
        for (what, folded) in
            [("live", folded_definitions(subscriber, *view)), ("snapshot", folded_definitions(&late.0, late.1))]
        {
            let mut passed: Vec<String> = folded.iter().filter_map(code).collect();
            passed.sort_unstable();
            let mut expected = expected.to_vec();
            expected.sort_unstable();
            assert_eq!(passed, expected, "{what}: {targets:?}");
            assert_eq!(folded.len(), expected.len() + 1, "{what}: {targets:?}: the request status");
        }
    }
}

/// What an Operation is about; none for a request status.
fn code(operation: &Operation) -> Option<String> {
    match operation.r#type() {
        OperationType::DefineExchange => Some(operation.exchange_details.as_ref()?.exchange.clone()),
        OperationType::DefineOwner => Some(operation.owner_details.as_ref()?.owner_id.clone()),
        OperationType::DefineAccount => {
            let account = operation.account_details.as_ref()?.account.as_ref()?;
            Some(format!("{}/{}", account.owner_id, account.account_id))
        }
        _ => None,
    }
}
