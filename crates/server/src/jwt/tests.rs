//! Tokens against an issuer on loopback that counts how often it is asked.

mod services;
mod shape;

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Expected, Issuer, Refused, Token, client};
use trailbook_event::limits::{ISSUER_KEPT_SECONDS_MAX, ISSUER_LOOK_SECONDS_MIN};

const NOW_MS: i64 = 1_800_000_000_000;
const NOW: i64 = NOW_MS / 1_000;

/// Who signs.
struct Signer {
    kid: &'static str,
    key: EcdsaKeyPair,
}

impl Signer {
    fn new(kid: &'static str) -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
        Self { kid, key }
    }

    fn jwk(&self) -> Value {
        let (x, y) = self.key.public_key().as_ref()[1..].split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        json!({ "kty": "EC", "crv": "P-256", "kid": self.kid, "alg": "ES256", "x": x, "y": y })
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn token(&self, claims: &Value) -> String {
        self.sign(&json!({ "alg": "ES256", "kid": self.kid }), claims)
    }
}

/// What a good token says.
fn claims() -> Value {
    json!({ "iss": "https://issuer.example", "aud": ["trailbook"], "sub": "jane", "exp": NOW + 300 })
}

fn changed(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn expected() -> Expected {
    Expected {
        issuers: vec!["https://issuer.example".to_owned()],
        audiences: vec!["trailbook".to_owned()],
        algorithms: Vec::new(),
        types: vec!["jwt"],
    }
}

/// An issuer, and what it publishes.
struct Publisher {
    url: String,
    state: Arc<Mutex<Published>>,
}

#[derive(Default)]
struct Published {
    keys: Vec<Value>,
    /// Spaces that make the answer longer.
    padding: usize,
    cache_control: Option<&'static str>,
    is_down: bool,
    asked: u32,
}

impl Publisher {
    async fn start(keys: &[&Signer]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let keys = keys.iter().map(|signer| signer.jwk()).collect();
        let state = Arc::new(Mutex::new(Published { keys, ..Published::default() }));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new().fallback(publish).with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url, state }
    }

    fn issuer(&self) -> Issuer {
        let url = format!("{}/keys", self.url);
        Issuer::new(url.parse().unwrap(), client(&[&url]).unwrap())
    }

    fn change(&self, change: impl FnOnce(&mut Published)) {
        change(&mut self.state.lock().unwrap());
    }

    fn asked(&self) -> u32 {
        self.state.lock().unwrap().asked
    }
}

async fn publish(State(state): State<Arc<Mutex<Published>>>) -> Response {
    let mut published = state.lock().unwrap();
    published.asked += 1;
    if published.is_down {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let mut body = json!({ "keys": published.keys }).to_string();
    body.push_str(&" ".repeat(published.padding.saturating_sub(body.len())));
    match published.cache_control {
        Some(value) => ([(CACHE_CONTROL, value)], body).into_response(),
        None => body.into_response(),
    }
}

async fn verify(issuer: &Issuer, token: &str, now_ms: i64) -> Result<String, Refused> {
    let claims = issuer.verify(&Token::parse(token)?, &expected(), now_ms).await?;
    Ok(claims.subject().to_owned())
}

fn is_good(result: &Result<String, Refused>) -> bool {
    matches!(result, Ok(subject) if subject == "jane")
}

#[tokio::test]
async fn keys_are_asked_for_again_when_they_are_no_longer_current() {
    let signer = Signer::new("a");
    let token = signer.token(&changed("exp", json!(NOW + 10_000)));
    let said = [
        (None, 600),
        (Some("max-age=5"), 60),
        (Some("public, Max-Age=900, must-revalidate"), 900),
        (Some("max-age=999999"), 3_600),
        (Some("no-store, max-age=900"), 60),
        (Some("max-age=soon"), 600),
    ];
    for (cache_control, seconds) in said {
        let publisher = Publisher::start(&[&signer]).await;
        publisher.change(|published| published.cache_control = cache_control);
        let issuer = publisher.issuer();
        for (after_ms, asked) in [(0, 1), (seconds * 1_000 - 1, 1), (seconds * 1_000, 2)] {
            assert!(is_good(&verify(&issuer, &token, NOW_MS + after_ms).await));
            assert_eq!(publisher.asked(), asked, "{cache_control:?} after {after_ms} ms");
        }
    }
}

#[tokio::test]
async fn a_new_key_is_looked_for_at_most_once_in_a_while() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let publisher = Publisher::start(&[&old]).await;
    let issuer = publisher.issuer();
    assert!(is_good(&verify(&issuer, &old.token(&claims()), NOW_MS).await));
    let of_new = new.token(&claims());
    let unknown = |result: Result<String, Refused>| matches!(result, Err(Refused::UnknownKey(_)));
    let later = |ms: i64| NOW_MS + 1 + ms;
    assert!(unknown(verify(&issuer, &of_new, later(0)).await));
    publisher.change(|published| published.keys = vec![new.jwk()]);
    assert!(unknown(verify(&issuer, &of_new, later(ISSUER_LOOK_SECONDS_MIN * 1_000 - 1)).await));
    assert_eq!(publisher.asked(), 2);
    assert!(is_good(&verify(&issuer, &of_new, later(ISSUER_LOOK_SECONDS_MIN * 1_000)).await));
    assert_eq!(publisher.asked(), 3);
    // The old one was taken back with it.
    assert!(unknown(verify(&issuer, &old.token(&claims()), later(ISSUER_LOOK_SECONDS_MIN * 1_000)).await));
}

#[tokio::test]
async fn a_token_without_a_key_id_finds_new_keys_too_but_not_among_several() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let publisher = Publisher::start(&[&old]).await;
    let issuer = publisher.issuer();
    let nameless = |signer: &Signer| signer.sign(&json!({ "alg": "ES256" }), &claims());
    assert!(is_good(&verify(&issuer, &nameless(&old), NOW_MS).await));
    publisher.change(|published| published.keys = vec![new.jwk()]);
    assert!(is_good(&verify(&issuer, &nameless(&new), NOW_MS).await));
    publisher.change(|published| published.keys = vec![old.jwk(), new.jwk()]);
    let several = verify(&issuer, &nameless(&new), NOW_MS + 600_000).await;
    assert!(matches!(several, Err(Refused::UnknownKey(_))), "{several:?}");
}

