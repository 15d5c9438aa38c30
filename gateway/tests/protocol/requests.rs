//! Requests and their responses: one each, in order.

use ordo_client::{Form, messages};
use ordo_core::proto::EventMessageType;
use ordo_core::proto::{RequestMessage, RequestMessageType, SubscriptionDetails, SubscriptionType};

use ordo_testkit::hub::*;

fn one() -> ordo_core::proto::ExternalAction {
    deposit(&account("XS", "A"), "1")
}

/// The n-th of a mix of every kind of request there is, good and bad.
fn request(n: usize) -> RequestMessage {
    let id = n.to_string();
    let subscription =
        |view: SubscriptionType, owner: &str| messages::subscribe(view, vec![messages::target("Owner", &[owner])], &id);
    let position = n as i64 + 1;
    match n % 11 {
        0 => messages::feed_message(messages::action("f", position, one()), &id),
        1 => messages::feed_message(messages::action("f", position, deposit(&account("XS", ""), "1")), &id),
        2 => messages::feed_message(messages::action("f", 1, one()), &id),
        3 => messages::feed_message(messages::action("nobodys", position, one()), &id),
        4 => messages::feed_message(messages::bookmark("f"), &id),
        5 => subscription(SubscriptionType::Balances, "XS"),
        6 => subscription(SubscriptionType::Orders, &id),
        7 => messages::synchronise(&id),
        8 => RequestMessage {
            r#type: RequestMessageType::Unsubscribe as i32,
            ..subscription(SubscriptionType::Orders, &(n - 2).to_string())
        },
        9 => RequestMessage { r#type: RequestMessageType::ClientRequest as i32, request_id: id, ..Default::default() },
        _ => messages::feed_message(messages::open("f"), &id),
    }
}

#[test]
fn every_request_has_one_response_and_they_come_in_order() {
    let rig = Rig::start();
    for form in [Form::Binary, Form::Json] {
        let (mut line, _) = reopened(&rig, "f");
        line.connection.set_form(form);
        const COUNT: usize = 1100;
        for n in 0..COUNT {
            line.connection.queue(&request(n)).expect("it is queued");
        }
        line.connection.send(&messages::synchronise("end")).expect("it is sent");
        let mut answered = Vec::new();
        loop {
            let message = line.connection.receive_message(PATIENCE).expect("a message");
            if message.r#type() == EventMessageType::Response {
                let details = message.request.expect("a Response holds a RequestDetails");
                if details.request_id == "end" {
                    break;
                }
                let n: usize = details.request_id.parse().expect("one of ours");
                assert_eq!(details.r#type, request(n).r#type, "request {n}: the type it was");
                answered.push(n);
            }
        }
        assert_eq!(answered, (0..COUNT).collect::<Vec<_>>(), "{form:?}");
        line.connection.cut();
    }
}

#[test]
fn request_ids_need_not_be_unique_or_short() {
    let rig = Rig::start();
    let mut line = FeedLine::connect(&rig, "f", Form::Binary);
    let long = "\u{20ac}".repeat(10_000);
    for id in ["same", "same", " ", &long] {
        line.connection.send(&messages::synchronise(id)).expect("it is sent");
    }
    let ids: Vec<String> = (0..4).map(|_| line.hear_message().request.expect("a Response").request_id).collect();
    assert_eq!(ids, ["same", "same", " ", &long]);
}

#[test]
fn a_refused_request_without_a_request_id_is_answered_too() {
    let rig = Rig::start();
    let mut line = FeedLine::connect(&rig, "f", Form::Json);
    let subscription = Some(SubscriptionDetails { r#type: SubscriptionType::Balances as i32, targets: Vec::new() });
    let unsubscribe = RequestMessage {
        r#type: RequestMessageType::Unsubscribe as i32,
        subscription: subscription.clone(),
        ..RequestMessage::default()
    };
    line.connection.send(&unsubscribe).expect("it is sent");
    let answer = line.hear_message().request.expect("a Response");
    assert_eq!((&*answer.request_id, answer.errors.len()), ("", 1), "{answer:?}");
    let nothing = RequestMessage { r#type: RequestMessageType::Subscribe as i32, ..RequestMessage::default() };
    line.connection.send(&nothing).expect("it is sent");
    assert_eq!(line.hear_message().request.expect("a Response").errors.len(), 1, "a subscription to nothing");
    line.connection.send(&messages::subscribe(SubscriptionType::Balances, Vec::new(), "")).expect("it is sent");
    assert_eq!(line.hear_all(2), ["SnapshotStart", "SnapshotFinish"], "accepted in silence");
}

#[test]
fn a_synchronise_without_a_request_id_is_accepted_in_silence() {
    let rig = Rig::start();
    let mut line = FeedLine::connect(&rig, "f", Form::Binary);
    line.connection.send(&messages::synchronise("")).expect("it is sent");
    line.connection.send(&messages::synchronise("s")).expect("it is sent");
    assert_eq!(line.hear(), "Response s");
}

#[test]
fn synchronise_comes_after_every_event_that_anybody_had_been_told_of() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    let mut watcher = rig.subscriber(Form::Binary);
    let view = watcher.subscribe(SubscriptionType::Transactions, Vec::new()).expect("it is accepted");
    for round in 1..=200 {
        line.act(0, one());
        watcher.synchronise().expect("it is answered");
        assert_eq!(watcher.view(view).events(), round, "after its Response the event is here");
    }
}

#[test]
fn a_synchronise_behind_a_subscribe_comes_after_the_snapshot() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    for n in 0..300 {
        line.connection
            .queue(&messages::feed_message(messages::action("f", 0, deposit(&account("XS", &n.to_string()), "1")), ""))
            .expect("it is queued");
    }
    line.act(0, one());
    let mut reader = FeedLine::connect(&rig, "f", Form::Binary);
    reader.connection.queue(&messages::subscribe(SubscriptionType::Balances, Vec::new(), "a")).expect("it is queued");
    reader.connection.queue(&messages::subscribe(SubscriptionType::Orders, Vec::new(), "b")).expect("it is queued");
    reader.connection.queue(&messages::synchronise("s")).expect("it is queued");
    reader.connection.send(&messages::synchronise("t")).expect("it is sent");
    let mut words = Vec::new();
    while words.last().is_none_or(|word| word != "Response t") {
        words.push(reader.hear());
    }
    let place =
        |word: &str| words.iter().rposition(|other| other == word).unwrap_or_else(|| panic!("no {word}: {words:?}"));
    assert!(place("Response s") > place("SnapshotFinish"), "{words:?}");
    assert_eq!(words.iter().filter(|word| *word == "SnapshotFinish").count(), 2);
    assert!(place("Response a") < place("Response b") && place("Response b") < place("Response s"));
}
