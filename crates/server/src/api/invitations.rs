//! `/api/v1/invitations`: links that make people members, with the roles and groups that they get so.
//!
//! Whoever invites has everything that the invited will hold. An invitation is mailed where the server sends mail;
//! elsewhere the answer that makes it shows its link, once.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use trailbook_event::Uuid;
use trailbook_event::limits::{INVITATIONS_OPEN_MAX, INVITED_AT_ONCE_MAX};
use trailbook_store::Error;
use trailbook_store::credential::Credentials;
use trailbook_store::members::{Invitation, InvitationKind, MEMBER, NewInvitation};
use utoipa::ToSchema;

use super::members::rights_of;
use super::people::{self, attempt, done, found, made, reader, refuse_beyond, writer};
use super::problem::{Kind, Problem, ProblemDocument};
use crate::app::App;
use crate::asker::Asker;
use crate::auth::Caller;
use crate::auth::rights::Rights;
use crate::invitation::{self, Given, Refused};
use crate::letter::{self, Letter, inviter, lasts_ms};
use crate::mail::check_email;
use crate::own::{Deed, target, texts};
use crate::password::Password;
use crate::sign_in::link_secret;

/// Who is invited, and to what.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InvitationsIn {
    /// E-mail addresses, 1 to 100.
    #[schema(example = json!(["jane@acme.example"]))]
    emails: Vec<String>,
    /// The handles of the roles that they get. Where there are neither roles nor groups, it is the role `member`.
    #[serde(default)]
    #[schema(example = json!(["auditor"]))]
    roles: Vec<String>,
    /// The handles of the groups that they are put into.
    #[serde(default)]
    groups: Vec<String>,
}

/// An invitation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InvitationOut {
    /// Its id, a UUID.
    id: String,
    /// What it is for: `join`, `first-admin`, `new-password` or `sign-in`.
    kind: &'static str,
    /// Whose it is; absent where it is for whoever has the link.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// The handles of the roles that they get.
    roles: Vec<String>,
    /// The handles of the groups that they are put into.
    groups: Vec<String>,
    /// Who made it.
    invited_by: String,
    /// `open`, `accepted`, `revoked` or `expired`.
    state: &'static str,
    /// `sent`, or why the mail could not be; absent where none was to be sent, or as long as it is being sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    mail: Option<String>,
    /// What is opened to accept. Shown once, and only where no mail is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    /// When it was made.
    created_at: String,
    /// Until when it can be accepted.
    expires_at: String,
    /// When it was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted_at: Option<String>,
    /// When it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<String>,
}

/// Invitations of an organization.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InvitationList {
    /// The invitations, the newest first.
    data: Vec<InvitationOut>,
    /// How many there are.
    total: u64,
}

/// What somebody gives who accepts an invitation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcceptanceIn {
    /// The last part of the link.
    token: String,
    /// What they want to be called; not needed for a new password.
    name: Option<String>,
    /// Their e-mail address; needed where the invitation has none.
    email: Option<String>,
    /// The password that they will sign in with, at least 12 characters; not needed where the organization wants
    /// everybody to come through its provider.
    password: Option<String>,
}

/// Somebody who accepted an invitation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AcceptedOut {
    /// Their id as a member, a UUID.
    id: String,
    /// What they sign in with.
    email: String,
    /// Their name.
    name: String,
    /// The organization that they sign in to.
    organization: String,
}

/// Lists the invitations of the organization.
#[utoipa::path(
    get, path = "/api/v1/invitations", tag = "members", operation_id = "list_invitations",
    security(("token" = ["members.read"])),
    responses(
        (status = 200, description = "The invitations, the newest first", body = InvitationList),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks members.read", body = ProblemDocument),
    )
)]
pub(crate) async fn list_invitations(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let caller = reader(&app, &request).await?;
    let now_ms = app.clock.now_ms();
    let all = app.store.catalog().invitations(caller.organization()).await?;
    Ok(found(&InvitationList::of(all.into_iter().map(|one| InvitationOut::of(one, now_ms)).collect())))
}

