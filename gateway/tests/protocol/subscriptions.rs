//! Subscriptions: the snapshot and what follows it, filters, several side by side, their end.

use std::collections::BTreeMap;

use ordo_client::{ClientError, Form, Subscriber, ViewId, messages};
use ordo_core::proto::{Account, CashPosition, EventMessage, ExternalActionType, OrderState};
use ordo_core::proto::{
    OrderTradeType, OrderUpdateReason, Side, SubscriptionDetails, SubscriptionTarget, SubscriptionType,
};
use ordo_core::proto::{TimestampWithTimeZone, UpdateAction, UpdateEvent, UpdateEventType};

use ordo_testkit::hub::*;

/// Two owners, three accounts, two exchanges: cash in every account, an order and a fill in most.
fn fill(line: &mut FeedLine) {
    for (n, (owner, name)) in [("XA", "1"), ("XA", "2"), ("XB", "1"), ("", "1")].into_iter().enumerate() {
        let of = account(owner, name);
        line.act(0, deposit(&of, "1000"));
        for exchange in ["XASX", "XNZE", ""] {
            let mut order = limit_order(&of, &format!("{n}{exchange}"), Side::Buy, "10", "5");
            order.exchange = exchange.into();
            line.act(0, update(order.clone(), OrderUpdateReason::New));
            line.act(0, trade(order, order_trade("T", OrderTradeType::Trade, "4", "5")));
        }
    }
}

fn messages_until(line: &mut FeedLine, last: &str) -> Vec<EventMessage> {
    let mut heard = Vec::new();
    loop {
        let message = line.hear_message();
        let is_last = word_of(&message) == last;
        heard.push(message);
        if is_last {
            return heard;
        }
    }
}

