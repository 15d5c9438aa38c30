//! `Registry`: identifies the caller of a request by its headers.
//!
//! The edge calls it for every request and every upgrade, on a thread that may wait: the first token of a source waits
//! for its keys. Definitions come from the journaled operations; they are replaced as they change, and readers are
//! never held up.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, ORIGIN};
use ordo_core::metadata::{Details, Metadata};
use ordo_core::outcome::MetadataKind;
use parking_lot::Mutex;

use crate::caller::{Caller, Standing};
use crate::clock::Clock;
use crate::directory::Directory;
use crate::feature::Feature;
use crate::fetch::Fetcher;
use crate::identity::Identity;
use crate::issuer_keys::Means;
use crate::options::{AllowWhenNoSources, Options};
use crate::refusal::{Reason, Refusal};
use crate::source::Source;
use crate::token::Token;
use crate::verified::{TokenHash, Verified, VerifiedTokens};

/// See the module.
pub struct Registry {
    options: Options,
    means: Means,
    directory: ArcSwap<Directory>,
    /// Held while a change is made, so that none is lost.
    change: Mutex<()>,
    verified: Mutex<VerifiedTokens>,
}

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Its token has expired: close code 4401.
    Expired,
    /// Its identity was removed: close code 4403.
    Removed,
}

/// Definitions.
impl Registry {
    /// Nothing is registered.
    pub fn new(options: Options, clock: Clock) -> Registry {
        let fetcher = Arc::new(Fetcher::new(options.roots.clone(), options.fetch_time_max));
        Registry {
            verified: Mutex::new(VerifiedTokens::new(options.verified_tokens_max)),
            options,
            means: Means { fetcher, clock },
            directory: ArcSwap::default(),
            change: Mutex::new(()),
        }
    }

    /// Registers exactly the sources and identities of this metadata: at start, and after changes that are not known one by one.
    pub fn replace(&self, metadata: &Metadata) {
        self.change(|directory| *directory = directory.replaced(metadata));
    }

    /// A source or identity was defined or defined anew; other definitions are of no interest.
    pub fn define(&self, details: &Details) {
        self.change(|directory| directory.define(details));
    }

    /// A source or identity was removed; the key as `Details::key` has it.
    pub fn undefine(&self, kind: MetadataKind, first: &str, second: &str) {
        self.change(|directory| directory.undefine(kind, first, second));
    }

    fn change(&self, change: impl FnOnce(&mut Directory)) {
        let _one_at_a_time = self.change.lock();
        let mut next = Directory::clone(&self.directory.load());
        change(&mut next);
        self.directory.store(Arc::new(next));
    }
}

/// Decisions.
impl Registry {
    /// The caller of a request, which has permissions. `peer`: the remote address of the connection.
    ///
    /// # Errors
    /// 401 without a token that is accepted; 403 from a foreign origin, and of identities without permissions.
    pub async fn admit(&self, headers: &HeaderMap, peer: IpAddr) -> Result<Caller, Refusal> {
        let caller = self.identify(headers, peer).await?;
        if caller.is_registered() { Ok(caller) } else { Err(caller.refusal(Reason::IdentityUnregistered)) }
    }

    /// As `admit`, and identities without permissions too: for `/identity/current`, and for the definition of the
    /// first identities and sources, which `define_identities` decides.
    ///
    /// # Errors
    /// As of `admit`.
    pub async fn identify(&self, headers: &HeaderMap, peer: IpAddr) -> Result<Caller, Refusal> {
        if !self.is_own_origin(headers) {
            return Err(Reason::OriginForeign.into());
        }
        let directory = self.directory.load_full();
        if directory.has_no_sources() {
            return self.unchecked(peer);
        }
        let token = bearer(headers)?;
        let verified = match self.known(&directory, token) {
            Some(verified) => verified,
            None => self.verify(&directory, token).await?,
        };
        Ok(caller(&directory, &verified))
    }

    /// POST `/identity`, POST `/identity/source`: Admin, or any identity while none with Admin is registered.
    ///
    /// # Errors
    /// 403 otherwise.
    pub fn define_identities(&self, caller: &Caller) -> Result<(), Refusal> {
        if self.directory.load().has_admin() { caller.demand(Feature::Admin) } else { Ok(()) }
    }

    /// Checks that a connection of this caller may go on. Cheap: call it for each connection once a second. A change of
    /// permissions does not end the connection: they hold until it closes.
    ///
    /// # Errors
    /// If it has to be closed.
    pub fn recheck(&self, caller: &Caller) -> Result<(), Ended> {
        if caller.expires_ns().is_some_and(|expires_ns| self.means.clock.now_ns() >= expires_ns) {
            return Err(Ended::Expired);
        }
        let Standing::Registered { life } = caller.standing() else { return Ok(()) };
        let directory = self.directory.load();
        let registered = directory.identity(caller.source(), caller.code());
        if registered.is_some_and(|registered| registered.life == life) { Ok(()) } else { Err(Ended::Removed) }
    }

