//! Keys from a real issuer: found, rotated, withdrawn, and out of reach for a while.

use std::sync::Arc;
use std::time::Duration;

use ordo_access::{Options, Reason};
use rustls::RootCertStore;
use serde_json::{Value, json};

use crate::issuer::{Answer, DISCOVERY, Issuer, KEYS};
use crate::keys::{ED, Pair, ed, key_set};
use crate::tls::Files;
use crate::world::{World, bearer, claims, loopback, options, source, token_of};

/// A world whose source has this issuer's keys by their address.
fn by_address(issuer: &Issuer) -> World {
    let world = World::new(options());
    world.define_source(source("S", &[("Issuer", &issuer.url()), ("JwksUri", &issuer.at(KEYS))]));
    world
}

fn token(pair: &Pair, kid: &str, issuer: &str, more: Value) -> String {
    let mut claims = claims(json!({ "iss": issuer }));
    crate::keys::set(&mut claims, more);
    pair.token(&json!({"alg": "EdDSA", "kid": kid}), &claims)
}

#[tokio::test]
async fn keys_by_address_are_fetched_once() {
    let issuer = Issuer::start();
    issuer.publish(&[ED.jwk(json!({"kid": "a"}))]);
    let world = by_address(&issuer);
    assert_eq!(issuer.asked(), [""; 0], "nothing is fetched before a token needs it");
    for name in ["ann", "bob"] {
        let token = token(&ED, "a", &issuer.url(), json!({ "sub": name }));
        assert_eq!(world.verdict(&token).await, Ok(format!("User:{name}")));
    }
    assert_eq!(issuer.asked(), [KEYS]);
}

#[tokio::test]
async fn a_source_that_is_defined_anew_with_another_name_keeps_its_keys() {
    let issuer = Issuer::start();
    issuer.publish(&[ED.jwk(json!({"kid": "a"}))]);
    let world = by_address(&issuer);
    let token = token(&ED, "a", &issuer.url(), json!({}));
    assert!(world.verdict(&token).await.is_ok());
    let mut renamed = source("S", &[("Issuer", &issuer.url()), ("JwksUri", &issuer.at(KEYS))]);
    renamed.name = "Desk".to_owned();
    world.define_source(renamed);
    assert!(world.verdict(&token).await.is_ok());
    assert_eq!(issuer.asked(), [KEYS]);
}

/// A slash at the end counts in `iss`, and is no part of the address that discovery asks.
#[tokio::test]
async fn keys_are_discovered_from_the_issuer_with_and_without_slash() {
    for slash in ["", "/"] {
        let issuer = Issuer::start();
        let name = format!("{}{slash}", issuer.url());
        issuer.publish(&[ED.jwk(json!({"kid": "a"}))]);
        issuer.publish_discovery(&name);
        let world = World::new(options());
        world.define_source(source("S", &[("Issuer", &name)]));
        assert_eq!(world.verdict(&token(&ED, "a", &name, json!({}))).await.as_deref(), Ok("User:ann"));
        assert_eq!(issuer.asked(), [DISCOVERY, KEYS]);
        let other = if slash.is_empty() { format!("{name}/") } else { issuer.url() };
        assert_eq!(world.verdict(&token(&ED, "a", &other, json!({}))).await, Err(Reason::TokenIssuer));
    }
}

#[tokio::test]
async fn a_discovery_document_of_another_issuer_is_not_believed() {
    let issuer = Issuer::start();
    issuer.publish(&[ED.jwk(json!({"kid": "a"}))]);
    issuer.publish_discovery("https://other.example");
    let world = World::new(options());
    world.define_source(source("S", &[("Issuer", &issuer.url())]));
    assert_eq!(world.verdict(&token(&ED, "a", &issuer.url(), json!({}))).await, Err(Reason::KeysUnavailable));
    assert_eq!(issuer.asked(), [DISCOVERY]);
}

