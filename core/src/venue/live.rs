//! Everything about live orders but their prices: slots, ids, instants of expiry, what waiting stops become.

use super::arena::{Arena, Order, Term};
use super::ids::Ids;

/// What becomes of an order's rest when nothing more trades at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    Stand,
    StandAtLastFill,
    Cancel,
    /// There is none: the order trades in full or not at all.
    AllOrNothing,
}

/// What few orders need.
#[derive(Debug, Clone, Copy)]
pub(super) struct Detail {
    pub instant: u64,
    /// The price of a waiting stop-limit order.
    pub price: Option<i64>,
    pub rest: Rest,
    heap_at: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Expiry {
    instant: u64,
    id: u64,
    slot: u32,
}

#[derive(Debug, Clone)]
pub(super) struct Live {
    pub orders: Arena,
    ids: Ids,
    /// By slot; as long as the highest slot that needed one.
    details: Vec<Detail>,
    /// A binary heap, earliest first, of exactly the orders that have an instant.
    expiries: Vec<Expiry>,
}

impl Live {
    pub(super) fn new() -> Live {
        Live { orders: Arena::new(), ids: Ids::new(), details: Vec::new(), expiries: Vec::new() }
    }

    pub(super) fn reserve(&mut self, orders: usize) {
        self.orders.reserve(orders);
        self.ids.reserve(orders);
        self.details.reserve(orders.saturating_sub(self.details.len()));
        self.expiries.reserve(orders.saturating_sub(self.expiries.len()));
    }

    #[inline]
    pub(super) fn find(&self, id: u64) -> Option<u32> {
        self.find_entry(id).map(|(slot, _)| slot)
    }

    /// The slot of a live order, and where its id stands: until another id comes or goes.
    #[inline]
    pub(super) fn find_entry(&self, id: u64) -> Option<(u32, usize)> {
        self.ids.find(id, |slot| self.orders[slot].id)
    }

    #[inline]
    pub(super) fn start(&mut self, order: Order) -> u32 {
        let slot = self.orders.take(order);
        self.ids.insert(order.id, slot);
        slot
    }

    /// The order, on no ladder any more, is finished: its slot and its id are free.
    #[inline]
    pub(super) fn finish(&mut self, slot: u32) {
        let entry = self.ids.entry_of(self.orders[slot].id, slot);
        self.finish_entry(slot, entry);
    }

    #[inline]
    pub(super) fn finish_entry(&mut self, slot: u32, entry: usize) {
        self.ids.remove(entry);
        if self.orders[slot].place.term() == Term::Instant {
            self.forget_expiry(slot);
        }
        self.orders.free(slot);
    }

    pub(super) fn detail(&self, slot: u32) -> &Detail {
        &self.details[slot as usize]
    }

    pub(super) fn detail_mut(&mut self, slot: u32) -> &mut Detail {
        let unused = Detail { instant: 0, price: None, rest: Rest::Cancel, heap_at: u32::MAX };
        if self.details.len() <= slot as usize {
            self.details.resize(self.orders.slots(), unused);
        }
        &mut self.details[slot as usize]
    }

    pub(super) fn expire_at(&mut self, slot: u32, instant: u64) {
        self.detail_mut(slot).instant = instant;
        self.expiries.push(Expiry { instant, id: self.orders[slot].id, slot });
        self.rise(self.expiries.len() - 1);
    }

    /// The order that expires first, if that is by `now`.
    pub(super) fn due(&self, now: u64) -> Option<u32> {
        self.expiries.first().filter(|first| first.instant <= now).map(|first| first.slot)
    }

    #[cold]
    fn forget_expiry(&mut self, slot: u32) {
        let at = self.details[slot as usize].heap_at as usize;
        self.expiries.swap_remove(at);
        if at < self.expiries.len() {
            self.rise(at);
            self.sink(at);
        }
    }

    fn rise(&mut self, mut at: usize) {
        while at > 0 && self.expiries[at] < self.expiries[(at - 1) / 2] {
            self.expiries.swap(at, (at - 1) / 2);
            self.note(at);
            at = (at - 1) / 2;
        }
        self.note(at);
    }

    fn sink(&mut self, mut at: usize) {
        loop {
            let children = 2 * at + 1..(2 * at + 3).min(self.expiries.len());
            let Some(least) = children.min_by_key(|child| self.expiries[*child]) else { break };
            if self.expiries[at] < self.expiries[least] {
                break;
            }
            self.expiries.swap(at, least);
            self.note(at);
            at = least;
        }
        self.note(at);
    }

    fn note(&mut self, at: usize) {
        let slot = self.expiries[at].slot;
        self.details[slot as usize].heap_at = at as u32;
    }
}

#[cfg(test)]
mod tests;
