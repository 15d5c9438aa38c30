//! What an image does not hold, made of what it does, and whether that hangs together.

use super::ImageError;
use crate::engine::index::Index;
use crate::engine::rows::{CashRow, HoldingRow, NO_TRADE};
use crate::engine::slab::Slab;
use crate::engine::state::{State, position_key};
use crate::names::{AccountNo, CurrencyNo, FeedNo, InstrumentNo, NameKind, name_hash};

/// Rows point at each other by number: an image that was altered must not make the engine panic.
pub(super) fn check_references(state: &State, at: usize) -> Result<(), ImageError> {
    let names = &state.names;
    let account = |no: AccountNo| no.index() < names.accounts.len();
    let instrument = |no: InstrumentNo| no.index() < names.instruments.len();
    let currency = |no: CurrencyNo| no.index() < names.currencies.len();
    // Positions are never taken back.
    let no_gaps = state.cash.free_numbers().is_empty() && state.holdings.free_numbers().is_empty();
    let cash = state.cash.iter().filter_map(|(_, row)| row).all(|row| account(row.account) && currency(row.currency));
    let holdings = state
        .holdings
        .iter()
        .filter_map(|(_, row)| row)
        .all(|row| account(row.account) && instrument(row.instrument) && currency(row.currency));
    let booked = |cash: u32, holding: u32| {
        let is_there = cash < state.cash.numbers() && holding < state.holdings.numbers();
        (no_gaps && is_there).then(|| (state.cash.get(cash), state.holdings.get(holding)))
    };
    let orders = state.orders.iter().filter_map(|(_, row)| row).all(|row| {
        let is_of = |(cash, holding): (&CashRow, &HoldingRow)| {
            (cash.account, cash.currency) == (row.account, row.currency)
                && (holding.account, holding.instrument) == (row.account, row.instrument)
        };
        booked(row.cash, row.holding).is_some_and(is_of)
    });
    let trades = state
        .trades
        .iter()
        .filter_map(|(_, row)| row)
        .all(|row| booked(row.cash, row.holding).is_some_and(|(cash, holding)| cash.account == holding.account));
    if no_gaps && cash && holdings && orders && trades { Ok(()) } else { Err(ImageError::Malformed(at)) }
}

/// Every trade hangs on one order, or on what one has left, and on that once: a chain has an end.
pub(super) fn check_chains(state: &State, at: usize) -> Result<(), ImageError> {
    let mut hangs = vec![false; state.trades.numbers() as usize];
    state.trades.free_numbers().iter().for_each(|number| hangs[*number as usize] = true);
    let orders = state.orders.iter().filter_map(|(_, row)| Some(row?.last_trade));
    let gone = state.gone.iter().filter_map(|(_, gone)| Some(gone?.last_trade));
    for last_trade in orders.chain(gone) {
        let mut next = last_trade;
        while next != NO_TRADE {
            match hangs.get_mut(next as usize) {
                Some(hangs) if !*hangs => *hangs = true,
                _ => return Err(ImageError::Malformed(at)),
            }
            next = state.trades.get(next).previous;
        }
    }
    let mut lineages: Vec<u128> = state.gone.iter().filter_map(|(_, gone)| Some(gone?.lineage)).collect();
    lineages.sort_unstable();
    let differ = lineages.windows(2).all(|pair| pair[0] != pair[1]);
    if differ && hangs.into_iter().all(|hangs| hangs) { Ok(()) } else { Err(ImageError::Malformed(at)) }
}

/// No two records have one key.
pub(super) fn check_keys(state: &State, at: usize) -> Result<(), ImageError> {
    let counts = [
        (state.cash_numbers.len(), state.cash.live()),
        (state.holding_numbers.len(), state.holdings.live()),
        (state.order_numbers.len(), state.orders.live()),
        (state.trade_numbers.len(), state.trades.live()),
        (state.requests.keys(), state.requests.rows.live()),
    ];
    if counts.iter().all(|(keys, records)| keys == records) { Ok(()) } else { Err(ImageError::Malformed(at)) }
}

/// Indexes and hashes, from the records.
pub(super) fn rebuild(state: &mut State) {
    for (number, name) in state.names.accounts.iter().enumerate() {
        state.name_numbers.insert(name.hash, number as u32);
    }
    for (number, name) in state.names.instruments.iter().enumerate() {
        state.name_numbers.insert(name.hash, number as u32);
    }
    for (number, code) in state.names.currencies.iter().enumerate().skip(1) {
        state.name_numbers.insert(name_hash(NameKind::Currency, code.as_bytes(), b""), number as u32);
    }
    for (number, name) in state.names.feeds.iter().enumerate().skip(1) {
        state.name_numbers.insert(name_hash(NameKind::Feed, name.as_bytes(), b""), number as u32);
    }
    for number in 0..state.feeds.len() {
        let has_record = state.feeds[number].details.is_some() || !state.feeds[number].configuration.is_empty();
        let hash = if has_record { state.hash_of_feed(FeedNo(number as u32)) } else { 0 };
        state.feeds[number].hash = hash;
        state.rehash(0, hash);
    }
    rehash(state, |state| &mut state.cash, |row| &mut row.hash, State::hash_of_cash);
    rehash(state, |state| &mut state.holdings, |row| &mut row.hash, State::hash_of_holding);
    rehash(state, |state| &mut state.orders, |row| &mut row.hash, State::hash_of_order);
    rehash(state, |state| &mut state.trades, |row| &mut row.hash, State::hash_of_trade);
    state.cash_numbers = numbers_of(&state.cash, |row| position_key(row.account.0, row.currency.0));
    state.holding_numbers = numbers_of(&state.holdings, |row| position_key(row.account.0, row.instrument.0));
    state.order_numbers = numbers_of(&state.orders, |row| row.key);
    state.trade_numbers = numbers_of(&state.trades, |row| row.key);
    state.schedule_all();
    state.rebuild_requests();
    let gone: Vec<u32> = state.gone.iter().filter_map(|(number, gone)| gone.map(|_| number)).collect();
    gone.into_iter().for_each(|number| state.index_gone(number));
}

/// Hashes each record of a slab; meanwhile the state is without that slab.
fn rehash<T>(
    state: &mut State,
    slab: impl Fn(&mut State) -> &mut Slab<T>,
    kept: impl Fn(&mut T) -> &mut u128,
    hash_of: impl Fn(&State, &T) -> u128,
) {
    let mut rows = std::mem::take(slab(state));
    for (_, row) in rows.iter_mut() {
        let hash = hash_of(state, row);
        *kept(row) = hash;
        state.rehash(0, hash);
    }
    *slab(state) = rows;
}

fn numbers_of<T>(rows: &Slab<T>, key: impl Fn(&T) -> u128) -> Index {
    Index::of(rows.iter().filter_map(|(number, row)| Some((key(row?), number))), rows.live())
}