/// The first load is no refresh; after a refresh the next is a minute away; the whole set is replaced.
#[tokio::test]
async fn an_unknown_key_refreshes_the_set_once_a_minute() {
    let issuer = Issuer::start();
    let (first, second, third) = (ed(), ed(), ed());
    issuer.publish(&[first.jwk(json!({"kid": "1"}))]);
    let world = by_address(&issuer);
    let by = |pair: &Pair, kid: &str| token(pair, kid, &issuer.url(), json!({}));
    assert!(world.verdict(&by(&first, "1")).await.is_ok());

    issuer.publish(&[second.jwk(json!({"kid": "2"}))]);
    assert!(world.verdict(&by(&second, "2")).await.is_ok(), "refreshed at once");
    assert_eq!(issuer.asked().len(), 2);
    assert_eq!(world.verdict(&by(&first, "1")).await, Err(Reason::KeyUnknown), "withdrawn, though remembered");

    issuer.publish(&[third.jwk(json!({"kid": "3"}))]);
    world.pass_seconds(59);
    assert_eq!(world.verdict(&by(&third, "3")).await, Err(Reason::KeyUnknown));
    assert!(world.verdict(&by(&second, "2")).await.is_ok());
    assert_eq!(issuer.asked().len(), 2);
    world.pass_seconds(1);
    assert!(world.verdict(&by(&third, "3")).await.is_ok());
    assert_eq!(issuer.asked().len(), 3);
}

#[tokio::test]
async fn a_token_without_key_id_that_no_key_verifies_refreshes_too() {
    let issuer = Issuer::start();
    let (first, second) = (ed(), ed());
    issuer.publish(&[first.jwk(json!({}))]);
    let world = by_address(&issuer);
    let by = |pair: &Pair| pair.token(&json!({"alg": "EdDSA"}), &claims(json!({"iss": issuer.url()})));
    assert!(world.verdict(&by(&first)).await.is_ok());
    issuer.publish(&[second.jwk(json!({}))]);
    assert!(world.verdict(&by(&second)).await.is_ok());
    assert_eq!(world.verdict(&by(&first)).await, Err(Reason::TokenSignature));
    assert_eq!(issuer.asked().len(), 2);
}

/// A bad signature under a known key id is no reason to ask the issuer.
#[tokio::test]
async fn forged_tokens_do_not_make_the_hub_fetch() {
    let (issuer, elsewhere) = (Issuer::start(), Issuer::start());
    issuer.publish(&[ED.jwk(json!({"kid": "a"}))]);
    elsewhere.publish(&[ED.jwk(json!({"kid": "a"}))]);
    let world = by_address(&issuer);
    assert!(world.verdict(&token(&ED, "a", &issuer.url(), json!({}))).await.is_ok());
    let forged = ed();
    for count in 0..20 {
        let forged = token(&forged, "a", &issuer.url(), json!({ "count": count }));
        assert_eq!(world.verdict(&forged).await, Err(Reason::TokenSignature));
    }
    for name in ["jku", "x5u"] {
        let header = json!({"alg": "EdDSA", "kid": "new", name: elsewhere.at(KEYS)});
        let token = ED.token(&header, &claims(json!({"iss": issuer.url()})));
        assert_eq!(world.verdict(&token).await, Err(Reason::TokenHeader));
    }
    let foreign = token(&ED, "a", &elsewhere.url(), json!({}));
    assert_eq!(world.verdict(&foreign).await, Err(Reason::TokenIssuer));
    assert_eq!((issuer.asked().len(), elsewhere.asked().len()), (1, 0));
}

#[tokio::test]
async fn keys_are_kept_while_the_issuer_is_down() {
    let issuer = Issuer::start();
    let (old, new) = (ed(), ed());
    issuer.publish(&[old.jwk(json!({"kid": "old"}))]);
    let world = by_address(&issuer);
    let by = |pair: &Pair, kid: &str, sub: &str| token(pair, kid, &issuer.url(), json!({ "sub": sub }));
    assert!(world.verdict(&by(&old, "old", "ann")).await.is_ok());

    let troubles = [
        Answer::HangUp,
        Answer::Status("503 Service Unavailable"),
        Answer::Json("<html>maintenance</html>".to_owned()),
        Answer::Json("{}".to_owned()),
        Answer::Redirect(issuer.at("/elsewhere")),
        Answer::Endless,
    ];
    for (count, trouble) in troubles.into_iter().enumerate() {
        issuer.answer(KEYS, trouble);
        assert_eq!(world.verdict(&by(&new, "new", "ann")).await, Err(Reason::KeyUnknown));
        assert_eq!(issuer.asked().len(), 2 + count, "one attempt, which is not followed elsewhere");
        assert_eq!(world.registry.source_faults().len(), 1);
        assert_eq!(world.verdict(&by(&new, "new", "ann")).await, Err(Reason::KeyUnknown));
        assert_eq!(issuer.asked().len(), 2 + count, "an attempt that failed counts");
        assert!(world.verdict(&by(&old, "old", &format!("user {count}"))).await.is_ok());
        world.pass_seconds(60);
    }
    issuer.publish(&[new.jwk(json!({"kid": "new"}))]);
    assert!(world.verdict(&by(&new, "new", "ann")).await.is_ok());
    assert_eq!(world.registry.source_faults(), []);
}