/// Invites people, all of them or, where one address is wrong or a member's, none.
///
/// The caller has everything that they will hold. Each can accept for 7 days. An invitation of the same address that is
/// open still does not hold any more.
#[utoipa::path(
    post, path = "/api/v1/invitations", tag = "members", operation_id = "create_invitations",
    request_body = InvitationsIn,
    security(("token" = ["members.write"])),
    responses(
        (status = 201, description = "The invitations, in the order of the addresses", body = InvitationList),
        (status = 400, description = "The body is malformed, or names a role or group that is not there",
            body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks members.write, or something that the roles grant",
            body = ProblemDocument),
        (status = 409, description = "An address is a member's", body = ProblemDocument),
        (status = 413, description = "The body is above its limit", body = ProblemDocument),
        (status = 429, description = "As many invitations as may be are open", body = ProblemDocument),
    )
)]
pub(crate) async fn create_invitations(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let caller = writer(&app, &request).await?;
    let asked: InvitationsIn = people::read_request(&app, request).await?;
    let asked = asked.checked()?;
    refuse_beyond(&caller, &asked.rights(&app.auth.current(), &caller)?)?;
    refuse_members(&app, &caller, &asked.emails).await?;
    refuse_too_many(&app, &caller, asked.emails.len()).await?;
    let mut letters = Vec::with_capacity(asked.emails.len());
    for email in &asked.emails {
        let new = NewInvitation {
            kind: InvitationKind::Join,
            token: link_secret()?,
            email: Some(email.clone()),
            member: None,
            roles: asked.roles.clone(),
            groups: asked.groups.clone(),
            invited_by: inviter(&caller),
            lasts_ms: lasts_ms(InvitationKind::Join),
        };
        let deed = Deed::of(&caller, "user.invite.sent", "create", format!("{email} was invited"))
            .to(vec![target("user", email, None)])
            .with(vec![
                ("groups".into(), texts(asked.groups.iter().map(String::as_str))),
                ("roles".into(), texts(asked.roles.iter().map(String::as_str))),
            ]);
        let one = attempt(&app, deed, app.store.catalog().create_invitation(caller.organization(), &new)).await?;
        letters.push(Letter::of(&app, &caller, one, &new.token));
    }
    Ok(made(&InvitationList::of(InvitationOut::after_mailing(&app, &caller, letters).await?)))
}

/// Revokes an invitation: its link does not hold any more.
#[utoipa::path(
    delete, path = "/api/v1/invitations/{id}", tag = "members", operation_id = "delete_invitation",
    params(("id" = String, Path, description = "The invitation's id, a UUID")),
    security(("token" = ["members.write"])),
    responses(
        (status = 204, description = "The invitation is revoked"),
        (status = 400, description = "The id is not a UUID", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks members.write, or something that the invitation gives",
            body = ProblemDocument),
        (status = 404, description = "The organization has no such invitation", body = ProblemDocument),
        (status = 409, description = "It was accepted or revoked before", body = ProblemDocument),
    )
)]
pub(crate) async fn delete_invitation(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = writer(&app, &request).await?;
    let invitation = changeable(&app, &caller, &id).await?;
    let deed = Deed::of(
        &caller,
        "user.invite.revoked",
        "delete",
        format!("The invitation of {} was revoked", whose(&invitation)),
    )
    .to(vec![target("invitation", invitation.id, invitation.email.as_deref())]);
    let effect = async { still_open(app.store.catalog().revoke_invitation(invitation.id).await?) };
    attempt(&app, deed, effect).await?;
    Ok(done())
}

/// Gives an invitation a new link and a new end, and mails it again. The link before does not hold any more.
#[utoipa::path(
    post, path = "/api/v1/invitations/{id}/resend", tag = "members", operation_id = "resend_invitation",
    params(("id" = String, Path, description = "The invitation's id, a UUID")),
    security(("token" = ["members.write"])),
    responses(
        (status = 200, description = "The invitation", body = InvitationOut),
        (status = 400, description = "The id is not a UUID", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks members.write, or something that the invitation gives",
            body = ProblemDocument),
        (status = 404, description = "The organization has no such invitation", body = ProblemDocument),
        (status = 409, description = "It was accepted or revoked before, or its address is a member's",
            body = ProblemDocument),
        (status = 429, description = "As many invitations as may be are open", body = ProblemDocument),
    )
)]
pub(crate) async fn resend_invitation(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = writer(&app, &request).await?;
    let invitation = changeable(&app, &caller, &id).await?;
    if invitation.kind == InvitationKind::SignIn {
        return Err(Problem::new(
            Kind::Conflict,
            "a link that signs in is made at the machine only, and not sent again",
        ));
    }
    if invitation.kind == InvitationKind::Join {
        refuse_members(&app, &caller, invitation.email.as_slice()).await?;
    }
    if !invitation.is_open(app.clock.now_ms()) {
        // It has expired, and would be open again.
        refuse_too_many(&app, &caller, 1).await?;
    }
    let secret = link_secret()?;
    let deed = Deed::of(&caller, "user.invite.resent", "update", format!("{} was invited again", whose(&invitation)))
        .to(vec![target("invitation", invitation.id, invitation.email.as_deref())]);
    let lasts_ms = lasts_ms(invitation.kind);
    let effect = async { still_open(app.store.catalog().renew_invitation(invitation.id, &secret, lasts_ms).await?) };
    attempt(&app, deed, effect).await?;
    let mut renewed = invitation;
    renewed.expires_ms = app.clock.now_ms().saturating_add(lasts_ms);
    let letters = vec![Letter::of(&app, &caller, renewed, &secret)];
    let out = InvitationOut::after_mailing(&app, &caller, letters).await?;
    Ok(found(&out.into_iter().next().ok_or_else(|| missing(&id))?))
}

