//! What a configuration may say, and in which words it is refused.

use trailbook_event::limits::{NAME_CHARS_MAX, RULES_MAX, TOKEN_BYTES_MAX};
use trailbook_event::{Severity, exclude};
use trailbook_store::credential::{Grant, Permission, Restriction};

use super::{Layer, LogFormat, LogLevel, Settings, parse_duration_ms};

fn settings(toml: &str) -> Result<Settings, String> {
    Layer::from_toml(toml).and_then(Layer::resolve).map_err(|error| error.to_string())
}

fn refusal(toml: &str) -> String {
    settings(toml).map(|settings| format!("{settings:?}")).unwrap_err()
}

#[test]
fn nothing_said_gives_the_defaults() {
    let settings = settings("").unwrap();
    assert_eq!(settings.data_dir.to_str(), Some("trailbook-data"));
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
    assert_eq!((settings.catalog.as_ref(), settings.tls.as_ref(), settings.behind_proxy), (None, None, false));
    assert_eq!((settings.log_format, settings.log_level), (LogFormat::Text, LogLevel::Info));
    assert!(!settings.keep_initiated);
    assert_eq!((settings.skew_ms_max, settings.idempotency_window_ms), (3_600_000, 604_800_000));
    assert_eq!((settings.tuning.flush_events, settings.tuning.flush_age_ms), (200_000, 300_000));
    assert_eq!(settings.tuning.chunk_events, 8_192);
    assert_eq!(settings.exclusion_rules, exclude::portal_defaults());
    assert!(settings.redaction_rules.is_empty() && settings.external_access.is_empty());
    assert_eq!((settings.logs.origin.as_str(), settings.logs.secret.as_ref()), ("trailbook", None));
    assert!(settings.logs.copies.is_empty() && settings.witnesses.is_empty());
    assert_eq!(settings.severity_log_levels.level(Severity::Low), LogLevel::Debug);
    for severity in [Severity::Medium, Severity::High, Severity::Critical] {
        assert_eq!(settings.severity_log_levels.level(severity), LogLevel::Info);
    }
}

#[test]
fn every_setting_can_be_said_in_a_file() {
    let toml = r#"
        data_dir = "/var/lib/trailbook"
        listen = "0.0.0.0:443"
        catalog = "postgres://trailbook@db/trailbook"
        tls_cert = "cert.pem"
        tls_key = "key.pem"
        behind_proxy = true
        log_format = "json"
        log_level = "warn"
        keep_initiated = true
        clock_skew = "90s"
        idempotency_window = "2d"
        flush_events = 5000
        flush_after = "1m"

        [[redaction_rules]]
        name = "mail"
        path = "actor.email"

        [[exclusion_rules]]
        name = "reads"
        actorId = "plugin:*"
        eventId = ["entity-fetch", "entity-facets"]

        [severity_log_level_mappings]
        low = "info"

        [[external_access]]
        type = "static"
        options = { token = "12345678", subject = "reader" }
    "#;
    let logs = r#"
        origin = "audit.example.com"
        secret_file = "/run/log.secret"
        checkpoint_copies = ["/mnt/copies"]
        witnesses = [{ vkey = "witness.example/w1+df1c0a35+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU",
                       url = "https://witness.example/w1/" }]
    "#;
    let of_logs = settings(logs).unwrap();
    assert_eq!(of_logs.logs.origin, "audit.example.com");
    assert_eq!(of_logs.logs.secret.unwrap().to_str(), Some("/run/log.secret"));
    assert_eq!(of_logs.logs.copies, [std::path::PathBuf::from("/mnt/copies")]);
    assert_eq!(
        (of_logs.witnesses[0].key.name(), &*of_logs.witnesses[0].url),
        ("witness.example/w1", "https://witness.example/w1")
    );

    let settings = settings(toml).unwrap();
    assert_eq!(settings.listen.port(), 443);
    assert_eq!(settings.catalog.as_deref(), Some("postgres://trailbook@db/trailbook"));
    assert_eq!(settings.tls.unwrap().key.to_str(), Some("key.pem"));
    assert!(settings.behind_proxy && settings.keep_initiated);
    assert_eq!((settings.log_format, settings.log_level), (LogFormat::Json, LogLevel::Warn));
    assert_eq!((settings.skew_ms_max, settings.idempotency_window_ms), (90_000, 172_800_000));
    assert_eq!((settings.tuning.flush_events, settings.tuning.flush_age_ms), (5_000, 60_000));
    assert_eq!(settings.tuning.chunk_events, 5_000);
    assert_eq!(settings.redaction_rules.len(), 1);
    assert_eq!(settings.exclusion_rules[0].name.as_deref(), Some("reads"));
    assert_eq!(settings.severity_log_levels.level(Severity::Low), LogLevel::Info);
    assert_eq!(settings.external_access[0].subject, "reader");
}

