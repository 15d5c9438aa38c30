//! Orders, trades, corrections, transfers and every transform, at random over few names, so that they meet: after
//! every few updates what positions hold is what the orders as shown and the transactions so far say, and a replay and
//! an image end where the engine ended.

use std::collections::BTreeMap;

use super::command::account_of;
use super::transform_books::{Books, Place, add};
use super::transform_command::operation;
use super::*;
use crate::names::order_key;
use crate::proto::{ExternalActionType, OrderTradeType, TimestampWithTimeZone};

const ACCOUNTS: [&str; 5] = ["A", "B", "P:A", "P:B", "Q:C"];
const CODES: [&str; 3] = ["BHP", "BHX", "CBA"];
const CURRENCIES: [&str; 3] = ["AUD", "AUX", "USD"];
const STATUSES: [&str; 4] = ["OnMarket", "Filled", "Odd", "\"\""];

/// SplitMix64.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize]
    }

    fn figure(&mut self, bound: u64) -> BigNumber {
        let scale = self.one_of(&[0, 0, 1, 2]);
        Dec::new(i128::from(self.below(bound)), scale).expect("small").into()
    }
}

fn order(rng: &mut Rng) -> proto::OrderState {
    let mut order = proto::OrderState {
        order_id: format!("#{}", rng.below(7)),
        account: account_of(rng.one_of(&ACCOUNTS)),
        code: rng.one_of(&CODES).into(),
        exchange: "XASX".into(),
        currency: rng.one_of(&CURRENCIES).into(),
        status: rng.one_of(&["OnMarket", "OnMarket", "Filled", ""]).into(),
        group: rng.one_of(&["g", "h"]).into(),
        side: rng.one_of(&[1, 1, 2, 3]),
        price: Some(rng.figure(500)),
        quantity: Some(rng.figure(300)),
        is_completed: rng.below(8) == 0,
        ..Default::default()
    };
    if rng.below(3) == 0 {
        order.additional_funds.insert("Fee".into(), rng.figure(50));
    }
    if rng.below(10) == 0 {
        let seconds = rng.one_of(&[0, 5, 6]);
        order.remove_after = Some(TimestampWithTimeZone { seconds, nanoseconds: 0, tz_offset: 0 });
    }
    order
}

fn order_action(rng: &mut Rng) -> proto::ExternalAction {
    let order = order(rng);
    let previous_account = if rng.below(6) == 0 { account_of(rng.one_of(&ACCOUNTS)) } else { None };
    let update = proto::OrderUpdate { previous_account, ..Default::default() };
    let mut action = proto::ExternalAction {
        r#type: ExternalActionType::Update as i32,
        order: Some(Box::new(order)),
        update: Some(Box::new(update)),
        ..Default::default()
    };
    if rng.below(2) == 0 {
        let kinds = [OrderTradeType::Trade, OrderTradeType::Trade, OrderTradeType::Correction, OrderTradeType::Cancel];
        let mut trade = proto::OrderTrade {
            trade_id: format!("T{}", rng.below(4)),
            r#type: rng.one_of(&kinds) as i32,
            price: Some(rng.figure(500)),
            quantity: Some(rng.figure(60)),
            ..Default::default()
        };
        if rng.below(2) == 0 {
            trade.additional_funds.insert("Fee".into(), rng.figure(50));
        }
        action.r#type = ExternalActionType::Trade as i32;
        action.trade = Some(Box::new(trade));
    }
    action
}

fn transfer(rng: &mut Rng) -> proto::ExternalAction {
    let account = account_of(rng.one_of(&ACCOUNTS));
    let mut transaction = proto::TransactionDetails { account, ..Default::default() };
    let mut action = proto::ExternalAction::default();
    if rng.below(2) == 0 {
        action.r#type = ExternalActionType::CashTransfer as i32;
        action.cash_transfer = Some(Box::new(proto::CashTransfer {
            currency: rng.one_of(&CURRENCIES).into(),
            value: Some(rng.figure(9_000)),
            settlement: rng.below(4) as i32,
            pool: rng.one_of(&[None, None, Some("Margin"), Some("P"), Some("R")]).map(Into::into),
            ..Default::default()
        }));
    } else {
        let quantity = rng.figure(90).dec();
        let quantity = if rng.below(2) == 0 { quantity.negated() } else { quantity };
        if rng.below(2) == 0 {
            transaction.values.insert("Price".into(), rng.figure(500).into());
        }
        action.r#type = ExternalActionType::AssetTransfer as i32;
        action.asset_transfer = Some(Box::new(proto::AssetTransfer {
            code: rng.one_of(&CODES).into(),
            exchange: "XASX".into(),
            value: Some(quantity.into()),
            ..Default::default()
        }));
    }
    action.transaction = Some(Box::new(transaction));
    action
}