/// Accepts an invitation: whoever has the link becomes a member, or gets a new password.
///
/// No token is needed. They can sign in then. A link that is unknown, used, revoked or too old is answered 404.
#[utoipa::path(
    post, path = "/api/v1/invitations/accept", tag = "members", operation_id = "accept_invitation",
    request_body = AcceptanceIn,
    security(()),
    responses(
        (status = 200, description = "They are a member", body = AcceptedOut),
        (status = 400, description = "The body is malformed, or the password is no good", body = ProblemDocument),
        (status = 404, description = "The link does not hold, or never did", body = ProblemDocument),
        (status = 409, description = "The address is a member's", body = ProblemDocument),
        (status = 413, description = "The body is above its limit", body = ProblemDocument),
        (status = 429, description = "Too many links were tried, or there are as many members as may be",
            body = ProblemDocument),
        (status = 503, description = "Too many passwords wait to be hashed", body = ProblemDocument),
    )
)]
pub(crate) async fn accept_invitation(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let asker = Asker::of(request.extensions());
    super::events::refuse_parameters(&request)?;
    let AcceptanceIn { token, name, email, password } = people::read_request(&app, request).await?;
    let password = password.map(Password::new);
    let given = Given { email: email.as_deref(), name: name.as_deref(), password, enters: false };
    let (organization, member) = invitation::accept(&app, &asker, &token, given).await?;
    Ok(found(&AcceptedOut {
        id: member.uuid.to_string(),
        email: member.email,
        name: member.name,
        organization: organization.name().to_owned(),
    }))
}

impl InvitationsIn {
    /// It with addresses in their one form, and with a role where there is none.
    fn checked(mut self) -> Result<Self, Problem> {
        let wrong = |reason: String| Problem::new(Kind::InvalidBody, reason);
        let count = self.emails.len();
        if !(1..=INVITED_AT_ONCE_MAX).contains(&count) {
            return Err(wrong(format!("emails must have 1 to {INVITED_AT_ONCE_MAX} addresses, not {count}")));
        }
        let mut seen = BTreeSet::new();
        for email in &mut self.emails {
            *email = check_email(email).map_err(|e| wrong(format!("emails has {email:?}: {e}")))?.to_lowercase();
            if !seen.insert(email.clone()) {
                return Err(wrong(format!("emails has {email} twice")));
            }
        }
        if self.roles.is_empty() && self.groups.is_empty() {
            self.roles.push(MEMBER.to_owned());
        }
        for list in [&mut self.roles, &mut self.groups] {
            list.sort();
            list.dedup();
        }
        Ok(self)
    }

    /// What they will hold.
    fn rights(&self, current: &Credentials, caller: &Caller) -> Result<Rights, Problem> {
        let directory = current.directory();
        let missing = |what: &str, handle: &str| {
            Problem::new(Kind::InvalidBody, format!("{what}s has {handle:?}, and there is no such {what}"))
        };
        let mut roles = Vec::new();
        for handle in &self.roles {
            let role = directory.role(caller.organization(), handle);
            roles.push(Arc::clone(role.ok_or_else(|| missing("role", handle))?));
        }
        for handle in &self.groups {
            let group = directory.group(caller.organization(), handle).ok_or_else(|| missing("group", handle))?;
            roles.extend(directory.roles_of_group(group.id));
        }
        Ok(Rights::of_all(&roles))
    }
}

/// An invitation of the caller's organization that was neither accepted nor revoked, and gives no more than they have.
async fn changeable(app: &App, caller: &Caller, id: &str) -> Result<Invitation, Problem> {
    let uuid = super::events::uuid_of(id)?;
    let all = app.store.catalog().invitations(caller.organization()).await?;
    let invitation = all.into_iter().find(|one| one.id == uuid).ok_or_else(|| missing(id))?;
    refuse_beyond(caller, &given_by(&app.auth.current(), caller, &invitation))?;
    match invitation.accepted_ms.is_some() || invitation.revoked_ms.is_some() {
        true => Err(closed(&invitation)),
        false => Ok(invitation),
    }
}

