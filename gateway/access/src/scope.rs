//! `Scope`: the codes that a list of permissions covers.

use std::collections::BTreeSet;

/// The code that covers every code.
const ALL: &str = "*";

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    All,
    Listed(BTreeSet<Box<str>>),
}

impl Scope {
    /// `*` anywhere in the list covers everything; an empty list covers nothing.
    pub(crate) fn of(codes: &[String]) -> Scope {
        if codes.iter().any(|code| code == ALL) {
            return Scope::All;
        }
        Scope::Listed(codes.iter().map(|code| code.as_str().into()).collect())
    }

    /// As `of`, an empty list covering everything.
    pub(crate) fn of_or_all(codes: &[String]) -> Scope {
        if codes.is_empty() { Scope::All } else { Scope::of(codes) }
    }

    pub(crate) fn covers(&self, code: &str) -> bool {
        match self {
            Scope::All => true,
            Scope::Listed(codes) => codes.contains(code),
        }
    }

    pub(crate) fn covers_all(&self) -> bool {
        matches!(self, Scope::All)
    }
}
