//! Saved views: queries of the console that members keep under a name, for themselves or for their organization.
//!
//! A view is its member's and goes with them, also where it is shared. Nothing of it is in memory.

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};
use trailbook_event::Uuid;
use trailbook_event::limits::{NAME_CHARS_MAX, VIEW_QUERY_BYTES_MAX, VIEWS_OF_MEMBER_MAX, VIEWS_SHARED_MAX};

use crate::catalog::Transaction;
use crate::members::MemberId;
use crate::{Catalog, Error, Organization};

/// A saved view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// What the API calls it.
    pub id: Uuid,
    /// Whose it is.
    pub member: MemberId,
    /// What it shows.
    pub view: NewView,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
}

/// A view as somebody wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewView {
    /// What people call it.
    pub name: String,
    /// The query string of the console's page, without its question mark.
    pub query: String,
    /// Whether the whole organization sees it.
    pub is_shared: bool,
}

impl NewView {
    /// Refuses what cannot be: for whoever wants to know before anything is recorded.
    pub fn check(&self) -> Result<(), Error> {
        let length = self.name.chars().count();
        if self.name.trim().is_empty() || length > NAME_CHARS_MAX || self.name.chars().any(char::is_control) {
            let rule = format!("must have 1 to {NAME_CHARS_MAX} characters, no control characters among them");
            return Err(Error::Name(format!("the name of the view {rule}")));
        }
        if self.query.len() > VIEW_QUERY_BYTES_MAX || self.query.chars().any(char::is_control) {
            let rule = format!("may have at most {VIEW_QUERY_BYTES_MAX} bytes, no control characters among them");
            return Err(Error::Name(format!("the query of the view {rule}")));
        }
        Ok(())
    }
}

const COLUMNS: &str = "uuid, member, name, query, is_shared, created_ms";

fn read(row: &AnyRow) -> Result<View, Error> {
    let doing = Error::catalog("reading views");
    let id: String = row.try_get(0).map_err(&doing)?;
    let damaged = |_| Error::Damaged { what: "a view".to_owned(), reason: "its id is no UUID".to_owned() };
    Ok(View {
        id: Uuid::try_parse(&id).map_err(damaged)?,
        member: MemberId(row.try_get(1).map_err(&doing)?),
        view: NewView {
            name: row.try_get(2).map_err(&doing)?,
            query: row.try_get(3).map_err(&doing)?,
            is_shared: row.try_get::<i64, _>(4).map_err(&doing)? == 1,
        },
        created_ms: row.try_get(5).map_err(&doing)?,
    })
}

impl Catalog {
    /// The views that somebody of an organization sees: their own, if they are a member, and those that are shared; by
    /// their names.
    pub async fn views(&self, organization: &Organization, member: Option<MemberId>) -> Result<Vec<View>, Error> {
        let sql = format!(
            "SELECT {COLUMNS} FROM views WHERE organization = $1 AND (is_shared = 1 OR member = $2) ORDER BY id"
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(organization.id)
            .bind(member.map_or(0, |member| member.0))
            .fetch_all(self.pool())
            .await
            .map_err(Error::catalog("reading views"))?;
        let mut views: Vec<View> = rows.iter().map(read).collect::<Result<_, _>>()?;
        // Databases sort texts in different ways.
        views.sort_by(|a, b| a.view.name.cmp(&b.view.name));
        Ok(views)
    }

    /// Makes a view. All of it is the caller's, its id too, so that it can be on record before it is there.
    pub async fn create_view(&self, organization: &Organization, new: &View) -> Result<(), Error> {
        new.view.check()?;
        let member = new.member.0;
        let mut tx = self.begin().await?;
        // Whoever makes or shares one now stands in line behind this, so that counts stay true.
        let number = tx.next_id("views").await?;
        if tx.count("SELECT COUNT(*) FROM members WHERE id = $1 AND removed_ms IS NULL", member).await? == 0 {
            return Err(Error::Missing("the member whose view it is to be is not there any more".to_owned()));
        }
        let of_member = tx.count("SELECT COUNT(*) FROM views WHERE member = $1", member).await?;
        if of_member >= VIEWS_OF_MEMBER_MAX {
            return Err(Error::TooMany(format!("you have {VIEWS_OF_MEMBER_MAX} views, which is as many as may be")));
        }
        if new.view.is_shared {
            tx.refuse_too_many_shared(organization).await?;
        }
        sqlx::query(
            "INSERT INTO views (id, uuid, organization, member, name, query, is_shared, created_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(number)
        .bind(new.id.to_string())
        .bind(organization.id)
        .bind(member)
        .bind(new.view.name.clone())
        .bind(new.view.query.clone())
        .bind(i64::from(new.view.is_shared))
        .bind(new.created_ms)
        .execute(tx.connection())
        .await
        .map_err(Error::catalog("making a view"))?;
        tx.commit().await
    }

    /// Puts a view in the place of another, if it still is as the caller found it.
    pub async fn change_view(&self, organization: &Organization, found: &View, new: &NewView) -> Result<(), Error> {
        new.check()?;
        let mut tx = self.begin().await?;
        tx.next_id("views").await?;
        if new.is_shared && !found.view.is_shared {
            tx.refuse_too_many_shared(organization).await?;
        }
        let sql = "UPDATE views SET name = $1, query = $2, is_shared = $3 \
                   WHERE uuid = $4 AND organization = $5 AND is_shared = $6";
        let done = sqlx::query(sql)
            .bind(new.name.clone())
            .bind(new.query.clone())
            .bind(i64::from(new.is_shared))
            .bind(found.id.to_string())
            .bind(organization.id)
            .bind(i64::from(found.view.is_shared))
            .execute(tx.connection())
            .await
            .map_err(Error::catalog("changing a view"))?;
        refuse_missing(found.id, done.rows_affected())?;
        tx.commit().await
    }

    /// Removes a view, if it still is as the caller found it.
    pub async fn remove_view(&self, organization: &Organization, found: &View) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        let done = sqlx::query("DELETE FROM views WHERE uuid = $1 AND organization = $2 AND is_shared = $3")
            .bind(found.id.to_string())
            .bind(organization.id)
            .bind(i64::from(found.view.is_shared))
            .execute(tx.connection())
            .await
            .map_err(Error::catalog("removing a view"))?;
        refuse_missing(found.id, done.rows_affected())?;
        tx.commit().await
    }
}

impl Transaction {
    async fn refuse_too_many_shared(&mut self, organization: &Organization) -> Result<(), Error> {
        let sql = "SELECT COUNT(*) FROM views WHERE organization = $1 AND is_shared = 1";
        if self.count(sql, organization.id).await? >= VIEWS_SHARED_MAX {
            let many = format!("{VIEWS_SHARED_MAX} shared views, which is as many as may be");
            return Err(Error::TooMany(format!("the organization has {many}")));
        }
        Ok(())
    }

    async fn count(&mut self, sql: &'static str, number: i64) -> Result<u64, Error> {
        let counted: i64 = sqlx::query_scalar(sql)
            .bind(number)
            .fetch_one(self.connection())
            .await
            .map_err(Error::catalog("counting views"))?;
        Ok(u64::try_from(counted).unwrap_or_default())
    }
}

/// Somebody else may have removed it, shared it or taken it back meanwhile.
fn refuse_missing(id: Uuid, rows: u64) -> Result<(), Error> {
    match rows {
        0 => Err(Error::Missing(format!("there is no view {id}"))),
        _ => Ok(()),
    }
}
