//! An owner undefined with all that is attached: definitions, orders, positions, and the trades booked to them.

use super::super::rows::{NO_TRADE, TradeRow};
use super::super::state::State;
use super::super::{Engine, Input};
use crate::metadata::Details;
use crate::names::AccountNo;
use crate::outcome::{MetadataKind, Outcome};
use crate::proto::Operation;
use crate::refusal::Code;

impl Engine {
    pub(super) fn undefine_owner(
        &mut self,
        input: &Input<'_>,
        operation: &Operation,
        out: &mut Outcome,
    ) -> Result<bool, Code> {
        let owner = &*operation.owner_details.as_ref().ok_or(Code::Details)?.owner_id;
        if owner.is_empty() {
            return Err(Code::Owner);
        }
        let accounts: Vec<bool> = self.state.names.accounts.iter().map(|name| *name.owner == *owner).collect();
        let is_owned = |account: AccountNo| accounts[account.index()];
        let is_asked_first = input.stamp.origin.is_rest && !input.stamp.origin.is_forced;
        if is_asked_first && self.is_in_use(is_owned) {
            return Err(Code::OwnerInUse);
        }
        let orders = self.state.orders.iter().filter(|(_, row)| row.is_some_and(|row| is_owned(row.account)));
        let orders: Vec<u32> = orders.map(|(number, _)| number).collect();
        self.require_room(&orders, 1)?;
        let mut changed = self.undefine_owner_records(owner, out);
        // Before the orders go: what they leave then is trades booked to others.
        changed |= self.drop_trades_of(is_owned);
        changed |= !orders.is_empty();
        for number in orders {
            self.state.show_order(number, true, out);
            self.state.remove_order(number);
        }
        changed |= self.empty_positions_of(is_owned, out);
        changed |= self.drop_requests_of(is_owned, out);
        if changed {
            let numbers = accounts.iter().enumerate().filter(|(_, owned)| **owned);
            numbers.for_each(|(number, _)| self.state.free_name(AccountNo(number as u32), input.stamp.sequence));
        }
        Ok(changed)
    }

    /// Whether an order is open or a position is not zero.
    fn is_in_use(&self, is_owned: impl Fn(AccountNo) -> bool) -> bool {
        let state = &self.state;
        let mut orders = state.orders.iter().filter_map(|(_, row)| row);
        let mut cash = state.cash.iter().filter_map(|(_, row)| row);
        let mut holdings = state.holdings.iter().filter_map(|(_, row)| row);
        orders.any(|row| is_owned(row.account) && !row.completed)
            || cash.any(|row| is_owned(row.account) && !(row.figures.is_zero() && row.pools.is_empty()))
            || holdings.any(|row| is_owned(row.account) && !row.is_zero())
    }

    fn undefine_owner_records(&mut self, owner: &str, out: &mut Outcome) -> bool {
        let accounts = self.state.metadata.all_under(MetadataKind::Account, owner);
        let accounts: Vec<String> = accounts.map(|record| record.details.key().1.to_owned()).collect();
        let mut changed = self.undefine(Details::of_key(MetadataKind::Owner, owner, ""), out);
        for account in accounts {
            changed |= self.undefine(Details::of_key(MetadataKind::Account, owner, &account), out);
        }
        changed
    }

    /// Trades booked to the owner's positions: there is nothing left to correct. Those of its orders that were booked to
    /// others, before the order moved, stay.
    fn drop_trades_of(&mut self, is_owned: impl Fn(AccountNo) -> bool) -> bool {
        let state = &mut self.state;
        let is_booked_here = |row: &TradeRow| is_owned(state.cash.get(row.cash).account);
        let trades: Vec<bool> = state.trades.iter().map(|(_, row)| row.is_some_and(is_booked_here)).collect();
        state.unhang(&trades);
        for (number, _) in trades.iter().enumerate().filter(|(_, goes)| **goes) {
            let row = state.trades.remove(number as u32);
            state.trade_numbers.remove(row.key);
            row.fund_entries.into_iter().for_each(|entries| state.bytes.remove(entries));
            state.rehash(row.hash, 0);
        }
        trades.contains(&true)
    }

    fn empty_positions_of(&mut self, is_owned: impl Fn(AccountNo) -> bool, out: &mut Outcome) -> bool {
        let events_before = out.balances.len() + out.holdings.len();
        for number in 0..self.state.cash.numbers() {
            if is_owned(self.state.cash.get(number).account) {
                self.empty_cash(number, out);
            }
        }
        for number in 0..self.state.holdings.numbers() {
            if is_owned(self.state.holdings.get(number).account) {
                self.empty_holding(number, out);
            }
        }
        out.balances.len() + out.holdings.len() > events_before
    }
}

impl State {
    /// Takes trades out of the chains that they hang on. `goes` is by trade number.
    fn unhang(&mut self, goes: &[bool]) {
        for number in 0..self.orders.numbers() {
            if let Some(last_trade) = self.orders.find(number).map(|row| row.last_trade) {
                self.orders.get_mut(number).last_trade = self.chain_without(last_trade, goes);
            }
        }
        for number in 0..self.gone.numbers() {
            if let Some(last_trade) = self.gone.find(number).map(|gone| gone.last_trade) {
                self.gone.get_mut(number).last_trade = self.chain_without(last_trade, goes);
            }
        }
    }

    /// A chain with only those that stay; its first trade.
    fn chain_without(&mut self, last_trade: u32, goes: &[bool]) -> u32 {
        let (mut first, mut kept, mut next) = (NO_TRADE, NO_TRADE, last_trade);
        while next != NO_TRADE {
            let previous = self.trades.get(next).previous;
            if !goes[next as usize] {
                if kept == NO_TRADE {
                    first = next;
                } else {
                    self.trades.get_mut(kept).previous = next;
                }
                kept = next;
            }
            next = previous;
        }
        if kept != NO_TRADE {
            self.trades.get_mut(kept).previous = NO_TRADE;
        }
        first
    }
}
