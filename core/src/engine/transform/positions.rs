//! Positions that a transform writes: merged, given back to, or emptied. Each event once, with what the record is then.

use std::collections::BTreeMap;

use super::super::rows::{CashFigures, CashRow, HoldingRow, OrderRow, Pools};
use super::super::state::State;
use super::super::{Engine, cash_event, holding_event};
use crate::dec::{Dec, OutOfRange};
use crate::names::CurrencyNo;
use crate::outcome::Outcome;

/// All four figures and every pool of one position added to another's.
pub(super) fn merged_cash(into: &CashRow, from: &CashRow) -> Result<(CashFigures, Pools), OutOfRange> {
    let figures = CashFigures {
        balance: into.figures.balance.plus(from.figures.balance)?,
        unbooked: into.figures.unbooked.plus(from.figures.unbooked)?,
        unfilled_buys: into.figures.unfilled_buys.plus(from.figures.unfilled_buys)?,
        margin: into.figures.margin.plus(from.figures.margin)?,
    };
    let mut pools: BTreeMap<&str, Dec> = into.pools.iter().map(|(pool, value)| (&**pool, *value)).collect();
    for (pool, value) in &from.pools {
        let sum = pools.entry(pool).or_insert(Dec::ZERO);
        *sum = sum.plus(*value)?;
    }
    let pools = pools.into_iter().filter(|(_, value)| !value.is_zero());
    Ok((figures, pools.map(|(pool, value)| (pool.into(), value)).collect()))
}

/// Quantities and costs add: the average is weighted by quantity. No cost where currencies differ, or where one
/// position that holds something has none. The account and the instrument are those of `into`.
pub(super) fn merged_holding(into: &HoldingRow, from: &HoldingRow) -> Result<HoldingRow, OutOfRange> {
    let quantity = into.quantity.plus(from.quantity)?;
    let unfilled_sells = into.unfilled_sells.plus(from.unfilled_sells)?;
    let unknown = CurrencyNo::default();
    let either = if into.currency == unknown { from.currency } else { into.currency };
    let (cost, currency) = match (into.quantity.is_zero(), from.quantity.is_zero()) {
        (true, true) => (None, either),
        (false, true) => (into.cost, into.currency),
        (true, false) => (from.cost, from.currency),
        (false, false) => {
            let differ = from.currency != unknown && from.currency != either;
            let costs = into.cost.zip(from.cost).filter(|_| !differ);
            (costs.map(|(into, from)| into.plus(from)).transpose()?, either)
        }
    };
    let cost = cost.filter(|_| !quantity.is_zero());
    Ok(HoldingRow { quantity, unfilled_sells, cost, currency, ..*into })
}

/// What positions hold back, as it will be once a transform is through with its orders.
#[derive(Default)]
pub(super) struct Reservations {
    pub(super) unfilled_buys: BTreeMap<u32, Dec>,
    pub(super) unfilled_sells: BTreeMap<u32, Dec>,
}

impl Reservations {
    /// Exchanges what an order held back for what it will.
    pub(super) fn exchange(&mut self, state: &State, row: &OrderRow, cash: Dec, stock: Dec) -> Result<(), OutOfRange> {
        if row.reserved_cash != cash {
            let present = || state.cash.get(row.cash).figures.unfilled_buys;
            let held = self.unfilled_buys.entry(row.cash).or_insert_with(present);
            *held = held.plus(row.reserved_cash)?.minus(cash)?;
        }
        if row.reserved_stock != stock {
            let present = || state.holdings.get(row.holding).unfilled_sells;
            let held = self.unfilled_sells.entry(row.holding).or_insert_with(present);
            *held = held.plus(row.reserved_stock)?.minus(stock)?;
        }
        Ok(())
    }
}

impl Engine {
    pub(super) fn put_reservations(&mut self, reservations: &Reservations, out: &mut Outcome) {
        for (number, unfilled_buys) in &reservations.unfilled_buys {
            self.state.cash.get_mut(*number).figures.unfilled_buys = *unfilled_buys;
            self.tell_cash(*number, out);
        }
        for (number, unfilled_sells) in &reservations.unfilled_sells {
            let row = *self.state.holdings.get(*number);
            self.put_holding(*number, HoldingRow { unfilled_sells: *unfilled_sells, ..row }, out);
        }
    }

    pub(super) fn put_cash(&mut self, number: u32, figures: CashFigures, pools: Pools, out: &mut Outcome) {
        let row = self.state.cash.get_mut(number);
        (row.figures, row.pools) = (figures, pools);
        self.tell_cash(number, out);
    }

    /// The event of a cash position that was written, and its hash; none if it says what it said.
    fn tell_cash(&mut self, number: u32, out: &mut Outcome) {
        let row = self.state.cash.get(number);
        let (old, new) = (row.hash, self.state.hash_of_cash(row));
        if old == new {
            return;
        }
        self.state.cash.get_mut(number).hash = new;
        self.state.rehash(old, new);
        out.balances.push(cash_event(number, self.state.cash.get(number), &mut self.scratch, &mut out.bytes));
    }

    pub(super) fn put_holding(&mut self, number: u32, row: HoldingRow, out: &mut Outcome) {
        let (old, new) = (self.state.holdings.get(number).hash, self.state.hash_of_holding(&row));
        // A record at zero is dropped, and its currency with it.
        let currency = if row.is_zero() { CurrencyNo::default() } else { row.currency };
        *self.state.holdings.get_mut(number) = HoldingRow { hash: new, currency, ..row };
        if old != new {
            self.state.rehash(old, new);
            out.holdings.push(holding_event(number, &row));
        }
    }

    /// Leaves nothing in a cash position.
    pub(super) fn empty_cash(&mut self, number: u32, out: &mut Outcome) {
        self.put_cash(number, CashFigures::default(), Pools::new(), out);
    }

    /// Leaves nothing in an asset position.
    pub(super) fn empty_holding(&mut self, number: u32, out: &mut Outcome) {
        let row = *self.state.holdings.get(number);
        let (quantity, unfilled_sells, cost) = (Dec::ZERO, Dec::ZERO, None);
        self.put_holding(number, HoldingRow { quantity, unfilled_sells, cost, ..row }, out);
    }
}
