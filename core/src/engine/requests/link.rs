//! Orders and the requests that led to them: an order that appears with a RequestID, and one that is rejected.
//!
//! Hot path: engine thread. A look-up for each order action with a RequestID, and that only while any request is active.

use super::bytes::{Errors, Facts, keep_changed};
use super::life::Happening;
use super::{RequestRow, keep_hub_update};
use crate::engine::{Engine, Input, executed_at};
use crate::names::{AccountNo, request_key};
use crate::outcome::Outcome;
use crate::proto::{ExternalActionType, OrderUpdateReason};

impl Engine {
    /// Notes that an order was reported with a RequestID. `order` is the order's key.
    #[inline]
    pub(in crate::engine) fn note_order(
        &mut self,
        account: AccountNo,
        order: u128,
        input: &Input<'_>,
        out: &mut Outcome,
    ) {
        if self.state.requests.rows.live() > 0 && !input.request.action.order.request_id.is_empty() {
            self.link_order(account, order, input, out);
        }
    }

    fn link_order(&mut self, account: AccountNo, order: u128, input: &Input<'_>, out: &mut Outcome) {
        let action = &input.request.action;
        let id = action.order.request_id.of(input.bytes);
        let key = request_key(self.state.names.account(account).hash, id);
        let Some(number) = self.state.requests.get(key) else { return };
        let is_update = action.r#type == ExternalActionType::Update as i32;
        if is_update && action.update.reason == OrderUpdateReason::Rejected as i32 {
            return self.reject_with_order(number, input, out);
        }
        let row = *self.state.requests.rows.get(number);
        if row.order != order {
            // Shown with the request's next state: the order itself is shown now.
            self.state.set_request(number, RequestRow { order, ..row });
        }
    }

    fn reject_with_order(&mut self, number: u32, input: &Input<'_>, out: &mut Outcome) {
        let Some(phase) = self.follow(number, Happening::Reject) else { return };
        let (bytes, order) = (input.bytes, &input.request.action.order);
        let old = *self.state.requests.rows.get(number);
        let facts = Facts {
            order_id: Some(order.order_id.of(bytes)),
            status: Some(phase.code().as_bytes()),
            errors: Some(Errors::Received(bytes, order.errors, crate::wire::field::order_state::ERRORS)),
            is_completed: true,
            ..Facts::default()
        };
        keep_hub_update(&old, &self.state, &facts, &mut self.scratch, out);
        let stored = self.state.bytes.get(old.state);
        let state = keep_changed(stored, &facts, executed_at(&input.stamp), &mut self.scratch, out);
        self.put_state(number, RequestRow { phase, ..old }, state, out);
    }
}