/// What whoever accepts an invitation may do then.
fn given_by(current: &Credentials, caller: &Caller, invitation: &Invitation) -> Rights {
    let directory = current.directory();
    if let Some(member) = invitation.member.and_then(|id| directory.member(id)) {
        return rights_of(current, member);
    }
    let of = caller.organization();
    let mut roles: Vec<_> = invitation.roles.iter().filter_map(|one| directory.role(of, one)).map(Arc::clone).collect();
    for group in invitation.groups.iter().filter_map(|one| directory.group(of, one)) {
        roles.extend(directory.roles_of_group(group.id));
    }
    Rights::of_all(&roles)
}

/// Refuses to invite who is a member already.
async fn refuse_members(app: &App, caller: &Caller, emails: &[String]) -> Result<(), Problem> {
    for email in emails {
        if app.store.catalog().member_of_email(caller.organization(), email).await?.is_some() {
            return Err(Problem::new(Kind::Conflict, format!("{email} is a member already; nobody was invited")));
        }
    }
    Ok(())
}

/// Refuses more invitations than may be open, before the first of them is made.
async fn refuse_too_many(app: &App, caller: &Caller, more: usize) -> Result<(), Problem> {
    let now_ms = app.clock.now_ms();
    let all = app.store.catalog().invitations(caller.organization()).await?;
    let open = all.iter().filter(|one| one.is_open(now_ms)).count() as u64;
    if open.saturating_add(more as u64) > INVITATIONS_OPEN_MAX {
        let reason = format!("{open} invitations are open, and {INVITATIONS_OPEN_MAX} may be; revoke some");
        return Err(Problem::new(Kind::TooMany, reason));
    }
    Ok(())
}

fn missing(id: &str) -> Problem {
    Problem::new(Kind::NotFound, format!("there is no invitation {id}"))
}

fn closed(invitation: &Invitation) -> Problem {
    let how = if invitation.accepted_ms.is_some() { "accepted" } else { "revoked" };
    Problem::new(Kind::Conflict, format!("the invitation {} was {how} before", invitation.id))
}

/// What the catalog says of an invitation that somebody else may have been at meanwhile.
fn still_open(is_so: bool) -> Result<(), Error> {
    match is_so {
        true => Ok(()),
        false => Err(Error::Taken("the invitation was accepted or revoked meanwhile".to_owned())),
    }
}

fn whose(invitation: &Invitation) -> &str {
    invitation.email.as_deref().unwrap_or("whoever has the link")
}

impl InvitationList {
    fn of(data: Vec<InvitationOut>) -> Self {
        Self { total: data.len() as u64, data }
    }
}

impl InvitationOut {
    fn of(invitation: Invitation, now_ms: i64) -> Self {
        let is_open = invitation.is_open(now_ms);
        let state = match (invitation.accepted_ms, invitation.revoked_ms) {
            (Some(_), _) => "accepted",
            (None, Some(_)) => "revoked",
            (None, None) if is_open => "open",
            (None, None) => "expired",
        };
        Self {
            id: invitation.id.to_string(),
            kind: invitation.kind.name(),
            email: invitation.email,
            roles: invitation.roles,
            groups: invitation.groups,
            invited_by: invitation.invited_by,
            state,
            mail: invitation.mail,
            link: None,
            created_at: people::time(invitation.created_ms),
            expires_at: people::time(invitation.expires_ms),
            accepted_at: invitation.accepted_ms.map(people::time),
            revoked_at: invitation.revoked_ms.map(people::time),
        }
    }

    /// Mails what is to be mailed, and shows the invitations as they are then, with the links of the others.
    pub(crate) async fn after_mailing(
        app: &Arc<App>,
        caller: &Caller,
        letters: Vec<Letter>,
    ) -> Result<Vec<Self>, Problem> {
        let link = |letter: &Letter| (!letter.is_mailed(app)).then(|| letter.link.clone());
        let links: Vec<(Uuid, Option<String>)> = letters.iter().map(|letter| (letter.id, link(letter))).collect();
        letter::mail(app, letters).await;
        let now_ms = app.clock.now_ms();
        let mut all = app.store.catalog().invitations(caller.organization()).await?;
        let shown = links.into_iter().filter_map(|(id, link)| {
            let at = all.iter().position(|one| one.id == id)?;
            Some(Self { link, ..Self::of(all.swap_remove(at), now_ms) })
        });
        Ok(shown.collect())
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Gone => {
                Problem::new(Kind::NotFound, "the invitation is not there: the link is wrong, was used, or is too old")
            }
            Refused::Throttled(seconds) => Problem::too_often(seconds.into()),
            Refused::Name(reason) | Refused::Email(reason) | Refused::Password(reason) => {
                Problem::new(Kind::InvalidBody, reason)
            }
            Refused::Taken => Problem::new(Kind::Conflict, "there is a member with this e-mail address already"),
            Refused::Busy => Problem::new(Kind::Busy, "too many passwords wait to be hashed"),
            Refused::Store(error) => error.into(),
        }
    }
}
