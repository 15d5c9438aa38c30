//! The hub's certificate and key (`tls.cert`, `tls.key`) as a configuration of rustls.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Protocols offered to clients, the preferred one first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The file that keeps TLS from being served, and its fault.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", file.display())]
pub struct TlsError {
    pub file: PathBuf,
    pub problem: String,
}

/// TLS 1.2 and 1.3, HTTP/1.1 and HTTP/2, no client certificates.
///
/// `cert`: PEM, the hub's certificate first, then those that lead to its authority. `key`: PEM, its private key.
///
/// # Errors
/// If a file cannot be read or holds something else, or if the key is not that of the certificate.
pub fn server_config(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = read_chain(cert)?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| fault(key, &error, "private key"))?;
    let mut config = ServerConfig::builder_with_provider(default_provider().into())
        .with_safe_default_protocol_versions()
        .expect("invariant: the provider supports TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| mismatch(cert, key, &error))?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(Arc::new(config))
}

fn read_chain(cert: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain = CertificateDer::pem_file_iter(cert).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| fault(cert, &error, "certificate"))?;
    if chain.is_empty() { Err(fault(cert, &pem::Error::NoItemsFound, "certificate")) } else { Ok(chain) }
}

fn fault(file: &Path, error: &pem::Error, wanted: &str) -> TlsError {
    let problem = match error {
        pem::Error::Io(error) => format!("cannot be read: {error}"),
        pem::Error::NoItemsFound => format!("holds no {wanted} in PEM form"),
        // The error may quote the file; a key does not belong in a log.
        _ => format!("is damaged: its {wanted} cannot be read"),
    };
    TlsError { file: file.to_owned(), problem }
}

/// rustls reads the certificate and the key together.
fn mismatch(cert: &Path, key: &Path, error: &rustls::Error) -> TlsError {
    let is_of_certificate =
        matches!(error, rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented);
    let (file, problem) = match error {
        rustls::Error::InconsistentKeys(_) => (key, format!("is not the key of the certificate in {}", cert.display())),
        _ if is_of_certificate => (cert, format!("holds a certificate that cannot be used: {error}")),
        _ => (key, format!("holds a key that cannot be used: {error}")),
    };
    TlsError { file: file.to_owned(), problem }
}
