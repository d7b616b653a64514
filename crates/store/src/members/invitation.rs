//! Invitations: links that make somebody a member, let a member choose a new password, or sign a member in. Each is
//! accepted once.
//!
//! The catalog holds the hash of the link's secret part, so whoever reads it can follow none.

use std::fmt;

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};
use trailbook_event::Uuid;
use trailbook_event::limits::INVITATIONS_OPEN_MAX;

use super::{Holder, Member, MemberChange, MemberId, NewMember, json_at, json_of, uuid_at};
use crate::catalog::Transaction;
use crate::credential::hash_token;
use crate::organization::new_uuid;
use crate::{Catalog, Error, Organization};

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvitationKind {
    /// It makes somebody a member.
    Join,
    /// It makes somebody the first admin.
    FirstAdmin,
    /// It lets a member choose a new password.
    NewPassword,
    /// It signs a member in.
    SignIn,
}

impl InvitationKind {
    const ALL: [InvitationKind; 4] = [Self::Join, Self::FirstAdmin, Self::NewPassword, Self::SignIn];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::FirstAdmin => "first-admin",
            Self::NewPassword => "new-password",
            Self::SignIn => "sign-in",
        }
    }
}

/// An invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// What the API calls it.
    pub id: Uuid,
    pub(crate) organization: i64,
    /// What it is for.
    pub kind: InvitationKind,
    /// Whose it is; nothing where it is for whoever has the link.
    pub email: Option<String>,
    /// The member whose password it is about, or whom it signs in.
    pub member: Option<MemberId>,
    /// The handles of the roles that it gives.
    pub roles: Vec<String>,
    /// The handles of the groups that it puts them into.
    pub groups: Vec<String>,
    /// Who made it, by name.
    pub invited_by: String,
    /// `sent`, or why the mail could not be; nothing where none was to be sent.
    pub mail: Option<String>,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it ends.
    pub expires_ms: i64,
    /// When it was accepted.
    pub accepted_ms: Option<i64>,
    /// When it was revoked.
    pub revoked_ms: Option<i64>,
}

impl Invitation {
    /// Whether it can be accepted.
    pub fn is_open(&self, now_ms: i64) -> bool {
        self.accepted_ms.is_none() && self.revoked_ms.is_none() && self.expires_ms > now_ms
    }

    /// Whether it is this organization's.
    pub fn is_of(&self, organization: &Organization) -> bool {
        self.organization == organization.id
    }
}

/// An invitation to be made.
#[derive(Clone)]
pub struct NewInvitation {
    /// What it is for.
    pub kind: InvitationKind,
    /// The secret part of its link.
    pub token: String,
    /// Whose it is.
    pub email: Option<String>,
    /// The member whose password it is about, or whom it signs in.
    pub member: Option<MemberId>,
    /// The handles of the roles that it gives.
    pub roles: Vec<String>,
    /// The handles of the groups that it puts them into.
    pub groups: Vec<String>,
    /// Who makes it, by name.
    pub invited_by: String,
    /// How long it can be accepted, in milliseconds.
    pub lasts_ms: i64,
}

impl fmt::Debug for NewInvitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewInvitation").field("kind", &self.kind).finish_non_exhaustive()
    }
}

const COLUMNS: &str = "id, organization, kind, email, member, roles, member_groups, invited_by, mail, created_ms, \
                       expires_ms, accepted_ms, revoked_ms";
const READING: &str = "reading invitations";

fn read(row: &AnyRow) -> Result<Invitation, Error> {
    let doing = Error::catalog(READING);
    let kind: String = row.try_get(2).map_err(&doing)?;
    let damaged = || Error::Damaged { what: "an invitation".to_owned(), reason: "its kind is unknown".to_owned() };
    Ok(Invitation {
        id: uuid_at(row, 0, "an invitation")?,
        organization: row.try_get(1).map_err(&doing)?,
        kind: InvitationKind::ALL.into_iter().find(|one| one.name() == kind).ok_or_else(damaged)?,
        email: row.try_get(3).map_err(&doing)?,
        member: row.try_get::<Option<i64>, _>(4).map_err(&doing)?.map(MemberId),
        roles: json_at(row, 5, "an invitation")?,
        groups: json_at(row, 6, "an invitation")?,
        invited_by: row.try_get(7).map_err(&doing)?,
        mail: row.try_get(8).map_err(&doing)?,
        created_ms: row.try_get(9).map_err(&doing)?,
        expires_ms: row.try_get(10).map_err(&doing)?,
        accepted_ms: row.try_get(11).map_err(&doing)?,
        revoked_ms: row.try_get(12).map_err(&doing)?,
    })
}