fn transform(rng: &mut Rng) -> proto::Operation {
    let command = match rng.below(16) {
        0..3 => format!("restate {} from {}", rng.one_of(&STATUSES), rng.one_of(&STATUSES)),
        3 => format!("restate {} group g remove {}", rng.one_of(&STATUSES), rng.below(7)),
        4 => format!("remove {} code {}", rng.one_of(&STATUSES), rng.one_of(&CODES)),
        5 => format!("remove-due {}", rng.below(7)),
        6 | 7 => format!("symbol {} {}", rng.one_of(&CODES), rng.one_of(&CODES)),
        8 | 9 => format!("currency {} {}", rng.one_of(&CURRENCIES), rng.one_of(&CURRENCIES)),
        10..14 => format!("account {} {}", rng.one_of(&ACCOUNTS), rng.one_of(&ACCOUNTS)),
        14 => format!("owner {} {}", rng.one_of(&["O", "P", "Q"]), rng.one_of(&["O", "P", "Q"])),
        _ => format!("undefine {}", rng.one_of(&["O", "P", "Q"])),
    };
    let command = if rng.below(5) == 0 && !command.starts_with("undefine") {
        format!("{command} id X{}", rng.below(9))
    } else {
        command
    };
    operation(&command).expect("a transform")
}

/// Where each trade is booked, by its key.
fn trade_places(engine: &Engine) -> BTreeMap<u128, Place> {
    let state = &engine.state;
    let place = |row: &super::rows::TradeRow| {
        let (cash, holding) = (state.cash.get(row.cash), state.holdings.get(row.holding));
        let (account, instrument) = (state.names.account(cash.account), state.names.instrument(holding.instrument));
        let place = Place {
            owner: account.owner.to_string(),
            account: account.account.to_string(),
            currency: state.names.currency(cash.currency).to_owned(),
            exchange: instrument.exchange.to_string(),
            code: instrument.code.to_string(),
        };
        (row.key, place)
    };
    state.trades.iter().filter_map(|(_, row)| row.map(place)).collect()
}

/// The account and id of each order, as its state says.
fn order_places(engine: &Engine) -> BTreeMap<(Place, String), i32> {
    let state = &engine.state;
    let place = |row: &super::rows::OrderRow| {
        let order = proto::OrderState::decode(state.bytes.get(row.state)).unwrap();
        let account = order.account.expect("needed");
        let (owner, account) = (account.owner_id, account.account_id);
        let place = Place { owner, account, currency: order.currency, exchange: order.exchange, code: order.code };
        ((place, order.order_id), order.side)
    };
    state.orders.iter().filter_map(|(_, row)| row.map(place)).collect()
}

/// Trades and orders are where an operation takes them.
fn check_places(
    engine: &Engine,
    operation: &proto::Operation,
    trades: BTreeMap<u128, Place>,
    orders: BTreeMap<(Place, String), i32>,
) {
    let trades: BTreeMap<u128, Place> =
        trades.into_iter().filter_map(|(key, place)| Some((key, place.after(operation)?))).collect();
    assert_eq!(trade_places(engine), trades);
    let removes = operation.transform.as_ref().is_some_and(|transform| !transform.parameters.contains_key("NewCode"));
    if !removes {
        let orders: BTreeMap<(Place, String), i32> =
            orders.into_iter().filter_map(|((place, id), side)| Some(((place.after(operation)?, id), side))).collect();
        assert_eq!(order_places(engine), orders);
    }
}

fn not_zero<K: Ord>(sums: BTreeMap<K, Dec>) -> BTreeMap<K, Dec> {
    sums.into_iter().filter(|(_, sum)| !sum.is_zero()).map(|(key, sum)| (key, sum.normalised())).collect()
}

