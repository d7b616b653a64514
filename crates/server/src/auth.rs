//! Who a request comes from, and whether they may.
//!
//! A request has a token, or a JWT of an issuer that the configuration names, in `Authorization`; or a session in a
//! cookie. Whatever it has leads to a credential, and that to what it may do ([`rights`]).
//!
//! Credentials, members and roles are read from the catalog into memory and read again when their version changes,
//! which is looked at twice a second: a change holds within a second, without a restart. Sessions are looked up each
//! time, so one that was ended has ended.

mod access_token;
mod caller;
pub(crate) mod rights;
pub(crate) mod session;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;
use trailbook_event::Uuid;
use trailbook_event::limits::REQUESTS_WINDOW_SECONDS;
use trailbook_store::credential::{
    Credentials, Kind, PORTAL_PERMISSION, PORTAL_PLUGIN, Restriction, WSO2_PERMISSIONS, WSO2_PLUGIN,
};
use trailbook_store::{Catalog, Clock, Credential, CredentialId, SecretKey};

pub(crate) use caller::Caller;
pub(crate) use trailbook_store::credential::Permission;

use crate::asker::Asker;
use crate::jwt::{self, ServiceTokens};
use crate::rate::Windows;
use rights::Rights;
use session::SessionRules;

/// Issuers whose JWTs let somebody in.
#[derive(Debug)]
pub(crate) struct Issuers {
    pub(crate) tokens: ServiceTokens,
    /// The organization and the name of the entry of each.
    pub(crate) entries: Vec<(String, String)>,
}

/// How many requests a credential may make in a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestRules {
    pub(crate) requests_max: u32,
    pub(crate) writes_max: u32,
}

/// Why a request is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Denial {
    /// It has no token and no session, or one that is nobody's.
    Unauthenticated(&'static str),
    /// Its credential does not allow this; says what it does allow.
    NotAllowed(String),
    /// Its credential has asked too often; says after how many seconds it may again.
    TooOften(i64),
    /// The catalog failed.
    Unavailable,
}

/// The credentials of the catalog, as they were less than a second ago.
#[derive(Debug)]
pub(crate) struct Auth {
    catalog: Catalog,
    clock: Clock,
    current: RwLock<Arc<Credentials>>,
    /// When an unknown token last made us look: the look began then.
    looked: AsyncMutex<Option<Instant>>,
    /// What access tokens of Port's API are signed with.
    port_key: SecretKey,
    /// What the tokens of sessions' forms are made with.
    csrf_key: SecretKey,
    session_rules: SessionRules,
    issuers: Issuers,
    /// Requests of each credential that are no writes of events.
    requests: Windows<CredentialId>,
    /// Writes of events of each.
    writes: Windows<CredentialId>,
    /// When credentials were used that the catalog does not know of yet.
    used: Mutex<HashMap<CredentialId, i64>>,
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
const EXPIRED: Denial = Denial::Unauthenticated("The token has expired");

/// How long after a look for an unknown token the next may be.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(50);
/// How often the catalog is asked whether credentials changed.
const LOOK_EVERY: Duration = Duration::from_millis(400);
/// How often it is told which were used.
const NOTE_USE_EVERY: Duration = Duration::from_secs(20);
/// What is told apart of when a credential was used, in milliseconds.
const USE_GRAIN_MS: i64 = 60_000;

impl Auth {
    pub(crate) async fn new(
        catalog: Catalog,
        clock: Clock,
        issuers: Issuers,
        (session_rules, request_rules): (SessionRules, RequestRules),
    ) -> Result<Self, trailbook_store::Error> {
        let current = RwLock::new(Arc::new(catalog.credentials().await?));
        let port_key = catalog.secret("port-access-token").await?;
        let csrf_key = catalog.secret("session-forms").await?;
        Ok(Self {
            catalog,
            clock,
            current,
            looked: AsyncMutex::new(None),
            port_key,
            csrf_key,
            session_rules,
            issuers,
            requests: Windows::new(request_rules.requests_max, REQUESTS_WINDOW_SECONDS),
            writes: Windows::new(request_rules.writes_max, REQUESTS_WINDOW_SECONDS),
            used: Mutex::default(),
        })
    }