#[test]
fn a_snapshot_is_response_start_updates_finish_then_live_events() {
    let rig = Rig::start();
    let (mut feed, _) = FeedLine::open(&rig, "f", Form::Binary);
    fill(&mut feed);
    let oms = 1; // The feed's Open.
    for form in [Form::Binary, Form::Json] {
        for view in VIEWS {
            let what = format!("{form:?} {view:?}");
            let mut line = FeedLine::connect(&rig, "", form);
            let details =
                SubscriptionDetails { r#type: view as i32, targets: vec![messages::target("Owner", &["XA"])] };
            let position = line_position(&mut feed);
            line.connection.send(&messages::subscribe(view, details.targets.clone(), "r")).expect("it is sent");
            let heard = messages_until(&mut line, "SnapshotFinish");
            assert_eq!(word_of(&heard[0]), "Response r", "{what}");
            assert_eq!(word_of(&heard[1]), "SnapshotStart", "{what}");
            let positions = &heard[1].snapshot.as_ref().expect("a snapshot says its positions").positions;
            assert_eq!(positions.get("f"), Some(&position), "{what}: {positions:?}");
            assert_eq!(positions.get("oms"), Some(&oms), "{what}: {positions:?}");
            let records = match view {
                SubscriptionType::Balances => 2,
                SubscriptionType::Holdings | SubscriptionType::Orders | SubscriptionType::Updates => 6,
                SubscriptionType::Status => 1,
                _ => 0,
            };
            assert_eq!(events_of(&heard).len(), records, "{what}");
            for message in &heard[1..] {
                assert_eq!(message.subscription.as_ref(), Some(&details), "{what}: each message names it");
                assert!(message.position.is_none(), "{what}: a snapshot moves no position");
            }
            for message in &heard[2..heard.len() - 1] {
                assert_eq!(word_of(message), "Update", "{what}");
            }
            if view == SubscriptionType::Updates {
                for event in events_of(&heard) {
                    assert_eq!(event.action.expect("an Action").r#type(), ExternalActionType::Replace);
                }
            }
            if view == SubscriptionType::Status {
                continue;
            }
            let mut order = limit_order(&account("XA", "1"), "live", Side::Sell, "10", "5");
            // It leaves the book at once, so that the next snapshot is like this one.
            order.remove_after = Some(TimestampWithTimeZone::default());
            order.order_id = what.clone();
            feed.act(0, trade(order, order_trade("T", OrderTradeType::Trade, "1", "5")));
            let live = line.hear_message();
            assert_eq!((word_of(&live), live.subscription.as_ref()), ("Update".into(), Some(&details)), "{what}");
            let place = live.position.expect("a live event says its position");
            assert_eq!((&*place.sequence, place.position), ("f", position + 1), "{what}");
            assert!(place.executed_at.is_some_and(|at| at.seconds > 0), "{what}");
            line.hears_nothing_else();
        }
    }
}

/// The last position recorded of a feed.
fn line_position(line: &mut FeedLine) -> i64 {
    line.send(messages::bookmark(&line.feed.clone()), "p");
    while line.hear() != "Response p" {}
    let event = line.connection.receive_message(PATIENCE).expect("the Bookmark").feed.expect("a FeedEvent");
    event.position.expect("it says where").position
}

#[test]
fn an_empty_hub_has_empty_snapshots() {
    let rig = Rig::start();
    let mut line = FeedLine::connect(&rig, "", Form::Json);
    for view in VIEWS {
        line.connection.send(&messages::subscribe(view, Vec::new(), "r")).expect("it is sent");
        assert_eq!(line.hear_all(3), ["Response r", "SnapshotStart", "SnapshotFinish"], "{view:?}");
    }
}

#[test]
fn a_large_snapshot_comes_in_messages_of_about_64_kib() {
    let rig = Rig::start();
    let (mut feed, _) = FeedLine::open(&rig, "f", Form::Binary);
    const ORDERS: usize = 2_000;
    for n in 0..ORDERS {
        let order = limit_order(&account("XS", "A"), &n.to_string(), Side::Buy, "10", "5");
        let update = messages::feed_message(messages::action("f", 0, update(order, OrderUpdateReason::New)), "");
        feed.connection.queue(&update).expect("it is queued");
    }
    feed.hears_nothing_else();
    let mut line = FeedLine::connect(&rig, "", Form::Binary);
    line.connection.send(&messages::subscribe(SubscriptionType::Orders, Vec::new(), "")).expect("it is sent");
    let heard = messages_until(&mut line, "SnapshotFinish");
    assert_eq!(events_of(&heard).len(), ORDERS);
    let sizes: Vec<usize> = heard.iter().map(prost::Message::encoded_len).filter(|size| *size > 1000).collect();
    assert!(sizes.len() > 2 && sizes.iter().all(|size| *size < 80 << 10), "{sizes:?}");
}

fn subscriber_with(rig: &Rig, targets: &[(&str, &[&str])]) -> (Subscriber, BTreeMap<&'static str, ViewId>) {
    let mut subscriber = rig.subscriber(Form::Binary);
    let targets: Vec<SubscriptionTarget> =
        targets.iter().map(|(name, values)| messages::target(name, values)).collect();
    let views = [
        ("balance", SubscriptionType::Balances),
        ("holding", SubscriptionType::Holdings),
        ("order", SubscriptionType::Orders),
        ("transaction", SubscriptionType::Transactions),
    ];
    let views = views.map(|(name, view)| (name, subscriber.subscribe(view, targets.clone()).expect("it is accepted")));
    (subscriber, views.into())
}

/// Accounts of the records that a view holds, and how many.
fn accounts_of(subscriber: &Subscriber, views: &BTreeMap<&str, ViewId>) -> String {
    let mut counts: BTreeMap<String, [usize; 3]> = BTreeMap::new();
    let mut count = |at: usize, of: &Option<Account>| {
        let of = of.as_ref().expect("a record names its account");
        counts.entry(format!("{}/{}", of.owner_id, of.account_id)).or_default()[at] += 1;
    };
    folded::<CashPosition>(subscriber.view(views["balance"])).iter().for_each(|it| count(0, &it.account));
    folded::<ordo_core::proto::AssetPosition>(subscriber.view(views["holding"]))
        .iter()
        .for_each(|it| count(1, &it.account));
    folded::<OrderState>(subscriber.view(views["order"])).iter().for_each(|it| count(2, &it.account));
    let words = counts.iter().map(|(of, [cash, stock, orders])| format!("{of}: {cash} {stock} {orders}"));
    words.collect::<Vec<_>>().join(", ")
}

/// Balances, holdings and orders by account that pass; then transactions. The same whether they were there before or
/// come live.
#[test]
fn targets_choose_what_passes() {
    type Targets = &'static [(&'static str, &'static [&'static str])];
    let all = "/1: 1 3 3, XA/1: 1 3 3, XA/2: 1 3 3, XB/1: 1 3 3";
    let cases: [(Targets, &str, u64); 12] = [
        (&[], all, 16),
        (&[("Owner", &["XA"])], "XA/1: 1 3 3, XA/2: 1 3 3", 8),
        (&[("Owner", &["XA", "XB"])], "XA/1: 1 3 3, XA/2: 1 3 3, XB/1: 1 3 3", 12),
        (&[("Owner", &["XB"]), ("Owner", &["XA"])], "XA/1: 1 3 3, XA/2: 1 3 3, XB/1: 1 3 3", 12),
        (&[("Owner", &[""])], "/1: 1 3 3", 4),
        (&[("Account", &["XA/2"])], "XA/2: 1 3 3", 4),
        (&[("Account", &["/1"])], "/1: 1 3 3", 4),
        (&[("Owner", &["XB"]), ("Account", &["XA/2", "XA/7"])], "XA/2: 1 3 3, XB/1: 1 3 3", 8),
        (&[("Owner", &["nobody"])], "", 0),
        // A record without an exchange passes: balances, and the order that names none.
        (&[("Exchange", &["XNZE"])], "/1: 1 2 2, XA/1: 1 2 2, XA/2: 1 2 2, XB/1: 1 2 2", 12),
        (&[("Exchange", &["XNZE"]), ("Owner", &["XB"])], "XB/1: 1 2 2", 3),
        (&[("Exchange", &["XNZE", "XASX"]), ("Account", &["XA/1"]), ("Position", &["f=0"])], "XA/1: 1 3 3", 4),
    ];
    let rig = Rig::start();
    let (mut feed, _) = FeedLine::open(&rig, "f", Form::Binary);
    let mut live: Vec<_> = cases.iter().map(|(targets, ..)| subscriber_with(&rig, targets)).collect();
    fill(&mut feed);
    for ((targets, expected, transactions), (subscriber, views)) in cases.iter().zip(&mut live) {
        subscriber.synchronise().expect("it is answered");
        assert_eq!(accounts_of(subscriber, views), *expected, "live: {targets:?}");
        assert_eq!(subscriber.view(views["transaction"]).events(), *transactions, "live: {targets:?}");
        let (late, views) = subscriber_with(&rig, targets);
        assert_eq!(accounts_of(&late, &views), *expected, "snapshot: {targets:?}");
    }
}

