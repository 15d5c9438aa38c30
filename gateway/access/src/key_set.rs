//! `KeySet`: the public keys of an issuer, read from a JSON Web Key Set.

use std::fmt;

use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::refusal::Reason;
use crate::token::Token;

/// Keys read of a set. A token without a key id is tried with each that fits: this bounds its cost.
const KEYS_MAX: usize = 64;

/// See the module.
pub(crate) struct KeySet {
    keys: Vec<Key>,
}

impl KeySet {
    /// Keys that cannot verify a signature (encryption keys, shared secrets, curves not implemented) are left out.
    ///
    /// # Errors
    /// In words, if this is no key set at all.
    pub(crate) fn read(json: &[u8]) -> Result<KeySet, String> {
        // serde's text may quote the document.
        let unreadable = |error: serde_json::Error| {
            format!("no JSON Web Key Set: unreadable at line {}, column {}", error.line(), error.column())
        };
        let set: Set<'_> = serde_json::from_slice(json).map_err(unreadable)?;
        let keys = set.keys.iter().filter_map(|key| Key::read(key.get())).take(KEYS_MAX).collect();
        Ok(KeySet { keys })
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether a key of the set signed this token.
    pub(crate) fn verify(&self, token: &Token<'_>) -> Result<(), Reason> {
        let named = || self.keys.iter().filter(|key| token.kid.is_none() || key.kid == token.kid);
        if named().next().is_none() {
            return Err(Reason::KeyUnknown);
        }
        let mut fitting = named().filter(|key| key.fits(token.algorithm)).peekable();
        if fitting.peek().is_none() {
            return Err(Reason::KeyAlgorithm);
        }
        if fitting.any(|key| key.verifies(token)) { Ok(()) } else { Err(Reason::TokenSignature) }
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| (&key.kid, key.kind))).finish()
    }
}

struct Key {
    kid: Option<String>,
    kind: Kind,
    /// The only permitted algorithm, where the issuer names one.
    algorithm: Option<Algorithm>,
    public: DecodingKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl Key {
    fn read(json: &str) -> Option<Key> {
        let key: Jwk = serde_json::from_str(json).ok()?;
        if !key.is_for_signatures() {
            return None;
        }
        let algorithm = match &key.alg {
            None => None,
            Some(name) => Some(name.parse().ok()?),
        };
        let (kind, public) = key.public()?;
        Some(Key { kid: key.kid, kind, algorithm, public })
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        let is_of_kind = match self.kind {
            Kind::Rsa => algorithm.family() == AlgorithmFamily::Rsa,
            Kind::P256 => algorithm == Algorithm::ES256,
            Kind::P384 => algorithm == Algorithm::ES384,
            Kind::Ed25519 => algorithm == Algorithm::EdDSA,
        };
        is_of_kind && self.algorithm.is_none_or(|own| own == algorithm)
    }

    fn verifies(&self, token: &Token<'_>) -> bool {
        jsonwebtoken::crypto::verify(token.signature, token.message.as_bytes(), &self.public, token.algorithm)
            .unwrap_or(false)
    }
}

#[derive(Deserialize)]
struct Set<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

/// Members of a key that matter (RFC 7517, 7518, 8037).
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    r#use: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Jwk {
    fn is_for_signatures(&self) -> bool {
        let is_used = self.r#use.as_deref().is_none_or(|used| used == "sig");
        is_used && self.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|one| one == "verify"))
    }

    fn public(&self) -> Option<(Kind, DecodingKey)> {
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", None) => {
                Some((Kind::Rsa, DecodingKey::from_rsa_components(self.n.as_ref()?, self.e.as_ref()?).ok()?))
            }
            ("EC", Some("P-256")) => Some((Kind::P256, self.point()?)),
            ("EC", Some("P-384")) => Some((Kind::P384, self.point()?)),
            ("OKP", Some("Ed25519")) => Some((Kind::Ed25519, DecodingKey::from_ed_components(self.x.as_ref()?).ok()?)),
            _ => None,
        }
    }

    fn point(&self) -> Option<DecodingKey> {
        DecodingKey::from_ec_components(self.x.as_ref()?, self.y.as_ref()?).ok()
    }
}
