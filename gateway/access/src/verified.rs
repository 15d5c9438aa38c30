//! `VerifiedTokens`: tokens that were verified, until they expire. A token is kept as its hash, never as itself.
//!
//! Bounded: two halves, of which the elder is dropped whole when the younger is full; an entry that is used moves to the
//! younger. Only verified tokens enter, so that nobody without one can push others out.

use std::collections::HashMap;
use std::sync::Arc;

use crate::issuer_keys::Held;
use crate::source::Source;

/// See the module.
pub(crate) struct VerifiedTokens {
    young: HashMap<TokenHash, Arc<Verified>>,
    old: HashMap<TokenHash, Arc<Verified>>,
    /// Entries of each half.
    half: usize,
}

/// Cryptographic: two tokens of one hash would be two callers of one identity.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TokenHash([u8; 32]);

impl TokenHash {
    pub(crate) fn of(token: &str) -> TokenHash {
        TokenHash(*blake3::hash(token.as_bytes()).as_bytes())
    }
}

/// The result of verifying a token.
pub(crate) struct Verified {
    pub(crate) source: Arc<Source>,
    pub(crate) keys: Arc<Held>,
    /// Code of the identity.
    pub(crate) identity: Box<str>,
    pub(crate) expires_ns: u64,
}

impl VerifiedTokens {
    pub(crate) fn new(entries_max: usize) -> VerifiedTokens {
        VerifiedTokens { young: HashMap::new(), old: HashMap::new(), half: (entries_max / 2).max(1) }
    }

    pub(crate) fn get(&mut self, hash: TokenHash) -> Option<Arc<Verified>> {
        if let Some(verified) = self.young.get(&hash) {
            return Some(verified.clone());
        }
        let verified = self.old.remove(&hash)?;
        self.insert(hash, verified.clone());
        Some(verified)
    }

    pub(crate) fn insert(&mut self, hash: TokenHash, verified: Arc<Verified>) {
        if self.young.len() >= self.half && !self.young.contains_key(&hash) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(hash, verified);
    }

    pub(crate) fn remove(&mut self, hash: TokenHash) {
        self.young.remove(&hash);
        self.old.remove(&hash);
    }

    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}
