//! The Feed view: the open orders of a feed, which go there by the destinations of their exchange.

use ordo_client::{ClientError, Form, Subscriber, ViewId, messages};
use ordo_core::proto::{ExternalAction, FeedDetails};
use ordo_core::proto::{OrderState, OrderUpdateReason, Side, SubscriptionType, TimestampWithTimeZone, UpdateAction};

use ordo_testkit::hub::*;

fn order(id: &str, exchange: &str, destination: &str) -> OrderState {
    let order = limit_order(&account("XA", "1"), id, Side::Buy, "10", "5");
    OrderState { exchange: exchange.into(), ex_destination: destination.into(), ..order }
}

fn new(order: &OrderState) -> ExternalAction {
    update(order.clone(), OrderUpdateReason::New)
}

fn watch(rig: &Rig, feeds: &[&str]) -> (Subscriber, ViewId) {
    let mut subscriber = rig.subscriber(Form::Binary);
    let view =
        subscriber.subscribe(SubscriptionType::Feed, vec![messages::target("Feed", feeds)]).expect("it is accepted");
    (subscriber, view)
}

/// Ids of the orders that a view holds.
fn ids(subscriber: &Subscriber, view: ViewId) -> Vec<String> {
    folded::<OrderState>(subscriber.view(view)).into_iter().map(|order| order.order_id).collect()
}

/// `1` for an order that is there, `-1` for one that is gone.
fn heard(subscriber: &mut Subscriber) -> Vec<String> {
    let events = events_of(&heard_until_synchronised(subscriber)).into_iter();
    let words = events.map(|event| {
        let gone = if event.update_action() == UpdateAction::Remove { "-" } else { "" };
        format!("{gone}{}", event.order.expect("an order").order_id)
    });
    words.collect()
}

