//! Transforms, worked by hand: what becomes of orders, positions, trades, definitions and names.
//!
//! ```text
//! restate Expired from OnMarket before 150 text Gone remove 5000
//! remove Expired exchange XASX group g
//! remove-due 6000
//! symbol BHP BHX
//! currency AUD AUX
//! account A P:B
//! owner O P
//! undefine O
//! ```
//!
//! `state A #1`: Status, Errors, RemoveAfter. After a rename the adapter states its orders under the new names.

use super::command::{account_of, unquoted};
use super::*;
use crate::metadata::Details;
use crate::outcome::MetadataKind;
use crate::proto::{
    AccountTransformType, OperationType, OrderStatusDetails, OwnerTransformType, TimestampWithTimeZone, TransformType,
};

/// The operation of a command; none if the command is an action.
pub(super) fn operation(command: &str) -> Option<proto::Operation> {
    let words: Vec<&str> = command.split_whitespace().collect();
    Some(match words[..] {
        ["restate", status, ref rest @ ..] => on_orders(TransformType::Restatement, status, rest),
        ["remove", status, ref rest @ ..] => on_orders(TransformType::Remove, status, rest),
        ["remove-due", by, ref rest @ ..] => {
            let mut operation = on_orders(TransformType::Remove, "", rest);
            let transform = operation.transform.as_mut().expect("made above");
            transform.parameters.insert("DueBy".into(), seconds(by).to_iso().expect("in range"));
            operation
        }
        ["symbol", code, new_code, ref rest @ ..] => {
            let mut operation = on_codes(TransformType::RenameSymbol, code, new_code, rest);
            let transform = operation.transform.as_mut().expect("made above");
            transform.exchange = if transform.exchange == "none" { String::new() } else { "XASX".into() };
            operation
        }
        ["currency", code, new_code, ref rest @ ..] => on_codes(TransformType::RenameCurrency, code, new_code, rest),
        ["account", from, to, ref rest @ ..] => rename_account(from, to, rest),
        ["owner", from, to, ref rest @ ..] => rename_owner(from, to, rest),
        ["undefine", owner] => Details::of_key(MetadataKind::Owner, &unquoted(owner), "").undefine(),
        ["exchange", exchange, ref statuses @ ..] => exchange_of(exchange, statuses).define(),
        _ => return None,
    })
}

fn seconds(text: &str) -> TimestampWithTimeZone {
    TimestampWithTimeZone { seconds: text.parse().expect("seconds"), nanoseconds: 0, tz_offset: 0 }
}

fn on_orders(kind: TransformType, status: &str, options: &[&str]) -> proto::Operation {
    let mut transform =
        proto::Transform { transform_type: kind as i32, order_status: unquoted(status), ..Default::default() };
    for option in options.chunks(2) {
        let [name, value] = *option else { panic!("{option:?} needs a value") };
        match name {
            "exchange" => transform.exchange = value.into(),
            "group" => transform.group = value.into(),
            "code" => transform.code = value.into(),
            "from" => drop(transform.parameters.insert("FromStatus".into(), unquoted(value))),
            "before" => transform.not_after = Some(seconds(value)),
            "remove" => transform.remove_after = Some(seconds(value)),
            "text" => transform.text = value.into(),
            "id" => transform.transform_id = value.into(),
            other => panic!("no such option: {other}"),
        }
    }
    proto::Operation {
        r#type: OperationType::Transform as i32,
        transform: Some(Box::new(transform)),
        ..Default::default()
    }
}

fn on_codes(kind: TransformType, code: &str, new_code: &str, options: &[&str]) -> proto::Operation {
    let mut operation = on_orders(kind, "", options);
    let transform = operation.transform.as_mut().expect("made above");
    transform.code = unquoted(code);
    if new_code != "none" {
        transform.parameters.insert("NewCode".into(), unquoted(new_code));
    }
    operation
}

fn rename_account(from: &str, to: &str, options: &[&str]) -> proto::Operation {
    let to = account_of(to).expect("an account");
    let mut transform = proto::AccountTransform {
        r#type: AccountTransformType::Rename as i32,
        account: account_of(from),
        ..Default::default()
    };
    transform.parameters.insert("NewOwner".into(), to.owner_id);
    transform.parameters.insert("NewAccount".into(), to.account_id);
    if let ["id", id] = options {
        transform.transform_id = (*id).into();
    }
    proto::Operation {
        r#type: OperationType::TransformAccount as i32,
        account_transform: Some(Box::new(transform)),
        ..Default::default()
    }
}

