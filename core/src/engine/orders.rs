//! The table of orders: every write of an order's row goes through here, so that key, hash and removal time agree.
//!
//! Hot path: engine thread.

use super::rows::{NO_TRADE, OrderRow};
use super::state::State;
use crate::names::InstrumentNo;
use crate::outcome::{FormerOrder, OrderEvent, Outcome};
use crate::wire::Span;

impl OrderRow {
    /// The order after an update, its OrderState in the outcome's bytes.
    pub(super) fn event(&self, number: u32, removed: bool, state: Span) -> OrderEvent {
        let OrderRow { key, account, instrument, completed, .. } = *self;
        OrderEvent { number, key, account, instrument, removed, completed, state, former: None }
    }
}

impl State {
    /// Shows an order as it stands: for the last time, where it is about to go.
    pub(super) fn show_order(&self, number: u32, removed: bool, out: &mut Outcome) {
        let row = self.orders.get(number);
        let state = out.keep(self.bytes.get(row.state));
        out.orders.push(row.event(number, removed, state));
    }

    /// An order as it stands, where it is about to go to another exchange.
    pub(super) fn keep_former(&self, number: u32, to: InstrumentNo, out: &mut Outcome) -> Option<FormerOrder> {
        let OrderRow { instrument, state, .. } = *self.orders.get(number);
        let exchange = |no| &self.names.instrument(no).exchange;
        if instrument == to || exchange(instrument) == exchange(to) {
            return None;
        }
        Some(FormerOrder { instrument, state: out.keep(self.bytes.get(state)) })
    }

    /// Adds an order with its state; `state` and `hash` of the row are filled in.
    pub(super) fn insert_order(&mut self, row: OrderRow, bytes: &[u8]) -> u32 {
        let row = OrderRow { state: self.bytes.insert(bytes), last_trade: self.chain_of(&row), ..row };
        let hash = self.hash_of_order(&row);
        self.rehash(0, hash);
        let number = self.orders.insert(OrderRow { hash, ..row });
        self.order_numbers.insert(row.key, number);
        self.schedule(number, 0, self.due_ns(&row));
        number
    }

    /// Puts a row in place of an order's; its bytes are already where the row says. `hash` is filled in. The key may
    /// change: an account that is renamed.
    pub(super) fn set_order(&mut self, number: u32, row: OrderRow) {
        let old = *self.orders.get(number);
        let hash = self.hash_of_order(&row);
        self.rehash(old.hash, hash);
        *self.orders.get_mut(number) = OrderRow { hash, ..row };
        if old.last_trade != row.last_trade && old.last_trade != NO_TRADE {
            // Another order took its place.
            self.leave_chain(old.lineage, old.last_trade, 0);
        }
        if old.key != row.key {
            self.order_numbers.remove(old.key);
            self.order_numbers.insert(row.key, number);
        }
        self.schedule(number, self.due_ns(&old), self.due_ns(&row));
    }

    /// Removes an order, and keeps what it leaves; what it was.
    pub(super) fn remove_order(&mut self, number: u32) -> OrderRow {
        let home = self.home_of(self.orders.get(number));
        let row = self.take_order(number);
        self.leave(&row, home);
        row
    }

    /// Takes an order out that goes on under another key, with its trades; what it was.
    pub(super) fn take_order(&mut self, number: u32) -> OrderRow {
        let row = self.orders.remove(number);
        self.order_numbers.remove(row.key);
        self.bytes.remove(row.state);
        self.rehash(row.hash, 0);
        self.schedule(number, self.due_ns(&row), 0);
        row
    }
}
