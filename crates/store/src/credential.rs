//! Credentials: tokens, what they may do, and for which organization.
//!
//! A token's value is shown once, when it is made; the catalog holds its SHA-256. A credential is found by that hash
//! and compared in constant time.

mod entries;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use ring::digest::{SHA256, digest};
use ring::hmac;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use subtle::ConstantTimeEq;
use trailbook_event::Uuid;
use trailbook_event::limits::{TOKEN_BYTES_MAX, TOKEN_CHARS_MIN};

use crate::members::{Directory, Member, MemberId, Role};
use crate::organization::check_name;
use crate::rules::OwnRules;
use crate::secret::{SecretKey, random};
use crate::{Catalog, Error, Organization, OrganizationSettings};

pub use crate::permission::Permission;
pub use entries::{Entry, NewEntry, Origin, PersonalToken};

/// The entry that every organization starts with, without a value, as the Portal has it.
pub const PORTAL_ENTRY: &str = "audit-log-api-access";
/// The Portal's plugin that a restricted token must name to read the audit log.
pub const PORTAL_PLUGIN: &str = "audit-log";
/// The Portal's permission to read the audit log.
pub const PORTAL_PERMISSION: &str = "audit.log.read";
/// What a token that is restricted to WSO2's permissions names as its plugin: the first part of the API's path.
pub const WSO2_PLUGIN: &str = "audit-logging";
/// WSO2's permissions to read audit logs; whoever manages them may read them.
pub const WSO2_PERMISSIONS: [&str; 2] = [
    "urn:choreosystem:choreoauditloggingapi:audit_logs_view",
    "urn:choreosystem:choreoauditloggingapi:audit_logs_manage",
];

/// A credential's number. It is never given to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CredentialId(pub(crate) i64);

impl CredentialId {
    /// The credential of this number, if there is one.
    pub fn of_number(number: i64) -> Self {
        Self(number)
    }

    /// The number itself.
    pub fn number(self) -> i64 {
        self.0
    }
}

/// One entry of Backstage's `accessRestrictions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restriction {
    /// The plugin whose endpoints may be used.
    pub plugin: String,
    /// The permissions that are granted; all of the plugin's where absent.
    pub permissions: Option<Vec<String>>,
    /// The `action` attributes of the permissions that are granted; all where absent.
    pub actions: Option<Vec<String>>,
}

/// What a credential grants: scopes, or restrictions, or both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grant {
    /// Scopes of the native API.
    pub scopes: Vec<Permission>,
    /// Plugins and permissions of the Portal's API.
    pub restrictions: Vec<Restriction>,
}

impl Grant {
    /// What the Portal's own entry grants: reading its audit log API, nothing else.
    pub fn portal() -> Self {
        let restriction = Restriction {
            plugin: PORTAL_PLUGIN.to_owned(),
            permissions: Some(vec![PORTAL_PERMISSION.to_owned()]),
            actions: None,
        };
        Self { scopes: Vec::new(), restrictions: vec![restriction] }
    }
}

/// Who a credential is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A token of its own: of an application, a portal, a script.
    Token,
    /// A member who is signed in. It has no value: a session leads to it.
    Member(MemberId),
    /// A token of a member, which does what they may do, or less.
    Personal(MemberId),
    /// Whoever has a JWT of an issuer that the configuration names. It has no value.
    Issuer,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Token => "token",
            Kind::Member(_) => "member",
            Kind::Personal(_) => "personal",
            Kind::Issuer => "issuer",
        }
    }

    fn of(name: &str, member: Option<i64>) -> Self {
        match (name, member.map(MemberId)) {
            ("member", Some(member)) => Kind::Member(member),
            ("personal", Some(member)) => Kind::Personal(member),
            ("issuer", _) => Kind::Issuer,
            _ => Kind::Token,
        }
    }

    /// The member whose it is.
    pub fn member(self) -> Option<MemberId> {
        match self {
            Kind::Member(member) | Kind::Personal(member) => Some(member),
            Kind::Token | Kind::Issuer => None,
        }
    }
}

/// Who a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    id: CredentialId,
    uuid: Uuid,
    organization: Organization,
    name: String,
    kind: Kind,
    grant: Grant,
    expires_ms: Option<i64>,
    /// Of its value, if it has one.
    hash: Option<TokenHash>,
}

/// The hash of a token. It is not shown: that of a short token can be searched for.
#[derive(Clone, Copy, PartialEq, Eq)]
struct TokenHash([u8; 32]);

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash")
    }
}

