//! A registry with a clock that stands until a test turns it, and requests to it.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue, ORIGIN};
use ordo_access::{Caller, Clock, Options, Reason, Refusal, Registry};
use ordo_core::metadata::Details;
use ordo_core::proto::{IdentityAuthentication, IdentitySource, Permissions};
use serde_json::{Value, json};

use crate::keys::{ED, set};

pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const AUDIENCE: &str = "oms";
/// Where the clock starts, in seconds since 1970 UTC.
pub(crate) const NOW: u64 = 1_800_000_000;
const SECOND_NS: u64 = 1_000_000_000;

pub(crate) struct World {
    pub(crate) registry: Arc<Registry>,
    now_ns: Arc<AtomicU64>,
}

impl World {
    pub(crate) fn new(options: Options) -> World {
        let now_ns = Arc::new(AtomicU64::new(NOW * SECOND_NS));
        let clock = Clock::new({
            let now_ns = now_ns.clone();
            move || now_ns.load(Ordering::Relaxed)
        });
        World { registry: Arc::new(Registry::new(options, clock)), now_ns }
    }

    /// With one source of these keys, inline.
    pub(crate) fn with_keys(jwks: &str) -> World {
        let world = World::new(options());
        world.define_source(source("S", &[("Issuer", ISSUER), ("Jwks", jwks)]));
        world
    }

    pub(crate) fn define_source(&self, source: IdentitySource) {
        self.registry.define(&Details::IdentitySource(Box::new(source)));
    }

    pub(crate) fn define_identity(&self, permissions: Permissions) {
        self.registry.define(&Details::Identity(Box::new(permissions)));
    }

    pub(crate) fn pass_seconds(&self, seconds: u64) {
        self.now_ns.fetch_add(seconds * SECOND_NS, Ordering::Relaxed);
    }

    pub(crate) fn turn_to_ns(&self, now_ns: u64) {
        self.now_ns.store(now_ns, Ordering::Relaxed);
    }

    /// Who a token is, permissions or not.
    pub(crate) async fn identify(&self, token: &str) -> Result<Caller, Refusal> {
        self.registry.identify(&bearer(token), loopback()).await
    }

    /// Its identity's code, or why it was refused.
    pub(crate) async fn verdict(&self, token: &str) -> Result<String, Reason> {
        self.identify(token).await.map(|caller| caller.code().to_owned()).map_err(|refusal| refusal.reason())
    }
}

pub(crate) fn options() -> Options {
    Options { audience: Some(AUDIENCE.to_owned()), ..Options::default() }
}

pub(crate) fn source(code: &str, parameters: &[(&str, &str)]) -> IdentitySource {
    IdentitySource {
        code: code.to_owned(),
        authentication: IdentityAuthentication::Jwt as i32,
        parameters: parameters.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        ..IdentitySource::default()
    }
}

/// Permissions of an identity of source S.
pub(crate) fn permissions(identity: &str, features: &[&str]) -> Permissions {
    Permissions {
        source: "S".to_owned(),
        identity: identity.to_owned(),
        features: features.iter().map(|feature| feature.to_string()).collect(),
        ..Permissions::default()
    }
}

/// Claims of user `ann`, valid for ten minutes.
pub(crate) fn claims(more: Value) -> Value {
    let mut claims = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "exp": NOW + 600, "iat": NOW});
    set(&mut claims, more);
    claims
}

/// A token of user `ann`, signed by the Ed25519 key of all tests, `kid` being "ed".
pub(crate) fn token_of(more: Value) -> String {
    ED.token(&json!({"alg": "EdDSA", "kid": "ed"}), &claims(more))
}

pub(crate) fn bearer(token: &str) -> HeaderMap {
    header(AUTHORIZATION, &format!("Bearer {token}"))
}

pub(crate) fn origin(origin: &str) -> HeaderMap {
    header(ORIGIN, origin)
}

pub(crate) fn header(name: HeaderName, value: &str) -> HeaderMap {
    HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
}

pub(crate) fn loopback() -> IpAddr {
    IpAddr::from([127, 0, 0, 1])
}
