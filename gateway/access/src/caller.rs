//! `Caller`: an identity as a request or connection acts for it, with the permissions of the moment it was admitted.

use std::ops::Deref;
use std::sync::Arc;

use crate::identity::Identity;

/// See the module. Holds no token.
#[derive(Debug, Clone)]
pub struct Caller {
    identity: Arc<Identity>,
    standing: Standing,
    expires_ns: Option<u64>,
}

/// The ground on which it was admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// No identity source is registered.
    Unchecked,
    /// A token, whose identity has no permissions.
    Unregistered,
    /// A token. `life` distinguishes an identity from a later one of the same name, registered after its removal.
    Registered { life: u64 },
}

impl Caller {
    pub(crate) fn new(identity: Arc<Identity>, standing: Standing, expires_ns: Option<u64>) -> Caller {
        Caller { identity, standing, expires_ns }
    }

    pub fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// Whether it has permissions.
    pub fn is_registered(&self) -> bool {
        self.standing != Standing::Unregistered
    }

    /// When its connections are to be closed, leeway included, in nanoseconds since 1970 UTC; none: never.
    pub fn expires_ns(&self) -> Option<u64> {
        self.expires_ns
    }

    pub(crate) fn standing(&self) -> Standing {
        self.standing
    }
}

impl Deref for Caller {
    type Target = Identity;

    fn deref(&self) -> &Identity {
        &self.identity
    }
}
