//! Access tokens of Port's API: JWTs (RFC 7519) that a token's name and value are exchanged for.
//!
//! They are signed with HS256 (RFC 7518 section 3.2) by a key of the server's that is made another one for each
//! credential and its value, so a token dies with the value that it was given for. What a token may do is looked up
//! when it is used.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde::{Deserialize, Serialize};
use trailbook_event::limits::PORT_TOKEN_SECONDS_MAX;
use trailbook_store::{Credential, CredentialId, SecretKey};

use super::{Denial, ILLEGAL};

/// The one header that is written, and taken.
const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
/// Says that a token is for this API.
const AUDIENCE: &str = "port";

/// What a token says.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    /// The credential.
    sub: CredentialId,
    /// The organization's UUID.
    org: String,
    aud: String,
    /// Seconds since 1970.
    iat: i64,
    exp: i64,
}

/// A token for a credential.
pub(super) fn issue(credential: &Credential, secret: &SecretKey, now_ms: i64) -> String {
    let iat = now_ms.div_euclid(1_000);
    let claims = Claims {
        sub: credential.id(),
        org: credential.organization().uuid().to_string(),
        aud: AUDIENCE.to_owned(),
        iat,
        exp: iat.saturating_add(PORT_TOKEN_SECONDS_MAX),
    };
    let claims = serde_json::to_vec(&claims).unwrap_or_default();
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(HEADER), URL_SAFE_NO_PAD.encode(claims));
    let signature = hmac::sign(&key(credential, secret), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Whose token it says that it is, which [`check`] has yet to find true. Nothing for what is no such token.
pub(super) fn holder(token: &str) -> Option<CredentialId> {
    let (signed, _) = token.rsplit_once('.')?;
    claims(signed).map(|claims| claims.sub)
}

/// Refuses a token that was not signed for this credential and its value, and one whose time is over.
pub(super) fn check(token: &str, credential: &Credential, secret: &SecretKey, now_ms: i64) -> Result<(), Denial> {
    let (signed, signature) = token.rsplit_once('.').ok_or(ILLEGAL)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| ILLEGAL)?;
    hmac::verify(&key(credential, secret), signed.as_bytes(), &signature).map_err(|_| ILLEGAL)?;
    let claims = claims(signed).ok_or(ILLEGAL)?;
    let is_its_own = claims.sub == credential.id() && claims.org == credential.organization().uuid().to_string();
    if !is_its_own || claims.aud != AUDIENCE {
        return Err(ILLEGAL);
    }
    if now_ms.div_euclid(1_000) >= claims.exp {
        return Err(Denial::Unauthenticated("The access token has expired"));
    }
    Ok(())
}

fn claims(signed: &str) -> Option<Claims> {
    let (header, claims) = signed.split_once('.')?;
    if URL_SAFE_NO_PAD.decode(header).ok()? != HEADER.as_bytes() {
        return None;
    }
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

fn key(credential: &Credential, secret: &SecretKey) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &credential.key(secret))
}

#[cfg(test)]
mod tests {
    use trailbook_store::credential::{Grant, NewEntry};
    use trailbook_store::{Catalog, Clock};

    use super::*;

    const NOW_MS: i64 = 1_700_000_000_000;
    const SECRET: SecretKey = [7; 32];

    /// A credential of each value.
    async fn credentials(values: &[&str]) -> Vec<std::sync::Arc<Credential>> {
        let dir = tempfile::TempDir::new().unwrap();
        let catalog = Catalog::open(dir.path(), None, Clock::from_fn(|| NOW_MS)).await.unwrap();
        let (organization, _) = catalog.organization_or_new("default").await.unwrap();
        for value in values {
            let (name, token) = (format!("of-{value}"), (*value).to_owned());
            let new = NewEntry {
                organization: organization.clone(),
                name,
                token,
                grant: Some(Grant::default()),
                expires_ms: None,
            };
            catalog.create_entry(new).await.unwrap();
        }
        let all = catalog.credentials().await.unwrap();
        values.iter().map(|value| all.find(value).unwrap()).collect()
    }

    #[tokio::test]
    async fn a_token_is_valid_for_so_long_and_no_longer() {
        let all = credentials(&["first-value"]).await;
        let token = issue(&all[0], &SECRET, NOW_MS);
        assert_eq!(holder(&token), Some(all[0].id()));
        let last_ms = NOW_MS + (PORT_TOKEN_SECONDS_MAX - 1) * 1_000;
        assert_eq!(check(&token, &all[0], &SECRET, last_ms), Ok(()));
        let over = check(&token, &all[0], &SECRET, last_ms + 1_000);
        assert_eq!(over, Err(Denial::Unauthenticated("The access token has expired")));
    }

    #[tokio::test]
    async fn what_another_key_or_nobody_signed_is_refused() {
        let all = credentials(&["first-value", "other-value"]).await;
        let (one, other) = (&all[0], &all[1]);
        let token = issue(one, &SECRET, NOW_MS);
        assert_eq!(check(&token, other, &SECRET, NOW_MS), Err(ILLEGAL));
        assert_eq!(check(&token, one, &[8; 32], NOW_MS), Err(ILLEGAL));
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (header, claims) = signed.split_once('.').unwrap();
        let of_other = issue(other, &SECRET, NOW_MS);
        let other_claims = of_other.split('.').nth(1).unwrap();
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        for changed in [
            format!("{header}.{other_claims}.{signature}"),
            format!("{none}.{claims}.{signature}"),
            format!("{none}.{claims}."),
            format!("{signed}."),
            format!("{signed}.{signature}="),
            signed.to_owned(),
        ] {
            assert_eq!(check(&changed, one, &SECRET, NOW_MS), Err(ILLEGAL), "{changed}");
        }
        for no_token in ["", ".", "..", "a.b.c", "tb_0123456789", &format!("{none}.{claims}.{signature}")] {
            assert_eq!(holder(no_token), None, "{no_token}");
        }
    }
}
