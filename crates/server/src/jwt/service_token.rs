//! Tokens that another system signs for its services: an entry of `external_access` whose type is `jwks`.
//!
//! As in Backstage (`@backstage/backend-defaults` 0.18, `entrypoints/auth`), a bearer is called `external:<sub>`, or
//! `external:<prefix>:<sub>`. Where the URL is that of a plugin's own keys, `…/<plugin>/.backstage/auth/v1/jwks.json`,
//! a token of the type `vnd.backstage.plugin` is the plugin's own, and its bearer is called `plugin:<plugin>`; such a
//! key signs for its own plugin only, and for one target, which is `audit-log` where no audience is set. One that acts
//! for a user (`obo`) is not taken: it is not the plugin's own, and Backstage takes it for the user's.
//!
//! Stricter than Backstage: a token must end, and a type that is not known is refused, so that a user's token
//! (`vnd.backstage.user`) is not taken for a service's.

use trailbook_store::credential::PORTAL_PLUGIN;

use super::{Algorithm, Claims, Expected, Issuer, Refused, Token, client};
use crate::settings::JwksOptions;

/// The type of tokens of Backstage's plugins.
const PLUGIN_TYPE: &str = "vnd.backstage.plugin";
/// The types that are taken; the first two are RFC 7519's and RFC 9068's.
const TYPES: [&str; 3] = ["jwt", "at+jwt", PLUGIN_TYPE];
/// Where a plugin of Backstage has its keys, the plugin's own path before it.
const PLUGIN_KEYS: &str = "/.backstage/auth/v1/jwks.json";

/// All issuers of such tokens, in the order of their entries.
#[derive(Debug)]
pub(crate) struct ServiceTokens(Vec<ServiceIssuer>);

/// Whose token it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bearer {
    /// Which of the entries took it, from 0.
    pub(crate) entry: usize,
    /// What the bearer is called.
    pub(crate) subject: String,
}

impl ServiceTokens {
    /// The issuers of entries.
    pub(crate) fn new<'a>(all: impl IntoIterator<Item = &'a JwksOptions>) -> Result<Self, reqwest::Error> {
        all.into_iter().map(ServiceIssuer::new).collect::<Result<_, _>>().map(Self)
    }

    /// Whose token it is. Issuers whose keys are known to fit come first, so that one that cannot be reached holds up
    /// nobody else's tokens. If it is nobody's, the reason of the first that was asked is given.
    pub(crate) async fn bearer(&self, token: &str, now_ms: i64) -> Result<Bearer, Refused> {
        let token = Token::parse(token)?;
        let (known, others): (Vec<_>, Vec<_>) =
            self.0.iter().enumerate().partition(|(_, issuer)| issuer.issuer.knows(&token));
        let mut reason = None;
        for (entry, issuer) in known.into_iter().chain(others) {
            match issuer.subject(&token, now_ms).await {
                Ok(subject) => return Ok(Bearer { entry, subject }),
                Err(refused) => reason = reason.or(Some(refused)),
            }
        }
        Err(reason.unwrap_or(Refused::Malformed("no issuer is set up")))
    }
}

/// An issuer of such tokens.
#[derive(Debug)]
struct ServiceIssuer {
    issuer: Issuer,
    expected: Expected,
    prefix: Option<String>,
    /// The plugin of Backstage whose keys they are.
    plugin: Option<String>,
}

impl ServiceIssuer {
    /// The issuer of an entry. Nothing is asked yet.
    fn new(options: &JwksOptions) -> Result<Self, reqwest::Error> {
        let plugin = plugin_of(options.url.path()).map(str::to_owned);
        let expected = Expected {
            issuers: options.issuers.clone(),
            audiences: options.audiences.clone(),
            algorithms: options.algorithms.iter().filter_map(|name| Algorithm::of_name(name)).collect(),
            types: TYPES.to_vec(),
        };
        let issuer = Issuer::new(options.url.clone(), client(&[options.url.as_str()])?);
        Ok(Self { issuer, expected, prefix: options.subject_prefix.clone(), plugin })
    }

    /// What the bearer of a token is called.
    async fn subject(&self, token: &Token<'_>, now_ms: i64) -> Result<String, Refused> {
        let is_of_plugin = token.typ() == Some(PLUGIN_TYPE);
        if let Some(plugin) = self.plugin.as_deref().filter(|_| is_of_plugin) {
            return self.subject_of_plugin(token, plugin, now_ms).await;
        }
        let claims = self.issuer.verify(token, &self.expected, now_ms).await?;
        if is_of_plugin {
            check_own(&claims)?;
        }
        Ok(self.external(claims.subject()))
    }

    async fn subject_of_plugin(&self, token: &Token<'_>, plugin: &str, now_ms: i64) -> Result<String, Refused> {
        let mut expected = self.expected.clone();
        if expected.audiences.is_empty() {
            expected.audiences.push(PORTAL_PLUGIN.to_owned());
        }
        // Plugins name no issuer; the keys say who it is.
        expected.issuers.clear();
        let claims = self.issuer.verify(token, &expected, now_ms).await?;
        check_plugin(&claims, plugin)?;
        match &self.prefix {
            Some(_) => Ok(self.external(plugin)),
            None => Ok(format!("plugin:{plugin}")),
        }
    }

    fn external(&self, subject: &str) -> String {
        match &self.prefix {
            Some(prefix) => format!("external:{prefix}:{subject}"),
            None => format!("external:{subject}"),
        }
    }
}

/// What Backstage demands of a plugin's token beyond the rest.
fn check_plugin(claims: &Claims, plugin: &str) -> Result<(), Refused> {
    let refuse = |claim, reason| Err(Refused::Claim { claim, reason });
    if claims.subject() != plugin {
        return refuse("sub", "is not the plugin whose keys it is signed with");
    }
    if claims.seconds("iat")?.is_none() {
        return refuse("iat", "is missing");
    }
    check_own(claims)
}

/// Refuses a token that a plugin was given to act for a user.
fn check_own(claims: &Claims) -> Result<(), Refused> {
    match claims.get("obo") {
        Some(_) => Err(Refused::Claim { claim: "obo", reason: "says that it acts for a user" }),
        None => Ok(()),
    }
}

/// The plugin whose keys are at a path.
fn plugin_of(path: &str) -> Option<&str> {
    let plugin = path.strip_suffix(PLUGIN_KEYS)?.rsplit('/').next()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (!plugin.is_empty() && plugin.chars().all(is_plain)).then_some(plugin)
}