#[test]
fn targets_that_mean_nothing_are_refused() {
    let rig = Rig::start();
    let mut subscriber = rig.subscriber(Form::Json);
    let cases =
        [messages::target("Colour", &["red"]), messages::target("", &["x"]), messages::target("Account", &["XA"])];
    for target in cases {
        let refused = subscriber.subscribe(SubscriptionType::Balances, vec![target.clone()]);
        assert!(matches!(refused, Err(ClientError::Answered { .. })), "{target:?}: {refused:?}");
    }
    subscriber.subscribe(SubscriptionType::Balances, Vec::new()).expect("the next one is accepted");
}

#[test]
fn the_same_subscription_twice_is_refused_and_the_first_goes_on() {
    let rig = Rig::start();
    let (mut feed, _) = FeedLine::open(&rig, "f", Form::Binary);
    let mut line = FeedLine::connect(&rig, "", Form::Binary);
    let subscribe = |owner: &str, id: &str| {
        messages::subscribe(SubscriptionType::Balances, vec![messages::target("Owner", &[owner])], id)
    };
    line.connection.send(&subscribe("XA", "1")).expect("it is sent");
    line.connection.send(&subscribe("XA", "2")).expect("it is sent");
    line.connection.send(&subscribe("XB", "3")).expect("it is sent");
    let mut words = line.hear_all(7);
    words.retain(|word| word.starts_with("Response"));
    assert_eq!(words, ["Response 1", "Response 2 AlreadySubscribed", "Response 3"]);
    feed.act(0, deposit(&account("XA", "1"), "1"));
    assert_eq!(line.hear(), "Update");
    line.hears_nothing_else();
    // Another connection may have the same one.
    let mut other = rig.subscriber(Form::Binary);
    other.subscribe(SubscriptionType::Balances, vec![messages::target("Owner", &["XA"])]).expect("it is accepted");
}

