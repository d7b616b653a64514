//! What a provider says of itself (OpenID Connect Discovery section 3).

use reqwest::Url;
use serde::Deserialize;

use crate::jwt::{Algorithm, is_loopback};

/// The part of it that is used.
#[derive(Debug)]
pub(super) struct Metadata {
    pub(super) authorization_endpoint: Url,
    pub(super) token_endpoint: Url,
    pub(super) userinfo_endpoint: Option<Url>,
    pub(super) jwks_uri: Url,
    /// Whether its answers name it (RFC 9207).
    pub(super) names_issuer: bool,
    /// How a client may prove at the token endpoint who it is.
    pub(super) proofs: Vec<String>,
    /// What it signs ID tokens with, of what is taken.
    pub(super) algorithms: Vec<Algorithm>,
}

#[derive(Deserialize)]
struct Raw {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: Option<String>,
    jwks_uri: String,
    authorization_response_iss_parameter_supported: Option<bool>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    id_token_signing_alg_values_supported: Option<Vec<String>>,
}

impl Metadata {
    /// Reads what a provider says, which must call itself as it was called.
    pub(super) fn parse(bytes: &[u8], issuer: &str) -> Result<Self, String> {
        let raw: Raw = serde_json::from_slice(bytes).map_err(|error| format!("it is no configuration: {error}"))?;
        if raw.issuer != issuer {
            return Err(format!("it is of the issuer {:?}, not of {issuer:?}", raw.issuer));
        }
        let is_plain = issuer.starts_with("http://");
        let endpoint = |name: &str, text: String| endpoint(name, &text, is_plain);
        let signed = raw.id_token_signing_alg_values_supported;
        let algorithms: Vec<_> = match &signed {
            Some(names) => names.iter().filter_map(|name| Algorithm::of_name(name)).collect(),
            None => Algorithm::ALL.to_vec(),
        };
        if algorithms.is_empty() {
            return Err(format!("it signs ID tokens with none of {}", Algorithm::names()));
        }
        Ok(Self {
            authorization_endpoint: endpoint("authorization_endpoint", raw.authorization_endpoint)?,
            token_endpoint: endpoint("token_endpoint", raw.token_endpoint)?,
            userinfo_endpoint: raw.userinfo_endpoint.map(|url| endpoint("userinfo_endpoint", url)).transpose()?,
            jwks_uri: endpoint("jwks_uri", raw.jwks_uri)?,
            names_issuer: raw.authorization_response_iss_parameter_supported.unwrap_or_default(),
            // The default of OpenID Connect Discovery section 3.
            proofs: raw.token_endpoint_auth_methods_supported.unwrap_or_else(|| vec!["client_secret_basic".to_owned()]),
            algorithms,
        })
    }
}

/// Secrets are sent there, so it is encrypted, or stays on this machine as the provider does.
fn endpoint(name: &str, text: &str, is_plain: bool) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("its {name} is no URL: {error}"))?;
    let is_safe = url.scheme() == "https" || (is_plain && url.scheme() == "http" && is_loopback(&url));
    if !is_safe || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err(format!("its {name} must begin with https:// and have neither a user nor a fragment"));
    }
    Ok(url)
}
