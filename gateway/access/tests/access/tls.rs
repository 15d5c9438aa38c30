//! The hub's certificate and key, from files.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use ordo_access::tls::server_config;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConnection};
use tempfile::TempDir;

/// A self-signed certificate of this machine and its key.
pub(crate) struct Files {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) certificate: CertificateDer<'static>,
    folder: TempDir,
}

impl Files {
    pub(crate) fn new() -> Files {
        let folder = tempfile::tempdir().unwrap();
        let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        let made = self_signed();
        fs::write(&cert, made.cert.pem()).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        Files { cert, key, certificate: made.cert.der().clone(), folder }
    }

    /// Another file of this content.
    fn other(&self, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join("other.pem");
        fs::write(&path, content).unwrap();
        path
    }
}

fn self_signed() -> CertifiedKey<rcgen::KeyPair> {
    generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap()
}

#[test]
fn a_client_that_trusts_the_certificate_shakes_hands() {
    let files = Files::new();
    let server = server_config(&files.cert, &files.key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(files.certificate.clone()).unwrap();
    for (offered, agreed) in [(&[&b"h2"[..], b"http/1.1"][..], &b"h2"[..]), (&[b"http/1.1"], b"http/1.1")] {
        let mut client = ClientConfig::builder_with_provider(default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        client.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
        let mut client = ClientConnection::new(Arc::new(client), "localhost".try_into().unwrap()).unwrap();
        let mut server = ServerConnection::new(server.clone()).unwrap();
        while client.is_handshaking() || server.is_handshaking() {
            let mut bytes = Vec::new();
            client.write_tls(&mut bytes).unwrap();
            server.read_tls(&mut bytes.as_slice()).unwrap();
            server.process_new_packets().unwrap();
            bytes.clear();
            server.write_tls(&mut bytes).unwrap();
            client.read_tls(&mut bytes.as_slice()).unwrap();
            client.process_new_packets().unwrap();
        }
        assert_eq!(server.alpn_protocol(), Some(agreed));
    }
}

#[test]
fn an_error_names_the_file_and_the_problem() {
    let files = Files::new();
    let missing = files.folder.path().join("missing.pem");
    let other_key = self_signed().signing_key.serialize_pem();
    let key_text = fs::read_to_string(&files.key).unwrap();
    let damaged_cert = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let check = |cert: &PathBuf, key: &PathBuf, file: &PathBuf, problem: &str| {
        let error = server_config(cert, key).unwrap_err();
        assert_eq!(&error.file, file, "{error}");
        assert!(error.problem.contains(problem), "'{}' does not contain '{problem}'", error.problem);
        assert!(error.to_string().starts_with(&file.display().to_string()));
        for line in key_text.lines().filter(|line| !line.starts_with("---")) {
            assert!(!format!("{error} {error:?}").contains(line), "the key is in the error");
        }
    };
    check(&missing, &files.key, &missing, "No such file");
    check(&files.cert, &missing, &missing, "No such file");
    check(&files.key, &files.key, &files.key, "holds no certificate");
    check(&files.cert, &files.cert, &files.cert, "holds no private key");
    for (content, problem) in [("", "holds no certificate"), (damaged_cert, "cannot be used")] {
        let other = files.other(content);
        check(&other, &files.key, &other, problem);
    }
    let cut = files.other(&key_text[..key_text.len() / 2]);
    check(&files.cert, &cut, &cut, "");
    let foreign = files.other(other_key);
    check(&files.cert, &foreign, &foreign, "is not the key of the certificate");
    let nonsense = files.other("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    check(&files.cert, &nonsense, &nonsense, "cannot be used");
}
