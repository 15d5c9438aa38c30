//! Orders that a restatement did not mention, and orders that have stood long enough.

use super::super::order::reservation;
use super::super::rows::OrderRow;
use super::super::{Engine, Input};
use super::matching::Matching;
use super::positions::Reservations;
use super::stored_order::StoredOrder;
use crate::dec::{Dec, OutOfRange};
use crate::outcome::Outcome;
use crate::proto::Transform;
use crate::record::Rules;
use crate::refusal::Code;
use crate::wire::{OrderState, Span, field};

/// An order as it will be; its new state lies in the outcome's bytes.
struct Restated {
    number: u32,
    row: OrderRow,
    state: Span,
}

impl Engine {
    /// Gives matching orders a status, and what that status says of their completion.
    pub(super) fn restate(
        &mut self,
        input: &Input<'_>,
        transform: &Transform,
        out: &mut Outcome,
    ) -> Result<bool, Code> {
        // A restatement is what a Transform is unless it says otherwise: one that says nothing at all harms nobody.
        let restates = transform.remove_after.is_some() || !transform.text.is_empty();
        if transform.order_status.is_empty() && !(restates && input.stamp.rules >= Rules::V2) {
            return Err(Code::Status);
        }
        let completed_by_instrument = self.completion_by_instrument(&transform.order_status);
        let (mut restated, mut reservations) = (Vec::new(), Reservations::default());
        let orders = Matching::restatement(&self.state, transform).orders(&self.state);
        self.require_room(&orders, 1)?;
        for number in orders {
            let row = self.state.orders.get(number);
            let completed = completed_by_instrument[row.instrument.index()].unwrap_or(row.completed);
            let Some(order) = self.restated(number, completed, input, transform, out)? else { continue };
            let old = self.state.orders.get(number);
            reservations.exchange(&self.state, old, order.row.reserved_cash, order.row.reserved_stock)?;
            restated.push(order);
        }
        let removed = transform.remove_after.is_some_and(|at| at.seconds == 0);
        for order in &restated {
            self.put_restated(order, removed, out);
        }
        self.put_reservations(&reservations, out);
        Ok(!restated.is_empty())
    }

    /// Whether the status completes an order, by instrument number; none where its exchange does not define it, or
    /// where the status stays as it is.
    fn completion_by_instrument(&self, status: &str) -> Vec<Option<bool>> {
        let given = Some(status).filter(|status| !status.is_empty());
        let of_exchange = |exchange: &str| self.state.metadata.is_completed_status(exchange, given?);
        self.state.names.instruments.iter().map(|name| of_exchange(&name.exchange)).collect()
    }

    /// The order with its new state; none if that says what the old one said.
    fn restated(
        &mut self,
        number: u32,
        completed: bool,
        input: &Input<'_>,
        transform: &Transform,
        out: &mut Outcome,
    ) -> Result<Option<Restated>, OutOfRange> {
        use field::order_state as f;
        let row = *self.state.orders.get(number);
        let stored = StoredOrder::of(self.state.bytes.get(row.state));
        let error = transform.text.as_bytes();
        let status = if transform.order_status.is_empty() { stored.status } else { transform.order_status.as_bytes() };
        let same_errors = error.is_empty() || stored.has_only_error(error);
        let same_removal = transform.remove_after.is_none() || transform.remove_after == stored.remove_after();
        if stored.status == status && row.completed == completed && same_errors && same_removal {
            return Ok(None);
        }
        let mut replaced = vec![f::STATUS, f::IS_COMPLETED];
        let w = &mut self.scratch;
        w.clear();
        if let Some(at) = transform.remove_after {
            w.time(f::REMOVE_AFTER, at);
            replaced.push(f::REMOVE_AFTER);
        }
        w.text(f::STATUS, status);
        if !error.is_empty() {
            w.text(f::ERRORS, error);
            replaced.push(f::ERRORS);
        }
        w.boolean(f::IS_COMPLETED, completed);
        let state = self.keep_rewritten(row.state, &replaced, out);
        let mut row = OrderRow { completed, ..row };
        if let Some(at) = transform.remove_after {
            row.remove_ns = at.unix_nanos().unwrap_or(0);
        }
        row.completed_ns = match (completed, row.completed_ns) {
            (false, _) => 0,
            (true, 0) => input.stamp.time_ns,
            (true, since) => since,
        };
        let removed = transform.remove_after.is_some_and(|at| at.seconds == 0);
        let was_completed = self.state.orders.get(number).completed;
        if completed != was_completed || removed {
            (row.reserved_cash, row.reserved_stock) = self.reserved(&row, removed, out.bytes_of(state))?;
        }
        Ok(Some(Restated { number, row, state }))
    }

    /// What an order holds back in its new state: one that is open again, as much as when it was new.
    fn reserved(&self, row: &OrderRow, removed: bool, state: &[u8]) -> Result<(Dec, Dec), OutOfRange> {
        if row.completed || removed {
            return Ok((Dec::ZERO, Dec::ZERO));
        }
        let order = OrderState::decode(state).expect("invariant: a stored OrderState was decoded before");
        let fees = self.outstanding_fees(&order, state, false)?;
        reservation(&order, state, row.executed_quantity, fees)
    }

    fn put_restated(&mut self, order: &Restated, removed: bool, out: &mut Outcome) {
        let Restated { number, row, state } = *order;
        out.orders.push(row.event(number, removed, state));
        if removed {
            self.state.remove_order(number);
        } else {
            let handle = self.state.bytes.replace(row.state, out.bytes_of(state));
            self.state.set_order(number, OrderRow { state: handle, ..row });
        }
    }

    /// Removes matching orders; an open one gives back what it held.
    pub(super) fn remove_matching(&mut self, transform: &Transform, out: &mut Outcome) -> Result<bool, Code> {
        let orders = Matching::removal(&self.state, transform)?.orders(&self.state);
        self.require_room(&orders, 1)?;
        let mut reservations = Reservations::default();
        for number in &orders {
            reservations.exchange(&self.state, self.state.orders.get(*number), Dec::ZERO, Dec::ZERO)?;
        }
        for number in &orders {
            self.state.show_order(*number, true, out);
            self.state.remove_order(*number);
        }
        self.put_reservations(&reservations, out);
        Ok(!orders.is_empty())
    }
}