/// What an order as shown holds back: cash, and stock.
fn held_back(order: &proto::OrderState) -> (Dec, Dec) {
    let figure = |number: Option<BigNumber>| number.map_or(Dec::ZERO, BigNumber::dec);
    if order.is_completed {
        return (Dec::ZERO, Dec::ZERO);
    }
    let remaining = figure(order.quantity).minus(figure(order.executed_quantity)).unwrap().max_zero();
    if order.side != 1 {
        return (Dec::ZERO, remaining);
    }
    let fees = order.additional_funds.iter().fold(Dec::ZERO, |sum, (name, estimated)| {
        let paid = figure(order.executed_additional_funds.get(name).copied());
        sum.plus(estimated.dec().minus(paid).unwrap().max_zero()).unwrap()
    });
    (remaining.times(figure(order.price)).unwrap().plus(fees).unwrap().max_zero(), Dec::ZERO)
}

/// The views, against the orders they show and against the books.
fn check_records(table: &Table, books: &Books) {
    let views = &table.views;
    let (mut buys, mut sells) = (BTreeMap::new(), BTreeMap::new());
    let mut orders = 0;
    for record in views.orders().iter() {
        let order = proto::OrderState::decode(&record.bytes[..]).unwrap();
        let name = views.names().account(record.account);
        let account = order.account.as_ref().expect("needed");
        assert_eq!((&*name.owner, &*name.account), (&*account.owner_id, &*account.account_id));
        let (cash, stock) = held_back(&order);
        let (owner, account) = (account.owner_id.clone(), account.account_id.clone());
        add(&mut buys, [owner.clone(), account.clone(), order.currency], cash.negated());
        add(&mut sells, [owner, account, order.exchange, order.code], stock.negated());
        orders += 1;
    }
    assert_eq!(orders, table.engine.counts().orders);
    let figure = |number: Option<BigNumber>| number.map_or(Dec::ZERO, BigNumber::dec);
    let (mut shown_buys, mut shown_cash) = (BTreeMap::new(), BTreeMap::new());
    for record in views.balances().iter() {
        let position = proto::CashPosition::decode(&record.bytes[..]).unwrap();
        let account = position.account.expect("needed");
        let key = [account.owner_id, account.account_id, position.currency];
        add(&mut shown_buys, key.clone(), figure(position.unfilled_buys));
        add(&mut shown_cash, key.clone(), figure(position.balance));
        add(&mut shown_cash, key, figure(position.unbooked_transactions));
    }
    let (mut shown_sells, mut shown_stock) = (BTreeMap::new(), BTreeMap::new());
    for record in views.holdings().iter() {
        let position = proto::AssetPosition::decode(&record.bytes[..]).unwrap();
        let account = position.account.expect("needed");
        let key = [account.owner_id, account.account_id, position.exchange, position.code];
        add(&mut shown_sells, key.clone(), figure(position.unfilled_sells));
        add(&mut shown_stock, key, figure(position.quantity));
    }
    assert_eq!(not_zero(shown_buys), not_zero(buys), "UnfilledBuys");
    assert_eq!(not_zero(shown_sells), not_zero(sells), "UnfilledSells");
    assert_eq!(not_zero(shown_cash), not_zero(books.cash.clone()), "Balance + UnbookedTransactions");
    assert_eq!(not_zero(shown_stock), not_zero(books.stock.clone()), "Quantity");
}

/// Rows, indexes and stored bytes agree.
fn check_state(engine: &Engine) {
    let state = &engine.state;
    for (number, row) in state.orders.iter().filter_map(|(number, row)| Some((number, row?))) {
        let order = proto::OrderState::decode(state.bytes.get(row.state)).unwrap();
        let key = order_key(state.names.account(row.account).hash, order.order_id.as_bytes());
        assert_eq!((row.key, state.order_numbers.get(key)), (key, Some(number)));
        let (cash, holding) = (state.cash.get(row.cash), state.holdings.get(row.holding));
        assert_eq!((cash.account, cash.currency), (row.account, row.currency));
        assert_eq!((holding.account, holding.instrument), (row.account, row.instrument));
        assert_eq!(state.names.currency(row.currency), order.currency);
        assert_eq!(*state.names.instrument(row.instrument).code, *order.code);
    }
    for (number, row) in state.trades.iter().filter_map(|(number, row)| Some((number, row?))) {
        assert_eq!(state.trade_numbers.get(row.key), Some(number));
        assert_eq!(state.cash.get(row.cash).account, state.holdings.get(row.holding).account);
    }
    let loaded = Engine::from_image(&engine.image()).expect("just made");
    assert_eq!(loaded.state_hash(), engine.state_hash());
    assert!(loaded.image() == engine.image(), "one image, byte for byte");
}

