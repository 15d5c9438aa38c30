//! `IssuerKeys`: where an issuer's keys come from, and the set that is held of them.
//!
//! The first load happens when the first token needs it. From then on a set is held for ever: a token signed by a key
//! that is not in it, or age, has it replaced whole, at most once in `REFRESH_NS`; while the issuer is down the old
//! one stays. Verifying with a held key waits for nobody.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use hyper::Uri;
use parking_lot::Mutex;
use serde::Deserialize;

use crate::clock::{Clock, SECOND_NS};
use crate::fetch::{FetchError, Fetcher, address};
use crate::key_set::KeySet;

/// Attempts to replace a held set are this far apart at least.
const REFRESH_NS: u64 = 60 * SECOND_NS;
/// Attempts to load the first set are this far apart at least.
const LOAD_NS: u64 = SECOND_NS;
/// A set older than this is replaced when next used, so that a withdrawn key does not stay for ever.
const AGE_NS: u64 = 3600 * SECOND_NS;

/// Where keys come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeySource {
    /// The parameter `Jwks`: they never change but by a new definition.
    Inline(String),
    /// The parameter `JwksUri`.
    Uri(Uri),
    /// Discovery from this issuer.
    Discovery(String),
}

/// See the module.
pub(crate) struct IssuerKeys {
    from: KeySource,
    held: ArcSwapOption<Held>,
    /// Locked while a fetch runs, so that there is one at a time.
    attempts: tokio::sync::Mutex<Attempts>,
    /// Why the latest attempt failed; none if it did not.
    fault: Mutex<Option<String>>,
}

/// A set and when it was loaded, in nanoseconds since 1970 UTC.
pub(crate) struct Held {
    pub(crate) set: KeySet,
    loaded_ns: u64,
}

/// When it was last tried, in nanoseconds since 1970 UTC.
#[derive(Default)]
struct Attempts {
    load_ns: Option<u64>,
    refresh_ns: Option<u64>,
}

/// The means of an attempt.
#[derive(Clone)]
pub(crate) struct Means {
    pub(crate) fetcher: Arc<Fetcher>,
    pub(crate) clock: Clock,
}

impl IssuerKeys {
    /// # Errors
    /// In words, if keys given inline cannot be read.
    pub(crate) fn new(from: KeySource) -> Result<IssuerKeys, String> {
        let held = match &from {
            KeySource::Inline(json) => Some(Arc::new(Held { set: KeySet::read(json.as_bytes())?, loaded_ns: 0 })),
            KeySource::Uri(_) | KeySource::Discovery(_) => None,
        };
        Ok(IssuerKeys { from, held: held.into(), attempts: Default::default(), fault: Default::default() })
    }

    pub(crate) fn source(&self) -> &KeySource {
        &self.from
    }

    pub(crate) fn held(&self) -> Option<Arc<Held>> {
        self.held.load_full()
    }

    /// Whether this set is still the one held.
    pub(crate) fn holds(&self, seen: &Arc<Held>) -> bool {
        self.held.load().as_ref().is_some_and(|held| Arc::ptr_eq(held, seen))
    }

    /// Why the latest attempt to load them failed.
    pub(crate) fn fault(&self) -> Option<String> {
        self.fault.lock().clone()
    }

    /// The set to use: loaded now if none is held yet, and renewed beside the caller if it is old.
    pub(crate) async fn ready(self: &Arc<Self>, means: &Means) -> Option<Arc<Held>> {
        let Some(held) = self.held() else { return self.newer_than(None, means).await };
        if self.is_old(&held, means.clock.now_ns()) && self.may_attempt(means) {
            tokio::spawn(self.clone().renew(Some(held.clone()), means.clone()));
        }
        Some(held)
    }

    /// Another set than `seen`, if one is there or can be had now. Inline keys are never newer.
    pub(crate) async fn newer_than(self: &Arc<Self>, seen: Option<&Arc<Held>>, means: &Means) -> Option<Arc<Held>> {
        if matches!(self.from, KeySource::Inline(_)) {
            return None;
        }
        if self.is_held(seen) && self.may_attempt(means) {
            // A task of its own: a caller that hangs up does not take the attempt with it.
            let _ = tokio::spawn(self.clone().renew(seen.cloned(), means.clone())).await;
        }
        self.held().filter(|held| seen.is_none_or(|seen| !Arc::ptr_eq(held, seen)))
    }

