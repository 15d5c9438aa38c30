//! `Source`: a registered identity source that tokens are verified against.

use std::sync::Arc;

use ordo_core::proto::{IdentityAuthentication, IdentitySource};

use crate::fetch::{FetchError, address};
use crate::issuer_keys::{Held, IssuerKeys, KeySource, Means, discovery_address};
use crate::refusal::Reason;
use crate::token::Token;

/// See the module.
pub(crate) struct Source {
    pub(crate) code: Box<str>,
    issuer: Box<str>,
    /// None: the hub's own.
    audience: Option<Box<str>>,
    keys: Arc<IssuerKeys>,
}

/// Why a definition verifies no token. It counts as registered all the same.
#[derive(Debug, thiserror::Error)]
pub enum SourceFault {
    #[error("its Authentication is not JWT")]
    Authentication,
    #[error("it has no parameter Issuer")]
    Issuer,
    #[error("its Issuer has no discovery, and it has neither JwksUri nor Jwks: {0}")]
    Discovery(String),
    #[error("JwksUri: {0}")]
    JwksUri(String),
    #[error("Jwks: {0}")]
    Jwks(String),
}

/// Checks that a definition can verify tokens. Call it before the definition is journaled: from then on callers without
/// a token are refused.
///
/// # Errors
/// The fault of the definition.
pub fn check_source(definition: &IdentitySource) -> Result<(), SourceFault> {
    Source::new(definition).map(|_| ())
}

impl Source {
    /// # Errors
    /// If the definition can verify no token.
    pub(crate) fn new(definition: &IdentitySource) -> Result<Source, SourceFault> {
        if definition.authentication != IdentityAuthentication::Jwt as i32 {
            return Err(SourceFault::Authentication);
        }
        let parameter = |name: &str| definition.parameters.get(name).map(String::as_str).filter(|it| !it.is_empty());
        let issuer = parameter("Issuer").ok_or(SourceFault::Issuer)?;
        let from = key_source(issuer, parameter("Jwks"), parameter("JwksUri"))?;
        Ok(Source {
            code: definition.code.as_str().into(),
            issuer: issuer.into(),
            audience: parameter("Audience").map(Into::into),
            keys: Arc::new(IssuerKeys::new(from).map_err(SourceFault::Jwks)?),
        })
    }

    /// Whether it verifies the same tokens by the same keys.
    pub(crate) fn equals(&self, other: &Source) -> bool {
        let is_same_issuer = self.issuer == other.issuer && self.audience == other.audience;
        is_same_issuer && self.keys.source() == other.keys.source()
    }

    pub(crate) fn is_issuer_of(&self, token: &Token<'_>) -> bool {
        *self.issuer == *token.issuer()
    }

    /// `audience`: of the hub, for sources that name none. Where neither does, no token is meant.
    pub(crate) fn is_meant(&self, token: &Token<'_>, audience: Option<&str>) -> bool {
        self.audience.as_deref().or(audience).is_some_and(|audience| token.is_for(audience))
    }

    /// The set of keys that holds the one which signed the token.
    pub(crate) async fn verify(&self, token: &Token<'_>, means: &Means) -> Result<Arc<Held>, Reason> {
        let held = self.keys.ready(means).await.ok_or(Reason::KeysUnavailable)?;
        let Err(reason) = held.set.verify(token) else { return Ok(held) };
        // A token without key id gives no other sign of an unknown key than a signature that no key verifies.
        let may_be_newer = reason == Reason::KeyUnknown || token.kid.is_none();
        if !may_be_newer {
            return Err(reason);
        }
        let newer = self.keys.newer_than(Some(&held), means).await.ok_or(reason)?;
        newer.set.verify(token)?;
        Ok(newer)
    }

    pub(crate) fn holds(&self, seen: &Arc<Held>) -> bool {
        self.keys.holds(seen)
    }

    /// Why its keys could not be loaded lately.
    pub(crate) fn fault(&self) -> Option<String> {
        self.keys.fault()
    }
}

/// Keys given inline come before an address, and an address before discovery.
fn key_source(issuer: &str, jwks: Option<&str>, jwks_uri: Option<&str>) -> Result<KeySource, SourceFault> {
    match (jwks, jwks_uri) {
        (Some(json), _) => Ok(KeySource::Inline(json.to_owned())),
        (None, Some(uri)) => {
            address(uri).map(KeySource::Uri).map_err(|error: FetchError| SourceFault::JwksUri(error.to_string()))
        }
        (None, None) => {
            discovery_address(issuer).map_err(|error| SourceFault::Discovery(error.to_string()))?;
            Ok(KeySource::Discovery(issuer.to_owned()))
        }
    }
}
