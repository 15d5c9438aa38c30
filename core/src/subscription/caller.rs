//! `Caller`: who asks, from the moment that the hub lets a request in until its last byte is sent.
//!
//! Every answer, event, snapshot and history asks [`Caller::may_see`] about what it would show. Tokens and permissions do
//! not exist yet: a caller that was let in may see everything.

use super::Subject;
use crate::names::{AccountNo, InstrumentNo, Names};

/// See the module. Its identity goes into the frames of what it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Caller {
    identity: u32,
}

/// What a record or an event is about, as far as that decides who may see it.
#[derive(Debug, Clone, Copy)]
pub enum About<'a> {
    /// A position, order, trade or transaction of an account; the instrument where there is one.
    Account(&'a Names, AccountNo, Option<InstrumentNo>),
    Feed(&'a str),
    /// A definition or a transform, or an account by its name.
    Subject(&'a Subject),
}

impl Caller {
    /// The hub itself; and every client, while no identities are checked.
    pub const SYSTEM: Caller = Caller { identity: 0 };

    /// As frames of the record name it.
    pub const fn identity(self) -> u32 {
        self.identity
    }

    /// Whether it may be shown a record, or an event about it.
    #[inline]
    pub fn may_see(self, _about: About<'_>) -> bool {
        self.sees_all()
    }

    /// Whether there is nothing that it may not see: then nobody has to look at records one by one.
    #[inline]
    pub const fn sees_all(self) -> bool {
        true
    }
}