#[test]
fn an_empty_list_of_exclusion_rules_replaces_the_defaults() {
    assert!(settings("exclusion_rules = []").unwrap().exclusion_rules.is_empty());
}

#[test]
fn a_layer_wins_where_it_says_something() {
    let file = Layer::from_toml(
        "listen = '127.0.0.1:1'\nlog_level = 'warn'\nseverityLogLevelMappings = { low = 'warn', high = 'error' }",
    );
    let mut flags = Layer { listen: Some("127.0.0.1:2".parse().unwrap()), ..Layer::default() };
    flags.set_json("severity_log_level_mappings", r#"{"low": "info"}"#).unwrap();
    flags.set_json("exclusion_rules", r#"[{"actorId": "a"}]"#).unwrap();
    let settings = flags.over(file.unwrap()).resolve().unwrap();
    assert_eq!((settings.listen.port(), settings.log_level), (2, LogLevel::Warn));
    assert_eq!(settings.severity_log_levels.level(Severity::Low), LogLevel::Info);
    assert_eq!(settings.severity_log_levels.level(Severity::High), LogLevel::Error);
    assert_eq!(settings.exclusion_rules.len(), 1);
}

#[test]
fn errors_name_the_setting_and_what_it_may_be() {
    let cases = [
        ("port = 1", "port: there is no such setting; there are data_dir, listen, catalog, tls_cert, tls_key"),
        ("listen = 'here'", "listen: must be an address and a port, such as 127.0.0.1:8080, not \"here\""),
        ("listen = 80", "listen: must be a text, not a number"),
        ("data_dir = ''", "data_dir: must name a folder"),
        ("origin = ''", "origin: must be a name such as audit.example.com"),
        ("origin = 'a b'", "origin: must be a name such as audit.example.com"),
        ("origin = 'a+b'", "origin: must be a name such as audit.example.com"),
        ("checkpoint_copies = '/mnt'", "checkpoint_copies: must be a list of texts, not a text"),
        ("witnesses = [{}]", "witnesses[0].vkey: must be given"),
        ("witnesses = [{ vkey = 'x', url = 'https://x' }]", "witnesses[0].vkey: the verifier key is malformed"),
        (
            "witnesses = [{ vkey = 'audit.example/log+47a2d2e2+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c', url = \
             'https://x' }]",
            "witnesses[0].vkey: must be a key for cosignatures",
        ),
        (
            "witnesses = [{ vkey = 'witness.example/w1+df1c0a35+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU', url = \
             'ftp://x' }]",
            "witnesses[0].url: must begin with https:// or http://",
        ),
        ("witnesses = [{ name = 'x' }]", "witnesses[0].name: there is no such setting; there are vkey, url"),
        ("catalog = 'mysql://u:hush-hush@h'", "catalog: must be a postgres:// URL; leave it out for SQLite"),
        ("behind_proxy = 'yes'", "behind_proxy: must be true or false, not a text"),
        ("log_format = 'xml'", "log_format: must be text or json, not \"xml\""),
        ("log_level = 'trace'", "log_level: must be error, warn, info or debug, not \"trace\""),
        ("clock_skew = 5", "clock_skew: must be a text such as \"1h\", not a number"),
        ("clock_skew = '1w'", "clock_skew: must be a whole number and one of ms, s, m, h, d, such as 1h, not \"1w\""),
        ("flush_events = 0", "flush_events: must be from 1 to 200000, not 0"),
        ("flush_events = 200001", "flush_events: must be from 1 to 200000, not 200001"),
        ("flush_events = -1", "flush_events: must be a whole number, not -1"),
        ("flush_events = 1.5", "flush_events: must be a whole number, not 1.5"),
        ("flush_events = '9'", "flush_events: must be a whole number, not a text"),
        ("flush_after = '999ms'", "flush_after: must be from 1s to 300s, not 999ms"),
        ("flush_after = '301s'", "flush_after: must be from 1s to 300s, not 301000ms"),
        ("flush_after = 60", "flush_after: must be a text such as \"1h\", not a number"),
        ("idempotency_window = '0s'", "idempotency_window: must be from 1ms to 366d, not 0ms"),
        ("tls_cert = 'c'", "tls_key: must be set where tls_cert is"),
        ("tls_key = 'k'", "tls_cert: must be set where tls_key is"),
        ("redaction_rules = 1", "redaction_rules: must be a list of tables, not a number"),
        ("redaction_rules = [1]", "redaction_rules: redaction_rules[0] must be a table, not a number"),
        (
            "redaction_rules = [{name = 'x', paths = 'message'}]",
            "redaction_rules: redaction_rules[0]: unknown field `paths`, expected one of `name`, `path`, `pattern`",
        ),
        ("redaction_rules = [{name = 'x'}]", "redaction_rules: rule 0 (\"x\"): give either a path or a pattern"),
        ("exclusion_rules = [{actor = 'x'}]", "exclusion_rules: exclusion_rules[0]: unknown field `actor`"),
        (
            "exclusion_rules = [{actorId = 1}]",
            "exclusion_rules: exclusion_rules[0].actorId must be a pattern or a list of patterns",
        ),
        ("exclusion_rules = [{name = 'x'}]", "exclusion_rules: rule 0: neither actorId nor eventId is given"),
        ("log_level = 'info'\nlisten", "the configuration is not TOML, line 2: "),
        (
            "severity_log_level_mappings = { lowest = 'info' }",
            "severity_log_level_mappings: \"lowest\" is no severity; there are low, medium, high, critical",
        ),
        (
            "severity_log_level_mappings = {}\nseverityLogLevelMappings = {}",
            "severityLogLevelMappings: is the same setting as severity_log_level_mappings; give one of them",
        ),
    ];
    for (toml, expected) in cases {
        let refusal = refusal(toml);
        assert!(refusal.starts_with(expected), "{toml}: {refusal}");
        assert!(!refusal.contains("hush-hush"), "{refusal}");
    }
}

#[test]
fn a_wrong_log_level_of_a_severity_is_refused_in_backstages_words() {
    for toml in ["severityLogLevelMappings = { low = 'verbose' }", "severity_log_level_mappings = { low = 'verbose' }"]
    {
        let sentence = "The configuration value for 'backend.auditor.severityLogLevelMappings.low' was given an invalid \
                        value: 'verbose'. Expected one of the following valid values: 'debug, info, warn, error'.";
        assert!(refusal(toml).ends_with(sentence), "{}", refusal(toml));
    }
}

#[test]
fn durations_are_a_number_and_a_unit() {
    let cases = [("0s", 0), ("1500ms", 1_500), ("2s", 2_000), ("3m", 180_000), ("1h", 3_600_000), ("7d", 604_800_000)];
    for (text, duration_ms) in cases {
        assert_eq!(parse_duration_ms(text), Ok(duration_ms), "{text}");
    }
    assert_eq!(parse_duration_ms("366d"), Ok(31_622_400_000));
    for text in ["", "1", "h", "-1h", "1.5h", "1 h", "1H", "367d", "9223372036854775807d", "99999999999999999999s"] {
        assert!(parse_duration_ms(text).is_err(), "{text}");
    }
}

#[test]
fn plain_http_stays_on_this_machine_unless_a_proxy_encrypts() {
    for loopback in ["127.0.0.1:80", "127.8.8.8:80", "[::1]:80", "[::ffff:127.0.0.1]:80"] {
        assert!(settings(&format!("listen = '{loopback}'")).is_ok(), "{loopback}");
    }
    for open in ["0.0.0.0:80", "[::]:80", "192.0.2.1:80"] {
        let refusal = refusal(&format!("listen = '{open}'"));
        assert!(refusal.starts_with("listen: plain HTTP on "), "{refusal}");
        assert!(refusal.contains("tls_cert and tls_key") && refusal.contains("behind_proxy"), "{refusal}");
        assert!(settings(&format!("listen = '{open}'\nbehind_proxy = true")).is_ok());
        assert!(settings(&format!("listen = '{open}'\ntls_cert = 'c'\ntls_key = 'k'")).is_ok());
    }
}

#[test]
fn rules_and_entries_have_a_limit() {
    let rule = |i: usize| format!("{{name = 'r{i}', path = 'message'}},");
    let entry = |i: usize| format!("{{type = 'static', options = {{token = 'token-{i:03}', subject = 's{i}'}}}},");
    for (key, item) in [("redaction_rules", &rule as &dyn Fn(usize) -> String), ("external_access", &entry)] {
        let some = |n: usize| format!("{key} = [{}]", (0..n).map(item).collect::<String>());
        assert!(settings(&some(RULES_MAX)).is_ok(), "{key}");
        let expected = format!("{key}: {} entries are more than {RULES_MAX}", RULES_MAX + 1);
        assert_eq!(refusal(&some(RULES_MAX + 1)), expected);
    }
}

fn access(entry: &str) -> String {
    format!("[[external_access]]\n{entry}")
}

const STATIC: &str = "type = 'static'\noptions = { token = 'abcdefgh', subject = 'reader' }\n";

#[test]
fn an_entry_without_restrictions_reads_events_and_no_more() {
    for rest in ["", "accessRestrictions = []"] {
        let settings = settings(&access(&format!("{STATIC}{rest}"))).unwrap();
        let entry = &settings.external_access[0];
        assert_eq!((entry.organization.as_str(), entry.subject.as_str()), ("default", "reader"));
        assert_eq!(entry.token, "abcdefgh");
        assert_eq!(entry.grant, Grant { scopes: vec![Permission::EventsRead], restrictions: vec![] });
    }
}

#[test]
fn restrictions_are_what_an_entry_may_do() {
    let toml = access(&format!(
        "{STATIC}organization = 'acme'\n\
         [[external_access.accessRestrictions]]\nplugin = 'audit-log'\npermission = 'audit.log.read'\n\
         [[external_access.accessRestrictions]]\nplugin = 'catalog'\npermission = ['a, b', 'c a']\n\
         permissionAttribute = {{ action = 'read,create update' }}\n\
         [[external_access.accessRestrictions]]\nplugin = 'search'\npermission = ' , '\n"
    ));
    let settings = settings(&toml).unwrap();
    let entry = &settings.external_access[0];
    let words = |words: &[&str]| Some(words.iter().map(|w| (*w).to_owned()).collect());
    let restriction =
        |plugin: &str, permissions, actions| Restriction { plugin: plugin.to_owned(), permissions, actions };
    let restrictions = vec![
        restriction("audit-log", words(&["audit.log.read"]), None),
        restriction("catalog", words(&["a", "b", "c"]), words(&["read", "create", "update"])),
        restriction("search", None, None),
    ];
    assert_eq!(entry.organization, "acme");
    assert_eq!(entry.grant, Grant { scopes: vec![], restrictions });
}

#[test]
fn what_backstage_refuses_is_refused_in_its_words() {
    let restricted = |rest: &str| format!("{STATIC}{rest}");
    let options = |token: &str, subject: &str| {
        format!("type = 'static'\noptions = {{ token = {token:?}, subject = {subject:?} }}")
    };
    let cases = [
        (options("abc defgh", "s"), "Illegal token, must be a set of non-space characters"),
        (options("", "s"), "Illegal token, must be a set of non-space characters"),
        (options("abcdefg", "s"), "Illegal token, must be at least 8 characters length"),
        (options("abcdefgh", "a b"), "Illegal subject, must be a set of non-space characters"),
        (options("abcdefgh", ""), "Illegal subject, must be a set of non-space characters"),
        (
            "type = 'magic'".to_owned(),
            "Unknown type 'magic' in backend.auth.externalAccess, expected one of 'static', 'legacy', 'jwks'",
        ),
        (
            restricted("accessRestrictions = [{ plugin = 'a', permissions = 'b' }]"),
            "Invalid key 'permissions' in 'accessRestrictions' config, expected one of 'plugin', 'permission', \
             'permissionAttribute'",
        ),
        (
            restricted("accessRestrictions = [{ plugin = 'a' }, { plugin = 'a' }]"),
            "Attempted to declare 'accessRestrictions' twice for plugin 'a', which is not permitted",
        ),
        (
            restricted("accessRestrictions = [{ plugin = 'a', permissionAttribute = { actions = 'read' } }]"),
            "Invalid key 'actions' in 'permissionAttribute' config, expected 'action'",
        ),
        (
            restricted("accessRestrictions = [{ plugin = 'a', permissionAttribute = { action = 'write' } }]"),
            "Invalid value 'write' at 'action' in 'permissionAttributes' config, valid values are 'create', 'read', \
             'update', 'delete'",
        ),
    ];
    for (entry, sentence) in cases {
        assert_eq!(refusal(&access(&entry)), format!("external_access[0]: {sentence}"));
    }
}

#[test]
fn what_an_entry_lacks_or_has_too_much_is_named() {
    let long = "n".repeat(NAME_CHARS_MAX + 1);
    let long_token = "t".repeat(TOKEN_BYTES_MAX + 1);
    let cases = [
        ("type = 'legacy'".to_owned(), "the type 'legacy' of Backstage is not supported by Trailbook; use 'static'"),
        ("type = 'jwks'".to_owned(), "options is missing; give url"),
        ("options = {}".to_owned(), "type is missing; it must be 'static' or 'jwks'"),
        ("type = 'static'".to_owned(), "options is missing; give token and subject"),
        ("type = 'static'\noptions = { subject = 's' }".to_owned(), "options.token is missing"),
        ("type = 'static'\noptions = { token = 12345678 }".to_owned(), "options.token must be a text, not a number"),
        ("type = 'static'\noptions = 'abcdefgh'".to_owned(), "options must be a table, not a text"),
        (
            "type = 'static'\noptions = { token = 'abcdefgh', subject = 's', x = 1 }".to_owned(),
            "there is no key 'x' here; there are token, subject",
        ),
        (format!("{STATIC}scopes = []"), "there is no key 'scopes' here; there are type, options"),
        (format!("{STATIC}organization = 'a b'"), "organization must have 1 to 128 characters"),
        (format!("{STATIC}accessRestrictions = [{{}}]"), "accessRestrictions needs a plugin in each of its entries"),
        (
            format!("type = 'static'\noptions = {{ token = 'abcdefgh', subject = '{long}' }}"),
            "options.subject must have 1 to 128 characters",
        ),
        (
            format!("type = 'static'\noptions = {{ token = '{long_token}', subject = 's' }}"),
            "Illegal token, must be at most 1024 bytes",
        ),
    ];
    for (entry, reason) in cases {
        let refusal = refusal(&access(&entry));
        assert!(refusal.starts_with(&format!("external_access[0]: {reason}")), "{refusal}");
        assert!(!refusal.contains("abcdefgh"), "{refusal}");
    }
}

#[test]
fn a_subject_or_a_token_that_stands_twice_is_refused() {
    let two = |organization: &str, token: &str, subject: &str| {
        let options = format!("options = {{ token = '{token}', subject = '{subject}' }}");
        refusal(&format!("{}{}", access(STATIC), access(&format!("type = 'static'\n{organization}\n{options}"))))
    };
    let subject = "external_access[1]: the subject 'reader' is declared twice in its organization";
    assert_eq!(two("", "ijklmnop", "reader"), subject);
    let token = "external_access[1]: has the token of external_access[0]; each needs its own";
    assert_eq!(two("organization = 'acme'", "abcdefgh", "other"), token);
}

#[test]
fn nothing_shows_a_token_or_the_catalogs_password() {
    let toml = format!("catalog = 'postgres://u:hidden-password@h/d'\n{}", access(STATIC));
    let layer = Layer::from_toml(&toml).unwrap();
    let shown = format!("{layer:?} {:?}", layer.clone().resolve().unwrap());
    assert!(shown.contains("reader"));
    assert!(!shown.contains("abcdefgh") && !shown.contains("hidden-password"), "{shown}");
    for broken in ["token = 'abcdefgh", "external_access = [{type = 'static' 'abcdefgh'}]"] {
        assert!(!refusal(broken).contains("abcdefgh"), "{}", refusal(broken));
    }
    let mut layer = Layer::default();
    for broken in ["[{\"token\": \"abcdefgh\"", "\"abcdefgh\"", "[\"abcdefgh\"]"] {
        let error = layer.set_json("external_access", broken).unwrap_err().to_string();
        assert!(error.starts_with("external_access") && !error.contains("abcdefgh"), "{error}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.toml");
    let error = Layer::from_file(&path).unwrap_err().to_string();
    assert!(error.starts_with(&format!("reading the configuration file {}: ", path.display())), "{error}");
}
