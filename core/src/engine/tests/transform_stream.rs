//! Orders, trades, corrections, transfers and every transform, at random over few names, so that they meet: after
//! every few updates what positions hold is what the orders as shown and the transactions so far say, and a replay and
//! an image end where the engine ended.

use std::collections::BTreeMap;

use super::command::account_of;
use super::transform::operation;
use super::*;
use crate::names::order_key;
use crate::outcome::Booking;
use crate::proto::{ExternalActionType, OperationType, OrderTradeType, TimestampWithTimeZone};

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

/// What transactions booked, by the names that the positions have now.
#[derive(Default)]
struct Books {
    cash: BTreeMap<[String; 3], Dec>,
    stock: BTreeMap<[String; 4], Dec>,
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
            transaction.values.insert("Price".into(), rng.figure(500));
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

impl Books {
    /// What an applied action booked, from the transaction's message and its event.
    fn book(&mut self, table: &Table, action: &proto::ExternalAction) {
        let Some(event) = table.outcome.transaction else { return };
        let names = table.views.names();
        let name = names.account(event.account);
        let (owner, account) = (name.owner.to_string(), name.account.to_string());
        let money = match event.booking {
            Booking::Trade { cash, .. } => {
                let trade = action.trade.as_ref().expect("a trade");
                trade.additional_funds.values().fold(cash, |sum, fund| sum.minus(fund.dec()).unwrap())
            }
            Booking::Adjustment { cash, .. } => cash,
            Booking::CashTransfer => booked(action.cash_transfer.as_ref().expect("a transfer")),
            Booking::AssetTransfer => Dec::ZERO,
        };
        let stock = match event.booking {
            Booking::Trade { stock, .. } | Booking::Adjustment { stock, .. } => stock,
            Booking::AssetTransfer => {
                action.asset_transfer.as_ref().and_then(|asset| asset.value).expect("given").dec()
            }
            Booking::CashTransfer => Dec::ZERO,
        };
        if let Some(instrument) = event.instrument.map(|number| names.instrument(number)) {
            let (exchange, code) = (instrument.exchange.to_string(), instrument.code.to_string());
            add(&mut self.stock, [owner.clone(), account.clone(), exchange, code], stock);
        }
        add(&mut self.cash, [owner, account, names.currency(event.currency).to_owned()], money);
    }

    /// What an applied operation made of the names.
    fn follow(&mut self, operation: &proto::Operation) {
        if operation.r#type == OperationType::UndefineOwner as i32 {
            let owner = &operation.owner_details.as_ref().expect("named").owner_id;
            self.cash.retain(|key, _| key[0] != *owner);
            self.stock.retain(|key, _| key[0] != *owner);
        }
        if let Some(transform) = &operation.transform
            && let Some(new_code) = transform.parameters.get("NewCode")
        {
            let (cash, stock) = (std::mem::take(&mut self.cash), std::mem::take(&mut self.stock));
            let is_symbol = !transform.exchange.is_empty();
            for (mut key, sum) in cash {
                if !is_symbol && key[2] == transform.code {
                    key[2].clone_from(new_code);
                }
                add(&mut self.cash, key, sum);
            }
            for (mut key, sum) in stock {
                if is_symbol && key[2] == transform.exchange && key[3] == transform.code {
                    key[3].clone_from(new_code);
                }
                add(&mut self.stock, key, sum);
            }
        }
        if let Some(transform) = &operation.account_transform {
            let from = transform.account.as_ref().expect("named");
            self.rename(|owner, account| {
                if [&*owner, &*account] == [&from.owner_id, &from.account_id] {
                    owner.clone_from(&transform.parameters["NewOwner"]);
                    account.clone_from(&transform.parameters["NewAccount"]);
                }
            });
        }
        if let Some(transform) = &operation.owner_transform {
            self.rename(|owner, _| {
                if *owner == transform.owner_id {
                    owner.clone_from(&transform.parameters["NewOwner"]);
                }
            });
        }
    }

    fn rename(&mut self, change: impl Fn(&mut String, &mut String)) {
        let (cash, stock) = (std::mem::take(&mut self.cash), std::mem::take(&mut self.stock));
        for ([mut owner, mut account, currency], sum) in cash {
            change(&mut owner, &mut account);
            add(&mut self.cash, [owner, account, currency], sum);
        }
        for ([mut owner, mut account, exchange, code], sum) in stock {
            change(&mut owner, &mut account);
            add(&mut self.stock, [owner, account, exchange, code], sum);
        }
    }
}

/// What a transfer adds to Balance and UnbookedTransactions together.
fn booked(transfer: &proto::CashTransfer) -> Dec {
    let is_between = transfer.settlement > 1;
    let is_pool = transfer.pool.as_ref().is_some_and(|pool| !pool.is_empty());
    if is_between || is_pool { Dec::ZERO } else { transfer.value.expect("given").dec() }
}

fn add<K: Ord>(sums: &mut BTreeMap<K, Dec>, key: K, value: Dec) {
    let sum = sums.entry(key).or_insert(Dec::ZERO);
    *sum = sum.plus(value).expect("small");
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
        if let Some(operation) = operation.filter(|_| accepted && !table.outcome.is_silent()) {
            books.follow(&operation);
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