#[tokio::test]
async fn an_issuer_that_is_down_at_first_is_tried_again_a_second_later() {
    let issuer = Issuer::start();
    let world = by_address(&issuer);
    let token = token(&ED, "a", &issuer.url(), json!({}));
    assert_eq!(world.verdict(&token).await, Err(Reason::KeysUnavailable));
    issuer.publish(&[ED.jwk(json!({"kid": "a"}))]);
    assert_eq!(world.verdict(&token).await, Err(Reason::KeysUnavailable));
    assert_eq!(issuer.asked().len(), 1);
    world.pass_seconds(1);
    assert!(world.verdict(&token).await.is_ok());
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_a_refusal() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let world = World::new(options());
    let uri = format!("http://{address}/keys");
    world.define_source(source("S", &[("Issuer", "x"), ("JwksUri", &uri)]));
    assert_eq!(world.verdict(&token_of(json!({"iss": "x"}))).await, Err(Reason::KeysUnavailable));
    let faults = world.registry.source_faults();
    assert!(faults[0].0 == "S" && faults[0].1.contains(&uri), "{faults:?}");
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_is_given_up() {
    let issuer = Issuer::start();
    issuer.answer(KEYS, Answer::Silence);
    let world = World::new(Options { fetch_time_max: Duration::from_millis(20), ..options() });
    world.define_source(source("S", &[("Issuer", &issuer.url()), ("JwksUri", &issuer.at(KEYS))]));
    assert_eq!(world.verdict(&token(&ED, "a", &issuer.url(), json!({}))).await, Err(Reason::KeysUnavailable));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_need_a_key_at_once_share_one_fetch() {
    let issuer = Issuer::start();
    issuer.answer(KEYS, Answer::Gated(key_set(&[ED.jwk(json!({"kid": "a"}))])));
    let world = Arc::new(by_address(&issuer));
    let callers: Vec<_> = (0..40)
        .map(|count| {
            let token = token(&ED, "a", &issuer.url(), json!({ "sub": format!("user {count}") }));
            let world = world.clone();
            tokio::spawn(async move { world.verdict(&token).await })
        })
        .collect();
    issuer.await_requests(1);
    issuer.open_gate();
    for caller in callers {
        assert!(caller.await.unwrap().is_ok());
    }
    assert_eq!(issuer.asked(), [KEYS]);
}

/// An attempt was once part of the request that caused it: callers who hung up could use up every refresh.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_hangs_up_does_not_take_the_fetch_with_it() {
    let issuer = Issuer::start();
    issuer.answer(KEYS, Answer::Gated(key_set(&[ED.jwk(json!({"kid": "a"}))])));
    let world = by_address(&issuer);
    let token = token(&ED, "a", &issuer.url(), json!({}));
    let caller = tokio::spawn({
        let (registry, headers) = (world.registry.clone(), bearer(&token));
        async move { registry.identify(&headers, loopback()).await }
    });
    issuer.await_requests(1);
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    issuer.open_gate();
    assert!(world.verdict(&token).await.is_ok());
    assert_eq!(issuer.asked(), [KEYS]);
}

/// Without an unknown key nothing else would find out that one was withdrawn.
#[tokio::test]
async fn keys_are_renewed_after_an_hour_without_holding_anybody_up() {
    let issuer = Issuer::start();
    let (old, new) = (ed(), ed());
    issuer.publish(&[old.jwk(json!({"kid": "old"}))]);
    let world = by_address(&issuer);
    let by_old = |sub: String| token(&old, "old", &issuer.url(), json!({"exp": u64::MAX, "sub": sub}));
    assert!(world.verdict(&by_old("ann".to_owned())).await.is_ok());
    issuer.publish(&[new.jwk(json!({"kid": "new"}))]);
    world.pass_seconds(3600);
    assert!(world.verdict(&by_old("bob".to_owned())).await.is_ok(), "the old set serves meanwhile");
    // The old set is in force until the answer has come.
    while world.verdict(&by_old("bob".to_owned())).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(world.verdict(&by_old("ann".to_owned())).await, Err(Reason::KeyUnknown));
    let asked = issuer.asked().len();
    assert!(asked <= 3, "the load, the renewal, and one refresh for the key that is unknown since: {asked}");
}

#[tokio::test]
async fn refreshes_are_limited_by_source() {
    let issuers = [Issuer::start(), Issuer::start()];
    let world = World::new(options());
    for (issuer, code) in issuers.iter().zip(["A", "B"]) {
        issuer.publish(&[]);
        world.define_source(source(code, &[("Issuer", &issuer.url()), ("JwksUri", &issuer.at(KEYS))]));
    }
    for issuer in &issuers {
        let token = token(&ED, "a", &issuer.url(), json!({}));
        assert_eq!(world.verdict(&token).await, Err(Reason::KeyUnknown));
        issuer.publish(&[ED.jwk(json!({"kid": "a"}))]);
        assert_eq!(issuer.asked().len(), 2, "the load and a refresh");
    }
    world.pass_seconds(60);
    for issuer in &issuers {
        assert!(world.verdict(&token(&ED, "a", &issuer.url(), json!({}))).await.is_ok());
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_bar_refreshes() {
    let issuer = Issuer::start();
    issuer.publish(&[]);
    let world = by_address(&issuer);
    let token = token(&ED, "a", &issuer.url(), json!({"iat": 0}));
    assert_eq!(world.verdict(&token).await, Err(Reason::KeyUnknown));
    issuer.publish(&[ED.jwk(json!({"kid": "a"}))]);
    world.turn_to_ns(1_000_000_000_000_000_000);
    assert!(world.verdict(&token).await.is_ok());
}

#[tokio::test]
async fn https_issuers_are_verified() {
    let files = Files::new();
    let issuer = Issuer::start_tls(ordo_access::tls::server_config(&files.cert, &files.key).unwrap());
    issuer.publish(&[ED.jwk(json!({"kid": "a"}))]);
    let mut roots = RootCertStore::empty();
    for (is_trusted, verdict) in [(false, Err(Reason::KeysUnavailable)), (true, Ok("User:ann".to_owned()))] {
        if is_trusted {
            roots.add(files.certificate.clone()).unwrap();
        }
        let world = World::new(Options { roots: Some(Arc::new(roots.clone())), ..options() });
        world.define_source(source("S", &[("Issuer", &issuer.url()), ("JwksUri", &issuer.at(KEYS))]));
        assert_eq!(world.verdict(&token(&ED, "a", &issuer.url(), json!({}))).await, verdict);
    }
}

/// An https issuer whose discovery names an http address would have its keys replaced on the way.
#[tokio::test]
async fn discovery_over_https_leads_to_no_http_address() {
    let files = Files::new();
    let plain = Issuer::start();
    plain.publish(&[ED.jwk(json!({"kid": "a"}))]);
    let issuer = Issuer::start_tls(ordo_access::tls::server_config(&files.cert, &files.key).unwrap());
    issuer.answer(DISCOVERY, Answer::Json(json!({"jwks_uri": plain.at(KEYS)}).to_string()));
    let mut roots = RootCertStore::empty();
    roots.add(files.certificate.clone()).unwrap();
    let world = World::new(Options { roots: Some(Arc::new(roots)), ..options() });
    world.define_source(source("S", &[("Issuer", &issuer.url())]));
    assert_eq!(world.verdict(&token(&ED, "a", &issuer.url(), json!({}))).await, Err(Reason::KeysUnavailable));
    assert_eq!((issuer.asked().len(), plain.asked().len()), (1, 0));
}
