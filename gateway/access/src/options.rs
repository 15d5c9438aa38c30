//! `Options`: the settings of access.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;

/// See the module.
#[derive(Debug, Clone)]
pub struct Options {
    /// `access.audience`: the audience that tokens must name, where their source has none. Default none: such
    /// sources accept no token.
    pub audience: Option<String>,
    /// `access.origins`: origins of pages that may send requests, as browsers send them (`https://desk.example`). Default none.
    pub origins: Vec<String>,
    /// `access.allow_when_no_sources`.
    pub allow_when_no_sources: AllowWhenNoSources,
    /// How long an issuer may take to answer. Longer bears slower issuers; tokens of a source without keys wait for it.
    pub fetch_time_max: Duration,
    /// Certificates that https issuers are verified against. None: the system's (`SSL_CERT_FILE`, `SSL_CERT_DIR`).
    pub roots: Option<Arc<RootCertStore>>,
    /// Tokens remembered as verified. More take about 300 bytes each; fewer are verified again, 30 to 260 us each.
    pub verified_tokens_max: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            audience: None,
            origins: Vec::new(),
            allow_when_no_sources: AllowWhenNoSources::Never,
            fetch_time_max: Duration::from_secs(5),
            roots: None,
            verified_tokens_max: 4096,
        }
    }
}

/// The callers admitted without a token, with every permission, while no identity source is registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AllowWhenNoSources {
    Never,
    /// Callers on the hub's own machine.
    Loopback,
    /// Anybody who reaches the port: for a first set-up from another container.
    Network,
}

/// Each with its name in the configuration.
const NAMES: [(AllowWhenNoSources, &str); 3] = [
    (AllowWhenNoSources::Never, "never"),
    (AllowWhenNoSources::Loopback, "loopback"),
    (AllowWhenNoSources::Network, "network"),
];

impl FromStr for AllowWhenNoSources {
    type Err = String;

    fn from_str(text: &str) -> Result<AllowWhenNoSources, String> {
        let found = NAMES.into_iter().find(|(_, name)| *name == text);
        found.map(|(value, _)| value).ok_or_else(|| format!("'{text}' is none of never, loopback, network"))
    }
}

impl fmt::Display for AllowWhenNoSources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = NAMES.into_iter().find(|(value, _)| value == self);
        f.write_str(found.map_or("", |(_, name)| name))
    }
}