impl Credential {
    /// Its number.
    pub fn id(&self) -> CredentialId {
        self.id
    }

    /// What the API calls it: random, so that it tells nothing of others.
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// Who it is of.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Until when it holds, in milliseconds since 1970.
    pub fn expires_ms(&self) -> Option<i64> {
        self.expires_ms
    }

    /// The organization that it acts for.
    pub fn organization(&self) -> &Organization {
        &self.organization
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it grants.
    pub fn grant(&self) -> &Grant {
        &self.grant
    }

    /// A key that is made of one of the server's and holds for this credential with the value that it has: with
    /// another value the key is another.
    pub fn key(&self, secret: &SecretKey) -> SecretKey {
        let mut key = [0; 32];
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let hash = self.hash.map(|hash| hash.0).unwrap_or_default();
        key.copy_from_slice(hmac::sign(&secret, &hash).as_ref());
        key
    }

    /// Whether it has a scope.
    pub fn has(&self, scope: Permission) -> bool {
        self.grant.scopes.contains(&scope)
    }
}

/// All credentials that let somebody in, all members, and how organizations are set up, as they were at one version of
/// the catalog.
#[derive(Debug, Default)]
pub struct Credentials {
    by_hash: HashMap<[u8; 32], Arc<Credential>>,
    by_id: HashMap<CredentialId, Arc<Credential>>,
    directory: Directory,
    /// By the number of their organization.
    rules: HashMap<i64, Arc<OwnRules>>,
    settings: HashMap<i64, OrganizationSettings>,
    version: i64,
}

impl Credentials {
    /// The credential of a token.
    pub fn find(&self, token: &str) -> Option<Arc<Credential>> {
        let hash = hash_token(token);
        // The map compares hashes, of which a client can choose none; the comparison that decides is constant-time.
        let (found, credential) = self.by_hash.get_key_value(&hash)?;
        bool::from(found.ct_eq(&hash)).then(|| Arc::clone(credential))
    }

    /// The credential of a number.
    pub fn by_id(&self, id: CredentialId) -> Option<Arc<Credential>> {
        self.by_id.get(&id).map(Arc::clone)
    }

    /// The credential of a UUID.
    pub fn by_uuid(&self, uuid: Uuid) -> Option<Arc<Credential>> {
        self.by_id.values().find(|credential| credential.uuid == uuid).map(Arc::clone)
    }

    /// The entry of an issuer, by the name of its organization and its own.
    pub fn by_name(&self, organization: &str, name: &str) -> Option<Arc<Credential>> {
        let is_it = |one: &&Arc<Credential>| {
            one.kind == Kind::Issuer && one.name == name && one.organization.name == organization
        };
        self.by_id.values().find(is_it).map(Arc::clone)
    }

    /// The member that a credential is of, unless they may not sign in for now.
    pub fn member_of(&self, credential: &Credential) -> Option<&Arc<Member>> {
        let member = credential.kind.member()?;
        self.directory.member(member).filter(|member| !member.is_suspended)
    }

    /// The roles that the member holds whom a credential is of.
    pub fn roles_of(&self, credential: &Credential) -> Vec<Arc<Role>> {
        self.member_of(credential).map(|member| self.directory.roles_of(member.id)).unwrap_or_default()
    }

    /// Members, groups and roles.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The exclusion rules of an organization.
    pub fn rules(&self, organization: &Organization) -> Arc<OwnRules> {
        self.rules.get(&organization.id).map(Arc::clone).unwrap_or_default()
    }

    /// The settings of an organization.
    pub fn settings(&self, organization: &Organization) -> OrganizationSettings {
        self.settings.get(&organization.id).copied().unwrap_or_default()
    }

    /// The version of the catalog's credentials that they are of.
    pub fn version(&self) -> i64 {
        self.version
    }
}

impl Catalog {
    /// A number that grows with every change of a credential, a member, a group or a role, and of an organization's
    /// rules and settings.
    pub async fn credentials_version(&self) -> Result<i64, Error> {
        sqlx::query_scalar("SELECT value FROM counters WHERE name = 'credentials_version'")
            .fetch_one(self.pool())
            .await
            .map_err(Error::catalog("reading the version of its credentials"))
    }

