//! What events speak of: actions, programs, errors and words.

use super::random::{Random, Zipf};

/// Words that notes and messages are made of.
const WORDS: usize = 2_000;
/// Words that few events have.
pub(crate) const RARE_WORDS: u64 = 20_000;
const WORD_EXPONENT: f64 = 1.0;
const WORD_SEED: u64 = 0x776f_7264;

/// An action as a plugin would report it.
pub(crate) struct Action {
    /// What reports it.
    pub(crate) source: &'static str,
    /// What is done.
    pub(crate) name: &'static str,
    /// Which kind.
    pub(crate) kind: &'static str,
    /// How much it matters as a rule.
    pub(crate) severity: &'static str,
    /// The HTTP method.
    pub(crate) method: &'static str,
    /// The path that is asked for, before the target's name.
    pub(crate) path: &'static str,
}

macro_rules! actions {
    ($($source:literal, $name:literal, $kind:literal, $severity:literal, $method:literal, $path:literal;)+) => {
        &[$(Action {
            source: $source, name: $name, kind: $kind, severity: $severity, method: $method, path: $path,
        },)+]
    };
}

/// The most frequent first.
pub(crate) const ACTIONS: &[Action] = actions! {
    "catalog", "entity-read", "by-name", "low", "GET", "/api/catalog/entities/by-name/component/default";
    "catalog", "entity-list", "all", "low", "GET", "/api/catalog/entities/by-query";
    "auth", "token-refresh", "refresh", "low", "POST", "/api/auth/oidc/refresh";
    "techdocs", "page-read", "read", "low", "GET", "/api/techdocs/static/docs/default";
    "search", "query", "read", "low", "GET", "/api/search/query";
    "catalog", "entity-mutate", "refresh", "medium", "POST", "/api/catalog/refresh";
    "scaffolder", "task-read", "get", "low", "GET", "/api/scaffolder/v2/tasks";
    "auth", "user-login", "login", "medium", "POST", "/api/auth/oidc/start";
    "kubernetes", "workload-read", "list", "low", "POST", "/api/kubernetes/services";
    "scaffolder", "task-create", "create", "medium", "POST", "/api/scaffolder/v2/tasks";
    "permission", "decision", "authorize", "low", "POST", "/api/permission/authorize";
    "catalog", "location-mutate", "create", "medium", "POST", "/api/catalog/locations";
    "kubernetes", "pod-restart", "delete", "medium", "DELETE", "/api/kubernetes/proxy/pods";
    "notifications", "message-send", "create", "low", "POST", "/api/notifications";
    "scaffolder", "template-read", "get", "low", "GET", "/api/scaffolder/v2/templates";
    "auth", "user-logout", "logout", "low", "POST", "/api/auth/oidc/logout";
    "techdocs", "page-build", "sync", "low", "GET", "/api/techdocs/sync/default";
    "kubernetes", "log-read", "get", "medium", "GET", "/api/kubernetes/proxy/logs";
    "catalog", "entity-delete", "delete", "high", "DELETE", "/api/catalog/entities/by-uid";
    "permission", "role-read", "get", "low", "GET", "/api/permission/roles";
    "scaffolder", "task-cancel", "cancel", "medium", "POST", "/api/scaffolder/v2/tasks/cancel";
    "permission", "policy-write", "update", "high", "PUT", "/api/permission/policies/role/default";
    "search", "index-rebuild", "create", "medium", "POST", "/api/search/index";
    "kubernetes", "deployment-scale", "update", "high", "PATCH", "/api/kubernetes/proxy/deployments";
    "notifications", "settings-write", "update", "low", "POST", "/api/notifications/settings";
    "permission", "role-assign", "create", "high", "POST", "/api/permission/roles/members";
    "auth", "token-revoke", "delete", "high", "DELETE", "/api/auth/tokens";
    "catalog", "location-delete", "delete", "high", "DELETE", "/api/catalog/locations";
    "kubernetes", "secret-read", "get", "critical", "GET", "/api/kubernetes/proxy/secrets";
    "permission", "owner-change", "update", "critical", "PUT", "/api/permission/owners";
};

/// The programs that people and services use.
pub(crate) const USER_AGENTS: [&str; 6] = [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Edg/140.0.0.0",
    "node-fetch/1.0 (+https://github.com/bitinn/node-fetch)",
    "python-httpx/0.28.1",
];

/// Name and message of what goes wrong.
pub(crate) const ERRORS: [(&str, &str); 6] = [
    ("ConflictError", "the entity was changed by somebody else in the meantime"),
    ("NotFoundError", "there is no entity of this name"),
    ("InputError", "the request body does not have the expected form"),
    ("ServiceUnavailableError", "the upstream did not answer in time"),
    ("ResponseError", "the request failed with 502 Bad Gateway"),
    ("TypeError", "cannot read properties of undefined"),
];

/// Where things run.
pub(crate) const ENVIRONMENTS: [&str; 5] = ["production", "production", "production", "staging", "development"];

/// The words, chosen by Zipf's law.
pub(crate) struct Words {
    words: Vec<String>,
    zipf: Zipf,
}

impl Words {
    /// The same words every time.
    pub(crate) fn new() -> Self {
        let words = (0..WORDS as u64).map(|n| {
            let mut random = Random::new(WORD_SEED, n);
            let syllables = 2 + random.below(3);
            (0..syllables).map(|_| syllable(&mut random)).collect::<String>()
        });
        Self { words: words.collect(), zipf: Zipf::new(WORDS, WORD_EXPONENT) }
    }

    /// One of them.
    pub(crate) fn pick(&self, random: &mut Random) -> &str {
        self.words.get(self.zipf.sample(random)).map_or("", String::as_str)
    }
}

/// A rare word. It begins with letters that no other text has, so that it stands in no other word.
pub(crate) fn rare_word(number: u64) -> String {
    let digits = [number / 5_832, number / 324 % 18, number / 18 % 18, number % 18];
    let syllables = digits.map(|digit| {
        let (first, second) = (digit / 6, digit % 6);
        [*b"kmt".get(first as usize).unwrap_or(&b'k'), *b"aeiouy".get(second as usize).unwrap_or(&b'a')]
    });
    let text: String = syllables.as_flattened().iter().map(|byte| char::from(*byte)).collect();
    format!("zq{text}")
}

fn syllable(random: &mut Random) -> String {
    let (first, second) = (*random.pick(b"bcdfghklmnprstvw"), *random.pick(b"aeiou"));
    let mut text = String::from(char::from(first));
    text.push(char::from(second));
    if random.below(3) == 0 {
        text.push(char::from(*random.pick(b"lnrst")));
    }
    text
}