#[test]
fn after_unsubscribe_nothing_more_comes_and_others_go_on() {
    let rig = Rig::start();
    let (mut feed, _) = FeedLine::open(&rig, "f", Form::Binary);
    let mut subscriber = rig.subscriber(Form::Binary);
    let mut subscribe = |owner: &str| {
        subscriber.subscribe(SubscriptionType::Balances, vec![messages::target("Owner", &[owner])]).expect("accepted")
    };
    let (xa, xb) = (subscribe("XA"), subscribe("XB"));
    let mut deposits = || {
        for owner in ["XA", "XB"] {
            feed.act(0, deposit(&account(owner, "1"), "1"));
        }
    };
    deposits();
    subscriber.synchronise().expect("it is answered");
    subscriber.unsubscribe(xa).expect("it is accepted");
    deposits();
    // A message of an ended subscription is an error of the subscriber's.
    subscriber.synchronise().expect("it is answered");
    assert_eq!((subscriber.view(xa).events(), subscriber.view(xb).events()), (1, 2));
    assert!(matches!(subscriber.unsubscribe(xa), Err(ClientError::Answered { .. })), "there is none any more");
    let again =
        subscriber.subscribe(SubscriptionType::Balances, vec![messages::target("Owner", &["XA"])]).expect("accepted");
    let balance = &folded::<CashPosition>(subscriber.view(again))[0];
    assert_eq!(figure(balance.balance), dec("2"), "a new snapshot");
    deposits();
    subscriber.synchronise().expect("it is answered");
    assert_eq!((subscriber.view(again).events(), subscriber.view(xb).events()), (1, 3));
}

#[test]
fn an_unsubscribe_right_behind_the_subscribe_is_accepted() {
    let rig = Rig::start();
    let (mut feed, _) = FeedLine::open(&rig, "f", Form::Binary);
    fill(&mut feed);
    let mut line = FeedLine::connect(&rig, "", Form::Binary);
    for round in 0..50 {
        let subscribe = messages::subscribe(SubscriptionType::Orders, Vec::new(), "on");
        let unsubscribe = ordo_core::proto::RequestMessage {
            r#type: ordo_core::proto::RequestMessageType::Unsubscribe as i32,
            request_id: "off".into(),
            ..subscribe.clone()
        };
        line.connection.queue(&subscribe).expect("it is queued");
        line.connection.queue(&messages::synchronise("s")).expect("it is queued");
        line.connection.send(&unsubscribe).expect("it is sent");
        let mut words = vec![line.hear()];
        while words.last().is_none_or(|word| word != "Response off") {
            words.push(line.hear());
        }
        assert!(words.contains(&"Response s".into()), "round {round}: {words:?}");
        line.hears_nothing_else();
    }
}