/// The records of views made of the state are those that the events told.
fn check_views(table: &Table) {
    let fresh = Views::of(&table.engine);
    let records = |views: &Views| -> Vec<Vec<u8>> {
        let tables = [views.orders(), views.balances(), views.holdings()];
        tables.into_iter().flat_map(|table| table.iter().map(|record| record.bytes.to_vec())).collect()
    };
    assert!(records(&fresh) == records(&table.views), "events told the state");
}

fn run(seed: u64, updates: usize) {
    let (mut rng, mut table, mut books) = (Rng(seed), Table::new(), Books::default());
    let (mut frames, mut transforms) = (Vec::new(), 0);
    let statuses = operation("exchange XASX OnMarket=open Filled=done").expect("a definition");
    frames.push(feed_request(None, Some(statuses)));
    table.apply_bytes(&frames[0]);
    for at in 1..=updates {
        let hash = table.engine.state.hash;
        let places = (trade_places(&table.engine), order_places(&table.engine));
        let (action, operation) = match rng.below(100) {
            0..60 => (Some(order_action(&mut rng)), None),
            60..85 => (Some(transfer(&mut rng)), None),
            _ => (None, Some(transform(&mut rng))),
        };
        frames.push(feed_request(action.clone(), operation.clone()));
        table.apply_bytes(&frames[at]);
        let accepted = table.outcome.is_accepted();
        assert!(accepted || table.engine.state.hash == hash, "update {at}: a refusal changes nothing");
        action.filter(|_| accepted).iter().for_each(|action| books.book(&table, action));
        if let Some(operation) = operation.filter(|_| accepted && !table.outcome.takes_no_position()) {
            books.follow(&operation);
            check_places(&table.engine, &operation, places.0, places.1);
            transforms += 1;
        }
        if at % 64 == 0 || at == updates {
            check_records(&table, &books);
            check_state(&table.engine);
            check_views(&table);
        }
    }
    assert!(transforms > updates / 20, "the stream transforms: {transforms}");
    replay(&table, &frames);
}

/// The record from the beginning, and from an image halfway, ends where the engine ended.
fn replay(table: &Table, frames: &[Vec<u8>]) {
    let mut again = Table::new();
    for (at, frame) in frames.iter().enumerate() {
        if at == frames.len() / 2 {
            again.engine = Engine::from_image(&again.engine.image()).expect("just made");
        }
        again.apply_bytes(frame);
    }
    assert_eq!(again.engine.events_hash(), table.engine.events_hash());
    assert!(again.engine.image() == table.engine.image(), "a replay gives the same state, byte for byte");
}

fn feed_request(action: Option<proto::ExternalAction>, operation: Option<proto::Operation>) -> Vec<u8> {
    let r#type = if action.is_some() { FeedRequestType::Action } else { FeedRequestType::Operation } as i32;
    let (action, operation) = (action, operation.map(Box::new));
    proto::FeedRequest { r#type, action, operation, ..Default::default() }.encode_to_vec()
}

fn run_seeds(seeds: std::ops::Range<u64>, updates: usize) {
    for seed in seeds {
        let outcome = std::panic::catch_unwind(|| run(seed, updates));
        assert!(outcome.is_ok(), "failed with seed {seed}");
    }
}

#[test]
fn streams_with_transforms_keep_the_invariants() {
    run_seeds(0..24, 640);
}

#[test]
#[ignore = "minutes: the same over many more seeds"]
fn many_streams_with_transforms_keep_the_invariants() {
    run_seeds(1_000..3_000, 1_280);
}
