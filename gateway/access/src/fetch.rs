//! `Fetcher`: GETs of key sets and discovery documents, with a limit on bytes and time. Redirects are not followed: an
//! issuer's keys come from the address that an administrator registered, or from the one that its discovery names.

use std::error::Error;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::header::{ACCEPT, USER_AGENT};
use hyper::{Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ClientConfig, RootCertStore};

/// Longest answer read.
const ANSWER_BYTES_MAX: usize = 256 << 10;

type Https = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// See the module.
pub(crate) struct Fetcher {
    /// Made at first use: reading the system's root certificates takes time that offline installations need not spend.
    client: OnceLock<Https>,
    roots: Option<Arc<RootCertStore>>,
    time_max: Duration,
}

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("{0} is no http or https address")]
    Address(String),
    #[error("GET {uri}: {problem}")]
    Failed { uri: Uri, problem: String },
    #[error("GET {uri}: no answer within {time_max:?}")]
    Slow { uri: Uri, time_max: Duration },
}

impl Fetcher {
    /// `roots`: certificates that https issuers are verified against; none: the system's.
    pub(crate) fn new(roots: Option<Arc<RootCertStore>>, time_max: Duration) -> Fetcher {
        Fetcher { client: OnceLock::new(), roots, time_max }
    }

    /// # Errors
    /// On anything but an answer 200 of at most `ANSWER_BYTES_MAX` within the time limit.
    pub(crate) async fn get(&self, uri: &Uri) -> Result<Bytes, FetchError> {
        match tokio::time::timeout(self.time_max, self.answer(uri)).await {
            Ok(Ok(body)) => Ok(body),
            Ok(Err(problem)) => Err(FetchError::Failed { uri: uri.clone(), problem }),
            Err(_) => Err(FetchError::Slow { uri: uri.clone(), time_max: self.time_max }),
        }
    }

    async fn answer(&self, uri: &Uri) -> Result<Bytes, String> {
        let request = Request::get(uri)
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, concat!("ordo/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new())
            .map_err(|error| error.to_string())?;
        let client = self.client.get_or_init(|| self.connect());
        let response = client.request(request).await.map_err(|error| with_causes(&error))?;
        if response.status() != 200 {
            return Err(format!("answer {}", response.status()));
        }
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await.map_err(|error| {
            let is_long = error.is::<LengthLimitError>();
            if is_long { format!("an answer of more than {ANSWER_BYTES_MAX} bytes") } else { with_causes(&*error) }
        })?;
        Ok(body.to_bytes())
    }

    fn connect(&self) -> Https {
        let roots = self.roots.clone().unwrap_or_else(system_roots);
        let tls = ClientConfig::builder_with_provider(default_provider().into())
            .with_safe_default_protocol_versions()
            .expect("invariant: the provider supports TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        // Fetches are a minute apart at least: no connection is worth keeping.
        Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector)
    }
}

/// An address that can be fetched.
///
/// # Errors
/// If it is no http or https address with a host.
pub(crate) fn address(text: &str) -> Result<Uri, FetchError> {
    let uri: Option<Uri> = text.parse().ok();
    uri.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some())
        .ok_or_else(|| FetchError::Address(text.to_owned()))
}

fn system_roots() -> Arc<RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a root certificate of the system cannot be read");
    }
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        tracing::warn!("the system has no root certificates: https issuers cannot be verified");
    }
    Arc::new(roots)
}

/// An error and its causes, in one line.
fn with_causes(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
