//! Remembered tokens: bounded, and never wrong.

use ordo_access::{Options, Reason};
use serde_json::json;

use crate::issuer::{Answer, Issuer, KEYS};
use crate::keys::{ED, key_set};
use crate::world::{ISSUER, World, claims, options, source, token_of};

#[tokio::test]
async fn remembered_tokens_are_bounded() {
    let world = World::new(Options { verified_tokens_max: 16, ..options() });
    let jwks = key_set(&[ED.jwk(json!({"kid": "ed"}))]);
    world.define_source(source("S", &[("Issuer", ISSUER), ("Jwks", &jwks)]));
    for count in 0..100 {
        let name = format!("user {count}");
        assert_eq!(world.verdict(&token_of(json!({ "sub": name }))).await, Ok(format!("User:{name}")));
        assert!(world.registry.verified_tokens() <= 16);
    }
    assert_eq!(world.verdict(&token_of(json!({"sub": "user 0"}))).await.as_deref(), Ok("User:user 0"));
}

/// One letter of a remembered token changed is another token.
#[tokio::test]
async fn a_remembered_token_stands_for_itself_alone() {
    let world = World::with_keys(&key_set(&[ED.jwk(json!({"kid": "ed"}))]));
    let token = token_of(json!({}));
    assert!(world.verdict(&token).await.is_ok());
    for place in (0..token.len()).step_by(7) {
        let mut changed = token.clone().into_bytes();
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(world.verdict(&changed).await.is_err(), "changed at {place}");
    }
    assert_eq!(world.registry.verified_tokens(), 1);
}

#[tokio::test]
async fn a_remembered_token_needs_no_issuer() {
    let issuer = Issuer::start();
    issuer.publish(&[ED.jwk(json!({"kid": "a"}))]);
    let world = World::new(options());
    world.define_source(source("S", &[("Issuer", &issuer.url()), ("JwksUri", &issuer.at(KEYS))]));
    let token = ED.token(&json!({"alg": "EdDSA", "kid": "a"}), &claims(json!({"iss": issuer.url()})));
    assert!(world.verdict(&token).await.is_ok());
    issuer.answer(KEYS, Answer::HangUp);
    for _ in 0..3 {
        assert!(world.verdict(&token).await.is_ok());
        world.pass_seconds(200);
    }
    world.pass_seconds(60);
    assert_eq!(world.verdict(&token).await, Err(Reason::TokenExpired));
    assert_eq!(issuer.asked().len(), 1);
}
