//! `/settings/invitations`: who is invited and to what. Links are shown by the answer that makes them, and never again.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::http::Method;
use axum::response::Response;
use serde_json::{Value, json};
use trailbook_event::limits::{INVITATION_DAYS_MAX, INVITED_AT_ONCE_MAX};

use super::Wrong;
use super::asked::{Asked, Paged};
use super::directory::{self, Choice, Group, Invitation, List, Role, api};
use crate::auth::Permission;
use crate::gate::form::Form;
use crate::ui::Console;
use crate::ui::answer::{self, Refusal, Why};
use crate::ui::frame::{Frame, Section};
use crate::ui::time::Clock;
use crate::ui::visit::{Sent, Visit};

const PATH: &str = "/settings/invitations";
const FORM: &str = "/settings/invitations/new";
const DONE: [(&str, &str); 1] = [("revoked", "The invitation is revoked: its link does not hold any more.")];

#[derive(Template)]
#[template(path = "ui/settings/invitations.html")]
struct InvitationsPage<'a> {
    frame: Frame<'a>,
    clock: Clock,
    asked: &'a Asked,
    list: Paged<'a, Invitation>,
    may_write: bool,
    /// How many are accepted or revoked.
    closed: usize,
    said: Option<&'static str>,
    wrong: Option<&'a Wrong>,
}

#[derive(Template)]
#[template(path = "ui/settings/invite.html")]
struct InvitePage<'a> {
    frame: Frame<'a>,
    emails: &'a str,
    roles: Vec<Choice>,
    groups: Vec<Choice>,
    is_mailed: bool,
    days_max: i64,
    at_once_max: usize,
    wrong: Option<&'a Wrong>,
}

#[derive(Template)]
#[template(path = "ui/settings/invited.html")]
struct InvitedPage<'a> {
    frame: Frame<'a>,
    clock: Clock,
    invited: &'a [Invitation],
    /// Whether there are links to be handed over.
    has_links: bool,
}

impl InvitationsPage<'_> {
    fn wrong(&self) -> Option<&str> {
        self.wrong.map(|wrong| wrong.text.as_str())
    }

    fn shown_all(&self) -> bool {
        self.asked.is_all
    }
}

impl InvitePage<'_> {
    fn wrong(&self) -> Option<&str> {
        self.wrong.map(|wrong| wrong.text.as_str())
    }
}

/// `GET /settings/invitations`
pub(in crate::ui) async fn show_invitations(
    State(console): State<Arc<Console>>,
    visit: Visit,
    RawQuery(query): RawQuery,
) -> Response {
    let asked = Asked::of(query.as_deref());
    show(&console, &visit, &asked, None).await.unwrap_or_else(|refusal| refusal.page(&visit))
}

async fn show(console: &Console, visit: &Visit, asked: &Asked, wrong: Option<&Wrong>) -> Result<Response, Refusal> {
    let mut all: Vec<Invitation> = directory::all(console, visit, &api(["invitations"])).await?;
    let before = all.len();
    all.retain(Invitation::is_pending);
    let closed = before - all.len();
    if asked.is_all && closed > 0 {
        all = directory::all(console, visit, &api(["invitations"])).await?;
    }
    let frame = Frame::in_section(visit, Section::Settings);
    let page = InvitationsPage {
        frame: if wrong.is_some() { frame.at(PATH) } else { frame },
        clock: Clock::of(visit, console.app.clock.now_ms()),
        asked,
        list: asked.page_of(PATH, &all),
        may_write: visit.may(Permission::MembersWrite),
        closed,
        said: asked.said(&DONE),
        wrong,
    };
    Ok(match wrong {
        Some(wrong) => answer::wrong(visit, wrong.why, &page),
        None => answer::page(visit, &page),
    })
}

/// `GET /settings/invitations/new`
pub(in crate::ui) async fn show_form(State(console): State<Arc<Console>>, visit: Visit) -> Response {
    show_invite(&console, &visit, None).await.unwrap_or_else(|refusal| refusal.page(&visit))
}

