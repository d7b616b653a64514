//! Tokens of services: whose they are, and what their bearers are called.

use serde_json::{Value, json};

use super::{NOW, NOW_MS, Publisher, Signer, changed, claims};
use crate::jwt::{Refused, ServiceTokens};
use crate::settings::JwksOptions;
use trailbook_event::limits::ISSUER_LOOK_SECONDS_MIN;

/// An entry of the configuration.
struct Entry(ServiceTokens);

impl Entry {
    async fn subject(&self, token: &str, now_ms: i64) -> Result<String, Refused> {
        self.0.bearer(token, now_ms).await.map(|bearer| bearer.subject)
    }
}

/// An entry whose keys are at a path of the publisher.
fn options(publisher: &Publisher, path: &str, change: impl FnOnce(&mut JwksOptions)) -> Entry {
    let url = format!("{}{path}", publisher.url).parse().unwrap();
    let mut options = at(url);
    change(&mut options);
    Entry(ServiceTokens::new([&options]).unwrap())
}

fn at(url: reqwest::Url) -> JwksOptions {
    let (algorithms, issuers, audiences) = Default::default();
    JwksOptions { url, algorithms, issuers, audiences, subject_prefix: None }
}

#[tokio::test]
async fn an_issuer_is_found_among_several_and_none_holds_up_another() {
    let (first, second, stranger) = (Signer::new("first"), Signer::new("second"), Signer::new("stranger"));
    let publishers = [Publisher::start(&[&first]).await, Publisher::start(&[&second]).await];
    let all = publishers.each_ref().map(|publisher| at(publisher.url.parse().unwrap()));
    let tokens = ServiceTokens::new(&all).unwrap();
    for (signer, entry) in [(&first, 0), (&second, 1)] {
        assert_eq!(tokens.bearer(&signer.token(&claims()), NOW_MS).await.unwrap().entry, entry);
    }
    let asked = || publishers.each_ref().map(Publisher::asked);
    let before = asked();
    for _ in 0..10 {
        let later_ms = NOW_MS + ISSUER_LOOK_SECONDS_MIN * 1_000;
        assert!(tokens.bearer(&second.token(&claims()), later_ms).await.is_ok());
    }
    assert_eq!(asked(), before, "the first is not asked for a key that the second has");
    assert!(tokens.bearer(&stranger.token(&claims()), NOW_MS).await.is_err());
    assert!(ServiceTokens::new([]).unwrap().bearer(&first.token(&claims()), NOW_MS).await.is_err());
}

/// What is wrong with a token.
type Change = fn(&mut Value);

const PLUGIN_KEYS: &str = "/api/catalog/.backstage/auth/v1/jwks.json";

/// A token as `DefaultPluginTokenHandler` of `@backstage/backend-defaults` 0.18 makes it, with a change.
fn of_plugin(signer: &Signer, change: impl FnOnce(&mut Value)) -> String {
    let header = json!({ "typ": "vnd.backstage.plugin", "alg": "ES256", "kid": signer.kid });
    let mut claims = json!({ "sub": "catalog", "aud": "audit-log", "iat": NOW, "exp": NOW + 3_600 });
    change(&mut claims);
    signer.sign(&header, &claims)
}

#[tokio::test]
async fn services_are_named_as_in_backstage() {
    let signer = Signer::new("a");
    let publisher = Publisher::start(&[&signer]).await;
    let token = signer.token(&claims());
    let plain = options(&publisher, "/keys", |_| {});
    assert_eq!(plain.subject(&token, NOW_MS).await.unwrap(), "external:jane");
    let prefixed = options(&publisher, "/keys", |options| options.subject_prefix = Some("ci".to_owned()));
    assert_eq!(prefixed.subject(&token, NOW_MS).await.unwrap(), "external:ci:jane");
    let narrow = options(&publisher, "/keys", |options| {
        options.issuers = vec!["https://issuer.example".to_owned(), "https://other.example".to_owned()];
        options.audiences = vec!["trailbook".to_owned()];
        options.algorithms = vec!["ES256".to_owned()];
    });
    assert_eq!(narrow.subject(&token, NOW_MS).await.unwrap(), "external:jane");
    for (claim, value) in [("iss", json!("https://third.example")), ("aud", json!("portal"))] {
        assert!(narrow.subject(&signer.token(&changed(claim, value.clone())), NOW_MS).await.is_err());
        assert!(plain.subject(&signer.token(&changed(claim, value)), NOW_MS).await.is_ok());
    }
    let other = options(&publisher, "/keys", |options| options.algorithms = vec!["RS256".to_owned()]);
    assert!(other.subject(&token, NOW_MS).await.is_err());
    let of_user = signer.sign(&json!({ "alg": "ES256", "kid": "a", "typ": "vnd.backstage.user" }), &claims());
    assert!(plain.subject(&of_user, NOW_MS).await.is_err(), "a user is no service");
}

#[tokio::test]
async fn a_plugin_of_backstage_is_who_its_keys_are() {
    let signer = Signer::new("a");
    let publisher = Publisher::start(&[&signer]).await;
    let tokens = options(&publisher, PLUGIN_KEYS, |_| {});
    assert_eq!(tokens.subject(&of_plugin(&signer, |_| {}), NOW_MS).await.unwrap(), "plugin:catalog");
    let refused: [(&str, Change); 6] = [
        ("sub", |claims| claims["sub"] = json!("scaffolder")),
        ("aud", |claims| claims["aud"] = json!("scaffolder")),
        ("aud", |claims| claims["aud"] = Value::Null),
        ("iat", |claims| claims["iat"] = Value::Null),
        ("exp", |claims| claims["exp"] = Value::Null),
        ("obo", |claims| claims["obo"] = json!("a.token.of-jane")),
    ];
    for (claim, change) in refused {
        let refused = tokens.subject(&of_plugin(&signer, change), NOW_MS).await.unwrap_err();
        assert!(refused.to_string().contains(&format!("claim {claim}")), "{refused}");
    }
    let of_other_audience =
        options(&publisher, PLUGIN_KEYS, |options| options.audiences = vec!["trailbook".to_owned()]);
    let token = of_plugin(&signer, |claims| claims["aud"] = json!("trailbook"));
    assert_eq!(of_other_audience.subject(&token, NOW_MS).await.unwrap(), "plugin:catalog");
    // Keys that are nobody's in particular make nobody a plugin.
    let elsewhere = options(&publisher, "/keys", |_| {});
    assert_eq!(elsewhere.subject(&of_plugin(&signer, |_| {}), NOW_MS).await.unwrap(), "external:catalog");
    let for_user = of_plugin(&signer, |claims| claims["obo"] = json!("a.token.of-jane"));
    assert!(elsewhere.subject(&for_user, NOW_MS).await.is_err());
    let prefixed = options(&publisher, PLUGIN_KEYS, |options| options.subject_prefix = Some("emea".to_owned()));
    assert_eq!(prefixed.subject(&of_plugin(&signer, |_| {}), NOW_MS).await.unwrap(), "external:emea:catalog");
}
