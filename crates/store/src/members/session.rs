//! Sessions: who is signed in, from where, and until when. The catalog holds the hash of a session's secret.

use std::fmt;

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};
use trailbook_event::Uuid;
use trailbook_event::limits::SESSIONS_OF_MEMBER_MAX;

use super::{Member, MemberId, uuid_at};
use crate::credential::hash_token;
use crate::organization::new_uuid;
use crate::{Catalog, Error};

/// How somebody signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInMethod {
    /// With a password.
    Password,
    /// Through an OpenID provider.
    Provider,
    /// With a link that holds once.
    Link,
}

impl SignInMethod {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            SignInMethod::Password => "password",
            SignInMethod::Provider => "provider",
            SignInMethod::Link => "link",
        }
    }
}

/// A session to be begun.
#[derive(Clone)]
pub struct NewSession {
    /// Whose.
    pub member: MemberId,
    /// Its secret, which the browser keeps.
    pub token: String,
    /// How they signed in.
    pub method: SignInMethod,
    /// From which address.
    pub address: String,
    /// With which browser.
    pub user_agent: String,
    /// How long it lasts at most, in milliseconds.
    pub lasts_ms: i64,
}

impl fmt::Debug for NewSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewSession").field("member", &self.member).finish_non_exhaustive()
    }
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// What the API calls it.
    pub id: Uuid,
    /// Whose.
    pub member: MemberId,
    /// How they signed in: `password`, `provider` or `link`.
    pub method: String,
    /// From which address.
    pub address: String,
    /// With which browser.
    pub user_agent: String,
    /// When it began, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it was used last, to the minute.
    pub seen_ms: i64,
    /// When it ends, used or not.
    pub expires_ms: i64,
}

const COLUMNS: &str = "id, member, method, address, user_agent, created_ms, seen_ms, expires_ms";
const READING: &str = "reading sessions";

fn read(row: &AnyRow) -> Result<Session, Error> {
    let doing = Error::catalog(READING);
    Ok(Session {
        id: uuid_at(row, 0, "a session")?,
        member: MemberId(row.try_get(1).map_err(&doing)?),
        method: row.try_get(2).map_err(&doing)?,
        address: row.try_get(3).map_err(&doing)?,
        user_agent: row.try_get(4).map_err(&doing)?,
        created_ms: row.try_get(5).map_err(&doing)?,
        seen_ms: row.try_get(6).map_err(&doing)?,
        expires_ms: row.try_get(7).map_err(&doing)?,
    })
}

impl Catalog {
    /// Begins a session. Of a member's, the oldest end where there would be too many.
    pub async fn begin_session(&self, new: &NewSession) -> Result<Session, Error> {
        let doing = Error::catalog("beginning a session");
        let (id, now_ms) = (new_uuid()?, self.now_ms());
        let expires_ms = now_ms.saturating_add(new.lasts_ms);
        let mut tx = self.begin().await?;
        sqlx::query(
            "DELETE FROM sessions WHERE member = $1 AND (expires_ms <= $2 OR id NOT IN \
             (SELECT id FROM sessions WHERE member = $1 ORDER BY created_ms DESC, id LIMIT $3))",
        )
        .bind(new.member.0)
        .bind(now_ms)
        .bind(i64::try_from(SESSIONS_OF_MEMBER_MAX).unwrap_or(i64::MAX) - 1)
        .execute(tx.connection())
        .await
        .map_err(&doing)?;
        sqlx::query(
            "INSERT INTO sessions (id, token_hash, member, method, address, user_agent, created_ms, seen_ms, \
             expires_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8)",
        )
        .bind(id.to_string())
        .bind(hash_token(&new.token).to_vec())
        .bind(new.member.0)
        .bind(new.method.name())
        .bind(new.address.clone())
        .bind(new.user_agent.clone())
        .bind(now_ms)
        .bind(expires_ms)
        .execute(tx.connection())
        .await
        .map_err(&doing)?;
        tx.commit().await?;
        Ok(Session {
            id,
            member: new.member,
            method: new.method.name().to_owned(),
            address: new.address.clone(),
            user_agent: new.user_agent.clone(),
            created_ms: now_ms,
            seen_ms: now_ms,
            expires_ms,
        })
    }

    /// The session of a secret, whatever its age. It is found by the hash, so how long that takes tells nothing.
    pub async fn session_of(&self, token: &str) -> Result<Option<Session>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM sessions WHERE token_hash = $1");
        let row = sqlx::query(AssertSqlSafe(sql)).bind(hash_token(token).to_vec()).fetch_optional(self.pool()).await;
        row.map_err(Error::catalog(READING))?.as_ref().map(read).transpose()
    }

    /// The sessions of a member, the newest first.
    pub async fn sessions(&self, member: &Member) -> Result<Vec<Session>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM sessions WHERE member = $1 ORDER BY created_ms DESC, id");
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(member.id.0).fetch_all(self.pool()).await;
        rows.map_err(Error::catalog(READING))?.iter().map(read).collect()
    }

    /// Says that a session was used.
    pub async fn touch_session(&self, id: Uuid) -> Result<(), Error> {
        sqlx::query("UPDATE sessions SET seen_ms = $1 WHERE id = $2")
            .bind(self.now_ms())
            .bind(id.to_string())
            .execute(self.pool())
            .await
            .map(drop)
            .map_err(Error::catalog("touching a session"))
    }

    /// Ends a session of a member. False if there is none.
    pub async fn end_session(&self, member: MemberId, id: Uuid) -> Result<bool, Error> {
        let query = sqlx::query("DELETE FROM sessions WHERE id = $1 AND member = $2");
        let done = query.bind(id.to_string()).bind(member.0).execute(self.pool()).await;
        Ok(done.map_err(Error::catalog("ending a session"))?.rows_affected() > 0)
    }

    /// Ends all sessions of a member but one, and says how many.
    pub async fn end_sessions(&self, member: MemberId, but: Option<Uuid>) -> Result<u64, Error> {
        let query = sqlx::query("DELETE FROM sessions WHERE member = $1 AND id <> $2");
        let but = but.map(|id| id.to_string()).unwrap_or_default();
        let done = query.bind(member.0).bind(but).execute(self.pool()).await;
        Ok(done.map_err(Error::catalog("ending sessions"))?.rows_affected())
    }
}
