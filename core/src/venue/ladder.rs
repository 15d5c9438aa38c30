//! The prices of one side, best first, each with its queue of orders.
//!
//! A price becomes a key that is lower the better it is, so that both sides are one code and "no order" is the highest
//! key. Sixty-four neighbouring keys are a page: their levels lie side by side, 16 bytes each. A level's number is its
//! page's leaf and its place on it, so that from a price near the touch to its level is one look at the leaves used
//! lately, and from an order to its level none at all. The best level is known at all times.
//!
//! Invariants: a bit of a leaf is set exactly where a level has orders; leaves without bits do not stay; `total` is the
//! sum of its orders, `open` that of all levels.

use super::arena::{Arena, NO_SLOT, NONE, Order};
use super::trie::{FANOUT, NO_PAGE, Trie, bits_above};

/// Leaves remembered by the low bits of their page: neighbours never drive each other out.
const RECENT: usize = 256;
/// The key of an empty ladder's best price; a legal price's is lower.
pub(super) const NO_KEY: u64 = u64::MAX;

/// The orders at one price, first in first out.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(16))]
pub(super) struct Level {
    pub total: u64,
    pub head: u32,
    pub tail: u32,
}

const _: () = assert!(size_of::<Level>() == 16);

impl Level {
    pub(super) const EMPTY: Level = Level { total: 0, head: NO_SLOT, tail: NO_SLOT };
}

#[derive(Debug, Clone)]
pub(super) struct Ladder {
    flip: u64,
    pub best: u64,
    pub best_level: u32,
    /// The sum of all open quantities.
    pub open: u64,
    pub levels: Vec<Level>,
    recent: Box<[u32; RECENT]>,
    trie: Trie,
}

impl Ladder {
    pub(super) fn lowest_first(pages_max: u32) -> Ladder {
        Ladder::new(1 << 63, pages_max)
    }

    pub(super) fn highest_first(pages_max: u32) -> Ladder {
        Ladder::new(!(1 << 63), pages_max)
    }

    fn new(flip: u64, pages_max: u32) -> Ladder {
        Ladder {
            flip,
            best: NO_KEY,
            best_level: NONE,
            open: 0,
            levels: Vec::new(),
            recent: Box::new([NONE; RECENT]),
            trie: Trie::new(pages_max),
        }
    }

    pub(super) fn set_pages_max(&mut self, pages_max: u32) {
        self.trie.set_leaves_max(pages_max);
    }

    #[inline]
    pub(super) fn key(&self, price: i64) -> u64 {
        price as u64 ^ self.flip
    }

    #[inline]
    pub(super) fn price(&self, key: u64) -> i64 {
        (key ^ self.flip) as i64
    }

    #[inline]
    pub(super) fn key_of(&self, level: u32) -> u64 {
        self.trie.leaves[(level / FANOUT) as usize].page * u64::from(FANOUT) + u64::from(level % FANOUT)
    }

    /// The price of an occupied level.
    #[inline]
    pub(super) fn price_of(&self, level: u32) -> i64 {
        self.price(self.key_of(level))
    }

    /// The open quantity at a key.
    #[inline]
    pub(super) fn total_at(&self, key: u64) -> u64 {
        let page = key / u64::from(FANOUT);
        match self.recent_leaf(page).or_else(|| self.trie.find(page)) {
            Some(leaf) => self.levels[level_on(leaf, key) as usize].total,
            None => 0,
        }
    }

    /// The level of a key, whose page is made if there is none. `None` if there may be no more pages.
    #[inline]
    pub(super) fn level_at(&mut self, key: u64) -> Option<u32> {
        let page = key / u64::from(FANOUT);
        let leaf = match self.recent_leaf(page) {
            Some(leaf) => leaf,
            None => self.obtain_leaf(page)?,
        };
        Some(level_on(leaf, key))
    }

    #[inline]
    fn recent_leaf(&self, page: u64) -> Option<u32> {
        let leaf = self.recent[page as usize % RECENT];
        self.trie.leaves.get(leaf as usize).is_some_and(|found| found.page == page).then_some(leaf)
    }

    fn obtain_leaf(&mut self, page: u64) -> Option<u32> {
        debug_assert!(page != NO_PAGE);
        let leaf = self.trie.obtain(page)?;
        self.recent[page as usize % RECENT] = leaf;
        let levels = (leaf as usize + 1) * FANOUT as usize;
        if self.levels.len() < levels {
            self.levels.resize(levels, Level::EMPTY);
        }
        Some(leaf)
    }