impl Catalog {
    /// Makes an invitation. One of the same kind for the same person that is open still is revoked.
    pub async fn create_invitation(
        &self,
        organization: &Organization,
        new: &NewInvitation,
    ) -> Result<Invitation, Error> {
        let doing = Error::catalog("making an invitation");
        let mut tx = self.begin().await?;
        tx.touch_credentials().await?;
        let now_ms = tx.now_ms();
        let open: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM invitations WHERE organization = $1 AND accepted_ms IS NULL AND revoked_ms IS NULL \
             AND expires_ms > $2",
        )
        .bind(organization.id)
        .bind(now_ms)
        .fetch_one(tx.connection())
        .await
        .map_err(&doing)?;
        if u64::try_from(open).unwrap_or_default() >= INVITATIONS_OPEN_MAX {
            let reason = "which is as many as may be; revoke some";
            return Err(Error::TooMany(format!("the organization has {open} open invitations, {reason}")));
        }
        sqlx::query(
            "UPDATE invitations SET revoked_ms = $1 WHERE organization = $2 AND kind = $3 AND accepted_ms IS NULL \
             AND revoked_ms IS NULL AND (email = $4 OR member = $5 OR kind = 'first-admin')",
        )
        .bind(now_ms)
        .bind(organization.id)
        .bind(new.kind.name())
        .bind(new.email.clone())
        .bind(new.member.map(|member| member.0))
        .execute(tx.connection())
        .await
        .map_err(&doing)?;
        let made = tx.insert_invitation(organization, new).await?;
        tx.commit().await?;
        Ok(made)
    }

    /// The invitations of an organization, the newest first.
    pub async fn invitations(&self, organization: &Organization) -> Result<Vec<Invitation>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM invitations WHERE organization = $1 ORDER BY created_ms DESC, id");
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(organization.id).fetch_all(self.pool()).await;
        rows.map_err(Error::catalog(READING))?.iter().map(read).collect()
    }

    /// The invitation of a link, with its organization, whatever its state.
    pub async fn invitation_of(&self, token: &str) -> Result<Option<(Invitation, Organization)>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM invitations WHERE token_hash = $1");
        let row = sqlx::query(AssertSqlSafe(sql)).bind(hash_token(token).to_vec()).fetch_optional(self.pool()).await;
        let Some(row) = row.map_err(Error::catalog(READING))? else { return Ok(None) };
        let invitation = read(&row)?;
        let mut organizations = self.organizations().await?.into_iter();
        let own = organizations.find(|organization| organization.id == invitation.organization);
        Ok(own.map(|organization| (invitation, organization)))
    }

    /// Gives an invitation a new link and a new end, in the place of the old ones. False if it is not open any more.
    pub async fn renew_invitation(&self, id: Uuid, token: &str, lasts_ms: i64) -> Result<bool, Error> {
        let sql = "UPDATE invitations SET token_hash = $1, expires_ms = $2, mail = NULL \
                   WHERE id = $3 AND accepted_ms IS NULL AND revoked_ms IS NULL";
        let done = sqlx::query(sql)
            .bind(hash_token(token).to_vec())
            .bind(self.now_ms().saturating_add(lasts_ms))
            .bind(id.to_string())
            .execute(self.pool())
            .await
            .map_err(Error::catalog("renewing an invitation"))?;
        Ok(done.rows_affected() > 0)
    }

    /// Says what became of an invitation's mail.
    pub async fn note_mail(&self, id: Uuid, mail: &str) -> Result<(), Error> {
        sqlx::query("UPDATE invitations SET mail = $1 WHERE id = $2")
            .bind(mail.to_owned())
            .bind(id.to_string())
            .execute(self.pool())
            .await
            .map(drop)
            .map_err(Error::catalog("noting a mail"))
    }

    /// Revokes an invitation. False if it is not open any more.
    pub async fn revoke_invitation(&self, id: Uuid) -> Result<bool, Error> {
        let sql = "UPDATE invitations SET revoked_ms = $1 WHERE id = $2 AND accepted_ms IS NULL AND revoked_ms IS NULL";
        let done = sqlx::query(sql)
            .bind(self.now_ms())
            .bind(id.to_string())
            .execute(self.pool())
            .await
            .map_err(Error::catalog("revoking an invitation"))?;
        Ok(done.rows_affected() > 0)
    }

    /// Accepts the invitation of a link, once: the new member, or the one whom it was about.
    ///
    /// `password` is the hash of what they chose, as a PHC string. Roles and groups that are no more are left out.
    pub async fn accept_invitation(
        &self,
        (invitation, organization): (&Invitation, &Organization),
        token: &str,
        new: NewMember,
    ) -> Result<Option<Member>, Error> {
        let mut tx = self.begin().await?;
        tx.touch_credentials().await?;
        if !tx.take_invitation(invitation.id, token).await? {
            tx.rollback().await;
            return Ok(None);
        }
        if let Some(id) = invitation.member {
            let change = MemberChange { password: new.password, ..MemberChange::default() };
            tx.write_member(id, &change).await?;
            let member = super::member::all(&mut tx).await?.into_iter().find(|member| member.id == id);
            tx.commit().await?;
            return Ok(member);
        }
        let mut new = new;
        for handle in &invitation.roles {
            new.roles.extend(tx.role(organization, handle).await?.map(|role| role.id));
        }
        for handle in &invitation.groups {
            new.groups.extend(tx.group(organization, handle).await?.map(|group| group.id));
        }
        let member = tx.insert_member(organization, &new).await?;
        if invitation.kind == InvitationKind::FirstAdmin {
            // Whoever else has a link of this kind came too late.
            let now_ms = tx.now_ms();
            let sql = "UPDATE invitations SET revoked_ms = $1 WHERE organization = $2 AND kind = 'first-admin' \
                       AND accepted_ms IS NULL AND revoked_ms IS NULL";
            tx.run(sql, &[now_ms, organization.id]).await?;
        }
        tx.commit().await?;
        Ok(Some(member))
    }
}

