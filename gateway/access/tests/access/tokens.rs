//! Rows S1 to S3 of the attacks: every way in which a token can be wrong, and the ways in which it may be right.

use base64::Engine;
use ordo_access::{Class, Reason};
use serde_json::{Value, json};

use crate::keys::{ED, P256, P384, Pair, RSA, ed, encode, key_set, message, set};
use crate::world::{AUDIENCE, ISSUER, NOW, World, claims, token_of};

/// Keys of the issuer: one of each kind, and such as are for other things.
fn world() -> World {
    World::with_keys(&key_set(&[
        RSA.jwk(json!({"kid": "rsa"})),
        P256.jwk(json!({"kid": "p256", "use": "sig"})),
        P384.jwk(json!({"kid": "p384", "key_ops": ["verify"]})),
        ED.jwk(json!({"kid": "ed", "alg": "EdDSA"})),
        RSA.jwk(json!({"kid": "pss only", "alg": "PS256"})),
        RSA.jwk(json!({"kid": "encrypts", "use": "enc"})),
        RSA.jwk(json!({"kid": "oaep", "alg": "RSA-OAEP"})),
        P256.jwk(json!({"kid": "signs", "key_ops": ["sign"]})),
        json!({"kty": "oct", "kid": "shared", "k": encode("secret")}),
        json!({"kty": "EC", "crv": "secp256k1", "kid": "koblitz", "x": "AA", "y": "AA"}),
        json!({"kty": "OKP", "crv": "P-256", "kid": "mixed", "x": "AA"}),
        json!({"kid": 7}),
        json!("no key"),
    ]))
}

fn signed(pair: &Pair, alg: &str, kid: &str) -> String {
    pair.token(&json!({"alg": alg, "kid": kid}), &claims(json!({})))
}

/// A good token, but for these parameters of its header.
fn with_header(more: Value) -> String {
    let mut header = json!({"alg": "EdDSA", "kid": "ed"});
    set(&mut header, more);
    ED.token(&header, &claims(json!({})))
}

/// A good token without this claim.
fn without(claim: &str) -> String {
    let mut claims = claims(json!({}));
    claims.as_object_mut().unwrap().remove(claim);
    ED.token(&json!({"alg": "EdDSA", "kid": "ed"}), &claims)
}

/// A token of these texts, rightly signed.
fn of_texts(header: &str, claims: &str) -> String {
    let message = message(header, claims);
    format!("{message}.{}", encode(ED.sign("EdDSA", message.as_bytes())))
}

/// A token whose third part is this.
fn with_signature(header: Value, signature: &[u8]) -> String {
    format!("{}.{}", message(&header.to_string(), &claims(json!({})).to_string()), encode(signature))
}

/// HMAC under a secret that the attacker has too.
fn hmac(secret: &[u8]) -> String {
    let message = message(r#"{"alg":"HS256","kid":"rsa"}"#, &claims(json!({})).to_string());
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
    format!("{message}.{}", encode(aws_lc_rs::hmac::sign(&key, message.as_bytes())))
}

#[tokio::test]
async fn every_asymmetric_algorithm_is_accepted_with_its_key() {
    let world = world();
    let rows: [(&Pair, &str, &[&str]); 4] = [
        (&RSA, "rsa", &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]),
        (&P256, "p256", &["ES256"]),
        (&P384, "p384", &["ES384"]),
        (&ED, "ed", &["EdDSA"]),
    ];
    for (pair, kid, algorithms) in rows {
        for alg in algorithms {
            assert_eq!(world.verdict(&signed(pair, alg, kid)).await.as_deref(), Ok("User:ann"), "{alg}");
            let without_kid = pair.token(&json!({"alg": alg}), &claims(json!({})));
            assert_eq!(world.verdict(&without_kid).await.as_deref(), Ok("User:ann"), "{alg} without kid");
        }
    }
}

