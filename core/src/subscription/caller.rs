//! `Caller`: who asks, from the moment that the hub lets a request in until its last byte is sent.
//!
//! Every answer, event, snapshot and history asks [`Caller::may_see`] of what it would show. Tokens and permissions do
//! not exist yet: every caller that was let in may see everything.

use super::Subject;
use crate::names::{AccountNo, FeedNo, InstrumentNo, Names};

/// See the module. Goes into the frames of what its bearer writes, as their identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Caller {
    identity: u32,
}

impl Caller {
    /// The hub itself, and every client while no identities are checked.
    pub const SYSTEM: Caller = Caller { identity: 0 };

    /// As frames of the record name it.
    pub const fn identity(self) -> u32 {
        self.identity
    }

    /// Whether it may be shown a record, or an event about it.
    #[inline]
    pub fn may_see(self, names: &Names, about: About<'_>) -> bool {
        let _ = (names, about);
        self.sees_all()
    }

    /// Whether there is nothing that it may not see: filters then need not look at records.
    #[inline]
    pub const fn sees_all(self) -> bool {
        let _ = self.identity;
        true
    }
}

/// What a record is about, as far as it decides who may see it.
#[derive(Debug, Clone, Copy)]
pub enum About<'a> {
    /// A position, an order, a trade or a transaction of an account; the instrument where there is one.
    Account(AccountNo, Option<InstrumentNo>),
    Feed(FeedNo),
    /// A definition or a transform.
    Subject(&'a Subject),
}