impl Transaction {
    async fn insert_invitation(
        &mut self,
        organization: &Organization,
        new: &NewInvitation,
    ) -> Result<Invitation, Error> {
        let (id, created_ms) = (new_uuid()?, self.now_ms());
        let expires_ms = created_ms.saturating_add(new.lasts_ms);
        sqlx::query(
            "INSERT INTO invitations (id, organization, kind, token_hash, email, member, roles, member_groups, \
             invited_by, created_ms, expires_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(id.to_string())
        .bind(organization.id)
        .bind(new.kind.name())
        .bind(hash_token(&new.token).to_vec())
        .bind(new.email.clone())
        .bind(new.member.map(|member| member.0))
        .bind(json_of(&new.roles))
        .bind(json_of(&new.groups))
        .bind(new.invited_by.clone())
        .bind(created_ms)
        .bind(expires_ms)
        .execute(self.connection())
        .await
        .map_err(Error::catalog("making an invitation"))?;
        Ok(Invitation {
            id,
            organization: organization.id,
            kind: new.kind,
            email: new.email.clone(),
            member: new.member,
            roles: new.roles.clone(),
            groups: new.groups.clone(),
            invited_by: new.invited_by.clone(),
            mail: None,
            created_ms,
            expires_ms,
            accepted_ms: None,
            revoked_ms: None,
        })
    }

    /// Ends links for a new password of whoever gets more rights: whoever made one had what the member had then.
    pub(super) async fn revoke_password_links(&mut self, holder: Holder) -> Result<(), Error> {
        let now_ms = self.now_ms();
        let (sql, id) = match holder {
            Holder::Member(member) => (
                "UPDATE invitations SET revoked_ms = $1 WHERE member = $2 AND accepted_ms IS NULL \
                 AND revoked_ms IS NULL",
                member.0,
            ),
            Holder::Group(group) => (
                "UPDATE invitations SET revoked_ms = $1 WHERE accepted_ms IS NULL AND revoked_ms IS NULL \
                 AND member IN (SELECT member FROM group_members WHERE member_group = $2)",
                group.0,
            ),
        };
        self.run(sql, &[now_ms, id]).await.map(drop)
    }

    /// Marks an invitation as accepted, if it is open and this is its link.
    async fn take_invitation(&mut self, id: Uuid, token: &str) -> Result<bool, Error> {
        let now_ms = self.now_ms();
        let sql = "UPDATE invitations SET accepted_ms = $1 WHERE id = $2 AND token_hash = $3 \
                   AND accepted_ms IS NULL AND revoked_ms IS NULL AND expires_ms > $1";
        let done = sqlx::query(sql)
            .bind(now_ms)
            .bind(id.to_string())
            .bind(hash_token(token).to_vec())
            .execute(self.connection())
            .await
            .map_err(Error::catalog("accepting an invitation"))?;
        Ok(done.rows_affected() > 0)
    }
}
