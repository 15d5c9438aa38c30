//! Which updates are recorded, at which position, and which are refused with which code.

use ordo_client::{Form, messages};
use ordo_core::proto::{ExternalAction, FeedConfiguration, FeedRequestType, OrderState};
use ordo_core::proto::{OrderTradeType, OrderUpdateReason, Side, SubscriptionType};

use ordo_testkit::hub::*;

fn one() -> ExternalAction {
    deposit(&account("XS", "A"), "1")
}

fn balance(rig: &Rig) -> String {
    let balances: Vec<ordo_core::proto::CashPosition> = listed(rig.addr(), "/for/XS/A");
    balances.first().map_or("0".into(), |balance| figure(balance.balance).to_string())
}

#[test]
fn a_duplicate_is_acknowledged_and_has_no_effect() {
    let rig = Rig::start();
    let mut watcher = rig.subscriber(Form::Binary);
    watcher.subscribe(SubscriptionType::Transactions, Vec::new()).expect("it is accepted");
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    line.act(8, one());
    for (position, action) in [(8, one()), (8, deposit(&account("XS", "A"), "1000")), (7, one()), (1, one())] {
        assert!(line.try_act(position, action).is_empty(), "{position}: recorded before, says the hub");
    }
    // One that would be refused is a duplicate first.
    assert!(line.try_act(8, deposit(&account("XS", ""), "1")).is_empty());
    line.act(12, one());
    assert!(line.try_act(10, one()).is_empty(), "9 to 11 never exist");
    assert_eq!(balance(&rig), "2");
    assert_eq!(events_of(&heard_until_synchronised(&mut watcher)).len(), 2);
}

#[test]
fn a_duplicate_without_a_request_id_is_ignored_in_silence() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    line.act(8, one());
    line.send(messages::action("f", 8, one()), "");
    line.hears_nothing_else();
}

#[test]
fn without_a_position_an_update_gets_the_next_one() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    line.act(0, one());
    line.act(10, one());
    line.act(0, one());
    let mut absent = messages::action("f", 0, one());
    absent.position = None;
    assert!(line.ask(absent).is_empty(), "its only feed is meant");
    line.hear_bookmark(12);
    assert_eq!(balance(&rig), "4");
}

#[test]
fn a_position_that_cannot_be_is_refused_and_takes_none() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    line.act(5, one());
    for (position, code) in [(-1, "Feed.Sequence"), (i64::MIN, "Feed.Sequence"), (i64::MAX, "Position.Overflow")] {
        assert_eq!(line.try_act(position, one()), [code], "{position}");
    }
    line.act(6, one());
    line.act(i64::MAX - 1, one());
    assert_eq!(line.try_act(0, one()), ["Position.Overflow"], "there is no next one");
    assert!(line.try_act(6, one()).is_empty());
    line.hear_bookmark(i64::MAX - 1);
    assert_eq!(balance(&rig), "3");
}

#[test]
fn gaps_are_allowed_unless_the_feed_is_contiguous() {
    let mut rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    line.act(1, one());
    line.act(3, one());
    let settings = [("Contiguous".to_owned(), "true".to_owned())].into();
    let contiguous = FeedConfiguration { settings, ..FeedConfiguration::default() };
    assert!(line.ask(messages::configure("f", 0, contiguous.clone())).is_empty());
    line.send(messages::action("f", 5, one()), "gap");
    assert_eq!(line.hear_all(2), ["Response gap Feed.Sequence", "Resume 3"]);
    // Without a RequestID the error is told all the same.
    line.send(messages::action("f", 5, one()), "");
    assert_eq!(line.hear(), "Response Feed.Sequence");
    let resume = line.hear_event();
    assert_eq!(resume.position.expect("it says where").position, 3);
    assert_eq!(resume.configuration.map(|it| *it), Some(contiguous), "Resume holds the latest configuration");
    line.act(4, one());
    line.act(0, one());
    assert!(line.try_act(5, one()).is_empty(), "a duplicate is no gap");
    rig.stop();
    rig.start_again();
    let (mut line, position) = FeedLine::open(&rig, "f", Form::Binary);
    assert_eq!(position, 5);
    line.send(messages::action("f", 7, one()), "gap");
    assert_eq!(line.hear_all(2), ["Response gap Feed.Sequence", "Resume 5"], "it is contiguous after a restart too");
    let settings = [("Contiguous".to_owned(), "false".to_owned())].into();
    assert!(
        line.ask(messages::configure("f", 0, FeedConfiguration { settings, ..FeedConfiguration::default() }))
            .is_empty()
    );
    line.act(7, one());
}

#[test]
fn a_sequence_that_is_not_opened_is_refused_and_not_recorded() {
    let rig = Rig::start();
    let (mut owner, _) = FeedLine::open(&rig, "theirs", Form::Binary);
    owner.act(4, one());
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    for sequence in ["theirs", "nobodys", "oms", "F"] {
        line.send(messages::action(sequence, 9, one()), "");
        assert_eq!(line.hear(), "Response Feed", "{sequence}");
        assert_eq!(line.ask(messages::action(sequence, 9, one())), ["Feed"], "{sequence}");
    }
    owner.act(5, one());
    assert_eq!(balance(&rig), "2");
    line.connection.cut();
    owner.connection.cut();
}

