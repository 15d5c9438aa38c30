//! Access: the identity of a caller, and its permissions.
//!
//! `Registry` verifies the bearer token of a request against the registered identity sources and gives a `Caller`, which
//! is an `Identity` whose methods are the decisions. `tls` reads the hub's certificate.
//!
//! ```
//! use ordo_access::{AllowWhenNoSources, Clock, Feature, Options, Registry};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), ordo_access::Refusal> {
//! # let (headers, peer) = (hyper::HeaderMap::new(), std::net::IpAddr::from([127, 0, 0, 1]));
//! let options = Options { allow_when_no_sources: AllowWhenNoSources::Loopback, ..Options::default() };
//! let registry = Registry::new(options, Clock::new(|| 1_800_000_000_000_000_000));
//!
//! let caller = registry.admit(&headers, peer).await?;      // of a request or an upgrade
//! caller.demand(Feature::Alter)?;                          // 403
//! caller.find("ACME", Some("XASX"))?;                      // 404
//! assert!(caller.may_see("ACME", None));                   // of each record, event
//! assert!(registry.recheck(&caller).is_ok());              // of each connection, once a second
//! # Ok(()) }
//! ```
//!
//! Invariants: a token is borrowed from the request and never kept, printed or logged; the clock is passed in; nothing
//! of a token is believed, and no address of it fetched, before its signature is verified.
//!
//! Absent on purpose: status codes and routes (the edge's), limits by identity (the edge's, which counts connections),
//! shared secrets and HMAC, session cookies, tokens in addresses.

mod caller;
mod clock;
mod directory;
mod feature;
mod fetch;
mod identity;
mod issuer_keys;
mod key_set;
mod options;
mod refusal;
mod registry;
mod scope;
mod source;
pub mod tls;
mod token;
mod verified;

pub use caller::Caller;
pub use clock::Clock;
pub use feature::Feature;
pub use identity::Identity;
pub use options::{AllowWhenNoSources, Options};
pub use refusal::{Class, Reason, Refusal};
pub use registry::{Ended, Registry};
pub use source::{SourceFault, check_source};
