//! A provider that lies, one lie at a time, in what a certified one cannot be made to do. Without a lie it is a good
//! one.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use axum::extract::{RawQuery, State};
use axum::http::header::{AUTHORIZATION, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Url;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use ring::{digest, hmac};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::harness::now_ms;

const ACCESS_TOKEN: &str = "an-access-token";
const KID: &str = "of-hostile";

/// What it does wrong.
pub(crate) type Lie = fn(&mut Said);

/// All that it says in one sign-in.
pub(crate) struct Said {
    /// The configuration.
    pub(crate) metadata: Value,
    /// The header of the ID token.
    pub(crate) header: Value,
    /// What the ID token says.
    pub(crate) claims: Value,
    /// How the ID token is signed.
    pub(crate) signed: Signed,
    /// What the token endpoint says beside it.
    pub(crate) tokens: Value,
    /// What the userinfo endpoint says.
    pub(crate) userinfo: Value,
}

/// How an ID token is signed.
#[derive(Clone, Copy)]
pub(crate) enum Signed {
    Well,
    /// By somebody else.
    ByOther,
    /// HMAC, with the public key as the secret, as everybody has it.
    WithPublicKey,
    /// No signature at all.
    Not,
    /// The claims are changed after it was signed.
    Before,
}

#[derive(Clone)]
pub(crate) struct Hostile {
    pub(crate) issuer: String,
    key: Arc<EcdsaKeyPair>,
    other_key: Arc<EcdsaKeyPair>,
    state: Arc<Mutex<Memory>>,
}

#[derive(Default)]
struct Memory {
    lie: Option<Lie>,
    nonce: String,
    codes_seen: u32,
    /// How the server proved who it is.
    proof: String,
}

impl Hostile {
    pub(crate) async fn start() -> Self {
        Self::lying(|_| {}).await
    }

    /// One that lies from the start.
    pub(crate) async fn lying(lie: Lie) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(Memory { lie: Some(lie), ..Memory::default() }));
        let hostile = Self { issuer, key: Arc::new(new_key()), other_key: Arc::new(new_key()), state };
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/jwks", get(keys))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo))
            .with_state(hostile.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        hostile
    }

    /// Its next sign-ins have this lie.
    pub(crate) fn lie(&self, lie: Lie) {
        self.state.lock().unwrap().lie = Some(lie);
    }

    /// How many codes it was given.
    pub(crate) fn codes_seen(&self) -> u32 {
        self.state.lock().unwrap().codes_seen
    }

    /// How the server proved at last who it is: its header, or what its form says of the client.
    pub(crate) fn proof(&self) -> String {
        self.state.lock().unwrap().proof.clone()
    }

    fn said(&self) -> Said {
        let memory = self.state.lock().unwrap();
        let issuer = &self.issuer;
        let now = now_ms() / 1_000;
        let mut said = Said {
            metadata: json!({
                "issuer": issuer,
                "authorization_endpoint": format!("{issuer}/authorize"),
                "token_endpoint": format!("{issuer}/token"),
                "userinfo_endpoint": format!("{issuer}/userinfo"),
                "jwks_uri": format!("{issuer}/jwks"),
                "id_token_signing_alg_values_supported": ["ES256", "RS256"],
            }),
            header: json!({ "alg": "ES256", "kid": KID, "typ": "JWT" }),
            claims: json!({
                "iss": issuer, "aud": "trailbook-hostile", "sub": "jane", "nonce": memory.nonce, "iat": now,
                "exp": now + 300, "email": "jane@acme.example", "email_verified": true,
                "at_hash": URL_SAFE_NO_PAD.encode(&digest::digest(&digest::SHA256, ACCESS_TOKEN.as_bytes()).as_ref()[..16]),
            }),
            signed: Signed::Well,
            tokens: json!({ "access_token": ACCESS_TOKEN, "token_type": "Bearer" }),
            userinfo: json!({ "sub": "jane", "email": "jane@acme.example", "email_verified": true }),
        };
        if let Some(lie) = memory.lie {
            lie(&mut said);
        }
        said
    }

    /// A token of a service, signed as ID tokens are.
    pub(crate) fn service_token(&self, subject: &str) -> String {
        let mut said = self.said();
        said.claims["sub"] = json!(subject);
        self.id_token(&said)
    }

    fn id_token(&self, said: &Said) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let mut signed = format!("{}.{}", part(&said.header), part(&said.claims));
        let sign =
            |key: &EcdsaKeyPair, text: &str| key.sign(&SystemRandom::new(), text.as_bytes()).unwrap().as_ref().to_vec();
        let signature = match said.signed {
            Signed::Well => sign(&self.key, &signed),
            Signed::ByOther => sign(&self.other_key, &signed),
            Signed::WithPublicKey => {
                let secret = hmac::Key::new(hmac::HMAC_SHA256, self.key.public_key().as_ref());
                hmac::sign(&secret, signed.as_bytes()).as_ref().to_vec()
            }
            Signed::Not => Vec::new(),
            Signed::Before => {
                let signature = sign(&self.key, &signed);
                let mut claims = said.claims.clone();
                claims["sub"] = json!("the-admin");
                signed = format!("{}.{}", part(&said.header), part(&claims));
                signature
            }
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn new_key() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap()
}

async fn metadata(State(hostile): State<Hostile>) -> Json<Value> {
    Json(hostile.said().metadata)
}

async fn keys(State(hostile): State<Hostile>) -> Json<Value> {
    let (x, y) = hostile.key.public_key().as_ref()[1..].split_at(32);
    let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
    Json(json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": KID, "use": "sig", "x": x, "y": y }] }))
}

async fn authorize(State(hostile): State<Hostile>, RawQuery(query): RawQuery) -> Response {
    let url = Url::parse(&format!("http://x/?{}", query.unwrap_or_default())).unwrap();
    let value = |wanted: &str| url.query_pairs().find(|(name, _)| name == wanted).unwrap().1.into_owned();
    hostile.state.lock().unwrap().nonce = value("nonce");
    let mut back = Url::parse(&value("redirect_uri")).unwrap();
    back.query_pairs_mut().append_pair("code", "a-code").append_pair("state", &value("state"));
    (StatusCode::FOUND, [(LOCATION, String::from(back))]).into_response()
}

async fn token(State(hostile): State<Hostile>, headers: HeaderMap, form: String) -> Json<Value> {
    let header = headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
    let of_client = form.split('&').filter(|pair| pair.starts_with("client_"));
    let proof = header.unwrap_or_default() + &of_client.collect::<Vec<_>>().join("&");
    {
        let mut memory = hostile.state.lock().unwrap();
        memory.codes_seen += 1;
        memory.proof = proof;
    }
    let said = hostile.said();
    let mut tokens = said.tokens.clone();
    tokens["id_token"] = json!(hostile.id_token(&said));
    Json(tokens)
}

async fn userinfo(State(hostile): State<Hostile>) -> Json<Value> {
    Json(hostile.said().userinfo)
}