    /// Keeps the credentials current. Never returns; dropped when the server stops.
    pub(crate) async fn follow(&self) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        let mut notes = tokio::time::interval(NOTE_USE_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        notes.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = looks.tick() => self.refresh_or_warn().await,
                _ = notes.tick() => self.note_used().await,
            }
        }
    }

    async fn refresh_or_warn(&self) {
        if let Err(error) = self.refresh().await {
            tracing::warn!(%error, "credentials could not be read; the last known stay in force");
        }
    }

    /// Reads the credentials again if they have changed: at once after a change that this server made.
    pub(crate) async fn refresh(&self) -> Result<(), trailbook_store::Error> {
        let version = self.catalog.credentials_version().await?;
        if version != self.current().version() {
            let credentials = Arc::new(self.catalog.credentials().await?);
            let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
            // Another may have read a newer one meanwhile.
            if credentials.version() > current.version() {
                *current = credentials;
            }
        }
        Ok(())
    }

    /// Members, groups, roles and credentials as they are known now.
    pub(crate) fn current(&self) -> Arc<Credentials> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The name of the time that pages of the caller's organization show first.
    pub(crate) fn default_range(&self, caller: &Caller) -> &'static str {
        self.current().settings(caller.organization()).default_range.name()
    }

    /// Tells the catalog which credentials were used.
    pub(crate) async fn note_used(&self) {
        let used: Vec<_> = {
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            used.drain().collect()
        };
        if !used.is_empty()
            && let Err(error) = self.catalog.note_used(&used).await
        {
            tracing::warn!(%error, "it could not be noted when credentials were used");
        }
    }

    /// The caller of a request: of its token, or of its session. The messages are Backstage's.
    ///
    /// A token that is not known may be new, so the catalog is looked at before it is refused, seldom enough that
    /// strangers cannot keep the catalog busy.
    pub(crate) async fn caller(&self, asker: &Arc<Asker>) -> Result<Caller, Denial> {
        if asker.has_authorization() {
            let token = asker.bearer().ok_or(MISSING)?;
            return self.of_token(asker, token).await;
        }
        let caller = self.of_session(asker).await?.ok_or(MISSING)?;
        if asker.is_unsafe()
            && let Err(denial) = self.check_csrf(asker, asker.csrf())
        {
            asker.deny(&caller, session::NO_CSRF);
            return Err(denial);
        }
        self.counted(caller)
    }

    /// Who opens a page of the console: somebody who is signed in.
    pub(crate) async fn visitor(&self, asker: &Arc<Asker>) -> Result<Caller, Denial> {
        self.counted(self.of_session(asker).await?.ok_or(MISSING)?)
    }

    async fn of_token(&self, asker: &Arc<Asker>, token: &str) -> Result<Caller, Denial> {
        self.of_any_token(asker, token).await.inspect_err(|denial| note_stranger(asker, denial))
    }

    async fn of_any_token(&self, asker: &Arc<Asker>, token: &str) -> Result<Caller, Denial> {
        let Some(credential) = self.credential(token).await else { return self.of_issuer(asker, token).await };
        self.counted(self.caller_of_credential(&credential)?.asking(asker))
    }

    /// The bearer of a JWT of an issuer that the configuration names.
    async fn of_issuer(&self, asker: &Arc<Asker>, token: &str) -> Result<Caller, Denial> {
        let refused = |refused: jwt::Refused| {
            tracing::debug!(reason = %refused, "a JWT was refused");
            ILLEGAL
        };
        let bearer = self.issuers.tokens.bearer(token, self.clock.now_ms()).await.map_err(refused)?;
        let (organization, name) = self.issuers.entries.get(bearer.entry).ok_or(ILLEGAL)?;
        let credential = self.current().by_name(organization, name).ok_or(ILLEGAL)?;
        self.counted(self.caller_of_credential(&credential)?.asking(asker).about(&bearer.subject))
    }

    async fn credential(&self, token: &str) -> Option<Arc<Credential>> {
        if let Some(found) = self.current().find(token) {
            return Some(found);
        }
        self.look(Instant::now()).await;
        self.current().find(token)
    }

    /// Who acts with a credential, whatever led to it.
    fn caller_of_credential(&self, credential: &Arc<Credential>) -> Result<Caller, Denial> {
        if credential.expires_ms().is_some_and(|expires_ms| expires_ms <= self.clock.now_ms()) {
            return Err(EXPIRED);
        }
        let current = self.current();
        let member = current.member_of(credential);
        if credential.kind().member().is_some() && member.is_none() {
            return Err(ILLEGAL);
        }
        let roles = current.roles_of(credential);
        let rights = Arc::new(Rights::of(credential, member.map(Arc::as_ref), &roles));
        Ok(Caller::new(Arc::clone(credential), rights, member.map(Arc::clone)))
    }

    /// Counts a request, and notes that the credential is used.
    fn counted(&self, caller: Caller) -> Result<Caller, Denial> {
        let now_ms = self.clock.now_ms();
        let is_write = caller.asker().is_some_and(|asker| asker.is_write());
        let windows = if is_write { &self.writes } else { &self.requests };
        let standing = windows.count(caller.credential(), now_ms);
        if standing.is_over {
            if let Some(asker) = caller.asker() {
                asker.note_wait(standing.reset_seconds);
            }
            return Err(Denial::TooOften(standing.reset_seconds));
        }
        let grain_ms = now_ms - now_ms.rem_euclid(USE_GRAIN_MS);
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(caller.credential(), grain_ms);
        Ok(caller)
    }

    /// A caller that may take events out.
    pub(crate) async fn exports_caller(&self, asker: &Arc<Asker>) -> Result<Caller, Denial> {
        self.caller_with(asker, Permission::Exports).await
    }

    /// Who acts with the credential of a UUID, if it may take events out now.
    pub(crate) fn exporter(&self, uuid: Uuid) -> Option<Caller> {
        let credential = self.current().by_uuid(uuid)?;
        self.caller_of_credential(&credential).ok().filter(|caller| caller.has(Permission::Exports))
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
        self.refresh_or_warn().await;
    }

    /// A caller that has a permission.
    pub(crate) async fn caller_with(&self, asker: &Arc<Asker>, permission: Permission) -> Result<Caller, Denial> {
        with_permission(asker, self.caller(asker).await?, permission)
    }

    /// A caller that has all of these permissions.
    pub(crate) async fn caller_with_all(
        &self,
        asker: &Arc<Asker>,
        permissions: &[Permission],
    ) -> Result<Caller, Denial> {
        let caller = self.caller(asker).await?;
        permissions.iter().try_fold(caller, |caller, permission| with_permission(asker, caller, *permission))
    }

    /// A caller that has any of these permissions.
    pub(crate) async fn caller_with_any(
        &self,
        asker: &Arc<Asker>,
        permissions: &[Permission],
    ) -> Result<Caller, Denial> {
        let caller = self.caller(asker).await?;
        if permissions.iter().any(|permission| caller.has(*permission)) {
            return Ok(caller);
        }
        let names: Vec<_> = permissions.iter().map(|permission| permission.name()).collect();
        let reason = format!("this needs the scope {}; {}", names.join(" or "), allowed(&caller));
        Err(not_allowed(asker, &caller, reason))
    }

    /// The caller of a token that did not come in a header, if it has a permission.
    pub(crate) async fn caller_of(
        &self,
        asker: &Arc<Asker>,
        token: &str,
        permission: Permission,
    ) -> Result<Caller, Denial> {
        with_permission(asker, self.of_token(asker, token).await?, permission)
    }

    /// A caller that may read the Portal's audit log: it has `events.read`, or is granted the Portal's permission.
    pub(crate) async fn portal_reader(&self, asker: &Arc<Asker>) -> Result<Caller, Denial> {
        let caller = self.caller(asker).await?;
        if caller.has(Permission::EventsRead) {
            return Ok(caller);
        }
        let restrictions = &caller.own().grant().restrictions;
        let of_plugin: Vec<&Restriction> = restrictions.iter().filter(|r| r.plugin == PORTAL_PLUGIN).collect();
        if of_plugin.is_empty() {
            if restrictions.is_empty() {
                let reason = format!("This needs the scope events.read; {}", allowed(&caller));
                return Err(not_allowed(asker, &caller, reason));
            }
            let plugins: Vec<_> = restrictions.iter().map(|r| format!("'{}'", r.plugin)).collect();
            let reason = format!("This token's access is restricted to plugin(s) {}", plugins.join(", "));
            return Err(not_allowed(asker, &caller, reason));
        }
        if of_plugin.iter().any(|restriction| grants_reading(restriction, &[PORTAL_PERMISSION])) {
            return Ok(caller.reading_all());
        }
        Err(not_allowed(asker, &caller, permissions_of(&of_plugin)))
    }

    /// An access token of Port's API, for the name and the value of a token that may read there.
    pub(crate) async fn access_token(
        &self,
        asker: &Arc<Asker>,
        (id, secret): (&str, &str),
        now_ms: i64,
    ) -> Result<String, Denial> {
        let found = self.credential(secret).await.filter(|credential| credential.name() == id);
        let credential = found.ok_or(Denial::Unauthenticated("Invalid client credentials"));
        let caller = credential.and_then(|credential| Ok((self.caller_of_credential(&credential)?, credential)));
        let (caller, credential) = caller.inspect_err(|denial| note_stranger(asker, denial))?;
        let caller = self.counted(caller.asking(asker))?;
        reach(&caller).map_err(|reason| not_allowed(asker, &caller, reason))?;
        Ok(access_token::issue(&credential, &self.port_key, now_ms))
    }

    /// A caller of Port's API: an access token, or a token itself, with a scope that lets it read.
    pub(crate) async fn port_reader(&self, asker: &Arc<Asker>, now_ms: i64) -> Result<(Caller, Reach), Denial> {
        let token = asker.bearer().ok_or(MISSING)?;
        let caller = match access_token::holder(token) {
            Some(id) => {
                let caller = self.of_access_token((id, token), now_ms).await;
                let caller = caller.inspect_err(|denial| note_stranger(asker, denial))?;
                self.counted(caller.asking(asker))?
            }
            None => self.of_token(asker, token).await?,
        };
        let reach = reach(&caller).map_err(|reason| not_allowed(asker, &caller, reason))?;
        Ok((caller, reach))
    }

    async fn of_access_token(&self, (id, token): (CredentialId, &str), now_ms: i64) -> Result<Caller, Denial> {
        let credential = self.of_id(id).await.ok_or(ILLEGAL)?;
        access_token::check(token, &credential, &self.port_key, now_ms)?;
        self.caller_of_credential(&credential)
    }

    /// A caller that may read WSO2's audit logs: it has `events.read`, or is granted one of WSO2's permissions.
    pub(crate) async fn wso2_reader(&self, asker: &Arc<Asker>) -> Result<Caller, Denial> {
        let caller = self.caller(asker).await?;
        if caller.has(Permission::EventsRead) {
            return Ok(caller);
        }
        let is_of_plugin = |one: &&Restriction| one.plugin == WSO2_PLUGIN;
        let mut restrictions = caller.own().grant().restrictions.iter().filter(is_of_plugin);
        if restrictions.any(|one| grants_reading(one, &WSO2_PERMISSIONS)) {
            return Ok(caller.reading_all());
        }
        Err(not_allowed(asker, &caller, format!("this needs the scope events.read; {}", allowed(&caller))))
    }
}

