//! `Chain`: a first-in first-out list through the rows of a slab: joining and leaving cost no allocation.

/// No row.
pub(in crate::engine) const NONE: u32 = u32::MAX;

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

    /// Adds a row at the end. `link` gives the link of a row in this list.
    pub(super) fn join(&mut self, number: u32, mut link: impl FnMut(u32, &mut dyn FnMut(&mut Link))) {
        let last = self.last;
        link(number, &mut |own| *own = Link { previous: last, next: NONE });
        if last == NONE {
            self.first = number;
        } else {
            link(last, &mut |previous| previous.next = number);
        }
        self.last = number;
        self.len += 1;
    }

    /// Takes a row out.
    pub(super) fn leave(&mut self, number: u32, mut link: impl FnMut(u32, &mut dyn FnMut(&mut Link))) {
        let mut own = Link::FREE;
        link(number, &mut |link| own = std::mem::replace(link, Link::FREE));
        if own.previous == NONE {
            self.first = own.next;
        } else {
            link(own.previous, &mut |previous| previous.next = own.next);
        }
        if own.next == NONE {
            self.last = own.previous;
        } else {
            link(own.next, &mut |next| next.previous = own.previous);
        }
        self.len -= 1;
    }
}
