//! Sources and identities as they are registered, changed and removed, and callers while there are none.

use std::net::IpAddr;

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use ordo_access::{AllowWhenNoSources, Class, Ended, Feature, Options, Reason, check_source};
use ordo_core::metadata::{Details, Metadata, MetadataRecord};
use ordo_core::outcome::MetadataKind;
use ordo_core::proto::{IdentitySource, Permissions};
use serde_json::json;

use crate::keys::{ED, key_set};
use crate::world::{ISSUER, NOW, World, bearer, header, loopback, options, origin, permissions, source, token_of};

fn jwks() -> String {
    key_set(&[ED.jwk(json!({"kid": "ed"}))])
}

fn world() -> World {
    World::with_keys(&jwks())
}

#[tokio::test]
async fn without_sources_the_setting_decides() {
    use AllowWhenNoSources::{Loopback, Network, Never};
    let peers: [IpAddr; 5] =
        ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "10.0.0.7"].map(|peer| peer.parse().unwrap());
    for (allow, allowed) in [(Never, [false; 5]), (Loopback, [true, true, true, true, false]), (Network, [true; 5])] {
        let world = World::new(Options { allow_when_no_sources: allow, ..options() });
        assert_eq!(world.registry.is_open_to_network(), allow == Network);
        for (peer, is_allowed) in peers.into_iter().zip(allowed) {
            // A token that cannot be judged is ignored.
            for headers in [HeaderMap::new(), bearer("nonsense"), header(AUTHORIZATION, "Basic YTpi")] {
                let caller = world.registry.admit(&headers, peer).await;
                assert_eq!(caller.is_ok(), is_allowed, "{allow} {peer}");
                match caller {
                    Ok(caller) => {
                        assert!(Feature::ALL.into_iter().all(|feature| caller.has(feature)));
                        assert!(caller.sees_everything() && caller.may_open_feed("F") && caller.expires_ns().is_none());
                        assert_eq!(world.registry.define_identities(&caller), Ok(()));
                    }
                    Err(refusal) => assert_eq!(refusal.reason(), Reason::SourcesNone),
                }
            }
        }
        world.define_source(source("S", &[("Issuer", ISSUER), ("Jwks", &jwks())]));
        assert!(!world.registry.is_open_to_network());
        for peer in peers {
            let refusal = world.registry.admit(&HeaderMap::new(), peer).await.unwrap_err();
            assert_eq!(refusal.reason(), Reason::TokenMissing, "a source is registered");
        }
        world.registry.undefine(MetadataKind::IdentitySource, "S", "");
        assert_eq!(world.registry.admit(&HeaderMap::new(), loopback()).await.is_ok(), allow != Never);
    }
}

#[test]
fn the_setting_is_read_by_its_name() {
    for name in ["never", "loopback", "network"] {
        assert_eq!(name.parse::<AllowWhenNoSources>().unwrap().to_string(), name);
    }
    assert!("Network".parse::<AllowWhenNoSources>().is_err());
}

#[tokio::test]
async fn foreign_origins_are_refused_with_and_without_token() {
    for (origins, asked, is_allowed) in [
        (&[][..], "https://desk.example", false),
        (&["https://desk.example"], "https://desk.example", true),
        (&["https://desk.example"], "https://desk.example:8443", false),
        (&["https://desk.example"], "http://desk.example", false),
        (&["https://desk.example"], "https://desk.example.evil", false),
        (&["https://desk.example"], "null", false),
    ] {
        let world = World::new(Options {
            origins: origins.iter().map(|origin| origin.to_string()).collect(),
            allow_when_no_sources: AllowWhenNoSources::Loopback,
            ..options()
        });
        for has_sources in [false, true] {
            let mut headers = origin(asked);
            if has_sources {
                world.define_source(source("S", &[("Issuer", ISSUER), ("Jwks", &jwks())]));
                headers.extend(bearer(&token_of(json!({}))));
            }
            let found = world.registry.identify(&headers, loopback()).await.map(|_| ());
            let expected = if is_allowed { Ok(()) } else { Err(Reason::OriginForeign.into()) };
            assert_eq!(found, expected, "{asked}");
        }
    }
    assert_eq!(Reason::OriginForeign.class(), Class::Forbidden);
}

