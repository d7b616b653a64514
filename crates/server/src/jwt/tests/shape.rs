//! What a token and a set of keys may be, and how much of it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use super::{NOW, NOW_MS, Publisher, Signer, changed, claims, expected, is_good, verify};
use crate::jwt::{Algorithm, Expected, KeySet, Refused, Token};
use trailbook_event::limits::{
    ISSUER_BYTES_MAX, ISSUER_KEYS_MAX, JWT_BYTES_MAX, JWT_SKEW_SECONDS_MAX, JWT_SUBJECT_BYTES_MAX,
};

#[tokio::test]
async fn what_an_issuer_publishes_has_limits() {
    let signer = Signer::new("a");
    let publisher = Publisher::start(&[&signer]).await;
    let token = signer.token(&claims());
    for (bytes, is_taken) in [(ISSUER_BYTES_MAX, true), (ISSUER_BYTES_MAX + 1, false)] {
        publisher.change(|published| published.padding = bytes);
        assert_eq!(is_good(&verify(&publisher.issuer(), &token, NOW_MS).await), is_taken, "{bytes} bytes");
    }
    publisher.change(|published| published.padding = 0);
    for (keys, is_taken) in [(ISSUER_KEYS_MAX, true), (ISSUER_KEYS_MAX + 1, false)] {
        let other = Signer::new("other").jwk();
        publisher.change(|published| {
            published.keys = vec![other; keys - 1];
            published.keys.push(signer.jwk());
        });
        assert_eq!(is_good(&verify(&publisher.issuer(), &token, NOW_MS).await), is_taken, "{keys} keys");
    }
}

#[tokio::test]
async fn a_token_has_limits() {
    let signer = Signer::new("a");
    let publisher = Publisher::start(&[&signer]).await;
    let issuer = publisher.issuer();
    let of_length = |bytes: usize| {
        let sign = |padding: usize| signer.token(&changed("padding", json!("x".repeat(padding))));
        let rest = bytes - sign(0).len();
        // Three bytes are four characters; a token may miss the length by one, so it is looked for.
        (rest * 3 / 4 - 4..rest * 3 / 4 + 4).map(sign).find(|token| token.len() == bytes)
    };
    // Of four lengths that follow each other three can be had.
    let longest = of_length(JWT_BYTES_MAX).or_else(|| of_length(JWT_BYTES_MAX - 1)).unwrap();
    assert!(is_good(&verify(&issuer, &longest, NOW_MS).await));
    let longer = of_length(JWT_BYTES_MAX + 1).or_else(|| of_length(JWT_BYTES_MAX + 2)).unwrap();
    assert_eq!(verify(&issuer, &longer, NOW_MS).await, Err(Refused::Malformed("it is too long")));

    let skew = JWT_SKEW_SECONDS_MAX;
    let cases = [
        ("exp", json!(NOW - skew + 1), true),
        ("exp", json!(NOW - skew), false),
        ("exp", json!((NOW + 1) as f64 + 0.5), true),
        ("exp", json!("1900000000"), false),
        ("exp", Value::Null, false),
        ("nbf", json!(NOW + skew), true),
        ("nbf", json!(NOW + skew + 1), false),
        ("iat", json!(NOW + skew), true),
        ("iat", json!(NOW + skew + 1), false),
        ("iat", json!(-1), true),
        ("sub", json!("s".repeat(JWT_SUBJECT_BYTES_MAX)), true),
        ("sub", json!("s".repeat(JWT_SUBJECT_BYTES_MAX + 1)), false),
        ("sub", json!("a\nb"), false),
        ("sub", json!(""), false),
        ("aud", json!("trailbook"), true),
        ("aud", json!(["a", "trailbook"]), true),
        ("aud", json!("Trailbook"), false),
        ("aud", json!([]), false),
        ("iss", json!("https://issuer.example/"), false),
        ("iss", json!(["https://issuer.example"]), false),
    ];
    for (claim, value, is_taken) in cases {
        let result = verify(&issuer, &signer.token(&changed(claim, value.clone())), NOW_MS).await;
        assert_eq!(result.is_ok(), is_taken, "{claim} {value}: {result:?}");
        if let Err(refused) = result {
            assert!(refused.to_string().contains(&format!("claim {claim}")), "{refused}");
        }
    }
}

