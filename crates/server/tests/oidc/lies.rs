//! Sign-in with the provider that lies.

use serde_json::json;
use trailbook_event::limits::{EMAIL_BYTES_MAX, GROUPS_MAX, PERSON_NAME_CHARS_MAX};

use super::hostile::{Hostile, Lie, Said, Signed};
use super::provider::{PUBLIC, setting};
use super::{assert_refused, create_groups, member, refused, serve};
use crate::browser::Browser;
use crate::harness::{PUBLIC_URL, run};

/// What a certified provider cannot be made to say, and the reason that is logged.
const LIES: [(&str, Lie, &str); 30] = [
    ("wrong nonce", |said| said.claims["nonce"] = json!("of-another-sign-in"), "claim nonce"),
    ("no nonce", |said| remove(&mut said.claims, "nonce"), "claim nonce"),
    ("wrong audience", |said| said.claims["aud"] = json!("another-client"), "claim aud"),
    ("audiences without this client", |said| said.claims["aud"] = json!(["a", "b"]), "claim aud"),
    ("no audience", |said| remove(&mut said.claims, "aud"), "claim aud"),
    ("others in the audience, and no azp", |said| said.claims["aud"] = json!(["trailbook-hostile", "b"]), "claim azp"),
    ("for another party", |said| said.claims["azp"] = json!("another-client"), "claim azp"),
    ("expired", |said| shift(&mut said.claims, "exp", -400), "claim exp is over"),
    ("without an end", |said| remove(&mut said.claims, "exp"), "claim exp is missing"),
    ("an end that is no number", |said| said.claims["exp"] = json!("tomorrow"), "claim exp is not a number"),
    ("issued in the future", |said| shift(&mut said.claims, "iat", 120), "claim iat"),
    ("issued at no time", |said| remove(&mut said.claims, "iat"), "claim iat is missing"),
    ("valid in the future", |said| said.claims["nbf"] = json!(i64::MAX), "claim nbf"),
    ("wrong issuer", |said| said.claims["iss"] = json!("https://accounts.example"), "claim iss"),
    ("no issuer", |said| remove(&mut said.claims, "iss"), "claim iss"),
    ("no subject", |said| remove(&mut said.claims, "sub"), "claim sub"),
    ("an empty subject", |said| said.claims["sub"] = json!(""), "claim sub"),
    ("a subject that is a number", |said| said.claims["sub"] = json!(7), "claim sub"),
    (
        "wrong hash of the access token",
        |said| said.claims["at_hash"] = json!("AAAAAAAAAAAAAAAAAAAAAA"),
        "claim at_hash",
    ),
    ("unsigned", unsigned, "algorithm \"none\""),
    ("unsigned, with a signature", |said| said.header["alg"] = json!("none"), "algorithm \"none\""),
    ("unsigned, in another spelling", |said| said.header["alg"] = json!("nOnE"), "algorithm \"nOnE\""),
    ("signed with the public key as a secret", with_public_key, "algorithm \"HS256\""),
    ("signed by somebody else", |said| said.signed = Signed::ByOther, "signature"),
    ("changed after it was signed", |said| said.signed = Signed::Before, "signature"),
    ("an empty signature", |said| said.signed = Signed::Not, "signature"),
    ("a key that is not there", |said| said.header["kid"] = json!("of-nobody"), "no key \"of-nobody\""),
    ("an algorithm that does not fit the key", |said| said.header["alg"] = json!("RS256"), "no key"),
    ("an extension that must be known", |said| said.header["crit"] = json!(["exp"]), "crit"),
    ("a token of another type", |said| said.header["typ"] = json!("at+jwt"), "type \"at+jwt\""),
];

fn unsigned(said: &mut Said) {
    said.header = json!({ "alg": "none" });
    said.signed = Signed::Not;
}

fn with_public_key(said: &mut Said) {
    said.header["alg"] = json!("HS256");
    said.signed = Signed::WithPublicKey;
}

fn remove(value: &mut serde_json::Value, name: &str) {
    value.as_object_mut().unwrap().remove(name).unwrap();
}

fn shift(value: &mut serde_json::Value, name: &str, seconds: i64) {
    value[name] = json!(value[name].as_i64().unwrap() + seconds);
}

#[test]
fn a_lie_in_the_id_token_signs_nobody_in() {
    run(async {
        let hostile = Hostile::start().await;
        let server = serve(&setting("hostile", &hostile.issuer, "")).await;
        let good = Browser::of(&server).sign_in("hostile", "").await;
        assert_eq!(good.status, 302, "without a lie it is good: {}", server.reason().await);
        for (what, lie, reason) in LIES {
            hostile.lie(lie);
            let answer = Browser::of(&server).sign_in("hostile", "").await;
            let logged = server.reason().await;
            assert!(logged.contains(reason), "{what}: {logged}");
            assert_refused(&answer, &logged, (400, reason));
        }
        hostile.lie(|_| {});
        assert_eq!(Browser::of(&server).sign_in("hostile", "").await.status, 302, "and still is");
    });
}