#[tokio::test]
async fn the_token_stands_in_one_authorization_header() {
    let world = world();
    let token = token_of(json!({}));
    for (value, expected) in [
        (format!("Bearer {token}"), Ok(())),
        (format!("bearer {token}"), Ok(())),
        (format!("BEARER   {token}"), Ok(())),
        (token.clone(), Err(Reason::TokenMalformed)),
        (format!("Bearer{token}"), Err(Reason::TokenMalformed)),
        (format!("Basic {token}"), Err(Reason::TokenMissing)),
        ("Bearer".to_owned(), Err(Reason::TokenMalformed)),
        ("Bearer ".to_owned(), Err(Reason::TokenMalformed)),
        (format!("Bearer {token}, Bearer {token}"), Err(Reason::TokenMalformed)),
    ] {
        let found = world.registry.identify(&header(AUTHORIZATION, &value), loopback()).await;
        assert_eq!(found.map(|_| ()).map_err(|refusal| refusal.reason()), expected, "{}", value.replace(&token, "T"));
    }
    let mut twice = bearer(&token);
    twice.append(AUTHORIZATION, twice[AUTHORIZATION].clone());
    let refusal = world.registry.identify(&twice, loopback()).await.unwrap_err();
    assert_eq!(refusal.reason(), Reason::TokenMalformed);
}

#[tokio::test]
async fn an_identity_without_permissions_is_known_and_may_nothing() {
    let world = world();
    let headers = bearer(&token_of(json!({})));
    let refusal = world.registry.admit(&headers, loopback()).await.unwrap_err();
    assert_eq!((refusal.reason(), refusal.class()), (Reason::IdentityUnregistered, Class::Forbidden));
    assert_eq!((refusal.source(), refusal.identity()), ("S", "User:ann"));
    let caller = world.registry.identify(&headers, loopback()).await.unwrap();
    assert_eq!((caller.source(), caller.code(), caller.is_registered()), ("S", "User:ann", false));
    assert!(!caller.may_see("A", None) && !caller.may_open_feed("F") && !caller.may_submit_for(""));

    world.define_identity(permissions("User:ann", &["Query"]));
    let caller = world.registry.admit(&headers, loopback()).await.unwrap();
    assert!(caller.has(Feature::Query), "though the token was remembered from before");
}

/// Identities of one name under two sources are two.
#[tokio::test]
async fn permissions_are_those_of_the_tokens_source() {
    let world = world();
    let other = "https://other.example";
    world.define_source(source("T", &[("Issuer", other), ("Jwks", &jwks())]));
    world.define_identity(permissions("User:ann", &["Admin"]));
    let caller = world.identify(&token_of(json!({ "iss": other }))).await.unwrap();
    assert_eq!((caller.source(), caller.has(Feature::Admin)), ("T", false));
}

#[tokio::test]
async fn until_there_is_an_admin_any_token_defines_identities() {
    let world = world();
    let caller = world.identify(&token_of(json!({}))).await.unwrap();
    assert_eq!(world.registry.define_identities(&caller), Ok(()));
    world.define_identity(permissions("Client:svc", &["Alter"]));
    assert_eq!(world.registry.define_identities(&caller), Ok(()), "a service may land first");
    for feature in ["Admin", "*"] {
        world.define_identity(permissions("User:root", &[feature]));
        let refusal = world.registry.define_identities(&caller).unwrap_err();
        assert_eq!(refusal.reason(), Reason::FeatureMissing);
        let root = world.identify(&token_of(json!({"sub": "root"}))).await.unwrap();
        assert_eq!(world.registry.define_identities(&root), Ok(()));
        world.registry.undefine(MetadataKind::Identity, "S", "User:root");
        assert_eq!(world.registry.define_identities(&caller), Ok(()));
    }
}

