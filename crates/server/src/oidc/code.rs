//! From a code to an identity: the token endpoint, the ID token, and the userinfo endpoint where the token says too
//! little (OpenID Connect Core sections 3.1.3 and 5.3).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::RequestBuilder;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use serde::Deserialize;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;

use super::metadata::Metadata;
use super::pending::Pending;
use super::refusal::{Kind, Refusal, shown};
use super::{Identity, Provider};
use crate::jwt::{Claims, Expected, Refused, Token, fetch};

const OK: u16 = 200;

/// A code, with the sign-in that it is for.
pub(super) struct Code<'a> {
    pub(super) code: String,
    pub(super) pending: &'a Pending,
}

/// What the token endpoint gives. No `Debug`: it is all secret.
#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    access_token: Option<String>,
    token_type: Option<String>,
}

/// Its refusal.
#[derive(Deserialize)]
struct TokenError {
    error: String,
}

impl Provider {
    /// Who signed in.
    pub(super) async fn identity(
        &self,
        metadata: &Metadata,
        code: &Code<'_>,
        now_ms: i64,
    ) -> Result<Identity, Refusal> {
        let tokens = self.exchange(metadata, code).await?;
        let claims = self.id_token(metadata, &tokens, code.pending, now_ms).await?;
        let settings = &self.settings;
        if Identity::is_said_by(&claims, settings) {
            return Identity::new(&claims, None, settings);
        }
        let userinfo = self.userinfo(metadata, &tokens, claims.subject()).await?;
        Identity::new(&claims, userinfo.as_ref(), settings)
    }

    async fn exchange(&self, metadata: &Metadata, code: &Code<'_>) -> Result<Tokens, Refusal> {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code.code.as_str()),
            ("redirect_uri", self.callback_url.as_str()),
            ("code_verifier", code.pending.verifier.as_str()),
        ];
        let request = self.client.post(metadata.token_endpoint.clone()).header(ACCEPT, "application/json");
        let request = self.prove(metadata, request, &mut form)?;
        let body = form_of(&form);
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
        let answer = fetch(request).await?;
        if answer.status != OK {
            let said = serde_json::from_slice::<TokenError>(&answer.body).map(|error| shown(&error.error));
            let said = said.unwrap_or_else(|_| "no error that could be read".to_owned());
            let reason = format!("the token endpoint answered with status {} and {said}", answer.status);
            let is_down = answer.status >= 500;
            return Err(Refusal::new(if is_down { Kind::Unavailable } else { Kind::Untrusted }, reason));
        }
        serde_json::from_slice(&answer.body)
            .map_err(|_| Refusal::new(Kind::Untrusted, "the token endpoint gave no ID token"))
    }

    /// Proves who the client is (RFC 6749 section 2.3.1), as the provider wants it; a public client says it only.
    fn prove<'a>(
        &'a self,
        metadata: &Metadata,
        request: RequestBuilder,
        form: &mut Vec<(&'a str, &'a str)>,
    ) -> Result<RequestBuilder, Refusal> {
        let id = self.settings.client_id.as_str();
        let takes = |proof: &str| metadata.proofs.iter().any(|one| one == proof);
        let Some(secret) = &self.settings.client_secret else {
            form.push(("client_id", id));
            return Ok(request);
        };
        if takes("client_secret_basic") {
            let pair = STANDARD.encode(format!("{}:{}", escaped(id), escaped(secret)));
            return Ok(request.header(AUTHORIZATION, format!("Basic {pair}")));
        }
        if takes("client_secret_post") {
            form.extend([("client_id", id), ("client_secret", secret.as_str())]);
            return Ok(request);
        }
        let reason = "the provider takes a client secret neither as client_secret_basic nor as client_secret_post";
        Err(Refusal::new(Kind::Untrusted, reason))
    }

    /// What the ID token says, checked as OpenID Connect Core section 3.1.3.7 asks.
    async fn id_token(
        &self,
        metadata: &Metadata,
        tokens: &Tokens,
        pending: &Pending,
        now_ms: i64,
    ) -> Result<Claims, Refusal> {
        let expected = Expected {
            issuers: vec![self.settings.issuer.clone()],
            audiences: vec![self.settings.client_id.clone()],
            algorithms: metadata.algorithms.clone(),
            types: vec!["jwt"],
        };
        let token = Token::parse(&tokens.id_token)?;
        let claims = self.issuer(metadata).verify(&token, &expected, now_ms).await?;
        let refuse = |claim, reason| Err(Refused::Claim { claim, reason }.into());
        if claims.seconds("iat")?.is_none() {
            return refuse("iat", "is missing");
        }
        let nonce = claims.text("nonce").unwrap_or_default();
        if !bool::from(nonce.as_bytes().ct_eq(pending.nonce.as_bytes())) {
            return refuse("nonce", "is not that of the sign-in");
        }
        let azp = claims.get("azp").map(|azp| azp.as_str() == Some(self.settings.client_id.as_str()));
        if azp == Some(false) || (azp.is_none() && claims.audiences().len() > 1) {
            return refuse("azp", "does not name this client");
        }
        if let (Some(hash), Some(access_token)) = (claims.get("at_hash"), &tokens.access_token)
            && hash.as_str() != Some(at_hash(&token, access_token).as_str())
        {
            return refuse("at_hash", "is not that of the access token");
        }
        Ok(claims)
    }

    /// What the userinfo endpoint says of the same person, if there is one.
    async fn userinfo(&self, metadata: &Metadata, tokens: &Tokens, subject: &str) -> Result<Option<Claims>, Refusal> {
        let (Some(url), Some(access_token)) = (&metadata.userinfo_endpoint, &tokens.access_token) else {
            return Ok(None);
        };
        let untrusted = |reason: &str| Refusal::new(Kind::Untrusted, reason);
        if !tokens.token_type.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")) {
            return Err(untrusted("the access token is not of the type Bearer"));
        }
        let request = self.client.get(url.clone()).bearer_auth(access_token).header(ACCEPT, "application/json");
        let answer = fetch(request).await?;
        if answer.status != OK {
            let reason = format!("the userinfo endpoint answered with status {}", answer.status);
            return Err(Refusal::new(Kind::Unavailable, reason));
        }
        let members: Map<String, Value> =
            serde_json::from_slice(&answer.body).map_err(|_| untrusted("the userinfo endpoint gave no JSON object"))?;
        let claims = Claims::of_map(members);
        // OpenID Connect Core section 5.3.2: else it may be of somebody else.
        match claims.subject() == subject {
            true => Ok(Some(claims)),
            false => Err(untrusted("the userinfo endpoint spoke of another subject than the ID token")),
        }
    }
}

/// The left half of the access token's hash (OpenID Connect Core section 3.1.3.6).
fn at_hash(token: &Token<'_>, access_token: &str) -> String {
    let hash = ring::digest::digest(token.algorithm().digest(), access_token.as_bytes());
    let (left, _) = hash.as_ref().split_at(hash.as_ref().len() / 2);
    URL_SAFE_NO_PAD.encode(left)
}

fn form_of(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    pairs.join("&")
}

fn escaped(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