/// S1.
#[tokio::test]
async fn algorithms_and_signatures_are_not_the_callers_choice() {
    use Reason::{KeyAlgorithm, KeyUnknown, TokenAlgorithm, TokenSignature};
    let public = RSA.jwk(json!({}));
    let modulus = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(public["n"].as_str().unwrap()).unwrap();
    let none = |alg: &str| with_signature(json!({"alg": alg, "kid": "ed"}), b"");
    let good = token_of(json!({}));
    let (body, signature) = good.rsplit_once('.').unwrap();
    let rows = [
        ("none", none("none"), TokenAlgorithm),
        ("None", none("None"), TokenAlgorithm),
        ("nOnE", none("nOnE"), TokenAlgorithm),
        ("empty alg", none(""), TokenAlgorithm),
        ("none with a signature", signed(&ED, "none", "ed"), TokenAlgorithm),
        ("HMAC with the modulus", hmac(&modulus), TokenAlgorithm),
        ("HMAC with the JWK", hmac(public.to_string().as_bytes()), TokenAlgorithm),
        ("HMAC with a key of the set", hmac(b"secret"), TokenAlgorithm),
        ("HS512", with_signature(json!({"alg": "HS512", "kid": "shared"}), &[0; 64]), TokenAlgorithm),
        ("ES512", signed(&P256, "ES512", "p256"), TokenAlgorithm),
        ("lower case", signed(&RSA, "rs256", "rsa"), TokenAlgorithm),
        ("RS256 with the EC key", signed(&RSA, "RS256", "p256"), KeyAlgorithm),
        ("ES256 with the RSA key", signed(&P256, "ES256", "rsa"), KeyAlgorithm),
        ("ES256 with the P-384 key", signed(&P384, "ES256", "p384"), KeyAlgorithm),
        ("ES384 with the P-256 key", signed(&P256, "ES384", "p256"), KeyAlgorithm),
        ("EdDSA with the EC key", signed(&ED, "EdDSA", "p256"), KeyAlgorithm),
        ("RS256 with a key for PS256", signed(&RSA, "RS256", "pss only"), KeyAlgorithm),
        ("PS384 with a key for PS256", signed(&RSA, "PS384", "pss only"), KeyAlgorithm),
        ("a key for encryption", signed(&RSA, "RS256", "encrypts"), KeyUnknown),
        ("a key for RSA-OAEP", signed(&RSA, "RS256", "oaep"), KeyUnknown),
        ("a key that only signs", signed(&P256, "ES256", "signs"), KeyUnknown),
        ("r = s = 0", with_signature(json!({"alg": "ES256", "kid": "p256"}), &[0; 64]), TokenSignature),
        ("no signature", with_signature(json!({"alg": "ES256", "kid": "p256"}), b""), TokenSignature),
        (
            "a signature of PKCS #1 as PSS",
            {
                let message = message(r#"{"alg":"PS256","kid":"rsa"}"#, &claims(json!({})).to_string());
                format!("{message}.{}", encode(RSA.sign("RS256", message.as_bytes())))
            },
            TokenSignature,
        ),
        ("another key's signature", signed(&ed(), "EdDSA", "ed"), TokenSignature),
        ("another key's, without kid", ed().token(&json!({"alg": "EdDSA"}), &claims(json!({}))), TokenSignature),
        (
            "another token's signature",
            format!("{}.{signature}", {
                let other = token_of(json!({"sub": "bob"}));
                other.rsplit_once('.').unwrap().0.to_owned()
            }),
            TokenSignature,
        ),
        ("a signature cut short", format!("{body}.{}", &signature[..signature.len() - 4]), TokenSignature),
        ("a padded signature", format!("{good}=="), TokenSignature),
    ];
    refused(&world(), &rows).await;
}

/// S2.
#[tokio::test]
async fn keys_come_from_the_source_alone() {
    use Reason::{KeyUnknown, TokenHeader, TokenMalformed};
    let own = ed();
    let brings =
        |name: &str, value: Value| own.token(&json!({"alg": "EdDSA", "kid": "ed", name: value}), &claims(json!({})));
    let with_kid = |kid: Value| with_header(json!({ "kid": kid }));
    let rows = [
        ("unknown kid", with_kid(json!("other")), KeyUnknown),
        ("kid in another case", with_kid(json!("ED")), KeyUnknown),
        ("empty kid", with_kid(json!("")), KeyUnknown),
        ("kid is a path", with_kid(json!("../../../../dev/null")), KeyUnknown),
        ("kid is SQL", with_kid(json!("x' UNION SELECT 'secret' --")), KeyUnknown),
        ("kid is an address", with_kid(json!("http://127.0.0.1/keys")), KeyUnknown),
        ("kid is a number", with_kid(json!(7)), TokenMalformed),
        ("kid is an object", with_kid(json!({"kty": "oct"})), TokenMalformed),
        ("jku", brings("jku", json!("http://127.0.0.1/keys")), TokenHeader),
        ("x5u", brings("x5u", json!("http://127.0.0.1/cert")), TokenHeader),
        ("jwk", brings("jwk", own.jwk(json!({"kid": "ed"}))), TokenHeader),
        ("x5c", brings("x5c", json!(["MIIB"])), TokenHeader),
        ("crit", brings("crit", json!(["exp"])), TokenHeader),
        ("jku, rightly signed", with_header(json!({"jku": ISSUER})), TokenHeader),
        ("jku null", with_header(json!({"jku": null})), TokenHeader),
        ("crit null", with_header(json!({"crit": null})), TokenHeader),
        ("crit empty", with_header(json!({"crit": []})), TokenHeader),
        ("a logout token", with_header(json!({"typ": "logout+jwt"})), TokenHeader),
        ("a proof of possession", with_header(json!({"typ": "dpop+jwt"})), TokenHeader),
    ];
    refused(&world(), &rows).await;
}

/// S3.
#[tokio::test]
async fn claims_are_exactly_right() {
    use Reason::{TokenAudience, TokenClaims, TokenEarly, TokenExpired, TokenIssuedLater, TokenIssuer};
    let client = |client: &str| token_of(json!({"client_id": client, "sub": null}));
    let rows = [
        ("no aud", without("aud"), TokenClaims),
        ("wrong aud", token_of(json!({"aud": "other"})), TokenAudience),
        ("aud in another case", token_of(json!({"aud": "OMS"})), TokenAudience),
        ("empty aud", token_of(json!({"aud": ""})), TokenAudience),
        ("aud without it", token_of(json!({"aud": ["a", "b"]})), TokenAudience),
        ("aud of none", token_of(json!({"aud": []})), TokenAudience),
        ("aud is a number", token_of(json!({"aud": 1})), TokenClaims),
        ("aud holds a number", token_of(json!({"aud": [AUDIENCE, 1]})), TokenClaims),
        ("no iss", without("iss"), TokenClaims),
        ("wrong iss", token_of(json!({"iss": "https://other.example"})), TokenIssuer),
        ("iss with a slash", token_of(json!({"iss": format!("{ISSUER}/")})), TokenIssuer),
        ("iss in a list", token_of(json!({"iss": [ISSUER]})), TokenClaims),
        ("no exp", without("exp"), TokenClaims),
        ("exp null", token_of(json!({"exp": null})), TokenClaims),
        ("exp is a string", token_of(json!({"exp": (NOW + 600).to_string()})), TokenClaims),
        ("exp is a fraction", token_of(json!({"exp": NOW as f64 + 600.5})), TokenClaims),
        ("exp is 1e30", token_of(json!({"exp": 1e30})), TokenClaims),
        ("exp is negative", token_of(json!({"exp": -1})), TokenClaims),
        ("exp is 0", token_of(json!({"exp": 0})), TokenExpired),
        ("exp past", token_of(json!({"exp": NOW - 60})), TokenExpired),
        (
            "exp twice",
            of_texts(
                r#"{"alg":"EdDSA","kid":"ed"}"#,
                &format!(r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","sub":"ann","exp":1,"exp":{}}}"#, NOW + 600),
            ),
            TokenClaims,
        ),
        ("nbf future", token_of(json!({"nbf": NOW + 61})), TokenEarly),
        ("nbf beyond all time", token_of(json!({"nbf": u64::MAX})), TokenEarly),
        ("nbf is a string", token_of(json!({"nbf": "0"})), TokenClaims),
        ("iat future", token_of(json!({"iat": NOW + 61})), TokenIssuedLater),
        ("iat is a string", token_of(json!({"iat": "0"})), TokenClaims),
        ("no name", without("sub"), TokenClaims),
        ("empty sub", token_of(json!({"sub": ""})), TokenClaims),
        ("empty client_id", client(""), TokenClaims),
        ("sub is a number", token_of(json!({"sub": 1})), TokenClaims),
        ("sub breaks the line", token_of(json!({"sub": "ann\r\nroot"})), TokenClaims),
        ("sub is long", token_of(json!({"sub": "a".repeat(252)})), TokenClaims),
    ];
    refused(&world(), &rows).await;
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    use Reason::{TokenClaims, TokenMalformed};
    let good = token_of(json!({}));
    let parts: Vec<&str> = good.split('.').collect();
    let claims = claims(json!({})).to_string();
    let rows = [
        ("nothing", String::new(), TokenMalformed),
        ("a word", "token".to_owned(), TokenMalformed),
        ("two parts", format!("{}.{}", parts[0], parts[1]), TokenMalformed),
        ("four parts", format!("{good}.{}", parts[2]), TokenMalformed),
        ("five parts", "e30.e30.e30.e30.e30".to_owned(), TokenMalformed),
        ("dots", "..".to_owned(), TokenMalformed),
        ("two tokens", format!("{good} {good}"), TokenMalformed),
        ("padding", format!("{}=.{}.{}", parts[0], parts[1], parts[2]), TokenMalformed),
        ("standard base64", format!("{}+/.{}.{}", parts[0], parts[1], parts[2]), TokenMalformed),
        ("the header is a list", of_texts(r#"["EdDSA","ed",null]"#, &claims), TokenMalformed),
        ("the header is no JSON", of_texts("alg=EdDSA", &claims), TokenMalformed),
        ("alg twice", of_texts(r#"{"alg":"none","alg":"EdDSA"}"#, &claims), TokenMalformed),
        ("no alg", of_texts("{}", &claims), TokenMalformed),
        ("the claims are a list", of_texts(r#"{"alg":"EdDSA"}"#, "[]"), TokenMalformed),
        ("the claims are cut short", of_texts(r#"{"alg":"EdDSA"}"#, &claims[..40]), TokenClaims),
        ("brackets without end", of_texts(r#"{"alg":"EdDSA"}"#, &"{\"a\":".repeat(2000)), TokenClaims),
        ("20 KiB", token_of(json!({"more": "x".repeat(20 << 10)})), TokenMalformed),
    ];
    refused(&world(), &rows).await;
}

#[tokio::test]
async fn what_may_vary_is_accepted() {
    let world = world();
    let rows = [
        ("aud among others", token_of(json!({"aud": ["a", AUDIENCE]})), "User:ann"),
        ("at the end of the leeway", token_of(json!({"exp": NOW - 59})), "User:ann"),
        ("nbf within the leeway", token_of(json!({"nbf": NOW + 60})), "User:ann"),
        ("iat within the leeway", token_of(json!({"iat": NOW + 60})), "User:ann"),
        ("no iat", without("iat"), "User:ann"),
        ("exp far away", token_of(json!({"exp": u64::MAX})), "User:ann"),
        ("typ of an access token", with_header(json!({"typ": "at+jwt"})), "User:ann"),
        ("typ in full, in any case", with_header(json!({"typ": "application/AT+JWT"})), "User:ann"),
        ("parameters of no meaning here", with_header(json!({"x5t": "AA", "cty": "x", "foo": 1})), "User:ann"),
        ("a client", token_of(json!({"sub": null, "client_id": "svc"})), "Client:svc"),
        ("a client by both", token_of(json!({"sub": "svc", "client_id": "svc"})), "Client:svc"),
        ("a user of a client", token_of(json!({"sub": "ann", "client_id": "desk"})), "User:ann"),
        ("a user named like a client", token_of(json!({"sub": "Client:svc"})), "User:Client:svc"),
        ("the longest name", token_of(json!({"sub": "a".repeat(251)})), &format!("User:{}", "a".repeat(251))),
    ];
    for (name, token, identity) in rows {
        assert_eq!(world.verdict(&token).await.as_deref(), Ok(identity), "{name}");
    }
}

async fn refused(world: &World, rows: &[(&str, String, Reason)]) {
    for (name, token, reason) in rows {
        assert_eq!(world.verdict(token).await, Err(*reason), "{name}");
        assert_eq!(reason.class(), Class::Unauthorized, "{name}");
    }
    assert_eq!(world.registry.verified_tokens(), 0, "a token that was refused is not remembered");
}