#[tokio::test]
async fn permissions_hold_until_the_connection_closes_and_removal_closes_it() {
    let world = world();
    world.define_identity(permissions("User:ann", &["Alter"]));
    let headers = bearer(&token_of(json!({})));
    let connected = world.registry.admit(&headers, loopback()).await.unwrap();

    world.define_identity(permissions("User:ann", &["Audit"]));
    assert_eq!(world.registry.recheck(&connected), Ok(()));
    assert!(connected.has(Feature::Alter) && !connected.has(Feature::Audit));
    let next = world.registry.admit(&headers, loopback()).await.unwrap();
    assert!(next.has(Feature::Audit) && !next.has(Feature::Alter), "the next request has the new ones");

    world.registry.undefine(MetadataKind::Identity, "S", "User:bob");
    assert_eq!(world.registry.recheck(&connected), Ok(()));
    world.registry.undefine(MetadataKind::Identity, "S", "User:ann");
    assert_eq!(world.registry.recheck(&connected), Err(Ended::Removed));
    world.define_identity(permissions("User:ann", &["Alter"]));
    assert_eq!(world.registry.recheck(&connected), Err(Ended::Removed), "it is another now");
}

/// Closed within a second after `exp` and the leeway, and not before.
#[tokio::test]
async fn a_connection_ends_when_its_token_expires() {
    let world = world();
    world.define_identity(permissions("User:ann", &[]));
    let headers = bearer(&token_of(json!({"exp": NOW + 10})));
    let caller = world.registry.admit(&headers, loopback()).await.unwrap();
    let end_ns = (NOW + 70) * 1_000_000_000;
    assert_eq!(caller.expires_ns(), Some(end_ns));
    world.turn_to_ns(end_ns - 1);
    assert_eq!(world.registry.recheck(&caller), Ok(()));
    assert!(world.registry.admit(&headers, loopback()).await.is_ok());
    world.turn_to_ns(end_ns);
    assert_eq!(world.registry.recheck(&caller), Err(Ended::Expired));
    let refusal = world.registry.admit(&headers, loopback()).await.unwrap_err();
    assert_eq!(refusal.reason(), Reason::TokenExpired, "though it was remembered");
    assert_eq!(world.registry.verified_tokens(), 0);
}

#[tokio::test]
async fn a_source_that_is_removed_or_changed_verifies_by_its_new_definition() {
    let world = world();
    let token = token_of(json!({}));
    assert!(world.verdict(&token).await.is_ok());
    world.define_source(source("S", &[("Issuer", ISSUER), ("Jwks", &jwks()), ("Audience", "other")]));
    assert_eq!(world.verdict(&token).await, Err(Reason::TokenAudience));
    assert!(world.verdict(&token_of(json!({"aud": ["other"]}))).await.is_ok());
    world.define_source(source("S", &[("Issuer", ISSUER), ("Jwks", &key_set(&[]))]));
    assert_eq!(world.verdict(&token).await, Err(Reason::KeyUnknown));
    world.define_source(source("S", &[("Issuer", ISSUER), ("Jwks", &jwks())]));
    assert!(world.verdict(&token).await.is_ok());
    world.registry.undefine(MetadataKind::IdentitySource, "S", "");
    assert_eq!(world.verdict(&token).await, Err(Reason::SourcesNone));
}

#[tokio::test]
async fn sources_of_one_issuer_are_told_apart_by_audience_and_keys() {
    let world = World::new(Options { audience: None, ..options() });
    let sources = [("A", "a", key_set(&[])), ("B", "b", jwks()), ("C", "a", jwks())];
    for (code, audience, jwks) in &sources {
        world.define_source(source(code, &[("Issuer", ISSUER), ("Audience", audience), ("Jwks", jwks)]));
    }
    for (audience, code) in [("a", "C"), ("b", "B")] {
        let caller = world.identify(&token_of(json!({ "aud": audience }))).await.unwrap();
        assert_eq!(caller.source(), code);
    }
    assert_eq!(world.verdict(&token_of(json!({}))).await, Err(Reason::TokenAudience));
}

