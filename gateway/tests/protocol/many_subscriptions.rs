//! Several subscriptions on one connection: which are the same, how many there may be, in which order all is told.

use ordo_client::{ClientError, Form, messages};
use ordo_core::proto::{EventMessage, OrderUpdateReason, RequestMessage, RequestMessageType, Side};
use ordo_core::proto::{SubscriptionDetails, SubscriptionTarget, SubscriptionType};

use ordo_testkit::hub::*;

fn unsubscribe(view: SubscriptionType, targets: Vec<SubscriptionTarget>, id: &str) -> RequestMessage {
    let r#type = RequestMessageType::Unsubscribe as i32;
    RequestMessage { r#type, ..messages::subscribe(view, targets, id) }
}

/// So many open orders.
fn orders(line: &mut FeedLine, count: usize) {
    for n in 0..count {
        let order = limit_order(&account("XS", "A"), &n.to_string(), Side::Buy, "10", "5");
        let action = messages::action(&line.feed, 0, update(order, OrderUpdateReason::New));
        line.connection.queue(&messages::feed_message(action, "")).expect("it is queued");
    }
    line.hears_nothing_else();
}

/// Words of what is heard up to the last one, each with the subscription's view where it has one.
fn heard_until(line: &mut FeedLine, last: &str) -> Vec<String> {
    let mut heard = Vec::new();
    while heard.last().is_none_or(|word| word != last) {
        heard.push(word(&line.hear_message()));
    }
    heard
}

fn word(message: &EventMessage) -> String {
    let view = message.subscription.as_ref().map(|details| details.r#type().as_str_name());
    let view = view.map_or("", |name| name.trim_start_matches("SubscriptionType"));
    format!("{}{view}", word_of(message))
}

#[test]
fn the_order_of_targets_and_values_makes_no_other_subscription() {
    let rig = Rig::start();
    let (mut feed, _) = FeedLine::open(&rig, "f", Form::Binary);
    let mut line = FeedLine::connect(&rig, "", Form::Binary);
    let accepted = vec![messages::target("Owner", &["XA", "XB"]), messages::target("Exchange", &["XASX"])];
    let others = [
        vec![messages::target("Exchange", &["XASX"]), messages::target("Owner", &["XB", "XA"])],
        vec![
            messages::target("Owner", &["XB"]),
            messages::target("Exchange", &["XASX", "XASX"]),
            messages::target("Owner", &["XA"]),
        ],
    ];
    let view = SubscriptionType::Balances;
    line.connection.send(&messages::subscribe(view, accepted.clone(), "1")).expect("it is sent");
    assert_eq!(line.hear_all(3), ["Response 1", "SnapshotStart", "SnapshotFinish"]);
    for other in &others {
        line.connection.send(&messages::subscribe(view, other.clone(), "2")).expect("it is sent");
        assert_eq!(line.hear(), "Response 2 AlreadySubscribed", "{other:?}");
    }
    feed.act(0, deposit(&account("XB", "1"), "1"));
    let details = SubscriptionDetails { r#type: view as i32, targets: accepted };
    assert_eq!(line.hear_message().subscription, Some(details), "named as it was accepted");
    line.connection.send(&unsubscribe(view, others[0].clone(), "3")).expect("it is sent");
    assert_eq!(line.hear(), "Response 3");
    feed.act(0, deposit(&account("XB", "1"), "1"));
    line.hears_nothing_else();
}

#[test]
fn a_connection_has_256_subscriptions_and_no_more() {
    let rig = Rig::start();
    let mut subscriber = rig.subscriber(Form::Binary);
    let targets = |n: usize| vec![messages::target("Owner", &[&n.to_string()])];
    let views: Vec<_> = (0..256)
        .map(|n| subscriber.subscribe(SubscriptionType::Balances, targets(n)).expect("it is accepted"))
        .collect();
    let refused = subscriber.subscribe(SubscriptionType::Balances, targets(256));
    let Err(ClientError::Answered { errors, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(errors, ["Limited"]);
    subscriber.unsubscribe(views[7]).expect("it is accepted");
    subscriber.subscribe(SubscriptionType::Balances, targets(256)).expect("there is room again");
    let (mut feed, _) = FeedLine::open(&rig, "f", Form::Binary);
    for owner in ["0", "7", "256"] {
        feed.act(0, deposit(&account(owner, "1"), "1"));
    }
    let heard = heard_until_synchronised(&mut subscriber);
    assert_eq!(events_of(&heard).len(), 2, "of 0 and 256");
    // The bound is each connection's own.
    rig.subscriber(Form::Binary).subscribe(SubscriptionType::Balances, Vec::new()).expect("it is accepted");
}

/// A Synchronise that waits for a snapshot held up the Response to a later Subscribe, but not that one's snapshot.
#[test]
fn a_response_comes_before_its_snapshot_whatever_waits_before_it() {
    let rig = Rig::start();
    let (mut feed, _) = FeedLine::open(&rig, "f", Form::Binary);
    orders(&mut feed, 3_000);
    let mut line = FeedLine::connect(&rig, "", Form::Binary);
    let requests = [
        messages::subscribe(SubscriptionType::Orders, Vec::new(), "orders"),
        messages::synchronise("first"),
        messages::subscribe(SubscriptionType::Updates, Vec::new(), "updates"),
        messages::subscribe(SubscriptionType::Balances, Vec::new(), "balances"),
        messages::synchronise("last"),
    ];
    requests.iter().for_each(|request| line.connection.queue(request).expect("it is queued"));
    line.connection.flush().expect("it is sent");
    let heard = heard_until(&mut line, "Response last");
    let at = |word: &str| heard.iter().position(|it| it == word).unwrap_or_else(|| panic!("no {word}: {heard:?}"));
    let in_order = |words: &[&str]| assert!(words.is_sorted_by_key(|word| at(word)), "{words:?}: {heard:?}");
    in_order(&["Response orders", "SnapshotStart_Orders", "SnapshotFinish_Orders", "Response first"]);
    in_order(&["Response first", "Response updates", "SnapshotStart_Updates", "SnapshotFinish_Updates"]);
    in_order(&["Response updates", "Response balances", "SnapshotStart_Balances", "SnapshotFinish_Balances"]);
    in_order(&["SnapshotFinish_Updates", "Response last"]);
    in_order(&["SnapshotFinish_Balances", "Response last"]);
}

#[test]
fn an_unsubscribe_in_mid_snapshot_ends_it_and_the_next_one_is_whole() {
    const ORDERS: usize = 6_000;
    let rig = Rig::start();
    let (mut feed, _) = FeedLine::open(&rig, "f", Form::Binary);
    orders(&mut feed, ORDERS);
    let view = SubscriptionType::Orders;
    let mut line = FeedLine::connect(&rig, "", Form::Binary);
    for round in 0..10 {
        line.connection.send(&messages::subscribe(view, Vec::new(), "on")).expect("it is sent");
        for _ in 0..=round % 4 {
            line.hear();
        }
        feed.act(0, deposit(&account("XS", "A"), "1"));
        line.connection.send(&unsubscribe(view, Vec::new(), "off")).expect("it is sent");
        heard_until(&mut line, "Response off");
        feed.act(0, update(limit_order(&account("XS", "A"), "0", Side::Buy, "10", "5"), OrderUpdateReason::New));
        line.hears_nothing_else();
        assert_eq!(
            {
                line.connection.send(&messages::subscribe(view, Vec::new(), "again")).expect("it is sent");
                let mut records = 0;
                loop {
                    let message = line.hear_message();
                    records += message.updates.len();
                    if word_of(&message) == "SnapshotFinish" {
                        break records;
                    }
                }
            },
            ORDERS,
            "round {round}"
        );
        line.connection.send(&unsubscribe(view, Vec::new(), "off")).expect("it is sent");
        heard_until(&mut line, "Response off");
    }
}

#[test]
fn a_bookmark_comes_for_each_sequence_that_moved_the_newest_last() {
    let rig = Rig::start();
    let (mut f, _) = FeedLine::open(&rig, "f", Form::Binary);
    let (mut g, _) = FeedLine::open(&rig, "g", Form::Binary);
    let (mut quiet, _) = FeedLine::open(&rig, "quiet", Form::Binary);
    quiet.act(5, deposit(&account("XB", "1"), "1"));
    let mut line = FeedLine::connect(&rig, "", Form::Binary);
    let targets = |owner: &str| vec![messages::target("Owner", &[owner])];
    for owner in ["nobody", "XB"] {
        line.connection.send(&messages::subscribe(SubscriptionType::Orders, targets(owner), "")).expect("it is sent");
        assert_eq!(line.hear_all(2), ["SnapshotStart", "SnapshotFinish"]);
    }
    f.act(7, deposit(&account("XA", "1"), "1"));
    g.act(3, update(limit_order(&account("XB", "1"), "1", Side::Buy, "10", "5"), OrderUpdateReason::New));
    f.act(8, deposit(&account("XA", "1"), "1"));
    let mut heard: Vec<(String, String)> = Vec::new();
    let is_last = |(owner, place): &(String, String)| owner == "nobody" && place == "Bookmark f 8";
    while !heard.iter().any(is_last) {
        let message = line.hear_message();
        let place = message.position.as_ref().expect("a position");
        let details = message.subscription.as_ref().expect("a subscription");
        let words = format!("{} {} {}", word_of(&message), place.sequence, place.position);
        heard.push((details.targets[0].values[0].clone(), words));
    }
    line.connection.send(&messages::synchronise("s")).expect("it is sent");
    while word_of(&line.hear_message()) != "Response s" {}
    let of = |owner: &str| -> Vec<&str> {
        let mut words: Vec<&str> = heard.iter().filter(|it| it.0 == owner).map(|it| &*it.1).collect();
        // A second may have passed between the updates.
        words.retain(|word| *word != "Bookmark f 7");
        words
    };
    assert_eq!(of("nobody"), ["Bookmark g 3", "Bookmark f 8"]);
    assert!(of("XB").starts_with(&["Update g 3"]) && !of("XB").contains(&"Bookmark g 3"), "{heard:?}");
    // Nothing has moved since: nothing is said.
    std::thread::sleep(std::time::Duration::from_millis(1_300));
    line.hears_nothing_else();
}
