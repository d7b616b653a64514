//! Who a request comes from, and whether they may.
//!
//! Credentials are read from the catalog into memory and read again when their version changes, which is looked at
//! twice a second: a change holds within a second, without a restart.

mod access_token;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::http::{HeaderMap, header};
use tokio::sync::Mutex;
use tokio::time::Instant;
use trailbook_store::credential::{
    Credentials, PORTAL_PERMISSION, PORTAL_PLUGIN, Restriction, Scope, WSO2_PERMISSIONS, WSO2_PLUGIN,
};

use trailbook_store::{Catalog, Credential, CredentialId, Organization, SecretKey};

/// A caller whose token is known.
#[derive(Debug, Clone)]
pub(crate) struct Caller(Arc<Credential>);

impl Caller {
    /// The organization that it acts for.
    pub(crate) fn organization(&self) -> &Organization {
        self.0.organization()
    }

    /// Its credential.
    pub(crate) fn own(&self) -> &Credential {
        &self.0
    }

    /// Which credential it has.
    pub(crate) fn credential(&self) -> CredentialId {
        self.0.id()
    }
}

/// Why a request is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Denial {
    /// It has no token, or one that is nobody's.
    Unauthenticated(&'static str),
    /// Its token does not allow this; says what it does allow.
    NotAllowed(String),
}

/// The credentials of the catalog, as they were less than a second ago.
#[derive(Debug)]
pub(crate) struct Auth {
    catalog: Catalog,
    current: RwLock<Arc<Credentials>>,
    /// When an unknown token last made us look: the look began then.
    looked: Mutex<Option<Instant>>,
    /// What access tokens of Port's API are signed with.
    port_key: SecretKey,
}

/// How much of the organization's events a caller of Port's API may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// All of them.
    All,
    /// Those of one entity or run that it names, or one event.
    Named,
}

/// What is said of a request without a token.
pub(crate) const MISSING: Denial = Denial::Unauthenticated("Missing credentials");
const ILLEGAL: Denial = Denial::Unauthenticated("Illegal token");

/// How long after a look for an unknown token the next may be.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(50);
/// How often the catalog is asked whether credentials changed.
const LOOK_EVERY: Duration = Duration::from_millis(400);

impl Auth {
    pub(crate) async fn new(catalog: Catalog) -> Result<Self, trailbook_store::Error> {
        let current = RwLock::new(Arc::new(catalog.credentials().await?));
        let port_key = catalog.secret("port-access-token").await?;
        Ok(Self { catalog, current, looked: Mutex::new(None), port_key })
    }