#[test]
fn what_is_no_token_is_refused_whatever_it_is() {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let header = part(r#"{"alg":"ES256"}"#);
    let texts = [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        format!("{header}.e30"),
        format!("{header}.e30.AA.AA"),
        format!("{header}.e30.A="),
        format!("{header}=.e30.AA"),
        format!("{}.e30.AA", part("[]")),
        format!("{}.e30.AA", part("{}")),
        format!("{}.e30.AA", part(r#"{"alg":["ES256"]}"#)),
        format!("{}.e30.AA", part(r#"{"alg":"none","alg":"ES256"}"#)),
        format!("{}.e30.AA", part(r#"{"alg":"ES256","crit":[]}"#)),
        format!("{}.e30.AA", part(r#"{"alg":"ES256","b64":false}"#)),
        format!("{}.e30.AA", part(&"[".repeat(10_000))),
        "\u{1F642}.\u{1F642}.\u{1F642}".to_owned(),
    ];
    for text in texts {
        assert!(Token::parse(&text).is_err(), "{text}");
    }
    for algorithm in ["none", "None", "HS256", "HS384", "HS512", "ES512", "ES256K", "RSA1_5", "es256", ""] {
        let text = format!("{}.e30.AA", part(&json!({ "alg": algorithm }).to_string()));
        assert!(matches!(Token::parse(&text), Err(Refused::Header(_))), "{algorithm}");
    }
}

#[test]
fn keys_that_cannot_check_signatures_are_passed_over() {
    let good = Signer::new("good").jwk();
    let changed = |name: &str, value: Value| {
        let mut key = good.clone();
        key[name] = value;
        key
    };
    let modulus = |bytes: usize| URL_SAFE_NO_PAD.encode(vec![0xC1; bytes]);
    let useless = [
        json!({}),
        json!("a text"),
        json!({ "kty": "oct", "k": "c2VjcmV0", "alg": "HS256" }),
        json!({ "kty": "RSA", "n": modulus(255), "e": "AQAB" }),
        json!({ "kty": "RSA", "n": modulus(1_025), "e": "AQAB" }),
        json!({ "kty": "OKP", "crv": "X25519", "x": URL_SAFE_NO_PAD.encode([1; 32]) }),
        json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode([1; 31]) }),
        changed("use", json!("enc")),
        changed("key_ops", json!(["sign"])),
        changed("alg", json!("ES384")),
        changed("alg", json!("RS256")),
        changed("alg", json!("HS256")),
        changed("crv", json!("P-521")),
        changed("crv", json!("P-384")),
        changed("x", json!(URL_SAFE_NO_PAD.encode([1; 31]))),
        changed("y", json!("=")),
        // Its private part is known to everybody.
        changed("d", json!(URL_SAFE_NO_PAD.encode([1; 32]))),
    ];
    for key in &useless {
        assert!(KeySet::parse(json!({ "keys": [key] }).to_string().as_bytes()).is_err(), "{key}");
        assert!(KeySet::parse(json!({ "keys": [key, good] }).to_string().as_bytes()).is_ok(), "{key}");
    }
    for fine in [changed("use", json!("sig")), changed("key_ops", json!(["verify"])), changed("x5c", json!(["AA"]))] {
        assert!(KeySet::parse(json!({ "keys": [fine] }).to_string().as_bytes()).is_ok(), "{fine}");
    }
    for text in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[]}"#] {
        assert!(KeySet::parse(text.as_bytes()).is_err(), "{text}");
    }
}

#[tokio::test]
async fn a_key_is_for_the_algorithm_that_it_names() {
    let random = SystemRandom::new();
    let key = Ed25519KeyPair::from_pkcs8(Ed25519KeyPair::generate_pkcs8(&random).unwrap().as_ref()).unwrap();
    let publisher = Publisher::start(&[]).await;
    let x = URL_SAFE_NO_PAD.encode(key.public_key());
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    // Two names of one algorithm, and one that is another.
    for (named, used, is_taken) in [("EdDSA", "Ed25519", true), ("Ed25519", "EdDSA", true), ("EdDSA", "ES256", false)] {
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "a", "alg": named, "x": x });
        publisher.change(|published| published.keys = vec![jwk]);
        let signed = format!("{}.{}", part(json!({ "alg": used, "kid": "a" })), part(claims()));
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes())));
        let result = verify(&publisher.issuer(), &token, NOW_MS).await;
        assert_eq!(is_good(&result), is_taken, "{named} {used}: {result:?}");
    }
}

#[tokio::test]
async fn only_expected_algorithms_and_types_are_taken() {
    let signer = Signer::new("a");
    let publisher = Publisher::start(&[&signer]).await;
    let issuer = publisher.issuer();
    for (typ, is_taken) in [("JWT", true), ("jwt", true), ("application/JWT", true), ("at+jwt", false), ("", false)] {
        let token = signer.sign(&json!({ "alg": "ES256", "kid": "a", "typ": typ }), &claims());
        assert_eq!(is_good(&verify(&issuer, &token, NOW_MS).await), is_taken, "{typ}");
    }
    let token = signer.token(&claims());
    let expected = Expected { algorithms: vec![Algorithm::Rs256], ..expected() };
    let refused = issuer.verify(&Token::parse(&token).unwrap(), &expected, NOW_MS).await.unwrap_err();
    assert!(refused.to_string().contains("ES256, which is not expected"), "{refused}");
}
