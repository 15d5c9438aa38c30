//! Live orders side by side in memory, 32 bytes each, two to a cache line.
//!
//! A slot is an order's index here for as long as it lives, whatever becomes of its price. Freed slots are used again,
//! last freed first, so that the memory in use is the memory in cache.

/// Stands for "no level", "no leaf".
pub(super) const NONE: u32 = u32::MAX;
/// Stands for "no slot". There is an order in it, which is nobody's: the neighbours of an order can be written without
/// asking whether there are any.
pub(super) const NO_SLOT: u32 = 0;

/// An order on a ladder. What is needed of few orders only (stops, expiries) lies in `Details`, by slot.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(32))]
pub(super) struct Order {
    pub id: u64,
    pub left: u64,
    pub account: u32,
    pub place: Place,
    /// The order behind it at its price; of a free slot, the next free one.
    pub next: u32,
    /// The order before it at its price.
    pub prev: u32,
}

const _: () = assert!(size_of::<Order>() == 32);

/// Where an order stands and how it ends: level (28 bits), ladder (2), term (2).
#[derive(Debug, Clone, Copy)]
pub(super) struct Place(u32);

/// What ends an order besides fills and cancels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Term {
    Open,
    Day,
    /// The instant lies in `Details`.
    Instant,
}

impl Place {
    #[inline]
    pub(super) fn new(level: u32, ladder: usize, term: Term) -> Place {
        debug_assert!(level < 1 << 28 && ladder < 4);
        Place(level << 4 | (ladder as u32) << 2 | term as u32)
    }

    #[inline]
    pub(super) fn level(self) -> u32 {
        self.0 >> 4
    }

    #[inline]
    pub(super) fn ladder(self) -> usize {
        (self.0 >> 2 & 3) as usize
    }

    #[inline]
    pub(super) fn term(self) -> Term {
        match self.0 & 3 {
            0 => Term::Open,
            1 => Term::Day,
            _ => Term::Instant,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Arena {
    orders: Vec<Order>,
    free: u32,
    live: u32,
}

impl Arena {
    pub(super) fn new() -> Arena {
        let nobody = Order { id: 0, left: 0, account: 0, place: Place(0), next: NO_SLOT, prev: NO_SLOT };
        Arena { orders: vec![nobody], free: NO_SLOT, live: 0 }
    }

    pub(super) fn reserve(&mut self, orders: usize) {
        self.orders.reserve((orders + 1).saturating_sub(self.orders.len()));
    }

    #[inline]
    pub(super) fn live(&self) -> u32 {
        self.live
    }

    /// Slots that have ever been in use.
    pub(super) fn slots(&self) -> usize {
        self.orders.len()
    }

    #[inline]
    pub(super) fn take(&mut self, order: Order) -> u32 {
        self.live += 1;
        let slot = self.free;
        if slot == NO_SLOT {
            self.orders.push(order);
            return (self.orders.len() - 1) as u32;
        }
        let place = &mut self.orders[slot as usize];
        self.free = place.next;
        *place = order;
        slot
    }

    #[inline]
    pub(super) fn free(&mut self, slot: u32) {
        self.orders[slot as usize].next = self.free;
        self.free = slot;
        self.live -= 1;
    }
}

impl std::ops::Index<u32> for Arena {
    type Output = Order;

    #[inline]
    fn index(&self, slot: u32) -> &Order {
        &self.orders[slot as usize]
    }
}

impl std::ops::IndexMut<u32> for Arena {
    #[inline]
    fn index_mut(&mut self, slot: u32) -> &mut Order {
        &mut self.orders[slot as usize]
    }
}
