//! Which orders a Transform is about.

use super::super::rows::OrderRow;
use super::super::state::State;
use super::FROM_STATUS;
use super::stored_order::StoredOrder;
use crate::proto::{TimestampWithTimeZone, Transform};
use crate::record::DUE_BY;
use crate::refusal::Code;

/// Of more orders that are due the earliest go first, and the others with the hub's next removal.
const DUE_AT_ONCE_MAX: usize = 250_000;

/// The conditions of a Transform; one that is not given holds for every order.
pub(super) struct Matching<'a> {
    /// By instrument number.
    instruments: Vec<bool>,
    group: &'a str,
    statuses: Vec<&'a str>,
    not_after: Option<TimestampWithTimeZone>,
    due_by_ns: Option<u64>,
}

impl<'a> Matching<'a> {
    pub(super) fn restatement(state: &State, transform: &'a Transform) -> Matching<'a> {
        let meets = |condition: &str, text: &str| condition.is_empty() || condition == text;
        let instruments = state.names.instruments.iter();
        Matching {
            instruments: instruments
                .map(|name| meets(&transform.exchange, &name.exchange) && meets(&transform.code, &name.code))
                .collect(),
            group: &transform.group,
            statuses: transform.parameters.get(FROM_STATUS).map(String::as_str).into_iter().collect(),
            not_after: transform.not_after,
            due_by_ns: None,
        }
    }

    /// A removal names the status too, or else an instant.
    pub(super) fn removal(state: &State, transform: &'a Transform) -> Result<Matching<'a>, Code> {
        let mut matching = Matching::restatement(state, transform);
        match transform.parameters.get(DUE_BY) {
            Some(due_by) => {
                let due_by: TimestampWithTimeZone = due_by.parse().map_err(|_| Code::Data)?;
                matching.due_by_ns = Some(due_by.unix_nanos().map_err(|_| Code::Data)?);
            }
            None => matching.statuses.push(&transform.order_status),
        }
        Ok(matching)
    }

    /// The numbers of the orders that match, rising.
    pub(super) fn orders(&self, state: &State) -> Vec<u32> {
        match self.due_by_ns {
            Some(due_by_ns) => {
                let mut due = state.orders_due(due_by_ns);
                due.retain(|number| self.matches(state, state.orders.get(*number)));
                due.truncate(DUE_AT_ONCE_MAX);
                due.sort_unstable();
                due
            }
            None => {
                let rows = state.orders.iter().filter(|(_, row)| row.is_some_and(|row| self.matches(state, row)));
                rows.map(|(number, _)| number).collect()
            }
        }
    }

    fn matches(&self, state: &State, row: &OrderRow) -> bool {
        if !self.instruments[row.instrument.index()] {
            return false;
        }
        let order = StoredOrder::of(state.bytes.get(row.state));
        let is_in_time = |not_after: TimestampWithTimeZone| {
            let instant = |time: TimestampWithTimeZone| (time.seconds, time.nanoseconds);
            order.timestamp().is_none_or(|time| instant(time) <= instant(not_after))
        };
        (self.group.is_empty() || self.group.as_bytes() == order.group)
            && self.statuses.iter().all(|status| status.as_bytes() == order.status)
            && self.not_after.is_none_or(is_in_time)
    }
}
