//! `Chain`: a first-in first-out list through the rows of a slab: joining and leaving cost no allocation.

use crate::engine::slab::Slab;

/// No row.
const NONE: u32 = u32::MAX;

/// A row's neighbours in a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct Link {
    previous: u32,
    next: u32,
}

impl Link {
    pub(in crate::engine) const FREE: Link = Link { previous: NONE, next: NONE };

    pub(super) fn next(self) -> Option<u32> {
        (self.next != NONE).then_some(self.next)
    }
}

/// The two ends of a list, and how many rows are in it.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Chain {
    first: u32,
    last: u32,
    pub(super) len: u32,
}

impl Default for Chain {
    fn default() -> Chain {
        Chain { first: NONE, last: NONE, len: 0 }
    }
}

impl Chain {
    /// The row that joined first of those that are left.
    pub(super) fn first(&self) -> Option<u32> {
        (self.first != NONE).then_some(self.first)
    }

    /// Adds a row at the end. `link` is a row's link of this list.
    pub(super) fn join<T>(&mut self, rows: &mut Slab<T>, number: u32, link: fn(&mut T) -> &mut Link) {
        *link(rows.get_mut(number)) = Link { previous: self.last, next: NONE };
        if self.last == NONE {
            self.first = number;
        } else {
            link(rows.get_mut(self.last)).next = number;
        }
        self.last = number;
        self.len += 1;
    }

    /// Takes a row out.
    pub(super) fn leave<T>(&mut self, rows: &mut Slab<T>, number: u32, link: fn(&mut T) -> &mut Link) {
        let Link { previous, next } = std::mem::replace(link(rows.get_mut(number)), Link::FREE);
        if previous == NONE {
            self.first = next;
        } else {
            link(rows.get_mut(previous)).next = next;
        }
        if next == NONE {
            self.last = previous;
        } else {
            link(rows.get_mut(next)).previous = previous;
        }
        self.len -= 1;
    }
}