    /// Whether an attempt is permitted, or one is under way that can be waited for.
    fn may_attempt(&self, means: &Means) -> bool {
        let is_first = self.held.load().is_none();
        self.attempts.try_lock().map_or(true, |attempts| attempts.permit(is_first, means.clock.now_ns()))
    }

    /// One attempt, unless another has been made since `seen`, or it is too early.
    async fn renew(self: Arc<Self>, seen: Option<Arc<Held>>, means: Means) {
        let mut attempts = self.attempts.lock().await;
        let now_ns = means.clock.now_ns();
        if !self.is_held(seen.as_ref()) || !attempts.permit(seen.is_none(), now_ns) {
            return;
        }
        attempts.note(seen.is_none(), now_ns);
        let fault = match self.load(&means.fetcher).await {
            Ok(set) => {
                tracing::info!(keys = set.len(), from = ?self.from, "keys of an identity source loaded");
                self.held.store(Some(Arc::new(Held { set, loaded_ns: now_ns })));
                None
            }
            Err(error) => {
                tracing::warn!(%error, "keys of an identity source cannot be loaded");
                Some(error)
            }
        };
        *self.fault.lock() = fault;
    }

    fn is_held(&self, seen: Option<&Arc<Held>>) -> bool {
        match seen {
            Some(seen) => self.holds(seen),
            None => self.held.load().is_none(),
        }
    }

    fn is_old(&self, held: &Held, now_ns: u64) -> bool {
        !matches!(self.from, KeySource::Inline(_)) && now_ns.abs_diff(held.loaded_ns) >= AGE_NS
    }

    async fn load(&self, fetcher: &Fetcher) -> Result<KeySet, String> {
        let address = match &self.from {
            KeySource::Inline(json) => return KeySet::read(json.as_bytes()),
            KeySource::Uri(uri) => uri.clone(),
            KeySource::Discovery(issuer) => discover(issuer, fetcher).await?,
        };
        let answer = fetcher.get(&address).await.map_err(|error| error.to_string())?;
        KeySet::read(&answer).map_err(|problem| format!("GET {address}: {problem}"))
    }
}

impl Attempts {
    /// By distance, not by order: a wall clock that was set back does not bar attempts.
    fn permit(&self, is_first: bool, now_ns: u64) -> bool {
        let (latest, apart_ns) = if is_first { (self.load_ns, LOAD_NS) } else { (self.refresh_ns, REFRESH_NS) };
        latest.is_none_or(|latest| now_ns.abs_diff(latest) >= apart_ns)
    }

    fn note(&mut self, is_first: bool, now_ns: u64) {
        let latest = if is_first { &mut self.load_ns } else { &mut self.refresh_ns };
        *latest = Some(now_ns);
    }
}

/// The members read of a discovery document (OpenID Connect Discovery 1.0).
#[derive(Deserialize)]
struct Discovered {
    issuer: Option<String>,
    jwks_uri: String,
}

/// The address of the keys, as the issuer's discovery document has it.
async fn discover(issuer: &str, fetcher: &Fetcher) -> Result<Uri, String> {
    let from = discovery_address(issuer).map_err(|error| error.to_string())?;
    let answer = fetcher.get(&from).await.map_err(|error| error.to_string())?;
    let found: Discovered = serde_json::from_slice(&answer).map_err(|error| format!("GET {from}: {error}"))?;
    if found.issuer.is_some_and(|found| without_slash(&found) != without_slash(issuer)) {
        return Err(format!("GET {from}: the document is of another issuer"));
    }
    let keys = address(&found.jwks_uri).map_err(|error| format!("GET {from}: {error}"))?;
    if from.scheme_str() == Some("https") && keys.scheme_str() != Some("https") {
        return Err(format!("GET {from}: jwks_uri is not https"));
    }
    Ok(keys)
}

/// # Errors
/// If the issuer is no http or https address.
pub(crate) fn discovery_address(issuer: &str) -> Result<Uri, FetchError> {
    address(&format!("{}/.well-known/openid-configuration", without_slash(issuer)))
}

fn without_slash(issuer: &str) -> &str {
    issuer.strip_suffix('/').unwrap_or(issuer)
}