#[test]
fn one_update_is_one_message_with_all_its_events() {
    let rig = Rig::start();
    let (mut feed, _) = FeedLine::open(&rig, "f", Form::Binary);
    let (a, b) = (account("XA", "1"), account("XB", "1"));
    feed.act(0, update(limit_order(&a, "1", Side::Buy, "10", "5"), OrderUpdateReason::New));
    let (mut everything, _) = subscriber_with(&rig, &[]);
    let (mut of_a, _) = subscriber_with(&rig, &[("Owner", &["XA"])]);
    let mut moved = update(limit_order(&b, "1", Side::Buy, "10", "5"), OrderUpdateReason::Replace);
    moved.update.as_mut().expect("an update").previous_account = Some(a);
    feed.act(0, moved);
    let words = |subscriber: &mut Subscriber| -> Vec<String> {
        let heard = heard_until_synchronised(subscriber);
        heard.iter().map(|message| message.updates.iter().map(event_word).collect::<Vec<_>>().join(", ")).collect()
    };
    let mut all = words(&mut everything);
    all.sort_unstable();
    assert_eq!(all, ["Balance XA gone, Balance XB", "Order XA gone, Order XB"]);
    let mut of_a = words(&mut of_a);
    of_a.sort_unstable();
    assert_eq!(of_a, ["Balance XA gone", "Order XA gone"]);
}

fn event_word(event: &UpdateEvent) -> String {
    let of = match event.r#type() {
        UpdateEventType::Balance => event.balance.as_ref().and_then(|it| it.account.as_ref()),
        UpdateEventType::Order => event.order.as_ref().and_then(|it| it.account.as_ref()),
        UpdateEventType::Holding => event.holding.as_ref().and_then(|it| it.account.as_ref()),
        other => panic!("{other:?}"),
    };
    let gone = if event.update_action() == UpdateAction::Remove { " gone" } else { "" };
    let kind = event.r#type().as_str_name().trim_start_matches("UpdateEventType_");
    format!("{kind} {}{gone}", of.expect("it names its account").owner_id)
}

#[test]
fn an_update_that_leaves_a_record_as_it_was_makes_no_event_for_it() {
    let rig = Rig::start();
    let (mut feed, _) = FeedLine::open(&rig, "f", Form::Binary);
    let order = limit_order(&account("XA", "1"), "1", Side::Buy, "10", "5");
    feed.act(0, update(order.clone(), OrderUpdateReason::New));
    let mut watcher = rig.subscriber(Form::Binary);
    for view in VIEWS {
        watcher.subscribe(view, Vec::new()).expect("it is accepted");
    }
    feed.act(0, update(order.clone(), OrderUpdateReason::Status));
    feed.act(0, replace(order));
    let events = events_of(&heard_until_synchronised(&mut watcher));
    let kinds: Vec<UpdateEventType> = events.iter().map(UpdateEvent::r#type).collect();
    assert_eq!(kinds, [UpdateEventType::Action; 2], "only what was received is shown");
}

#[test]
fn a_position_of_nothing_is_shown_once_as_removed() {
    let rig = Rig::start();
    let (mut feed, _) = FeedLine::open(&rig, "f", Form::Binary);
    let a = account("XA", "1");
    feed.act(0, deposit(&a, "5.50"));
    feed.act(0, assets(details(&a, ""), asset_transfer("3")));
    let (mut watcher, views) = subscriber_with(&rig, &[]);
    feed.act(0, deposit(&a, "-5.5"));
    feed.act(0, assets(details(&a, ""), asset_transfer("-3.0")));
    let events = events_of(&heard_until_synchronised(&mut watcher));
    let words: Vec<String> = events.iter().filter(|event| event.transaction.is_none()).map(event_word).collect();
    assert_eq!(words, ["Balance XA gone", "Holding XA gone"]);
    let balance = events[0].balance.as_ref().or(events[1].balance.as_ref()).expect("a balance");
    assert!(balance.balance.is_some() && balance.unbooked_transactions.is_some(), "shown one last time, whole");
    assert!(watcher.view(views["balance"]).is_empty() && watcher.view(views["holding"]).is_empty());
    assert_eq!((rig.get("/balance").text(), rig.get("/holding").text()), ("[]".into(), "[]".into()));
}

#[test]
fn an_order_that_leaves_the_book_is_shown_one_last_time() {
    let rig = Rig::start();
    let (mut feed, _) = FeedLine::open(&rig, "f", Form::Binary);
    let mut order = limit_order(&account("XA", "1"), "1", Side::Buy, "10", "5");
    feed.act(0, update(order.clone(), OrderUpdateReason::New));
    let mut watcher = rig.subscriber(Form::Json);
    let view = watcher.subscribe(SubscriptionType::Orders, Vec::new()).expect("it is accepted");
    order.is_completed = true;
    order.status = "Cancelled".into();
    order.remove_after = Some(TimestampWithTimeZone::default());
    feed.act(0, update(order.clone(), OrderUpdateReason::Cancel));
    let events = next_events(&mut watcher, view);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].update_action(), UpdateAction::Remove);
    assert_eq!(events[0].order.as_ref().expect("the order").status, "Cancelled");
    assert!(watcher.view(view).is_empty());
    // The same id begins anew.
    order.remove_after = None;
    order.is_completed = false;
    feed.act(0, update(order, OrderUpdateReason::New));
    assert_eq!(next_events(&mut watcher, view)[0].update_action(), UpdateAction::Update);
}