/// An update that is refused, and its codes.
fn refused() -> Vec<(&'static str, ExternalAction, &'static [&'static str])> {
    let a = account("XS", "A");
    let nobody = account("XS", "");
    let order = || limit_order(&a, "1", Side::Buy, "10", "5");
    let fill = || order_trade("T1", OrderTradeType::Trade, "10", "5");
    let with = |change: &dyn Fn(&mut OrderState)| {
        let mut order = order();
        change(&mut order);
        order
    };
    let updated = |change: &dyn Fn(&mut OrderState)| update(with(change), OrderUpdateReason::New);
    let huge = || Some(number("99999999999999999999999999999999999999"));
    vec![
        ("an order without account", updated(&|o| o.account = None), &["Account"]),
        ("an order with an empty account", updated(&|o| o.account = Some(nobody.clone())), &["Account"]),
        ("an order without id", updated(&|o| o.order_id.clear()), &["Order"]),
        ("a negative quantity", updated(&|o| o.quantity = Some(number("-1"))), &["TotalQuantity"]),
        (
            "three problems at once",
            updated(&|o| (o.account, o.order_id, o.quantity) = (None, String::new(), Some(number("-0.1")))),
            &["Account", "Order", "TotalQuantity"],
        ),
        ("the same as a Replace", replace(with(&|o| o.account = None)), &["Account"]),
        ("a reservation beyond range", updated(&|o| (o.quantity, o.price) = (huge(), huge())), &["NumberOutOfRange"]),
        ("a trade without account", trade(with(&|o| o.account = None), fill()), &["Account"]),
        ("a trade of no side", trade(with(&|o| o.side = 0), fill()), &["Side"]),
        ("a trade of a side that is none", trade(with(&|o| o.side = 77), fill()), &["Side"]),
        ("a trade without price", trade(order(), ordo_core::proto::OrderTrade { price: None, ..fill() }), &["Data"]),
        (
            "a trade without quantity",
            trade(order(), ordo_core::proto::OrderTrade { quantity: None, ..fill() }),
            &["Data"],
        ),
        (
            "a correction without price",
            trade(
                order(),
                ordo_core::proto::OrderTrade { price: None, ..order_trade("T1", OrderTradeType::Correction, "1", "1") },
            ),
            &["Data"],
        ),
        (
            "a trade of a negative quantity",
            trade(order(), order_trade("T1", OrderTradeType::Trade, "-1", "5")),
            &["TotalQuantity"],
        ),
        (
            "a trade beyond range",
            trade(order(), ordo_core::proto::OrderTrade { price: huge(), quantity: huge(), ..fill() }),
            &["NumberOutOfRange"],
        ),
        ("a trade without its body", ExternalAction { trade: None, ..trade(order(), fill()) }, &["Data"]),
        (
            "a trade of type 99",
            trade(order(), ordo_core::proto::OrderTrade { r#type: 99, ..fill() }),
            &["Operation.Unknown"],
        ),
        ("cash to no account", cash(details(&nobody, "1"), cash_transfer("1")), &["Account"]),
        (
            "cash of no currency",
            cash(details(&a, "1"), ordo_core::proto::CashTransfer { currency: String::new(), ..cash_transfer("1") }),
            &["Currency"],
        ),
        (
            "cash to no account of no currency",
            cash(
                details(&nobody, "1"),
                ordo_core::proto::CashTransfer { currency: String::new(), ..cash_transfer("1") },
            ),
            &["Account", "Currency"],
        ),
        (
            "a settlement that is none",
            cash(details(&a, "1"), ordo_core::proto::CashTransfer { settlement: 9, ..cash_transfer("1") }),
            &["Settlement"],
        ),
        (
            "stock of no exchange",
            assets(
                details(&a, "1"),
                ordo_core::proto::AssetTransfer { exchange: String::new(), ..asset_transfer("1") },
            ),
            &["Exchange"],
        ),
        (
            "stock of no code",
            assets(details(&a, "1"), ordo_core::proto::AssetTransfer { code: String::new(), ..asset_transfer("1") }),
            &["Symbol"],
        ),
        ("stock to no account", assets(details(&nobody, "1"), asset_transfer("1")), &["Account"]),
        ("an action of type 0", ExternalAction { r#type: 0, ..one() }, &["Operation.Unknown"]),
        ("an action of type 999", ExternalAction { r#type: 999, ..one() }, &["Operation.Unknown"]),
    ]
}

#[test]
fn a_refused_update_takes_its_position_and_changes_nothing() {
    let rig = Rig::start();
    let mut watcher = rig.subscriber(Form::Binary);
    for view in VIEWS.into_iter().filter(|view| *view != SubscriptionType::Status) {
        watcher.subscribe(view, Vec::new()).expect("it is accepted");
    }
    for form in [Form::Binary, Form::Json] {
        let feed = format!("refused-{form:?}");
        let (mut line, _) = FeedLine::open(&rig, &feed, form);
        let mut position = 0;
        for (what, action, codes) in refused() {
            position += 2;
            assert_eq!(line.try_act(position, action.clone()), codes, "{form:?}: {what}");
            assert!(line.try_act(position, action.clone()).is_empty(), "{form:?}: {what}: its position is taken");
            // Without a RequestID, and without a position.
            position += 1;
            line.send(messages::action(&feed, 0, action), "");
            assert_eq!(line.hear(), ["Response", &codes.join(" ")].join(" "), "{form:?}: {what}");
        }
        line.hears_nothing_else();
        line.connection.cut();
        assert_eq!(reopened(&rig, &feed).1, position, "{form:?}: every one took its position");
    }
    assert_eq!(events_of(&heard_until_synchronised(&mut watcher)), []);
    assert_eq!(rig.get("/balance").text(), "[]");
    assert_eq!(rig.get("/order").text(), "[]");
    assert_eq!(rig.get("/holding").text(), "[]");
}

#[test]
fn an_unknown_type_of_feed_request_is_refused_at_its_position() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    let mut unknown = messages::action("f", 3, one());
    unknown.r#type = 77;
    assert_eq!(line.ask(unknown), ["Operation.Unknown"]);
    let mut none = messages::action("f", 4, one());
    none.r#type = FeedRequestType::Unknown as i32;
    assert_eq!(line.ask(none), ["Operation.Unknown"]);
    let mut empty = messages::action("f", 5, one());
    empty.action = None;
    assert_eq!(line.ask(empty), ["Details"]);
    line.connection.cut();
    let (mut line, _) = FeedLine::open(&rig, "g", Form::Binary);
    line.act(1, one());
    assert_eq!(balance(&rig), "1");
}

#[test]
fn a_number_that_cannot_be_held_makes_the_frame_unreadable() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    line.act(1, one());
    let text = |value: &str| {
        format!(
            r#"{{"Type":"FeedRequest","RequestID":"n","Feed":{{"Type":"Action","Position":{{"Sequence":"f","Position":"2"}},
            "Action":{{"Type":"CashTransfer","Transaction":{{"Account":{{"OwnerID":"XS","AccountID":"A"}}}},
            "CashTransfer":{{"Currency":"AUD","Value":{value}}}}}}}}}"#
        )
    };
    let digits = "7".repeat(10_000);
    for value in ["1e400", "1e-400", "-1e39", "170141183460469231731687303715884105728", &digits] {
        line.connection.send_text(&text(value)).expect("it is sent");
        let heard = line.hear();
        let words: Vec<&str> = heard.split(' ').collect();
        assert_eq!((words[0], *words.last().unwrap()), ("Response", "NumberOutOfRange"), "{value:.20}: {heard}");
    }
    let wide = BigNumberBytes { scale: 2, magnitude: vec![0xff; 20] };
    line.connection.send_binary(&wide.in_a_transfer("f", 2)).expect("it is sent");
    assert!(line.hear().ends_with("NumberOutOfRange"));
    line.connection.send_text(&text("0e400")).expect("it is sent");
    let zero = line.hear();
    assert!(zero == "Response n" || zero.ends_with("NumberOutOfRange"), "{zero}");
    let position = if zero == "Response n" { 3 } else { 2 };
    line.act(position, one());
    assert_eq!(balance(&rig), "2");
}

/// A BigNumber that no Dec holds, in a message put together by hand.
struct BigNumberBytes {
    scale: u8,
    magnitude: Vec<u8>,
}

impl BigNumberBytes {
    fn in_a_transfer(&self, feed: &str, position: u8) -> Vec<u8> {
        let delimited = |field: u32, content: &[u8]| {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, u64::from(field << 3 | 2));
            put_varint(&mut bytes, content.len() as u64);
            bytes.extend(content);
            bytes
        };
        let varint = |field: u32, value: u64| {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, u64::from(field << 3));
            put_varint(&mut bytes, value);
            bytes
        };
        let number = [varint(1, u64::from(self.scale)), delimited(3, &self.magnitude)].concat();
        let transfer = [delimited(10, b"AUD"), delimited(19, &number)].concat();
        let details = delimited(2, &[delimited(3, b"A"), delimited(39, b"XS")].concat());
        let action = [varint(2, 200), delimited(20, &details), delimited(21, &transfer)].concat();
        let place = [delimited(1, feed.as_bytes()), varint(2, u64::from(position))].concat();
        let feed = [varint(1, 21), delimited(10, &place), delimited(21, &action)].concat();
        [varint(2, 29), delimited(29, &feed)].concat()
    }
}

fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

#[test]
fn the_message_put_together_by_hand_is_good_but_for_its_number() {
    let rig = Rig::start();
    let (mut line, _) = FeedLine::open(&rig, "f", Form::Binary);
    let good = BigNumberBytes { scale: 2, magnitude: vec![150] };
    line.connection.send_binary(&good.in_a_transfer("f", 2)).expect("it is sent");
    line.hear_bookmark(2);
    assert_eq!(balance(&rig), "1.50");
}