    /// Keeps the credentials current. Never returns; dropped when the server stops.
    pub(crate) async fn follow(&self) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(error) = self.refresh().await {
                tracing::warn!(%error, "credentials could not be read; the last known stay in force");
            }
        }
    }

    async fn refresh(&self) -> Result<(), trailbook_store::Error> {
        let version = self.catalog.credentials_version().await?;
        if version != self.current().version() {
            let credentials = Arc::new(self.catalog.credentials().await?);
            *self.current.write().unwrap_or_else(PoisonError::into_inner) = credentials;
        }
        Ok(())
    }

    fn current(&self) -> Arc<Credentials> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The caller of a request with the header `Authorization: Bearer <token>`. The messages are Backstage's.
    ///
    /// A token that is not known may be new, so the catalog is looked at before it is refused, seldom enough that
    /// strangers cannot keep the catalog busy.
    pub(crate) async fn caller(&self, headers: &HeaderMap) -> Result<Caller, Denial> {
        self.of_token(bearer(headers).ok_or(MISSING)?).await
    }

    async fn of_token(&self, token: &str) -> Result<Caller, Denial> {
        self.credential(token).await.map(Caller).ok_or(ILLEGAL)
    }

    async fn credential(&self, token: &str) -> Option<Arc<Credential>> {
        if let Some(found) = self.current().find(token) {
            return Some(found);
        }
        self.look(Instant::now()).await;
        self.current().find(token)
    }

    /// A caller that may take events out.
    pub(crate) async fn exports_caller(&self, headers: &HeaderMap) -> Result<Caller, Denial> {
        self.caller_with(headers, Scope::Exports).await
    }

    /// The credential of a number, if it may take events out now.
    pub(crate) fn exporter(&self, number: i64) -> Option<Arc<Credential>> {
        self.current().by_id(CredentialId::of_number(number)).filter(|credential| credential.has_scope(Scope::Exports))
    }

    /// What a credential is called, if it is there still.
    pub(crate) fn name_of(&self, id: CredentialId) -> Option<String> {
        self.current().by_id(id).map(|credential| credential.name().to_owned())
    }

    async fn of_id(&self, id: CredentialId) -> Option<Arc<Credential>> {
        if let Some(found) = self.current().by_id(id) {
            return Some(found);
        }
        self.look(Instant::now()).await;
        self.current().by_id(id)
    }

    /// Reads the credentials again if that was not done since a request arrived. Requests that wait share one look.
    async fn look(&self, arrived: Instant) {
        let mut looked = self.looked.lock().await;
        if let Some(last) = *looked {
            if last >= arrived {
                return;
            }
            tokio::time::sleep_until(last + LOOK_AGAIN_AFTER).await;
        }
        *looked = Some(Instant::now());
        if let Err(error) = self.refresh().await {
            tracing::warn!(%error, "credentials could not be read; the last known stay in force");
        }
    }

    /// A caller that has a scope of the native API.
    pub(crate) async fn caller_with(&self, headers: &HeaderMap, scope: Scope) -> Result<Caller, Denial> {
        with_scope(self.caller(headers).await?, scope)
    }

    /// The caller of a token that did not come in a header, if it has a scope.
    pub(crate) async fn caller_of(&self, token: &str, scope: Scope) -> Result<Caller, Denial> {
        with_scope(self.of_token(token).await?, scope)
    }

    /// A caller that may read the Portal's audit log: it has `events.read`, or is granted the Portal's permission.
    pub(crate) async fn portal_reader(&self, headers: &HeaderMap) -> Result<Caller, Denial> {
        let caller = self.caller(headers).await?;
        if caller.0.has_scope(Scope::EventsRead) {
            return Ok(caller);
        }
        let restrictions = &caller.0.grant().restrictions;
        let of_plugin: Vec<&Restriction> = restrictions.iter().filter(|r| r.plugin == PORTAL_PLUGIN).collect();
        if of_plugin.is_empty() {
            if restrictions.is_empty() {
                return Err(Denial::NotAllowed(format!("This needs the scope events.read; {}", allowed(&caller.0))));
            }
            let plugins: Vec<_> = restrictions.iter().map(|r| format!("'{}'", r.plugin)).collect();
            let plugins = plugins.join(", ");
            return Err(Denial::NotAllowed(format!("This token's access is restricted to plugin(s) {plugins}")));
        }
        if of_plugin.iter().any(|restriction| grants_reading(restriction, &[PORTAL_PERMISSION])) {
            return Ok(caller);
        }
        Err(Denial::NotAllowed(permissions_of(&of_plugin)))
    }

    /// An access token of Port's API, for the name and the value of a token that may read there.
    pub(crate) async fn access_token(&self, id: &str, secret: &str, now_ms: i64) -> Result<String, Denial> {
        let found = self.credential(secret).await.filter(|credential| credential.name() == id);
        let credential = found.ok_or(Denial::Unauthenticated("Invalid client credentials"))?;
        reach(&credential)?;
        Ok(access_token::issue(&credential, &self.port_key, now_ms))
    }

    /// A caller of Port's API: an access token, or a token itself, with a scope that lets it read.
    pub(crate) async fn port_reader(&self, headers: &HeaderMap, now_ms: i64) -> Result<(Caller, Reach), Denial> {
        let token = bearer(headers).ok_or(MISSING)?;
        let credential = match access_token::holder(token) {
            Some(id) => {
                let credential = self.of_id(id).await.ok_or(ILLEGAL)?;
                access_token::check(token, &credential, &self.port_key, now_ms)?;
                credential
            }
            None => self.credential(token).await.ok_or(ILLEGAL)?,
        };
        let reach = reach(&credential)?;
        Ok((Caller(credential), reach))
    }

    /// A caller that may read WSO2's audit logs: it has `events.read`, or is granted one of WSO2's permissions.
    pub(crate) async fn wso2_reader(&self, headers: &HeaderMap) -> Result<Caller, Denial> {
        let caller = self.caller(headers).await?;
        let is_of_plugin = |one: &&Restriction| one.plugin == WSO2_PLUGIN;
        let mut restrictions = caller.0.grant().restrictions.iter().filter(is_of_plugin);
        if caller.0.has_scope(Scope::EventsRead) || restrictions.any(|one| grants_reading(one, &WSO2_PERMISSIONS)) {
            return Ok(caller);
        }
        Err(Denial::NotAllowed(format!("this needs the scope events.read; {}", allowed(&caller.0))))
    }
}