fn rename_owner(from: &str, to: &str, options: &[&str]) -> proto::Operation {
    let mut transform = proto::OwnerTransform {
        r#type: OwnerTransformType::Rename as i32,
        owner_id: unquoted(from),
        ..Default::default()
    };
    transform.parameters.insert("NewOwner".into(), unquoted(to));
    if let ["id", id] = options {
        transform.transform_id = (*id).into();
    }
    proto::Operation {
        r#type: OperationType::TransformOwner as i32,
        owner_transform: Some(Box::new(transform)),
        ..Default::default()
    }
}

/// An exchange with statuses: `Filled=done`, `OnMarket=open`.
fn exchange_of(exchange: &str, statuses: &[&str]) -> Details {
    let status = |text: &&str| {
        let (code, kind) = text.split_once('=').expect("code=kind");
        OrderStatusDetails { code: code.into(), is_completed: kind == "done", ..Default::default() }
    };
    Details::Exchange(Box::new(proto::ExchangeDetails {
        exchange: exchange.into(),
        order_statuses: statuses.iter().map(status).collect(),
        ..Default::default()
    }))
}

fn request(operation: proto::Operation) -> proto::FeedRequest {
    let r#type = FeedRequestType::Operation as i32;
    proto::FeedRequest { r#type, operation: Some(Box::new(operation)), ..Default::default() }
}

impl Table {
    pub(super) fn operate(&mut self, operation: proto::Operation) {
        self.apply_bytes(&request(operation.clone()).encode_to_vec());
        if self.outcome.operation.is_some() {
            self.follow(&operation);
        }
    }

    /// Runs one more line of commands alone.
    fn run(&mut self, command: &str) {
        match operation(command) {
            Some(operation) => self.operate(operation),
            None => {
                let action = self.action(command);
                self.apply(&action);
            }
        }
    }

    /// The adapter learns the new names of the orders it knows.
    fn follow(&mut self, operation: &proto::Operation) {
        for order in self.stated.values_mut() {
            let account = order.account.as_mut().expect("stated with one");
            if let Some(transform) = &operation.transform
                && let Some(new_code) = transform.parameters.get("NewCode")
            {
                let is_symbol = transform.transform_type == TransformType::RenameSymbol as i32;
                let code = if is_symbol { &mut order.code } else { &mut order.currency };
                if *code == transform.code {
                    code.clone_from(new_code);
                }
            }
            if let Some(transform) = &operation.account_transform
                && transform.account.as_ref() == Some(account)
            {
                account.owner_id.clone_from(&transform.parameters["NewOwner"]);
                account.account_id.clone_from(&transform.parameters["NewAccount"]);
            }
            if let Some(transform) = &operation.owner_transform
                && transform.owner_id == account.owner_id
            {
                account.owner_id.clone_from(&transform.parameters["NewOwner"]);
            }
        }
    }

    /// Status, errors and time of removal.
    pub(super) fn order_state(&self, account: &str, id: &str) -> String {
        let number = self.account(account);
        let Some(record) = self.views.order(number, id) else { return " gone".into() };
        let order = proto::OrderState::decode(&record.bytes[..]).unwrap();
        let status = if order.status.is_empty() { "none".into() } else { order.status };
        let at = order.remove_after.map(|at| format!("@{}", at.seconds));
        join([status].into_iter().chain(order.errors).chain(at))
    }

    fn definitions(&self, kind: MetadataKind) -> String {
        let key = |record: &crate::metadata::MetadataRecord| {
            let (first, second) = record.details.key();
            format!("{first}:{second}")
        };
        let keys: Vec<String> = self.engine.metadata().all(kind).map(key).collect();
        let seen: Vec<String> = self.views.metadata().all(kind).map(key).collect();
        assert_eq!(keys, seen, "the view folds what the events tell");
        keys.join(" ")
    }

    fn define(&mut self, details: Details) {
        self.apply_bytes(&request(details.define()).encode_to_vec());
        assert!(self.outcome.is_accepted());
    }

    fn define_account(&mut self, account: &str, name: &str) {
        let account = account_of(account);
        self.define(Details::Account(Box::new(proto::AccountDetails {
            account,
            name: name.into(),
            ..Default::default()
        })));
    }

    fn define_owner(&mut self, owner: &str, name: &str) {
        let (owner_id, name) = (owner.into(), name.into());
        self.define(Details::Owner(Box::new(proto::OwnerDetails { owner_id, name, ..Default::default() })));
    }

    /// The operation as the Updates view shows it.
    fn told(&self) -> proto::Operation {
        let mut w = ReverseWriter::default();
        crate::encode::operation_event(&mut w, &self.outcome);
        let mut message = proto::EventMessage::decode(w.bytes()).expect("prost reads what the writer writes");
        *message.updates.remove(0).operation.expect("an operation")
    }
}

#[test]
fn a_restatement_gives_a_status_to_the_orders_that_match() {
    check(
        "
        exchange XASX Expired=done OnMarket=open
        buy A #1 100@10 status OnMarket group g at 100
        buy A #2 50@10 status OnMarket group h at 200
        sell A #3 70@10 status Held group g at 100       -> cash A 0 0 -1500 0 | held A 0 -70 none
        buy A #4 10@10 status OnMarket group g at 100 code CBA
        // Only #1 meets all of it.
        restate Expired from OnMarket before 150 text Gone remove 5000 group g code BHP exchange XASX \
            -> events operation order balance | order A #1 100 0 0 done | cash A 0 0 -600 0 | state A #1 Expired Gone @5000 \
            | state A #2 OnMarket | state A #3 Held | state A #4 OnMarket
        restate Expired exchange XNAS                    -> events
        restate Expired group g                          -> events operation order order -holding balance \
            | cash A 0 0 -500 0 | held A none | state A #1 Expired Gone @5000 | state A #4 Expired
        // A time at the very instant matches.
        restate Expired before 200                       -> events operation order -balance | cash A none | order A #2 50 0 0 done
        restate Expired before 200                       -> events
        ",
    );
}

#[test]
fn a_status_that_reopens_an_order_reserves_again() {
    check(
        "
        exchange XASX Expired=done OnMarket=open
        buy A #1 100@10 est 9 status OnMarket
        trade #1 T1 40@10 fee 4                          -> cash A 0 -404 -605 0
        restate Expired                                  -> cash A 0 -404 0 0 | order A #1 100 40 400 done
        restate OnMarket from Expired                    -> cash A 0 -404 -605 0 | order A #1 100 40 400 open
        // A status that the exchange does not define says nothing of completion.
        restate Odd                                      -> events operation order | cash A 0 -404 -605 0 | state A #1 Odd
        restate Expired remove 0                         -> events operation -order balance | cash A 0 -404 0 0 | order A #1 gone
        bust #1 T1 done                                  -> cash A none | held A none
        ",
    );
}

#[test]
fn a_restatement_without_a_status_is_refused() {
    check(
        r#"
        buy A #1 100@10 status OnMarket
        restate ""                                       -> refused Status | state A #1 OnMarket
        "#,
    );
}

#[test]
fn fields_that_this_build_does_not_know_survive_a_restatement_and_a_rename() {
    let mut table = check("buy A #1 100@10 status OnMarket");
    let order = proto::OrderState {
        order_id: "#2".into(),
        account: account_of("A"),
        code: "BHP".into(),
        exchange: "XASX".into(),
        currency: "AUD".into(),
        ..Default::default()
    };
    // Field 900, a varint.
    let state = [&[0xa0, 0x38, 0x07][..], &order.encode_to_vec()].concat();
    let mut w = ReverseWriter::default();
    w.delimited(field::external_action::ORDER, &state);
    w.int(field::external_action::TYPE, crate::proto::ExternalActionType::Update as i64);
    w.close(field::feed_request::ACTION, 0);
    w.int(field::feed_request::TYPE, FeedRequestType::Action as i64);
    table.apply_bytes(&w.bytes().to_vec());
    table.run("restate Expired");
    table.run("account A B");
    table.run("symbol BHP BHX");
    table.run("currency AUD AUX");
    let record = table.views.order(table.account("B"), "#2").expect("it moved");
    assert!(record.bytes.windows(3).any(|run| run == [0xa0, 0x38, 0x07]));
    let expected = proto::OrderState {
        account: account_of("B"),
        code: "BHX".into(),
        currency: "AUX".into(),
        status: "Expired".into(),
        ..order
    };
    let found = proto::OrderState::decode(&record.bytes[..]).unwrap();
    assert_eq!(proto::OrderState { created: None, timestamp: None, ..found }, expected);
}

#[test]
fn a_removal_takes_the_orders_of_a_status_and_gives_back_what_they_held() {
    check(
        r#"
        buy A #1 100@10 status Expired group g at 100
        sell A #2 50@10 status Expired group h at 200
        buy A #3 10@10 status OnMarket at 100
        buy A #4 1@10                                    -> cash A 0 0 -1110 0
        remove Expired group g                           -> events operation -order balance | order A #1 gone | cash A 0 0 -110 0
        remove Expired before 199                        -> events
        remove Expired from OnMarket                     -> events
        remove Expired                                   -> events operation -order -holding | held A none
        remove "" code BHP                               -> events operation -order balance | order A #4 gone | order A #3 10 0 0 open
        "#,
    );
}

#[test]
fn orders_that_are_due_go_whatever_their_status() {
    let table = check(
        "
        buy A #1 100@10 status X remove-at 5000
        buy A #2 100@10 remove-at 5001
        buy A #3 100@10 remove-at 6000
        buy A #4 100@10                                  -> cash A 0 0 -4000 0
        remove-due 4999                                  -> events
        remove-due 5001                                  -> events operation -order -order balance | cash A 0 0 -2000 0 \
                                                         | order A #1 gone | order A #2 gone | order A #3 100 0 0 open
        restate Old remove 7000                          -> state A #3 Old @7000 | state A #4 Old @7000
        remove-due 6999                                  -> events
        account A B
        remove-due 7000                                  -> events operation -order -order -balance | order B #3 gone
        ",
    );
    assert_eq!(table.engine.next_removal_ns(), None);
}

#[test]
fn a_due_removal_needs_an_instant() {
    let mut table = check("buy A #1 100@10 remove-at 5000");
    let mut operation = operation("remove-due 9000").unwrap();
    operation.transform.as_mut().unwrap().parameters.insert("DueBy".into(), "soon".into());
    table.operate(operation);
    assert_eq!(table.codes(), ["Data"]);
    assert_eq!(table.order("A", "#1"), "100 0 0 open");
}

#[test]
fn a_code_takes_its_orders_holdings_and_trades_along() {
    check(
        "
        buy A #1 100@10
        trade #1 T1 40@10                                -> held A 40 0 10
        sell A #2 10@12                                  -> held A 40 -10 10
        buy A #3 20@5 code BHX
        trade #3 T1 20@5                                 -> held A/BHX 20 0 5
        // 40 at 10 and 20 at 5: 500 / 60.
        symbol BHP BHX                                   -> events operation order order -holding holding \
                                                         | held A none | held A/BHX 60 -10 8.33333333
        bust #1 T1                                       -> held A/BHX 20 -10 5 | cash A 0 -100 -1000 0
        correct #3 T1 30@6                               -> held A/BHX 30 -10 6 | cash A 0 -180 -1000 0
        // The old code is free.
        stock A 7 price 3                                -> held A 7 0 3 | held A/BHX 30 -10 6
        symbol BHP BHX                                   -> held A none | held A/BHX 37 -10 5.43243243
        symbol BHP BHX                                   -> events
        ",
    );
}

#[test]
fn only_the_code_on_its_exchange_is_renamed() {
    check(
        "
        stock A 7 price 3
        stock A 5 price 2 exchange XNAS code CBA
        symbol CBA BHX                                   -> events
        symbol BHP BHX                                   -> held A/BHX 7 0 3 | held A/CBA 5 0 2
        ",
    );
}

#[test]
fn holdings_without_a_common_cost_merge_to_none() {
    check(
        "
        // One of them has none.
        stock A 7 price 3
        stock A 5 code BHX
        symbol BHP BHX                                   -> held A/BHX 12 0 none
        // Currencies differ.
        buy B #1 10@3 currency AUD
        trade #1 T1 10@3
        buy B #2 10@3 currency USD code BHX
        trade #2 T1 10@3
        symbol BHP BHX                                   -> held B/BHX 20 0 none
        // One is flat: the other's cost stays.
        sell C #3 5@4 code BHX                           -> held C/BHX 0 -5 none
        stock C 8 price 2                                -> held C 8 0 2
        symbol BHP BHX                                   -> held C/BHX 8 -5 2
        // Together they are flat, and gone.
        stock D 8 price 2
        stock D -8 price 3 code BHX
        symbol BHP BHX                                   -> events operation -holding -holding | held D none | held D/BHX none
        ",
    );
}

#[test]
fn a_currency_takes_orders_balances_pools_and_average_prices_along() {
    check(
        "
        cash A 100
        cash A 30 unbooked
        cash A 9 pool Margin
        cash A 4 pool P
        cash A 1 pool Q
        cash A 1000 currency AUX
        cash A -4 pool P currency AUX
        cash A 5 pool R currency AUX
        buy A #1 10@3
        trade #1 T1 4@3                                  -> cash A 100 18 -18 9 P=4 Q=1 | cash A/AUX 1000 0 0 0 P=-4 R=5
        currency AUD AUX                                 -> events operation order holding -balance balance \
                                                         | cash A none | cash A/AUX 1100 18 -18 9 Q=1 R=5
        bust #1 T1                                       -> cash A/AUX 1100 30 -30 9 Q=1 R=5 | held A none
        currency AUD AUX                                 -> events
        trade #1 T2 10@3 done                            -> cash A/AUX 1100 0 0 9 Q=1 R=5 | held A 10 0 3
        // Of the same currency now, so that costs add.
        sell A #2 5@2 currency AUX
        trade #2 T1 5@2                                  -> held A 5 0 3
        ",
    );
}

#[test]
fn an_average_price_is_in_the_new_currency() {
    let mut table = check("buy A #1 10@3\n trade #1 T1 4@3\n currency AUD AUX");
    let record = table.views.holdings_of(table.account("A")).next().expect("held").bytes.clone();
    assert_eq!(proto::AssetPosition::decode(&record[..]).unwrap().currency, "AUX");
    table.run("account A B");
    let record = table.views.holdings_of(table.account("B")).next().expect("held").bytes.clone();
    assert_eq!(proto::AssetPosition::decode(&record[..]).unwrap().currency, "AUX");
}

#[test]
fn an_account_takes_everything_along() {
    let mut table = check(
        "
        cash A 1000
        cash A 5 pool P
        buy A #1 100@10
        trade #1 T1 40@10 fee 5                          -> cash A 1000 -405 -600 0 P=5 | held A 40 0 10
        sell A #2 10@12
        account A B                                      -> events operation -order order -order order -holding holding \
                                                         -balance balance | cash A none | held A none | order A #1 gone \
                                                         | cash B 1000 -405 -600 0 P=5 | held B 40 -10 10 | order B #1 100 40 400 open
        correct #1 T1 30@10 fee 5                        -> cash B 1000 -305 -700 0 P=5 | held B 30 -10 10 | cash A none
        bust #1 T1                                       -> cash B 1000 0 -1000 0 P=5 | held B 0 -10 none | held A none
        trade #1 T2 1@10                                 -> cash B 1000 -10 -990 0 P=5
        account A B                                      -> events
        ",
    );
    let order = table.views.order(table.account("B"), "#1").expect("it moved").bytes.clone();
    assert_eq!(proto::OrderState::decode(&order[..]).unwrap().account, account_of("B"));
    table.assert_image_is_whole();
    table.run("amend #1 remove");
    table.assert_image_is_whole();
}

#[test]
fn an_account_merges_with_one_that_is_there() {
    check(
        "
        cash A 1000
        stock A 10 price 4
        buy A #1 100@10
        trade #1 T1 10@10
        cash B 500
        stock B 20 price 1
        buy B #2 5@2                                     -> cash B 500 0 -10 0 | held B 20 0 1
        // A holds 20 for 140, B 20 for 20.
        account A B                                      -> cash B 1500 -100 -910 0 | held B 40 0 4 | order B #1 100 10 100 open
        bust #1 T1                                       -> cash B 1500 0 -1010 0 | held B 30 0 2
        ",
    );
}

#[test]
fn an_order_on_both_sides_refuses_the_rename_and_changes_nothing() {
    let mut table = check(
        "
        cash A 1000
        buy A #1 100@10
        buy B #1 5@2
        account A B                                      -> refused Order.Duplicate
        ",
    );
    assert_eq!((table.cash("A").as_str(), table.cash("B").as_str()), ("1000 0 -1000 0", "0 0 -10 0"));
    table.run("cash P:A 1");
    // One account of the owner is enough, and the names of the others are not even learned.
    table.run("cash C 1");
    table.run("buy P:B #1 5@2");
    let names = table.engine.counts().accounts;
    table.run("owner O P");
    assert_eq!(table.codes(), ["Order.Duplicate"]);
    assert_eq!((table.cash("A").as_str(), table.cash("P:A").as_str()), ("1000 0 -1000 0", "1 0 0 0"));
    assert_eq!(table.engine.counts().accounts, names);
}

#[test]
fn sums_out_of_range_refuse_the_whole() {
    // Just below 2^127.
    let most = "170141183460469231731687303715884105727";
    let commands = ["account A B", "currency AUD AUX", "owner O P", "symbol BHP BHX"];
    for (command, to) in commands.into_iter().zip(["cash B", "cash A", "cash P:A", "stock A"]) {
        let mut table = check(&format!("buy A #1 1@1\n cash A {most}\n cash A 1 currency USD\n stock A {most}"));
        let option = match command {
            "currency AUD AUX" => " currency AUX",
            "symbol BHP BHX" => " code BHX",
            _ => "",
        };
        table.run(&format!("{to} 1{option}"));
        let (hash, counts) = (table.engine.state.hash, table.engine.counts());
        table.run(command);
        assert_eq!(table.codes(), ["NumberOutOfRange"], "{command}");
        assert_eq!((table.engine.state.hash, table.engine.counts()), (hash, counts), "{command}");
        table.assert_image_is_whole();
    }
}

#[test]
fn an_old_name_is_free() {
    check(
        "
        buy A #1 100@10
        trade #1 T1 40@10
        account A B                                      -> cash B 0 -400 -600 0
        // Another order under the old name and the old id, and its own trade of the old id.
        buy A #1 10@1
        trade #1 T1 4@1                                  -> cash A 0 -4 -6 0 | cash B 0 -400 -600 0 | oddities 0 0 0
        correct #1 T1 5@1                                -> cash A 0 -5 -5 0 | cash B 0 -400 -600 0
        bust #1 T1                                       -> cash A 0 0 -10 0 | cash B 0 -400 -600 0
        // It is stated under B now: the other order, and its trade.
        amend #1 100@10 to B exec 40/400                 -> cash A none
        ",
    );
}

#[test]
fn trades_of_orders_that_are_gone_follow_their_account() {
    check(
        "
        buy A #1 100@10
        trade #1 T1 40@10
        amend #1 remove exec 40/400                      -> order A #1 gone | cash A 0 -400 0 0
        account A B
        account B C
        // Seen before, though its order is gone.
        trade #1 T1 40@10 done                           -> oddities 1 0 0 | cash C 0 -400 0 0
        trade #1 T1 40@10 done                           -> oddities 2 0 0 | cash C 0 -400 0 0
        bust #1 T1 done                                  -> oddities 2 0 0 | cash C none | held C none
        buy A #1 100@10
        trade #1 T1 1@10                                 -> oddities 2 0 0 | cash A 0 -10 -990 0
        ",
    );
}

#[test]
fn trades_of_an_order_that_is_gone_are_corrected_beside_an_order_of_that_id() {
    check(
        "
        buy A #1 100@10
        trade #1 T1 40@10
        amend #1 remove exec 40/400
        buy B #1 10@1
        trade #1 T2 1@1
        account A B                                      -> cash B 0 -401 -9 0
        // A new trade of the order that is there is new, whatever one that is gone had.
        trade #1 T1 2@1                                  -> cash B 0 -403 -7 0 | oddities 0 0 0
        bust #1 T1                                       -> cash B 0 -401 -9 0 | oddities 0 0 0
        ",
    );
}

#[test]
fn a_name_left_twice_is_free_twice_and_may_come_back() {
    let table = check(
        "
        buy A #1 10@1
        trade #1 T1 1@1
        account A B
        buy A #1 10@1
        trade #1 T1 2@1
        amend #1 remove exec 2/2                         -> cash A 0 -2 0 0
        account A C
        buy A #1 10@1
        trade #1 T1 3@1                                  -> cash A 0 -3 -7 0 | cash B 0 -1 -9 0 | cash C 0 -2 0 0
        account C A                                      -> cash A 0 -5 -7 0 | cash C none | oddities 0 0 0
        bust #1 T1                                       -> cash A 0 -2 -10 0
        ",
    );
    table.assert_image_is_whole();
}

#[test]
fn a_moved_order_goes_on_where_its_accounts_are_renamed() {
    check(
        "
        buy A #1 100@10
        trade #1 T1 30@10
        amend #1 exec 30/300 to B                        -> cash A 0 -300 0 0 | cash B 0 0 -700 0
        account A C                                      -> cash C 0 -300 0 0
        account B D                                      -> cash D 0 0 -700 0
        bust #1 T1                                       -> cash C none | cash D 0 0 -1000 0
        amend #1 remove
        bust #1 T1 done                                  -> oddities 0 0 0
        correct #1 T1 1@10 done                          -> oddities 0 0 0 | cash C 0 -10 0 0
        ",
    );
}

#[test]
fn an_account_changes_its_owner_and_namesakes_of_other_owners_stay() {
    check(
        "
        cash A 1
        cash P:A 2
        buy P:A #1 1@1
        account A Q:A                                    -> cash Q:A 1 0 0 0 | cash P:A 2 0 -1 0 | cash A none
        owner P R                                        -> events operation -order order -balance balance \
                                                         | cash R:A 2 0 -1 0 | cash Q:A 1 0 0 0 | cash P:A none
        ",
    );
}

#[test]
fn an_owner_merges_with_another_account_by_account() {
    check(
        "
        cash A 1
        cash B 2
        buy A #1 10@1
        trade #1 T1 1@1
        cash P:A 10
        cash P:C 20
        owner O P                                        -> cash P:A 11 -1 -9 0 | cash P:B 2 0 0 0 | cash P:C 20 0 0 0 | cash A none
        bust #1 T1                                       -> cash P:A 11 0 -10 0 | held P:A none
        owner O P                                        -> events
        owner P P                                        -> events
        ",
    );
}

#[test]
fn a_chain_of_renames_ends_at_the_last_name() {
    check(
        "
        cash A 1
        cash B 2
        buy A #1 10@1
        account A B
        account B C                                      -> cash A none | cash B none | cash C 3 0 -10 0 | order C #1 10 0 0 open
        ",
    );
}

#[test]
fn names_that_are_missing_are_refused_all_at_once() {
    check(
        r#"
        cash A 1
        symbol "" none exchange none                     -> refused Exchange Symbol
        symbol BHP none                                  -> refused Symbol
        currency "" AUX                                  -> refused Currency
        currency AUD ""                                  -> refused Currency
        account "" B                                     -> refused Account
        owner "" P                                       -> refused Owner
        owner O ""                                       -> refused Owner
        undefine ""                                      -> refused Owner
        "#,
    );
}

#[test]
fn a_new_owner_or_account_that_is_not_given_is_the_present_one() {
    let mut table = check("cash A 1\n cash P:B 2");
    for (parameter, value, account) in [("NewOwner", "P", "P:A"), ("NewAccount", "B", "B")] {
        let mut operation =
            operation(&format!("account {} X", if parameter == "NewOwner" { "A" } else { "P:A" })).unwrap();
        operation.account_transform.as_mut().unwrap().parameters = [(parameter.to_owned(), value.to_owned())].into();
        table.apply_bytes(&request(operation).encode_to_vec());
        let account = if parameter == "NewOwner" { account } else { "P:B" };
        assert_eq!(table.cash(account), if parameter == "NewOwner" { "1 0 0 0" } else { "3 0 0 0" });
    }
}

#[test]
fn renaming_what_nothing_names_or_to_the_same_changes_nothing() {
    let mut table = check(
        "
        cash A 1
        buy A #1 10@1
        account Z B                                      -> events
        account A A                                      -> events
        owner Z P                                        -> events
        symbol ZZZ BHX                                   -> events
        symbol BHP BHP                                   -> events
        currency ZZZ AUX                                 -> events
        currency AUD AUD                                 -> events
        undefine Z                                       -> events
        ",
    );
    let hash = table.engine.state_hash();
    for command in ["account Z B", "account A A", "owner Z P", "symbol BHP BHP", "currency ZZZ AUX", "undefine Z"] {
        assert_eq!(table.rest(&request(operation(command).unwrap())), 0, "{command} takes no position");
        assert!(table.outcome.is_accepted() && table.outcome.operation.is_none());
    }
    assert_eq!(table.engine.state_hash(), hash);
    assert_ne!(table.rest(&request(operation("account A B").unwrap())), 0);
}

#[test]
fn a_transform_is_applied_once_under_its_id() {
    check(
        "
        cash A 1
        account A B id X1                                -> cash B 1 0 0 0
        cash A 5
        account A B id X1                                -> events | cash A 5 0 0 0
        owner O P id X1                                  -> events
        // What changed nothing was not applied.
        symbol BHP BHX id X2                             -> events
        stock B 3
        symbol BHP BHX id X2                             -> held B/BHX 3 0 none
        ",
    );
}

#[test]
fn an_id_that_is_missing_is_made_of_the_sequence() {
    let mut table = check("cash A 1");
    table.run("account A B");
    let told = table.told();
    let id = told.account_transform.as_ref().expect("as sent").transform_id.clone();
    assert_eq!(id, "TR00000000000000000002");
    let mut sent = operation("account A B").unwrap();
    sent.account_transform.as_mut().unwrap().transform_id = id.clone();
    assert_eq!(told, sent);
    table.run("cash A 1");
    table.run(&format!("account A B id {id}"));
    assert_eq!((table.cash("A").as_str(), table.outcome.operation), ("1 0 0 0", None));
    table.run("currency AUD AUX id mine");
    assert_eq!(table.told(), operation("currency AUD AUX id mine").unwrap());
}

#[test]
fn the_definition_of_an_account_goes_along_unless_the_new_name_has_one() {
    let mut table = Table::new();
    table.define_account("A", "first");
    table.run("account A B");
    assert_eq!(table.events(), " -definition definition operation");
    assert_eq!(table.definitions(MetadataKind::Account), "O:B");
    assert_eq!(table.engine.metadata().account("O", "B").unwrap().name, "first");
    assert_eq!(table.engine.metadata().account("O", "B").unwrap().account, account_of("B"));
    table.define_account("A", "second");
    table.run("account A B");
    assert_eq!(table.events(), " -definition operation");
    assert_eq!(table.definitions(MetadataKind::Account), "O:B");
    assert_eq!(table.engine.metadata().account("O", "B").unwrap().name, "first");
    table.assert_image_is_whole();
}

#[test]
fn an_owner_takes_its_definitions_and_permissions_along() {
    let mut table = Table::new();
    table.define_owner("O", "first");
    table.define_account("A", "a");
    table.define_account("B", "b");
    table.define_account("P:B", "pb");
    for (identity, owners) in [("one", &["O", "Q"][..]), ("two", &["P", "O"]), ("three", &["Q"])] {
        table.define(Details::Identity(Box::new(proto::Permissions {
            source: "S".into(),
            identity: identity.into(),
            owners: owners.iter().map(|owner| (*owner).into()).collect(),
            ..Default::default()
        })));
    }
    table.run("owner O P");
    assert_eq!(
        table.events(),
        " -definition definition -definition definition -definition definition definition operation"
    );
    assert_eq!(table.definitions(MetadataKind::Owner), "P:");
    assert_eq!(table.engine.metadata().owner("P").unwrap().name, "first");
    assert_eq!(table.definitions(MetadataKind::Account), "P:A P:B");
    assert_eq!(table.engine.metadata().account("P", "B").unwrap().name, "pb");
    let owners = |identity| table.engine.metadata().identity("S", identity).unwrap().owners.join(" ");
    assert_eq!([owners("one"), owners("two"), owners("three")], ["P Q", "P", "Q"]);
    table.define_owner("O", "second");
    table.run("owner O P");
    assert_eq!(table.engine.metadata().owner("P").unwrap().name, "first");
    assert_eq!(table.definitions(MetadataKind::Owner), "P:");
    table.assert_image_is_whole();
}

#[test]
fn an_owner_undefined_goes_with_all_that_is_attached() {
    let mut table = check(
        "
        cash A 1000
        cash A 5 pool P
        buy A #1 100@10
        trade #1 T1 40@10 fee 5
        buy B #2 5@2 done
        cash P:A 7
        ",
    );
    table.define_owner("O", "first");
    table.define_account("A", "a");
    table.run("undefine O");
    assert_eq!(table.events(), " -definition -definition -order -order -holding -balance");
    assert_eq!((table.cash("A").as_str(), table.held("A").as_str()), ("none", "none"));
    assert_eq!((table.order("A", "#1").as_str(), table.cash("P:A").as_str()), ("gone", "7 0 0 0"));
    assert_eq!(table.definitions(MetadataKind::Owner) + &table.definitions(MetadataKind::Account), "");
    assert_eq!((table.engine.counts().orders, table.engine.counts().trades), (0, 0));
    table.assert_image_is_whole();
    // The same names again are others.
    table.run("bust #1 T1");
    assert_eq!(table.cash("A"), "0 0 -1000 0");
    assert_eq!(table.engine.oddities().unknown_trades, 1);
}

#[test]
fn trades_booked_to_others_outlive_an_owner_and_those_booked_to_it_do_not() {
    // Booked to P, moved to O and traded there; booked to O, moved to P.
    let mut table = check(
        "
        buy P:A #1 100@10
        trade #1 T1 10@10
        amend #1 exec 10/100 to A
        trade #1 T2 20@10
        buy A #2 100@1
        trade #2 T1 5@1
        trade #2 T2 6@1
        amend #2 exec 11/11 to P:A
        trade #2 T3 7@1                                  -> cash P:A 0 -107 -82 0 | cash A 0 -211 -700 0
        undefine O                                       -> events -order -holding -balance | cash P:A 0 -107 -82 0
        bust #2 T3                                       -> cash P:A 0 -100 -89 0 | oddities 0 0 0
        bust #2 T1 exec 6/6                              -> oddities 0 1 0
        ",
    );
    assert_eq!(table.engine.counts().trades, 3, "T1 of #1, T3 of #2, and T1 of #2 as a revision of the unknown");
    table.assert_image_is_whole();
    // The owner's names are free: what P booked for an order of that name is not met.
    table.run("trade #1 T1 1@10");
    assert_eq!(table.engine.oddities().duplicate_trades, 0);
    table.assert_image_is_whole();
}

#[test]
fn an_owner_in_use_is_kept_unless_the_caller_insists() {
    for (commands, refused) in [
        ("cash A 1", true),
        ("cash A 1 pool P", true),
        ("stock A 1", true),
        ("buy A #1 0@1", true),
        ("cash A 1\n cash A -1\n buy A #1 5@1 done", false),
        ("cash P:A 1", false),
    ] {
        let mut table = check(commands);
        table.define_owner("O", "first");
        let undefine = request(operation("undefine O").unwrap());
        let position = table.rest(&undefine);
        assert_eq!(table.codes(), if refused { &["Owner.InUse"][..] } else { &[] }, "{commands}");
        assert_eq!(position == 0, refused);
        assert_eq!(table.engine.metadata().owner("O").is_some(), refused);
        let forced = Origin { is_forced: true, ..Origin::REST };
        table.apply_at(Stamp { origin: forced, ..table.next_stamp() }, &undefine.encode_to_vec());
        assert!(table.outcome.is_accepted() && table.engine.metadata().owner("O").is_none());
    }
}
