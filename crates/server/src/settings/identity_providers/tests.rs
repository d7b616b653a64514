//! The settings of `jwks` entries and of identity providers.

use serde_json::{Map, Value, json};

use super::super::{IdentityProvider, SettingsError, identity_providers, jwks};
use trailbook_event::limits::IDENTITY_PROVIDERS_MAX;

fn jwks_error(options: Value) -> String {
    jwks::read(options).unwrap_err()
}

#[test]
fn options_of_jwks_are_read_as_backstage_reads_them() {
    let options = jwks::read(json!({
        "url": "https://issuer.example/keys", "algorithm": "RS256, ES256", "issuer": ["a b", "c"], "audience": "one,two one",
        "subjectPrefix": "ci",
    }));
    let options = options.unwrap();
    assert_eq!(options.url.as_str(), "https://issuer.example/keys");
    assert_eq!(options.algorithms, ["RS256", "ES256"]);
    assert_eq!(options.issuers, ["a", "b", "c"]);
    assert_eq!(options.audiences, ["one", "two"]);
    assert_eq!(options.subject_prefix.as_deref(), Some("ci"));
    let least =
        jwks::read(json!({ "url": "http://backstage:7007/keys", "subjectPrefix": "", "audience": " " })).unwrap();
    assert_eq!((least.algorithms.len(), least.issuers.len(), least.audiences.len()), (0, 0, 0));
    assert_eq!(least.subject_prefix, None);
}

#[test]
fn what_backstage_refuses_is_refused_in_its_words() {
    for url in ["", "https://a b", " "] {
        assert_eq!(jwks_error(json!({ "url": url })), "Illegal JWKS URL, must be a set of non-space characters");
    }
    let url = "https://issuer.example/keys";
    let cases = [
        (json!({}), "options.url is missing"),
        (json!([]), "options must be a table, not a list"),
        (json!({ "url": 1 }), "options.url must be a text, not a number"),
        (json!({ "url": "keys" }), "options.url is no URL"),
        (json!({ "url": "file:///etc/passwd" }), "options.url must begin with https:// or http://"),
        (
            json!({ "url": url, "algorithm": "HS256" }),
            "options.algorithm: 'HS256' is not taken by Trailbook; there are RS256",
        ),
        (json!({ "url": url, "algorithm": ["RS256", "none"] }), "options.algorithm: 'none' is not taken"),
        (json!({ "url": url, "issuer": 1 }), "options.issuer must be a text or a list of texts"),
        (json!({ "url": url, "subjectPrefix": "a b" }), "options.subjectPrefix must have 1 to 128 characters"),
        (json!({ "url": url, "subject": "a" }), "there is no key 'subject' here"),
    ];
    for (options, expected) in cases {
        let error = jwks_error(options.clone());
        assert!(error.starts_with(expected), "{options}: {error}");
    }
}

fn providers(toml: &str) -> Result<Vec<IdentityProvider>, SettingsError> {
    let mut members: Map<String, Value> = toml::from_str(toml).unwrap();
    identity_providers::read("identity_providers", members.remove("identity_providers").unwrap())
}

const LEAST: &str = "[[identity_providers]]\nname = 'acme'\nissuer = 'https://id.example'\nclient_id = 'trailbook'\n";

#[test]
fn an_identity_provider_has_defaults() {
    let all = providers(LEAST).unwrap();
    let provider = &all[0];
    assert_eq!((provider.organization.as_str(), provider.group_claim.as_str()), ("default", "groups"));
    assert_eq!(provider.scopes, ["openid", "email", "profile"]);
    assert!(!provider.required && !provider.trust_email && provider.client_secret.is_none());
    let more = "scopes = ['email']\nclient_secret = 'hush-hush'\ngroups = { 'a b' = 'admins' }\n";
    let all = providers(&format!("{LEAST}{more}")).unwrap();
    let provider = &all[0];
    assert_eq!(provider.scopes, ["openid", "email"]);
    assert_eq!(provider.groups["a b"], "admins");
    assert!(!format!("{provider:?}").contains("hush"));
}

#[test]
fn what_is_wrong_with_an_identity_provider_is_said() {
    let with = |from: &str, to: &str| LEAST.replace(from, to);
    let cases = [
        (with("name = 'acme'\n", ""), "name is missing"),
        (with("acme", "Ac me"), "name must have 1 to 128 characters"),
        (with("acme", "Acme/.."), "name must have lower-case letters, digits and - only"),
        (with("https://id.example", "http://id.example"), "issuer must begin with https://"),
        (with("https://id.example", "https://id.example?a=b"), "issuer may have neither"),
        (with("https://id.example", "id.example"), "issuer is no URL"),
        (with("'trailbook'", "''"), "client_id, client_secret and group_claim may not be empty"),
        (format!("{LEAST}client_secret = 7"), "client_secret must be a text, not a number"),
        (format!("{LEAST}required = 'yes'"), "required must be true or false, not a text"),
        (format!("{LEAST}scopes = 'openid'"), "scopes must be a list of texts"),
        (format!("{LEAST}scopes = ['open id']"), "scopes may hold no text that is empty or has white space"),
        (format!("{LEAST}groups = ['admins']"), "groups must be a table, not a list"),
        (format!("{LEAST}groups = {{ a = 1 }}"), "groups must give the handle of a group"),
        (format!("{LEAST}secret = 'hush'"), "there is no key 'secret' here; there are name, organization"),
    ];
    for (toml, expected) in cases {
        let error = providers(&toml).unwrap_err().to_string();
        assert!(error.starts_with(&format!("identity_providers[0]: {expected}")), "{error}");
    }
    assert!(providers(&with("https://id.example", "http://127.0.0.1:1")).is_ok());
    assert!(providers(&with("https://id.example", "http://[::1]:1")).is_ok());
    assert!(providers(&with("https://id.example", "http://127.0.0.1.evil.example")).is_err());
}

#[test]
fn identity_providers_fit_together() {
    let check = |all: &[IdentityProvider], url| identity_providers::check(all, url).map_err(|error| error.to_string());
    let many = |count: usize| {
        let entry = |i: usize| LEAST.replace("acme", &format!("acme-{i}"));
        providers(&(0..count).map(entry).collect::<String>()).unwrap()
    };
    let url = Some("https://audit.example");
    assert_eq!(check(&many(IDENTITY_PROVIDERS_MAX), url), Ok(()));
    assert!(check(&many(IDENTITY_PROVIDERS_MAX + 1), url).unwrap_err().contains("33 entries are more than 32"));
    let twice = providers(&format!("{LEAST}{LEAST}")).unwrap();
    assert_eq!(check(&twice, url).unwrap_err(), "identity_providers[1]: the name 'acme' is given twice");
    assert!(check(&many(1), None).unwrap_err().starts_with("public_url: must be set"));
    assert_eq!(check(&[], None), Ok(()));
}