#[tokio::test]
async fn without_any_audience_no_token_is_meant() {
    let world = World::new(Options { audience: None, ..options() });
    world.define_source(source("S", &[("Issuer", ISSUER), ("Jwks", &jwks()), ("Audience", "")]));
    for aud in ["oms", ""] {
        assert_eq!(world.verdict(&token_of(json!({ "aud": aud }))).await, Err(Reason::TokenAudience));
    }
}

#[tokio::test]
async fn a_definition_that_verifies_nothing_counts_as_registered_and_shows_its_fault() {
    let unknown = IdentitySource { authentication: 0, ..source("S", &[("Issuer", ISSUER), ("Jwks", &jwks())]) };
    let rows = [
        (unknown, "Authentication"),
        (source("S", &[("Jwks", &jwks())]), "Issuer"),
        (source("S", &[("Issuer", "not an address")]), "discovery"),
        (source("S", &[("Issuer", ISSUER), ("JwksUri", "ftp://issuer.example/keys")]), "JwksUri"),
        (source("S", &[("Issuer", ISSUER), ("JwksUri", "file:///etc/passwd")]), "JwksUri"),
        (source("S", &[("Issuer", ISSUER), ("Jwks", "{}")]), "Jwks"),
    ];
    for (definition, problem) in rows {
        assert!(check_source(&definition).unwrap_err().to_string().contains(problem));
        let world = World::new(Options { allow_when_no_sources: AllowWhenNoSources::Network, ..options() });
        world.define_source(definition);
        let faults = world.registry.source_faults();
        assert!(faults[0].0 == "S" && faults[0].1.contains(problem), "{faults:?}");
        assert_eq!(world.verdict(&token_of(json!({}))).await, Err(Reason::TokenIssuer));
    }
    assert!(check_source(&source("S", &[("Issuer", "any text"), ("Jwks", &jwks())])).is_ok());
}

/// At start, and where it is not known what changed: what stays keeps its connections and remembered tokens.
#[tokio::test]
async fn all_definitions_are_replaced_at_once() {
    let world = World::new(options());
    let stays = source("S", &[("Issuer", ISSUER), ("Jwks", &jwks())]);
    let goes = source("T", &[("Issuer", "https://other.example"), ("Jwks", &jwks())]);
    let (ann, bob) = (permissions("User:ann", &["Alter"]), permissions("User:bob", &[]));
    world.registry.replace(&metadata(&[&stays, &goes], &[&ann, &bob]));
    let ann_then = world.registry.admit(&bearer(&token_of(json!({}))), loopback()).await.unwrap();
    let bob_then = world.registry.admit(&bearer(&token_of(json!({"sub": "bob"}))), loopback()).await.unwrap();
    assert_eq!(world.registry.verified_tokens(), 2);

    world.registry.replace(&metadata(&[&stays], &[&permissions("User:ann", &["Audit"])]));
    assert_eq!(world.registry.recheck(&ann_then), Ok(()));
    assert_eq!(world.registry.recheck(&bob_then), Err(Ended::Removed));
    assert!(world.identify(&token_of(json!({}))).await.unwrap().has(Feature::Audit));
    let foreign = token_of(json!({"iss": "https://other.example"}));
    assert_eq!(world.verdict(&foreign).await, Err(Reason::TokenIssuer));
}

fn metadata(sources: &[&IdentitySource], identities: &[&Permissions]) -> Metadata {
    let mut metadata = Metadata::default();
    let sources = sources.iter().map(|&source| Details::IdentitySource(Box::new(source.clone())));
    let identities = identities.iter().map(|&permissions| Details::Identity(Box::new(permissions.clone())));
    for details in sources.chain(identities) {
        metadata.set(MetadataRecord::new(details));
    }
    metadata
}

#[tokio::test]
async fn an_authority_is_the_identitys_own() {
    let world = world();
    world.define_identity(Permissions { r#type: 2, ..permissions("User:ann", &[]) });
    let authority = world.identify(&token_of(json!({}))).await.unwrap().authority();
    assert_eq!((authority.r#type, &*authority.identity, &*authority.source), (2, "User:ann", "S"));
}