    /// Puts an order, whose level this is, behind all others of it.
    #[inline]
    pub(super) fn enqueue(&mut self, orders: &mut Arena, level: u32, slot: u32) {
        let queue = &mut self.levels[level as usize];
        let tail = queue.tail;
        let order = &mut orders[slot];
        (order.prev, order.next) = (tail, NO_SLOT);
        queue.tail = slot;
        queue.total += order.left;
        queue.head = if tail == NO_SLOT { slot } else { queue.head };
        self.open += order.left;
        orders[tail].next = slot;
        self.occupy(level);
    }

    /// Takes an order out of its queue, wherever it stands.
    #[inline]
    pub(super) fn unlink(&mut self, orders: &mut Arena, slot: u32) {
        let Order { left, place, next, prev, .. } = orders[slot];
        let level = place.level();
        let queue = &mut self.levels[level as usize];
        queue.total -= left;
        queue.tail = if next == NO_SLOT { prev } else { queue.tail };
        queue.head = if prev == NO_SLOT { next } else { queue.head };
        self.open -= left;
        orders[next].prev = prev;
        orders[prev].next = next;
        let is_empty = next | prev == NO_SLOT;
        self.vacate_if(is_empty, level);
    }

    /// Takes this much off an order that stays.
    #[inline]
    pub(super) fn reduce(&mut self, orders: &mut Arena, slot: u32, quantity: u64) {
        let order = &mut orders[slot];
        debug_assert!(order.left > quantity);
        order.left -= quantity;
        self.levels[order.place.level() as usize].total -= quantity;
        self.open -= quantity;
    }

    #[inline]
    fn occupy(&mut self, level: u32) {
        let leaf = &mut self.trie.leaves[(level / FANOUT) as usize];
        leaf.bits |= 1 << (level % FANOUT);
        let key = leaf.page * u64::from(FANOUT) + u64::from(level % FANOUT);
        if key < self.best {
            (self.best, self.best_level) = (key, level);
        }
    }

    /// A level whose queue is empty stops being a price. Its bit is written in any case: whether a queue is empty is
    /// anybody's guess, a processor's too, and that it was the best one or the last of its page is rare.
    #[inline]
    pub(super) fn vacate_if(&mut self, is_empty: bool, level: u32) {
        let number = level / FANOUT;
        let leaf = &mut self.trie.leaves[number as usize];
        leaf.bits &= !(u64::from(is_empty) << (level % FANOUT));
        let bits = leaf.bits;
        if bits == 0 {
            self.drop_leaf(number, level);
        } else if is_empty & (level == self.best_level) {
            let at = bits.trailing_zeros();
            self.best = leaf.page * u64::from(FANOUT) + u64::from(at);
            self.best_level = number * FANOUT + at;
        }
    }

    fn drop_leaf(&mut self, leaf: u32, level: u32) {
        let next = self.trie.remove(leaf);
        if level != self.best_level {
            return;
        }
        self.best_level = next.map_or(NONE, |leaf| self.first_of(leaf));
        self.best = if next.is_none() { NO_KEY } else { self.key_of(self.best_level) };
    }

    fn first_of(&self, leaf: u32) -> u32 {
        leaf * FANOUT + self.trie.leaves[leaf as usize].bits.trailing_zeros()
    }

    /// The next occupied level after an occupied one.
    #[inline]
    pub(super) fn after(&self, level: u32) -> Option<u32> {
        let leaf = level / FANOUT;
        let later = self.trie.leaves[leaf as usize].bits & bits_above(level % FANOUT);
        if later != 0 {
            return Some(leaf * FANOUT + later.trailing_zeros());
        }
        self.trie.after(leaf).map(|leaf| self.first_of(leaf))
    }

    /// Occupied levels, best first.
    pub(super) fn occupied(&self) -> impl Iterator<Item = u32> {
        let first = (self.best != NO_KEY).then_some(self.best_level);
        std::iter::successors(first, |level| self.after(*level))
    }
}

#[inline]
fn level_on(leaf: u32, key: u64) -> u32 {
    leaf * FANOUT + key as u32 % FANOUT
}
