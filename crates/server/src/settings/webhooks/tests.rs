//! What a webhook may be, and in which words it is refused.

use trailbook_event::limits::{NAME_CHARS_MAX, RULES_MAX, TOKEN_BYTES_MAX, WEBHOOK_SECRET_BYTES_MIN};
use trailbook_event::normalise::Form;

use super::Webhook;
use crate::settings::Layer;

const GOOD: &str = r#"name = "port", from = "port", secret = "0123456789abcdef", signing_key = "secret-key""#;

fn webhooks(toml: &str) -> Result<Vec<Webhook>, String> {
    Layer::from_toml(toml).and_then(Layer::resolve).map(|s| s.webhooks).map_err(|error| error.to_string())
}

fn one(members: &str) -> Result<Webhook, String> {
    webhooks(&format!("webhooks = [{{ {members} }}]")).map(|mut all| all.remove(0))
}

/// The good one, with a text in the place of another.
fn with(old: &str, new: &str) -> Result<Webhook, String> {
    assert!(GOOD.contains(old));
    one(&GOOD.replace(old, new))
}

#[test]
fn a_webhook_has_a_name_a_system_and_two_secrets() {
    let webhook = one(GOOD).unwrap();
    assert_eq!((webhook.name.as_str(), webhook.organization.as_str(), webhook.form), ("port", "default", Form::Port));
    assert_eq!((webhook.secret.as_str(), webhook.signing_key.as_str()), ("0123456789abcdef", "secret-key"));
    let acme = one(&format!("{GOOD}, organization = \"acme\"")).unwrap();
    assert_eq!(acme.organization, "acme");
    let shown = format!("{webhook:?}");
    assert!(shown.contains("port") && !shown.contains("0123456789abcdef") && !shown.contains("secret-key"), "{shown}");
}

#[test]
fn its_token_depends_on_all_that_it_is() {
    let tokens = [
        one(GOOD),
        with("name = \"port\"", "name = \"other\""),
        with("0123456789abcdef", "0123456789abcdeg"),
        with("secret-key", "secret-kez"),
        one(&format!("{GOOD}, organization = \"acme\"")),
    ]
    .map(|webhook| webhook.unwrap().token());
    let distinct: std::collections::BTreeSet<&String> = tokens.iter().collect();
    assert_eq!((distinct.len(), &one(GOOD).unwrap().token()), (tokens.len(), &tokens[0]));
}

#[test]
fn what_is_wrong_is_named_and_no_secret_repeated() {
    let cases = [
        (with("name = \"port\", ", ""), "webhooks[0]: name is missing"),
        (with("from = \"port\", ", ""), "webhooks[0]: from is missing"),
        (with(", signing_key = \"secret-key\"", ""), "webhooks[0]: signing_key is missing"),
        (with("from = \"port\"", "from = \"wso2\""), "webhooks[0]: from must be \"port\""),
        (with("name = \"port\"", "name = \"a b\""), "webhooks[0]: name must have 1 to 128 characters"),
        (with("\"0123456789abcdef\"", "7"), "webhooks[0]: secret must be a text, not a number"),
        (
            with("0123456789abcdef", "0123456789abcde/"),
            "webhooks[0]: secret must have 16 to 1024 letters, digits, - or _",
        ),
        (with("secret-key", "short"), "webhooks[0]: signing_key: Illegal token, must be at least 8 characters length"),
        (one(&format!("{GOOD}, url = \"x\"")), "webhooks[0]: there is no key 'url' here; there are name, organization"),
        (one(&format!("{GOOD}, organization = \"\"")), "webhooks[0]: organization must have 1 to 128 characters"),
        (webhooks("webhooks = [7]").map(|mut all| all.remove(0)), "webhooks[0]: must be a table, not a number"),
        (webhooks("webhooks = 7").map(|mut all| all.remove(0)), "webhooks: must be a list of tables, not a number"),
    ];
    for (result, reason) in cases {
        let error = result.unwrap_err();
        assert!(error.starts_with(reason), "{error}");
        assert!(!error.contains("abcde/") && !error.contains("short\""), "{error}");
    }
}

#[test]
fn secrets_and_names_have_their_limits() {
    let secret = |length| with("0123456789abcdef", &"s".repeat(length));
    assert!(secret(WEBHOOK_SECRET_BYTES_MIN).is_ok() && secret(WEBHOOK_SECRET_BYTES_MIN - 1).is_err());
    assert!(secret(TOKEN_BYTES_MAX).is_ok() && secret(TOKEN_BYTES_MAX + 1).is_err());
    let name = |length| with("name = \"port\"", &format!("name = \"{}\"", "n".repeat(length)));
    assert!(name(NAME_CHARS_MAX).is_ok() && name(NAME_CHARS_MAX + 1).is_err());
    let many = |count: usize| {
        let each = |i| {
            format!(
                "{{ {} }}",
                GOOD.replace("\"port\", from", &format!("\"n{i}\", from"))
                    .replace("0123456789abcdef", &format!("0123456789abcdef{i}"))
            )
        };
        webhooks(&format!("webhooks = [{}]", (0..count).map(each).collect::<Vec<_>>().join(",")))
    };
    assert_eq!(many(RULES_MAX).map(|all| all.len()), Ok(RULES_MAX));
    assert_eq!(many(RULES_MAX + 1).unwrap_err(), "webhooks: 257 entries are more than 256");
}

#[test]
fn names_and_secrets_are_given_once() {
    let two = |second: &str| webhooks(&format!("webhooks = [{{ {GOOD} }}, {{ {second} }}]"));
    let other = GOOD.replace("0123456789abcdef", "fedcba9876543210");
    assert_eq!(two(&other).unwrap_err(), "webhooks[1]: the name 'port' is given twice in its organization");
    assert!(two(&format!("{other}, organization = \"acme\"")).is_ok());
    let same = GOOD.replace("name = \"port\"", "name = \"other\"");
    assert_eq!(two(&same).unwrap_err(), "webhooks[1]: has the secret of webhooks[0]; each needs its own");
    let access = r#"external_access = [{ type = "static", options = { token = "12345678", subject = "port" } }]"#;
    let both = webhooks(&format!("webhooks = [{{ {GOOD} }}]\n{access}"));
    assert_eq!(both.unwrap_err(), "webhooks[0]: the name 'port' is that of a token of external_access");
}