#[test]
fn a_token_may_be_a_minute_off_and_say_more_than_it_must() {
    run(async {
        let hostile = Hostile::start().await;
        let server =
            serve(&setting("hostile", &hostile.issuer, "group_claim = 'realm.roles'\ngroups = { a = 'b' }")).await;
        create_groups(&server, &["b"]).await;
        let fine: [Lie; 7] = [
            |said| shift(&mut said.claims, "exp", -330),
            |said| shift(&mut said.claims, "iat", 30),
            |said| remove(&mut said.claims, "at_hash"),
            |said| remove(&mut said.header, "typ"),
            |said| remove(&mut said.header, "kid"),
            |said| {
                said.claims["aud"] = json!(["trailbook-hostile", "b"]);
                said.claims["azp"] = json!("trailbook-hostile");
            },
            |said| said.claims["realm"] = json!({ "roles": ["a"] }),
        ];
        for (place, lie) in fine.into_iter().enumerate() {
            hostile.lie(lie);
            let answer = Browser::of(&server).sign_in("hostile", "").await;
            assert_eq!(answer.status, 302, "{place}: {}", server.reason().await);
            if place == fine.len() - 1 {
                assert_eq!(member(&server, "jane@acme.example").await.1, ["b"]);
            }
        }
    });
}

#[test]
fn what_is_said_of_a_person_has_limits() {
    run(async {
        let hostile = Hostile::start().await;
        let server = serve(&setting("hostile", &hostile.issuer, "")).await;
        hostile.lie(|said| {
            said.claims["groups"] = json!(vec!["g"; GROUPS_MAX]);
            said.claims["name"] = json!(format!("\u{7}{}", "n".repeat(PERSON_NAME_CHARS_MAX + 1)));
            said.claims["email"] = json!(format!("{}@ACME.example", "e".repeat(EMAIL_BYTES_MAX - 13)));
        });
        assert_eq!(Browser::of(&server).sign_in("hostile", "").await.status, 302);
        let (jane, _) = member(&server, &format!("{}@acme.example", "e".repeat(EMAIL_BYTES_MAX - 13))).await;
        assert_eq!(jane.name, "n".repeat(PERSON_NAME_CHARS_MAX));
        hostile.lie(|said| said.claims["groups"] = json!(vec!["g"; GROUPS_MAX + 1]));
        let answer = Browser::of(&server).sign_in("hostile", "").await;
        refused(&server, &answer, 400, "1001 groups").await;
        let addresses: [Lie; 5] = [
            |said| said.claims["email"] = json!(format!("{}@acme.example", "e".repeat(EMAIL_BYTES_MAX - 12))),
            |said| said.claims["email"] = json!("jane@acme.example@other.example"),
            |said| said.claims["email"] = json!("jane doe@acme.example"),
            |said| said.claims["email"] = json!("@acme.example"),
            |said| said.claims["email"] = json!(["jane@acme.example"]),
        ];
        for lie in addresses {
            hostile.lie(lie);
            let answer = Browser::of(&server).sign_in("hostile", "").await;
            assert_eq!(answer.status, 403);
            assert!(server.reason().await.contains("is no address"));
        }
    });
}

#[test]
fn userinfo_of_somebody_else_signs_nobody_in() {
    run(async {
        let hostile = Hostile::start().await;
        let server = serve(&setting("hostile", &hostile.issuer, "")).await;
        hostile.lie(|said| remove(&mut said.claims, "email"));
        assert_eq!(Browser::of(&server).sign_in("hostile", "").await.status, 302);
        assert_eq!(member(&server, "jane@acme.example").await.0.name, "jane@acme.example");
        hostile.lie(|said| {
            remove(&mut said.claims, "email");
            said.userinfo["sub"] = json!("the-admin");
        });
        let answer = Browser::of(&server).sign_in("hostile", "").await;
        refused(&server, &answer, 400, "another subject").await;
    });
}

#[test]
fn a_secret_is_given_in_a_way_that_the_provider_takes() {
    run(async {
        let ways: [(&str, Lie, &str); 3] = [
            ("client_secret = 'a+b c'", |_| {}, "Basic dHJhaWxib29rJTJEaG9zdGlsZTphJTJCYiUyMGM="),
            ("client_secret = 'a+b c'", takes_post, "client_id=trailbook%2Dhostile&client_secret=a%2Bb%20c"),
            (PUBLIC, |_| {}, "client_id=trailbook%2Dhostile"),
        ];
        for (settings, lie, proof) in ways {
            let hostile = Hostile::lying(lie).await;
            let server = serve(&setting("hostile", &hostile.issuer, settings)).await;
            assert_eq!(Browser::of(&server).sign_in("hostile", "").await.status, 302, "{}", server.reason().await);
            assert_eq!(hostile.proof(), proof);
        }
        let methods: Lie = |said| said.metadata["token_endpoint_auth_methods_supported"] = json!(["private_key_jwt"]);
        let hostile = Hostile::lying(methods).await;
        let server = serve(&setting("hostile", &hostile.issuer, "")).await;
        let answer = Browser::of(&server).sign_in("hostile", "").await;
        refused(&server, &answer, 400, "takes a client secret neither").await;
        assert_eq!(hostile.codes_seen(), 0);
    });
}

fn takes_post(said: &mut Said) {
    said.metadata["token_endpoint_auth_methods_supported"] = json!(["client_secret_post"]);
}

#[test]
fn a_configuration_that_lies_is_not_used() {
    run(async {
        let lies: [(Lie, &str); 3] = [
            (|said| said.metadata["issuer"] = json!("https://accounts.example"), "it is of the issuer"),
            (|said| said.metadata["token_endpoint"] = json!("http://token.example/"), "its token_endpoint"),
            (|said| said.metadata["id_token_signing_alg_values_supported"] = json!(["HS256", "none"]), "with none of"),
        ];
        for (lie, reason) in lies {
            let hostile = Hostile::lying(lie).await;
            let server = serve(&setting("hostile", &hostile.issuer, "")).await;
            let answer = Browser::of(&server).visit(&format!("{PUBLIC_URL}/sign-in/hostile")).await;
            refused(&server, &answer, 503, reason).await;
        }
    });
}
