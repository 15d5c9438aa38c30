//! `DueList`: what the passing of time makes due, and when.
//!
//! The engine knows no clock: it says when the next thing is due, and somebody who has a clock records at or after that time
//! what `record::due` makes of it. Only that record takes effect, so that a replay does the same at the same place.
//!
//! Hot path: engine thread. Orders without a time of removal cost nothing here; one with it costs an entry in an ordered
//! set. What is forgotten needs no entries: it becomes due in the order in which it came.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::rows::OrderRow;
use super::state::{FeedRow, State};
use super::{Engine, NANOS_PER_SECOND};
use crate::names::FeedNo;
use crate::proto::ConnectionStatus;

/// Something that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Nanoseconds since 1970 UTC.
    pub at_ns: u64,
    pub kind: DueKind,
}

/// What can be due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DueKind {
    /// Orders are to be removed.
    Removal,
    /// Trades of orders that are gone, or ids, are kept no longer.
    Forgetting,
    /// A feed's status holds no longer.
    FeedExpiry(FeedNo),
    /// Client requests of a feed that is online wait to be delivered, so many of them; at once.
    Dispatch { feed: FeedNo, requests: u32 },
    /// A client request waited too long.
    RequestTimeout,
}

/// Times of things of one kind, each there at most once.
#[derive(Debug, Clone)]
pub(super) struct DueSet<T>(BTreeSet<(u64, T)>);

impl<T> Default for DueSet<T> {
    fn default() -> DueSet<T> {
        DueSet(BTreeSet::new())
    }
}

impl<T: Ord + Copy> DueSet<T> {
    /// Moves a thing from one time to another; 0 is none.
    #[inline]
    pub(super) fn reschedule(&mut self, thing: T, old_ns: u64, new_ns: u64) {
        if old_ns == new_ns {
            return;
        }
        if old_ns != 0 {
            self.0.remove(&(old_ns, thing));
        }
        if new_ns != 0 {
            self.0.insert((new_ns, thing));
        }
    }

    fn first(&self) -> Option<(u64, T)> {
        self.0.first().copied()
    }

    fn collect(entries: impl Iterator<Item = (u64, T)>) -> DueSet<T> {
        DueSet(entries.filter(|(at_ns, _)| *at_ns != 0).collect())
    }
}

/// See the module. Follows from the state and is not part of it.
#[derive(Debug, Clone, Default)]
pub(super) struct DueList {
    /// Orders by number, at their removal.
    pub(super) orders: DueSet<u32>,
    /// Feeds, at the expiry of their status.
    pub(super) feeds: DueSet<FeedNo>,
}

impl Engine {
    /// What is due next, and when. O(log n).
    pub fn next_due(&self) -> Option<Due> {
        let removal = self.next_removal_ns().map(|at_ns| Due { at_ns, kind: DueKind::Removal });
        let forgetting = self.next_prune_ns().map(|at_ns| Due { at_ns, kind: DueKind::Forgetting });
        let expiry = self.state.due.feeds.first();
        let expiry = expiry.map(|(at_ns, feed)| Due { at_ns, kind: DueKind::FeedExpiry(feed) });
        let request = self.next_request_due();
        removal.into_iter().chain(forgetting).chain(expiry).chain(request).min_by_key(|due| due.at_ns)
    }

    /// When the next order is to be removed. O(log n).
    pub fn next_removal_ns(&self) -> Option<u64> {
        self.state.due.orders.first().map(|(due_ns, _)| due_ns)
    }

    /// When a tick will next have something to forget. O(1).
    pub fn next_prune_ns(&self) -> Option<u64> {
        let state = &self.state;
        let gone =
            state.gone_since.peek().map(|Reverse((since_ns, _))| since_ns.saturating_add(state.trade_retention_ns()));
        let oldest_ns = state.applied.oldest_ns();
        let applied = oldest_ns.map(|time_ns| time_ns.saturating_add(state.idempotency_retention_ns()));
        gone.into_iter().chain(applied).chain(state.next_ended_prune_ns()).min()
    }
}

impl State {
    /// When an order is to be removed; 0: never.
    #[inline]
    pub(super) fn due_ns(&self, row: &OrderRow) -> u64 {
        let retention_s = self.settings.completed_order_retention_s;
        if row.remove_ns != 0 || row.completed_ns == 0 || retention_s == 0 {
            return row.remove_ns;
        }
        row.completed_ns.saturating_add(retention_s.saturating_mul(NANOS_PER_SECOND))
    }

    #[inline]
    pub(super) fn schedule(&mut self, number: u32, old_ns: u64, new_ns: u64) {
        self.due.orders.reschedule(number, old_ns, new_ns);
    }

    /// All due times anew: after an image, or a change of what decides them.
    pub(super) fn schedule_all(&mut self) {
        let orders = self.orders.iter().filter_map(|(number, row)| Some((self.due_ns(row?), number)));
        let feeds = (0..).map(FeedNo).zip(&self.feeds).map(|(number, row)| (expiry_ns(row), number));
        self.due = DueList { orders: DueSet::collect(orders), feeds: DueSet::collect(feeds) };
    }

    /// The numbers of the orders that are to be removed at or before an instant, earliest first.
    pub(super) fn orders_due(&self, by_ns: u64) -> Vec<u32> {
        self.due.orders.0.range(..=(by_ns, u32::MAX)).map(|(_, number)| *number).collect()
    }
}

/// When a feed's status expires: only one that is online does; 0: never.
pub(super) fn expiry_ns(row: &FeedRow) -> u64 {
    let online = row.details.as_ref().filter(|details| details.status() == ConnectionStatus::Online);
    online.and_then(|details| details.expire_after?.unix_nanos().ok()).unwrap_or(0)
}
