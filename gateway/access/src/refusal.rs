//! `Refusal`: the reason why a request is refused. Names the caller where it is known, and never its token.

use std::fmt;

/// How a refusal is answered. Status codes are the edge's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// The caller is not known: 401 with `WWW-Authenticate: Bearer`.
    Unauthorized,
    /// The caller is known and lacks a permission: 403.
    Forbidden,
    /// The record does not exist, or does not exist for this caller: 404.
    NotFound,
}

/// One line for each reason: its name, class, code (label of a metric), and text (log).
macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident, $class:ident, $code:literal, $text:literal;)*) => {
        /// Why. Only logs and metrics distinguish reasons of one class; callers do not.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason { $($(#[$doc])* $name,)* }

        impl Reason {
            /// Every reason, for metrics that start at zero.
            pub const ALL: &'static [Reason] = &[$(Reason::$name,)*];

            pub const fn class(self) -> Class {
                match self { $(Reason::$name => Class::$class,)* }
            }

            /// Its name in metrics and logs.
            pub const fn code(self) -> &'static str {
                match self { $(Reason::$name => $code,)* }
            }

            const fn text(self) -> &'static str {
                match self { $(Reason::$name => $text,)* }
            }
        }
    };
}

reasons! {
    OriginForeign, Forbidden, "origin.foreign", "the request's Origin is not among access.origins";
    TokenMissing, Unauthorized, "token.missing", "no bearer token";
    TokenMalformed, Unauthorized, "token.malformed", "the bearer token is no signed JWT";
    /// `none`, HMAC, and algorithms that no standard names.
    TokenAlgorithm, Unauthorized, "token.algorithm", "the token's algorithm is not accepted";
    /// Keys or addresses of keys that the token itself brings, and extensions that must be understood.
    TokenHeader, Unauthorized, "token.header", "the token's header has a parameter that is not accepted";
    TokenClaims, Unauthorized, "token.claims", "a claim is missing or has the wrong form";
    TokenIssuer, Unauthorized, "token.issuer", "no identity source has this issuer";
    TokenAudience, Unauthorized, "token.audience", "the token is for another audience";
    TokenExpired, Unauthorized, "token.expired", "the token has expired";
    TokenEarly, Unauthorized, "token.early", "the token is not valid yet";
    TokenIssuedLater, Unauthorized, "token.issued_later", "the token was issued in the future";
    KeysUnavailable, Unauthorized, "keys.unavailable", "the issuer's keys could not be loaded";
    KeyUnknown, Unauthorized, "key.unknown", "no key of the issuer has the token's key id";
    KeyAlgorithm, Unauthorized, "key.algorithm", "the token's algorithm is not the key's";
    TokenSignature, Unauthorized, "token.signature", "the signature does not verify";
    /// No source is registered, and `access.allow_when_no_sources` does not let this caller in.
    SourcesNone, Unauthorized, "sources.none", "no identity source is registered";
    IdentityUnregistered, Forbidden, "identity.unregistered", "the identity has no permissions";
    FeatureMissing, Forbidden, "feature.missing", "the identity lacks the feature";
    OwnerNotHeld, Forbidden, "owner.not_held", "the identity does not hold the owner";
    FeedNotHeld, Forbidden, "feed.not_held", "the identity does not hold the feed";
    RecordInvisible, NotFound, "record.invisible", "the identity does not see the record";
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    reason: Reason,
    who: Option<Box<Who>>,
}

/// The caller, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Who {
    source: Box<str>,
    /// Empty where the source alone is known.
    identity: Box<str>,
}

impl Refusal {
    pub(crate) fn of(reason: Reason, source: &str, identity: &str) -> Refusal {
        Refusal { reason, who: Some(Box::new(Who { source: source.into(), identity: identity.into() })) }
    }

    pub fn reason(&self) -> Reason {
        self.reason
    }

    pub fn class(&self) -> Class {
        self.reason.class()
    }

    /// Code of the identity source; empty if none matched.
    pub fn source(&self) -> &str {
        self.who.as_deref().map_or("", |who| &who.source)
    }

    /// Code of the identity; empty unless its token was verified.
    pub fn identity(&self) -> &str {
        self.who.as_deref().map_or("", |who| &who.identity)
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Refusal {
        Refusal { reason, who: None }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason.text())
    }
}

impl std::error::Error for Refusal {}
