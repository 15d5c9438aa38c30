//! S14: no token, and no part of one, in what is logged or printed for debugging.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::issuer::{Answer, Issuer, KEYS};
use crate::keys::{ED, ed};
use crate::world::{World, bearer, claims, loopback, options, permissions, source};

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;

    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}

#[tokio::test]
async fn tokens_are_neither_logged_nor_printed() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    let _logging = tracing::subscriber::set_default(subscriber);

    let issuer = Issuer::start();
    issuer.publish(&[ED.jwk(json!({"kid": "a"}))]);
    let world = World::new(options());
    world.define_source(source("S", &[("Issuer", &issuer.url()), ("JwksUri", &issuer.at(KEYS))]));
    world.define_identity(permissions("User:ann", &[]));
    let token = |pair: &crate::keys::Pair, kid: &str, sub: &str| {
        pair.token(&json!({"alg": "EdDSA", "kid": kid}), &claims(json!({"iss": issuer.url(), "sub": sub})))
    };
    let tokens = [
        token(&ED, "a", "ann"),
        token(&ED, "a", "unregistered"),
        token(&ed(), "a", "ann"),
        token(&ed(), "unknown", "ann"),
        format!("{}.damaged", token(&ED, "a", "ann")),
    ];
    let mut printed = String::new();
    for token in &tokens {
        let found = world.registry.admit(&bearer(token), loopback()).await;
        printed += &format!("{found:?} {}\n", found.as_ref().err().map(ToString::to_string).unwrap_or_default());
    }
    issuer.answer(KEYS, Answer::HangUp);
    world.pass_seconds(60);
    assert!(world.identify(&token(&ed(), "newer", "ann")).await.is_err());
    assert_eq!(world.registry.source_faults().len(), 1, "a failed refresh is logged too");
    printed += &format!("{:?}", world.registry.source_faults());
    printed += &String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(printed.contains("keys of an identity source loaded"), "the log was captured: {printed}");
    for part in tokens.iter().flat_map(|token| token.split('.')).filter(|part| part.len() > 20) {
        assert!(!printed.contains(part), "a part of a token is in: {printed}");
    }
}