/// One order goes from exchange to exchange; of whom it leaves, it takes leave. A subscriber that was away then and
/// resumes hears the same.
#[test]
fn an_order_that_goes_to_another_exchange_is_shown_one_last_time_as_it_was() {
    let rig = Rig::start();
    let (mut feed, _) = FeedLine::open(&rig, "f", Form::Binary);
    let mut watchers: Vec<_> = [&["XASX"][..], &["XNZE"], &["XASX", "XNZE"], &[]]
        .into_iter()
        .map(|exchanges| {
            let targets: Vec<_> = exchanges.iter().map(|exchange| messages::target("Exchange", &[exchange])).collect();
            let mut watcher = rig.subscriber(Form::Json);
            let view = watcher.subscribe(SubscriptionType::Orders, targets.clone()).expect("it is accepted");
            (watcher, view, targets)
        })
        .collect();
    let mut order = limit_order(&account("XA", "1"), "1", Side::Buy, "10", "5");
    for (exchange, code) in [("XASX", "BHP"), ("XNZE", "BHP"), ("XNZE", "RIO"), ("XASX", "BHP"), ("", "BHP")] {
        (order.exchange, order.code) = (exchange.into(), code.into());
        feed.act(0, update(order.clone(), OrderUpdateReason::Status));
    }
    let live = |heard: Vec<EventMessage>| -> Vec<UpdateEvent> {
        heard.into_iter().filter(|message| message.position.is_some()).flat_map(|message| message.updates).collect()
    };
    let words = |events: Vec<UpdateEvent>| -> Vec<String> {
        let word = |event: UpdateEvent| {
            let sign = if event.update_action() == UpdateAction::Remove { "-" } else { "" };
            let order = event.order.expect("an order");
            format!("{sign}{}/{}", order.exchange, order.code)
        };
        events.into_iter().map(word).collect()
    };
    let all = ["XASX/BHP", "XNZE/BHP", "XNZE/RIO", "XASX/BHP", "/BHP"];
    let expected: [&[&str]; 4] =
        [&["XASX/BHP", "-XASX/BHP", "XASX/BHP", "/BHP"], &["XNZE/BHP", "XNZE/RIO", "-XNZE/RIO", "/BHP"], &all, &all];
    for ((watcher, view, targets), expected) in watchers.iter_mut().zip(expected) {
        let heard = heard_until_synchronised(watcher);
        assert_eq!(words(live(heard)), expected, "{targets:?}");
        assert_eq!(watcher.view(*view).len(), 1);
        let mut late = rig.subscriber(Form::Binary);
        targets.push(messages::target("Position", &["f=0"]));
        late.subscribe(SubscriptionType::Orders, targets.clone()).expect("it is accepted");
        let heard = heard_until_synchronised(&mut late);
        assert_eq!(words(live(heard)), expected, "resumed: {targets:?}");
    }
    // It leaves the book and its exchange at once: who has it is told, whichever exchange it names.
    order.exchange = "XASX".into();
    order.remove_after = Some(TimestampWithTimeZone::default());
    feed.act(0, update(order, OrderUpdateReason::Cancel));
    for (watcher, view, targets) in &mut watchers {
        watcher.synchronise().expect("it is answered");
        assert!(watcher.view(*view).is_empty(), "{targets:?}");
    }
}

