//! `Token`: a JWT as the caller sent it, read strictly (RFC 8725) and not yet verified. Borrowed from the request, never
//! kept and never printed.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, AlgorithmFamily};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};

use crate::clock::SECOND_NS;
use crate::refusal::Reason;

/// Longest token read; headers are limited to 8 KiB by default.
const TOKEN_BYTES_MAX: usize = 16 << 10;
/// Longest identity code, as for every other id.
const IDENTITY_BYTES_MAX: usize = 256;
/// Clocks of issuers and of the hub differ by this much at most.
const LEEWAY_SECONDS: u64 = 60;

/// See the module.
pub(crate) struct Token<'a> {
    /// The signed part: header and claims as sent.
    pub(crate) message: &'a str,
    pub(crate) signature: &'a str,
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: Option<String>,
    claims: Claims,
}

impl<'a> Token<'a> {
    pub(crate) fn read(text: &'a str) -> Result<Token<'a>, Reason> {
        if text.len() > TOKEN_BYTES_MAX {
            return Err(Reason::TokenMalformed);
        }
        let (message, signature) = text.rsplit_once('.').ok_or(Reason::TokenMalformed)?;
        let (header, claims) = message.split_once('.').ok_or(Reason::TokenMalformed)?;
        let header: Header = decode(header, Reason::TokenMalformed)?;
        let algorithm = header.check()?;
        let claims = decode(claims, Reason::TokenClaims)?;
        Ok(Token { message, signature, algorithm, kid: header.kid, claims })
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.claims.iss
    }

    pub(crate) fn is_for(&self, audience: &str) -> bool {
        match &self.claims.aud {
            Audience::One(one) => one == audience,
            Audience::Several(several) => several.iter().any(|one| one == audience),
        }
    }

    /// Whether it is in force at this time, with leeway on both sides.
    pub(crate) fn check_times(&self, now_ns: u64) -> Result<(), Reason> {
        let latest = (now_ns / SECOND_NS).saturating_add(LEEWAY_SECONDS);
        if now_ns >= self.expires_ns() {
            return Err(Reason::TokenExpired);
        }
        if self.claims.nbf.is_some_and(|nbf| nbf > latest) {
            return Err(Reason::TokenEarly);
        }
        if self.claims.iat.is_some_and(|iat| iat > latest) {
            return Err(Reason::TokenIssuedLater);
        }
        Ok(())
    }

    /// When it is no longer accepted, leeway included, in nanoseconds since 1970 UTC.
    pub(crate) fn expires_ns(&self) -> u64 {
        self.claims.exp.saturating_add(LEEWAY_SECONDS).saturating_mul(SECOND_NS)
    }

    /// `Client:<client_id>` of a client's token, `User:<sub>` of a user's.
    pub(crate) fn identity_code(&self) -> Result<String, Reason> {
        let (kind, name) = match (self.claims.client_id.as_deref(), self.claims.sub.as_deref()) {
            (Some(client), sub) if sub.is_none_or(|sub| sub == client) => ("Client", client),
            (_, Some(sub)) => ("User", sub),
            (_, None) => return Err(Reason::TokenClaims),
        };
        let code = format!("{kind}:{name}");
        let is_code = !name.is_empty() && code.len() <= IDENTITY_BYTES_MAX && !name.chars().any(char::is_control);
        if is_code { Ok(code) } else { Err(Reason::TokenClaims) }
    }
}

impl fmt::Debug for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token([redacted])")
    }
}

/// Parameters of the header that matter. Others are ignored, as RFC 7515 demands of those not in `crit`.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    #[serde(default, deserialize_with = "is_present")]
    jku: bool,
    #[serde(default, deserialize_with = "is_present")]
    jwk: bool,
    #[serde(default, deserialize_with = "is_present")]
    x5u: bool,
    #[serde(default, deserialize_with = "is_present")]
    x5c: bool,
    #[serde(default, deserialize_with = "is_present")]
    crit: bool,
}

impl Header {
    /// The algorithm, if everything else is acceptable too.
    fn check(&self) -> Result<Algorithm, Reason> {
        let algorithm: Algorithm = self.alg.parse().map_err(|_| Reason::TokenAlgorithm)?;
        if algorithm.family() == AlgorithmFamily::Hmac {
            return Err(Reason::TokenAlgorithm);
        }
        if self.jku || self.jwk || self.x5u || self.x5c || self.crit || !self.is_access_token() {
            return Err(Reason::TokenHeader);
        }
        Ok(algorithm)
    }

    /// Logout tokens, proofs of possession and the like are signed with the same keys, and give no access.
    fn is_access_token(&self) -> bool {
        let Some(typ) = &self.typ else { return true };
        let typ = typ.to_ascii_lowercase();
        matches!(typ.strip_prefix("application/").unwrap_or(&typ), "jwt" | "at+jwt")
    }
}

/// Times are whole seconds since 1970 UTC: a string, a fraction or a number beyond 64 bits is refused.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    exp: u64,
    nbf: Option<u64>,
    iat: Option<u64>,
    sub: Option<String>,
    client_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// Present with whatever value, null too.
fn is_present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// A part of the token: an object, each member once.
fn decode<T: DeserializeOwned>(part: &str, otherwise: Reason) -> Result<T, Reason> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| Reason::TokenMalformed)?;
    // serde would take the fields of an array by their order.
    let is_object = json.trim_ascii_start().first() == Some(&b'{');
    if !is_object {
        return Err(Reason::TokenMalformed);
    }
    serde_json::from_slice(&json).map_err(|_| otherwise)
}