#[test]
fn a_feed_must_be_named() {
    let rig = Rig::start();
    let mut subscriber = rig.subscriber(Form::Json);
    for targets in [vec![], vec![messages::target("Owner", &["XA"])], vec![messages::target("Feed", &[])]] {
        let refused = subscriber.subscribe(SubscriptionType::Feed, targets);
        let Err(ClientError::Answered { errors, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(errors, ["Data.Deserialise Subscription.Targets.Feed"]);
    }
    let (subscriber, view) = watch(&rig, &["f"]);
    assert!(subscriber.view(view).is_empty());
}

#[test]
fn a_feed_has_the_open_orders_that_go_to_it() {
    let rig = Rig::start();
    let (mut feed, _) = FeedLine::open(&rig, "f", Form::Binary);
    feed.operate(exchange("XASX", &[("TM", "asx"), ("CP", "chi"), ("OWN", "")]));
    feed.operate(exchange("XONE", &[("ONLY", "one")]));
    let orders = [
        order("tm", "XASX", "TM"),
        order("cp", "XASX", "CP"),
        order("own", "XASX", "OWN"),
        order("unknown", "XASX", "?"),
        order("ambiguous", "XASX", ""),
        order("only", "XONE", ""),
        order("undefined", "XNZE", "TM"),
        order("nowhere", "", ""),
    ];
    let feeds: [(&str, &[&str]); 5] = [
        ("asx", &["tm"]),
        ("chi", &["cp"]),
        ("XASX", &["ambiguous", "own", "unknown"]),
        ("one", &["only"]),
        ("XNZE", &["undefined"]),
    ];
    let mut live: Vec<_> = feeds.iter().map(|(name, _)| watch(&rig, &[name])).collect();
    let mut both = watch(&rig, &["asx", "chi"]);
    orders.iter().for_each(|order| feed.act(0, new(order)));
    for ((name, expected), (subscriber, view)) in feeds.iter().zip(&mut live) {
        subscriber.synchronise().expect("it is answered");
        assert_eq!(ids(subscriber, *view), *expected, "live: {name}");
        let (late, view) = watch(&rig, &[name]);
        assert_eq!(ids(&late, view), *expected, "snapshot: {name}");
    }
    both.0.synchronise().expect("it is answered");
    assert_eq!(ids(&both.0, both.1), ["cp", "tm"]);
}

#[test]
fn an_order_that_completes_leaves_or_goes_elsewhere_is_shown_removed() {
    let rig = Rig::start();
    let (mut feed, _) = FeedLine::open(&rig, "f", Form::Binary);
    feed.operate(exchange("XASX", &[("TM", "asx"), ("CP", "chi")]));
    let (mut asx, _) = watch(&rig, &["asx"]);
    let (mut chi, _) = watch(&rig, &["chi"]);
    let (mut both, _) = watch(&rig, &["chi", "asx"]);
    let mut heard = || [heard(&mut asx).join(" "), heard(&mut chi).join(" "), heard(&mut both).join(" ")];
    for id in ["1", "2", "3"] {
        feed.act(0, new(&order(id, "XASX", "TM")));
    }
    assert_eq!(heard(), ["1 2 3", "", "1 2 3"]);
    feed.act(0, new(&OrderState { is_completed: true, ..order("1", "XASX", "TM") }));
    assert_eq!(heard(), ["-1", "", "-1"], "completed");
    feed.act(0, new(&OrderState { is_completed: true, status: "Filled".into(), ..order("1", "XASX", "TM") }));
    assert_eq!(heard(), ["", "", ""], "it had left before");
    feed.act(0, new(&order("1", "XASX", "CP")));
    assert_eq!(heard(), ["", "1", "1"], "open again, elsewhere");
    let now = Some(TimestampWithTimeZone::default());
    feed.act(0, new(&OrderState { remove_after: now, ..order("2", "XASX", "TM") }));
    assert_eq!(heard(), ["-2", "", "-2"], "removed");
    feed.act(0, new(&order("3", "XASX", "CP")));
    assert_eq!(heard(), ["-3", "3", "3"], "routed elsewhere");
    let mut moved = new(&OrderState { account: Some(account("XB", "9")), ..order("3", "XASX", "CP") });
    moved.update.as_mut().expect("an update").previous_account = Some(account("XA", "1"));
    feed.act(0, moved);
    assert_eq!(heard(), ["", "-3 3", "-3 3"], "moved to another account");
    // Destinations swapped: orders go elsewhere though nothing was said of them.
    feed.operate(exchange("XASX", &[("TM", "chi"), ("CP", "asx")]));
    assert_eq!(heard(), ["1 3", "-1 -3", "1 3"], "defined anew");
    feed.operate(exchange("XASX", &[("TM", "nowhere"), ("CP", "asx")]));
    assert_eq!(heard(), ["", "", ""], "nothing that concerns these");
    feed.operate(dropped(&exchange("XASX", &[])));
    assert_eq!(heard(), ["-1 -3", "", "-1 -3"], "undefined: the exchange's own");
}

#[test]
fn other_targets_choose_among_the_orders_of_a_feed() {
    let rig = Rig::start();
    let (mut feed, _) = FeedLine::open(&rig, "f", Form::Binary);
    let mut subscriber = rig.subscriber(Form::Json);
    let targets = vec![messages::target("Feed", &["XASX", "XNZE"]), messages::target("Exchange", &["XASX"])];
    let view = subscriber.subscribe(SubscriptionType::Feed, targets).expect("it is accepted");
    feed.act(0, new(&order("1", "XASX", "")));
    feed.act(0, new(&order("2", "XNZE", "")));
    subscriber.synchronise().expect("it is answered");
    assert_eq!(ids(&subscriber, view), ["1"]);
    feed.act(0, new(&order("1", "XNZE", "")));
    subscriber.synchronise().expect("it is answered");
    assert!(subscriber.view(view).is_empty(), "the order is on another exchange");
}

#[test]
fn a_feed_subscription_hears_how_far_the_hub_is() {
    let rig = Rig::start();
    let (mut feed, _) = FeedLine::open(&rig, "f", Form::Binary);
    let (mut watcher, view) = watch(&rig, &["elsewhere"]);
    feed.act(7, new(&order("1", "XASX", "")));
    watcher.wait_position(view, "f", 7).expect("a Bookmark comes within the second");
    watcher.unsubscribe(view).expect("it is accepted");
    feed.act(8, new(&order("2", "elsewhere", "")));
    watcher.synchronise().expect("it is answered");
    let (again, view) = watch(&rig, &["elsewhere"]);
    assert_eq!(ids(&again, view), ["2"]);
}

#[test]
fn a_status_subscription_may_name_its_feeds() {
    let rig = Rig::start();
    let (_f, _) = FeedLine::open(&rig, "f", Form::Binary);
    let mut watcher = rig.subscriber(Form::Binary);
    let targets = vec![messages::target("Feed", &["g", "h"])];
    let view = watcher.subscribe(SubscriptionType::Status, targets.clone()).expect("it is accepted");
    let (_g, _) = FeedLine::open(&rig, "g", Form::Binary);
    let (_i, _) = FeedLine::open(&rig, "i", Form::Binary);
    watcher.synchronise().expect("it is answered");
    let mut late = rig.subscriber(Form::Binary);
    let late_view = late.subscribe(SubscriptionType::Status, targets).expect("it is accepted");
    for records in [watcher.view(view).records::<FeedDetails>(), late.view(late_view).records::<FeedDetails>()] {
        let ids: Vec<String> = records.expect("FeedDetails").into_iter().map(|details| details.feed_id).collect();
        assert_eq!(ids, ["g"]);
    }
}