fn with_scope(caller: Caller, scope: Scope) -> Result<Caller, Denial> {
    if caller.0.has_scope(scope) {
        return Ok(caller);
    }
    Err(Denial::NotAllowed(format!("this needs the scope {}; {}", scope.name(), allowed(&caller.0))))
}

/// How far a token may read through Port's API.
fn reach(credential: &Credential) -> Result<Reach, Denial> {
    match (credential.has_scope(Scope::EventsRead), credential.has_scope(Scope::EventsLookup)) {
        (true, _) => Ok(Reach::All),
        (false, true) => Ok(Reach::Named),
        (false, false) => {
            let needs = "This needs the scope events.read or events.lookup";
            Err(Denial::NotAllowed(format!("{needs}; {}", allowed(credential))))
        }
    }
}

/// Whether one of the permissions is granted.
fn grants_reading(restriction: &Restriction, permissions: &[&str]) -> bool {
    let allows = |list: &Option<Vec<String>>, what: &[&str]| {
        list.as_ref().is_none_or(|all| all.iter().any(|one| what.contains(&one.as_str())))
    };
    allows(&restriction.permissions, permissions) && allows(&restriction.actions, &["read"])
}

/// What a token of the right plugin allows instead of reading.
fn permissions_of(restrictions: &[&Restriction]) -> String {
    let quoted = |all: Vec<&String>| all.iter().map(|one| format!("'{one}'")).collect::<Vec<_>>().join(", ");
    let permissions: Vec<_> = restrictions.iter().flat_map(|r| r.permissions.iter().flatten()).collect();
    if permissions.is_empty() {
        let actions = restrictions.iter().flat_map(|r| r.actions.iter().flatten()).collect();
        return format!("This token's access is restricted to permissions with action(s) {}", quoted(actions));
    }
    format!("This token's access is restricted to permission(s) {}", quoted(permissions))
}

/// What a token of ours allows, for messages.
fn allowed(credential: &Credential) -> String {
    let plugins: Vec<_> = credential.grant().restrictions.iter().map(|r| format!("'{}'", r.plugin)).collect();
    if !plugins.is_empty() && credential.grant().scopes.is_empty() {
        return format!("the token is restricted to plugin(s) {}", plugins.join(", "));
    }
    let scopes: Vec<_> = credential.grant().scopes.iter().map(|scope| scope.name()).collect();
    if scopes.is_empty() {
        return "the token has none".to_owned();
    }
    format!("the token has {}", scopes.join(", "))
}

/// The token of `Authorization: Bearer <token>`, as Backstage reads it: `/^Bearer[ ]+(\S+)$/i`.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_at_checked(6)?;
    let token = rest.trim_start_matches(' ');
    let is_bearer = scheme.eq_ignore_ascii_case("bearer") && token.len() < rest.len();
    (is_bearer && !token.is_empty() && !token.contains(char::is_whitespace)).then_some(token)
}