#[test]
fn the_updates_view_shows_what_came_completed_by_the_hub() {
    let rig = Rig::start();
    let (mut feed, _) = FeedLine::open(&rig, "f", Form::Binary);
    let mut watcher = rig.subscriber(Form::Binary);
    let view = watcher.subscribe(SubscriptionType::Updates, Vec::new()).expect("it is accepted");
    let mut order = limit_order(&account("XA", "1"), "1", Side::Buy, "10", "5");
    (order.created, order.timestamp) = (None, None);
    feed.act(0, deposit(&account("XA", "1"), "1"));
    feed.act(0, trade(order.clone(), order_trade("T", OrderTradeType::Trade, "4", "5")));
    let heard = heard_until_synchronised(&mut watcher);
    assert_eq!(heard.len(), 1, "transfers are not in this view");
    let executed_at = heard[0].position.as_ref().and_then(|place| place.executed_at);
    let action = heard[0].updates[0].action.clone().expect("an Action");
    let shown = action.order.expect("its order");
    assert_eq!(action.trade.expect("its trade").trade_id, "T");
    assert_eq!((shown.created, shown.timestamp), (executed_at, executed_at), "missing times are those of the update");
    assert_eq!((figure(shown.executed_quantity), figure(shown.executed_value)), (dec("4"), dec("20")));
    assert_eq!(watcher.view(view).len(), 1);
}

#[test]
fn a_subscriber_that_gets_nothing_hears_how_far_the_hub_is() {
    let rig = Rig::start();
    let (mut feed, _) = FeedLine::open(&rig, "f", Form::Binary);
    let mut watcher = rig.subscriber(Form::Binary);
    let nobody =
        watcher.subscribe(SubscriptionType::Balances, vec![messages::target("Owner", &["nobody"])]).expect("accepted");
    feed.act(7, deposit(&account("XA", "1"), "1"));
    watcher.wait_position(nobody, "f", 7).expect("a Bookmark comes within the second");
    assert_eq!((watcher.view(nobody).updates(), watcher.view(nobody).position("f")), (0, 7));
}

#[test]
fn views_that_hold_nothing_yet_are_accepted_or_refused_but_answered() {
    let rig = Rig::start();
    let mut line = FeedLine::connect(&rig, "", Form::Binary);
    for view in
        [SubscriptionType::Requests, SubscriptionType::Metadata, SubscriptionType::Recent, SubscriptionType::Feed]
    {
        let targets = vec![messages::target("Feed", &["f"])];
        line.connection.send(&messages::subscribe(view, targets, "r")).expect("it is sent");
        let word = line.hear();
        if word == "Response r" {
            assert_eq!(line.hear_all(2), ["SnapshotStart", "SnapshotFinish"], "{view:?}");
        } else {
            assert!(word.starts_with("Response r "), "{view:?}: {word}");
        }
    }
    let number_of_none = SubscriptionDetails { r#type: 99, targets: Vec::new() };
    let request = ordo_core::proto::RequestMessage {
        r#type: ordo_core::proto::RequestMessageType::Subscribe as i32,
        request_id: "n".into(),
        subscription: Some(number_of_none),
        ..Default::default()
    };
    line.connection.send(&request).expect("it is sent");
    assert!(line.hear().starts_with("Response n Data"));
}
