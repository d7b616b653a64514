//! How a member signs in: links by which they choose a new password, and their sessions.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use trailbook_event::Uuid;
use trailbook_store::members::{InvitationKind, NewInvitation};

use super::coverable;
use crate::api::invitations::InvitationOut;
use crate::api::people::{attempt, done, found, made, member_of, reader, writer};
use crate::api::problem::{Kind, Problem, ProblemDocument};
use crate::api::session::SessionList;
use crate::app::App;
use crate::letter::{Letter, PROVIDER_ONLY, inviter, lasts_ms};
use crate::own::{Deed, target};
use crate::sign_in::link_secret;

/// Makes a link by which a member chooses a new password.
///
/// It is mailed to them; where the server sends no mail, the answer has it. The caller has everything that the member
/// may do. A link that was made before does not hold any more.
#[utoipa::path(
    post, path = "/api/v1/members/{member}/password-link", tag = "members", operation_id = "create_password_link",
    params(("member" = String, Path, description = "The member's id, a UUID")),
    security(("token" = ["members.write"])),
    responses(
        (status = 201, description = "The link is made", body = InvitationOut),
        (status = 400, description = "The id is not a UUID", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks members.write, or something that the member may do",
            body = ProblemDocument),
        (status = 404, description = "The organization has no such member", body = ProblemDocument),
        (status = 409, description = "The organization wants everybody to come through its provider",
            body = ProblemDocument),
        (status = 429, description = "As many invitations as may be are open", body = ProblemDocument),
    )
)]
pub(crate) async fn create_password_link(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = writer(&app, &request).await?;
    let member = coverable(&app.auth.current(), &caller, &id)?;
    if app.sign_in.demands_provider(caller.organization()) {
        return Err(Problem::new(Kind::Conflict, PROVIDER_ONLY));
    }
    let new = NewInvitation {
        kind: InvitationKind::NewPassword,
        token: link_secret()?,
        email: Some(member.email.clone()),
        member: Some(member.id),
        roles: Vec::new(),
        groups: Vec::new(),
        invited_by: inviter(&caller),
        lasts_ms: lasts_ms(InvitationKind::NewPassword),
    };
    let message = format!("A link for a new password of {} was made", member.email);
    let deed = Deed::of(&caller, "user.password_link.created", "create", message).to(vec![target(
        "user",
        member.uuid,
        Some(&member.email),
    )]);
    let made_one = attempt(&app, deed, app.store.catalog().create_invitation(caller.organization(), &new)).await?;
    let letters = vec![Letter::of(&app, &caller, made_one, &new.token)];
    let out = InvitationOut::after_mailing(&app, &caller, letters).await?;
    let out = out.into_iter().next().ok_or_else(|| Problem::new(Kind::NotFound, "the link was revoked just now"))?;
    Ok(made(&out))
}

/// Lists the sessions of a member.
#[utoipa::path(
    get, path = "/api/v1/members/{member}/sessions", tag = "members", operation_id = "list_member_sessions",
    params(("member" = String, Path, description = "The member's id, a UUID")),
    security(("token" = ["members.read"])),
    responses(
        (status = 200, description = "The sessions, the newest first", body = SessionList),
        (status = 400, description = "The id is not a UUID", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks members.read", body = ProblemDocument),
        (status = 404, description = "The organization has no such member", body = ProblemDocument),
    )
)]
pub(crate) async fn list_member_sessions(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = reader(&app, &request).await?;
    let member = member_of(&app.auth.current(), &caller, &id)?;
    let mut sessions = app.store.catalog().sessions(&member).await?;
    sessions.retain(|session| session.expires_ms > app.clock.now_ms());
    Ok(found(&SessionList::of(&sessions, None)))
}

/// Ends all sessions of a member. The caller has everything that the member may do.
#[utoipa::path(
    delete, path = "/api/v1/members/{member}/sessions", tag = "members", operation_id = "delete_member_sessions",
    params(("member" = String, Path, description = "The member's id, a UUID")),
    security(("token" = ["members.write"])),
    responses(
        (status = 204, description = "They are signed out everywhere"),
        (status = 400, description = "The id is not a UUID", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks members.write, or something that the member may do",
            body = ProblemDocument),
        (status = 404, description = "The organization has no such member", body = ProblemDocument),
    )
)]
pub(crate) async fn delete_member_sessions(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = writer(&app, &request).await?;
    let member = coverable(&app.auth.current(), &caller, &id)?;
    let message = format!("All sessions of {} were ended", member.email);
    let deed = Deed::of(&caller, "session.revoked", "delete", message).to(vec![target(
        "user",
        member.uuid,
        Some(&member.email),
    )]);
    attempt(&app, deed, app.store.catalog().end_sessions(member.id, None::<Uuid>)).await?;
    Ok(done())
}