    /// All credentials that let somebody in, all members, and how organizations are set up.
    pub async fn credentials(&self) -> Result<Credentials, Error> {
        let doing = Error::catalog("reading credentials");
        let version = self.credentials_version().await?;
        let organizations: HashMap<i64, Organization> =
            self.organizations().await?.into_iter().map(|organization| (organization.id, organization)).collect();
        let mut tx = self.begin_reading().await?;
        let rows = sqlx::query(
            "SELECT id, organization, name, token_hash, scopes, restrictions, kind, uuid, member, expires_ms \
             FROM credentials WHERE revoked_ms IS NULL AND (token_hash IS NOT NULL OR kind IN ('member', 'issuer'))",
        )
        .fetch_all(tx.connection())
        .await
        .map_err(&doing)?;
        let (mut by_hash, mut by_id) = (HashMap::with_capacity(rows.len()), HashMap::with_capacity(rows.len()));
        for row in rows {
            let organization: i64 = row.try_get(1).map_err(&doing)?;
            let Some(organization) = organizations.get(&organization) else { continue };
            let Some(credential) = read(&row, organization)?.map(Arc::new) else { continue };
            by_id.insert(credential.id, Arc::clone(&credential));
            if let Some(TokenHash(hash)) = credential.hash {
                by_hash.insert(hash, credential);
            }
        }
        let directory = Directory::read(&mut tx).await?;
        let (rules, settings) = (tx.all_rules().await?, tx.all_settings().await?);
        tx.commit().await?;
        Ok(Credentials { by_hash, by_id, directory, rules, settings, version })
    }
}

/// A credential; nothing if the hash of its value is none.
fn read(row: &sqlx::any::AnyRow, organization: &Organization) -> Result<Option<Credential>, Error> {
    let doing = Error::catalog("reading a credential");
    let hash: Option<Vec<u8>> = row.try_get(3).map_err(&doing)?;
    let Ok(hash) = hash.map(<[u8; 32]>::try_from).transpose() else { return Ok(None) };
    let (kind, uuid): (String, String) = (row.try_get(6).map_err(&doing)?, row.try_get(7).map_err(&doing)?);
    let credential = Credential {
        id: CredentialId(row.try_get(0).map_err(&doing)?),
        uuid: Uuid::try_parse(&uuid).unwrap_or_default(),
        organization: organization.clone(),
        name: row.try_get(2).map_err(&doing)?,
        kind: Kind::of(&kind, row.try_get(8).map_err(&doing)?),
        grant: read_grant(row, 4)?,
        expires_ms: row.try_get(9).map_err(&doing)?,
        hash: hash.map(TokenHash),
    };
    Ok(Some(credential))
}

/// Refuses tokens that Backstage refuses, in its words, and those above our limit.
pub fn check_token(token: &str) -> Result<(), String> {
    if token.is_empty() || token.chars().any(char::is_whitespace) {
        return Err("Illegal token, must be a set of non-space characters".to_owned());
    }
    if token.chars().count() < TOKEN_CHARS_MIN {
        return Err("Illegal token, must be at least 8 characters length".to_owned());
    }
    if token.len() > TOKEN_BYTES_MAX {
        return Err(format!("Illegal token, must be at most {TOKEN_BYTES_MAX} bytes"));
    }
    if !token.is_ascii() || token.chars().any(|c| c.is_ascii_control()) {
        return Err("Illegal token, must be ASCII characters that a header can carry".to_owned());
    }
    Ok(())
}

/// A new token: 256 random bits, in the 43 characters of URL-safe base64.
pub fn new_token() -> Result<String, Error> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let letter = |byte: &u8| ALPHABET.get(usize::from(byte % 64)).copied().map_or('A', char::from);
    Ok(format!("tb_{}", random::<43>()?.iter().map(letter).collect::<String>()))
}

pub(crate) fn hash_token(token: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}

/// Reads a grant from the columns `scopes` and `restrictions`.
fn read_grant(row: &sqlx::any::AnyRow, column: usize) -> Result<Grant, Error> {
    let doing = Error::catalog("reading a credential");
    let damaged = |e: serde_json::Error| Error::Damaged { what: "a credential".to_owned(), reason: e.to_string() };
    let scopes: String = row.try_get(column).map_err(&doing)?;
    let restrictions: Option<String> = row.try_get(column + 1).map_err(&doing)?;
    Ok(Grant {
        scopes: serde_json::from_str(&scopes).map_err(damaged)?,
        restrictions: restrictions
            .as_deref()
            .map(serde_json::from_str)
            .transpose()
            .map_err(damaged)?
            .unwrap_or_default(),
    })
}