fn with_permission(asker: &Asker, caller: Caller, permission: Permission) -> Result<Caller, Denial> {
    if caller.has(permission) {
        return Ok(caller);
    }
    Err(not_allowed(asker, &caller, lacks(&caller, permission)))
}

/// Refuses a caller that was let in, and lacks what part of the request needs.
pub(crate) fn require(caller: &Caller, permission: Permission) -> Result<(), Denial> {
    if caller.has(permission) {
        return Ok(());
    }
    let reason = lacks(caller, permission);
    match caller.asker() {
        Some(asker) => Err(not_allowed(asker, caller, reason)),
        None => Err(Denial::NotAllowed(reason)),
    }
}

fn lacks(caller: &Caller, permission: Permission) -> String {
    format!("this needs the scope {}; {}", permission.name(), allowed(caller))
}

/// Notes that a token is nobody's, where that is why its bearer is not let in.
fn note_stranger(asker: &Asker, denial: &Denial) {
    if let Denial::Unauthenticated(reason) = denial {
        asker.note_stranger(reason);
    }
}

/// A refusal, which is recorded before it is answered.
fn not_allowed(asker: &Asker, caller: &Caller, reason: String) -> Denial {
    asker.deny(caller, &reason);
    Denial::NotAllowed(reason)
}

/// How far a caller may read through Port's API, or why not at all.
fn reach(caller: &Caller) -> Result<Reach, String> {
    match (caller.has(Permission::EventsRead), caller.has(Permission::EventsLookup)) {
        (true, _) => Ok(Reach::All),
        (false, true) => Ok(Reach::Named),
        (false, false) => {
            let needs = "This needs the scope events.read or events.lookup";
            Err(format!("{needs}; {}", allowed(caller)))
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

/// What a caller may do instead, for messages.
fn allowed(caller: &Caller) -> String {
    let grant = caller.own().grant();
    let plugins: Vec<_> = grant.restrictions.iter().map(|r| format!("'{}'", r.plugin)).collect();
    if !plugins.is_empty() && grant.scopes.is_empty() {
        return format!("the token is restricted to plugin(s) {}", plugins.join(", "));
    }
    let holder = match caller.own().kind() {
        Kind::Member(_) => "your roles have",
        Kind::Token | Kind::Personal(_) | Kind::Issuer => "the token has",
    };
    let permissions: Vec<_> = caller.rights().permissions().map(Permission::name).collect();
    if permissions.is_empty() {
        return format!("{holder} none");
    }
    format!("{holder} {}", permissions.join(", "))
}