    /// Whether anybody on the network is admitted without a token: for a warning at start and in health.
    pub fn is_open_to_network(&self) -> bool {
        self.options.allow_when_no_sources == AllowWhenNoSources::Network && self.directory.load().has_no_sources()
    }

    /// Sources that verify no tokens, or whose keys could not be loaded lately: code and reason, for health.
    pub fn source_faults(&self) -> Vec<(String, String)> {
        self.directory.load().faults()
    }

    /// Tokens remembered as verified: for metrics.
    pub fn verified_tokens(&self) -> usize {
        self.verified.lock().len()
    }

    fn is_own_origin(&self, headers: &HeaderMap) -> bool {
        headers.get_all(ORIGIN).iter().all(|origin| self.options.origins.iter().any(|own| own == origin))
    }

    /// While no source is registered a token cannot be judged, and is ignored.
    fn unchecked(&self, peer: IpAddr) -> Result<Caller, Refusal> {
        let is_allowed = match self.options.allow_when_no_sources {
            AllowWhenNoSources::Never => false,
            AllowWhenNoSources::Loopback => peer.to_canonical().is_loopback(),
            AllowWhenNoSources::Network => true,
        };
        if !is_allowed {
            return Err(Reason::SourcesNone.into());
        }
        Ok(Caller::new(Arc::new(Identity::unchecked()), Standing::Unchecked, None))
    }

    /// The earlier verification of this token, if its source, its key and its time still hold.
    fn known(&self, directory: &Directory, token: &str) -> Option<Arc<Verified>> {
        let hash = TokenHash::of(token);
        let mut tokens = self.verified.lock();
        let verified = tokens.get(hash)?;
        let is_in_force = self.means.clock.now_ns() < verified.expires_ns;
        if is_in_force && directory.has_source(&verified.source) && verified.source.holds(&verified.keys) {
            return Some(verified);
        }
        tokens.remove(hash);
        None
    }

    async fn verify(&self, directory: &Directory, text: &str) -> Result<Arc<Verified>, Refusal> {
        let token = Token::read(text)?;
        let candidates = self.candidates(directory, &token)?;
        token.check_times(self.means.clock.now_ns())?;
        let identity: Box<str> = token.identity_code()?.into();
        let mut refusal = Refusal::from(Reason::TokenIssuer);
        for source in candidates {
            match source.verify(&token, &self.means).await {
                Ok(keys) => {
                    let verified = Verified { source, keys, identity, expires_ns: token.expires_ns() };
                    return Ok(self.remember(text, verified));
                }
                Err(reason) => refusal = Refusal::of(reason, &source.code, ""),
            }
        }
        Err(refusal)
    }

    fn remember(&self, token: &str, verified: Verified) -> Arc<Verified> {
        let verified = Arc::new(verified);
        self.verified.lock().insert(TokenHash::of(token), verified.clone());
        verified
    }

    /// Sources of the token's issuer that it is meant for.
    fn candidates(&self, directory: &Directory, token: &Token<'_>) -> Result<Vec<Arc<Source>>, Refusal> {
        let mut of_issuer = directory.sources().filter(|source| source.is_issuer_of(token)).peekable();
        let first = of_issuer.peek().ok_or(Reason::TokenIssuer)?.code.clone();
        let audience = self.options.audience.as_deref();
        let meant: Vec<_> = of_issuer.filter(|source| source.is_meant(token, audience)).cloned().collect();
        if meant.is_empty() { Err(Refusal::of(Reason::TokenAudience, &first, "")) } else { Ok(meant) }
    }
}

/// The one bearer token of a request: never from its address or body.
fn bearer(headers: &HeaderMap) -> Result<&str, Reason> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(Reason::TokenMissing)?;
    if values.next().is_some() {
        return Err(Reason::TokenMalformed);
    }
    let (scheme, token) =
        value.to_str().ok().and_then(|value| value.trim().split_once(' ')).ok_or(Reason::TokenMalformed)?;
    if scheme.eq_ignore_ascii_case("Bearer") { Ok(token.trim_start()) } else { Err(Reason::TokenMissing) }
}

fn caller(directory: &Directory, verified: &Verified) -> Caller {
    let (source, code) = (&verified.source.code, &verified.identity);
    let (identity, standing) = match directory.identity(source, code) {
        Some(registered) => (registered.identity.clone(), Standing::Registered { life: registered.life }),
        None => (Arc::new(Identity::unregistered(source, code)), Standing::Unregistered),
    };
    Caller::new(identity, standing, Some(verified.expires_ns))
}