/// The form, as it was sent where something is wrong with it.
async fn show_invite(console: &Console, visit: &Visit, sent: Option<(&Form, &Wrong)>) -> Result<Response, Refusal> {
    if !visit.may(Permission::MembersWrite) {
        return Err(Refusal::new(Why::NotAllowed, "Inviting is not for your roles."));
    }
    let groups: Vec<Group> = directory::all(console, visit, &api(["groups"])).await?;
    let roles: Vec<Role> = directory::all(console, visit, &api(["roles"])).await?;
    let is_chosen = |what: &str, handle: &str| sent.is_some_and(|(form, _)| form.all(what).contains(&handle));
    let group = |group: &Group| {
        let choice = Choice::of_group(visit, group, &roles);
        Choice { is_chosen: is_chosen("group", &group.handle), ..choice }
    };
    let page = InvitePage {
        frame: Frame::in_section(visit, Section::Settings).at(FORM),
        emails: sent.map_or("", |(form, _)| form.text("emails")),
        groups: groups.iter().map(group).collect(),
        roles: roles.iter().map(|role| Choice::of(visit, role, is_chosen("role", &role.handle))).collect(),
        is_mailed: console.app.mailer.is_some(),
        days_max: INVITATION_DAYS_MAX,
        at_once_max: INVITED_AT_ONCE_MAX,
        wrong: sent.map(|(_, wrong)| wrong),
    };
    Ok(match sent {
        Some((_, wrong)) => answer::wrong(visit, wrong.why, &page),
        None => answer::page(visit, &page),
    })
}

/// `POST /settings/invitations`
pub(in crate::ui) async fn invite(State(console): State<Arc<Console>>, Sent { visit, form }: Sent) -> Response {
    // Addresses as people paste them: one a line, or with commas, semicolons or spaces between them.
    let is_between = |c: char| c.is_whitespace() || c == ',' || c == ';';
    let emails: Vec<&str> = form.text("emails").split(is_between).filter(|part| !part.is_empty()).collect();
    let asked = json!({"emails": emails, "roles": form.all("role"), "groups": form.all("group")});
    let refusal = match console.send(&visit, Method::POST, &api(["invitations"]), &asked).await {
        Ok(made) => match serde_json::from_value::<List<Invitation>>(made) {
            Ok(list) => return invited(&console, &visit, &list.data),
            Err(_) => Refusal::failed(),
        },
        Err(refusal) => refusal,
    };
    let wrong = Wrong::of("invitations", refusal);
    let page = show_invite(&console, &visit, Some((&form, &wrong))).await;
    page.unwrap_or_else(|refusal| refusal.page(&visit))
}

/// Says who is invited, with the links that are to be handed over.
fn invited(console: &Console, visit: &Visit, invited: &[Invitation]) -> Response {
    let frame = Frame::in_section(visit, Section::Settings).at(PATH);
    let clock = Clock::of(visit, console.app.clock.now_ms());
    let has_links = invited.iter().any(|one| one.link.is_some());
    answer::page(visit, &InvitedPage { frame, clock, invited, has_links })
}

/// `POST /settings/invitations/{id}/resend` and `…/revoke`
pub(in crate::ui) async fn change_invitation(
    State(console): State<Arc<Console>>,
    Path((id, deed)): Path<(String, String)>,
    Sent { visit, .. }: Sent,
) -> Response {
    let refusal = match deed.as_str() {
        "resend" => {
            match console.send(&visit, Method::POST, &api(["invitations", &id, "resend"]), &Value::Null).await {
                Ok(made) => match serde_json::from_value::<Invitation>(made) {
                    Ok(one) => return invited(&console, &visit, &[one]),
                    Err(_) => Refusal::failed(),
                },
                Err(refusal) => refusal,
            }
        }
        "revoke" => match console.delete(&visit, &api(["invitations", &id])).await {
            Ok(_) => return answer::lead(&visit, &format!("{PATH}?done=revoked")),
            Err(refusal) => refusal,
        },
        _ => return Refusal::new(Why::NotFound, "There is no such form.").page(&visit),
    };
    let wrong = Wrong::of("invitations", refusal);
    let page = show(&console, &visit, &Asked::of(None), Some(&wrong)).await;
    page.unwrap_or_else(|refusal| refusal.page(&visit))
}

impl Invitation {
    /// Whether it can still be accepted, or sent again.
    fn is_pending(&self) -> bool {
        matches!(self.state.as_str(), "open" | "expired")
    }

    /// What it is for, in words.
    fn purpose(&self) -> &'static str {
        match self.kind.as_str() {
            "new-password" => "choose a new password",
            "sign-in" => "sign in once",
            "first-admin" => "become the first admin",
            _ => "join",
        }
    }

    /// The class of the badge of its state.
    fn badge(&self) -> &'static str {
        match self.state.as_str() {
            "open" => "badge badge-good",
            "expired" => "badge badge-warning",
            _ => "badge",
        }
    }

    /// What became of its mail, where that is not what one expects.
    fn mail_failure(&self) -> Option<&str> {
        self.mail.as_deref().filter(|said| *said != "sent")
    }

    /// Whose it is.
    fn whose(&self) -> &str {
        self.email.as_deref().unwrap_or("whoever has the link")
    }
}