#[tokio::test]
async fn many_tokens_at_once_ask_once() {
    let (known, stranger) = (Signer::new("known"), Signer::new("stranger"));
    let publisher = Publisher::start(&[&known]).await;
    let issuer = Arc::new(publisher.issuer());
    for (signer, asked) in [(&known, 1), (&stranger, 2), (&known, 2)] {
        let mut all = tokio::task::JoinSet::new();
        for i in 0..50 {
            let (issuer, token) = (Arc::clone(&issuer), signer.token(&claims()));
            // As requests do, they come at slightly different times, and not in their order.
            all.spawn(async move { verify(&issuer, &token, NOW_MS + (i * 7) % 50).await });
        }
        let results = all.join_all().await;
        assert_eq!(results.iter().all(is_good), signer.kid == "known");
        assert_eq!(publisher.asked(), asked);
    }
}

#[tokio::test]
async fn the_last_good_keys_hold_while_the_issuer_is_down_for_a_day() {
    let signer = Signer::new("a");
    let publisher = Publisher::start(&[&signer]).await;
    let issuer = publisher.issuer();
    let token = signer.token(&changed("exp", json!(NOW + 1_000_000)));
    assert!(is_good(&verify(&issuer, &token, NOW_MS).await));
    publisher.change(|published| published.is_down = true);
    let kept_ms = ISSUER_KEPT_SECONDS_MAX * 1_000;
    assert!(is_good(&verify(&issuer, &token, NOW_MS + kept_ms - 1).await));
    assert_eq!(publisher.asked(), 2);
    // It was asked just now, so it is not asked again, and there is nothing to check with.
    let gone = verify(&issuer, &token, NOW_MS + kept_ms).await;
    assert!(matches!(&gone, Err(Refused::NoKeys(error)) if error.to_string().contains("502")), "{gone:?}");
    assert_eq!(publisher.asked(), 2);
    publisher.change(|published| published.is_down = false);
    let rested_ms = NOW_MS + kept_ms - 1 + ISSUER_LOOK_SECONDS_MIN * 1_000;
    assert!(matches!(verify(&issuer, &token, rested_ms - 1).await, Err(Refused::NoKeys(_))));
    assert!(is_good(&verify(&issuer, &token, rested_ms).await));
    assert_eq!(publisher.asked(), 3);
}
