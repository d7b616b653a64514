//! `/settings/members/{id}`: one member, and what can be done with them.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::http::Method;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::own_id;
use crate::auth::Permission;
use crate::gate::form::Form;
use crate::ui::Console;
use crate::ui::answer::{self, Refusal, Why};
use crate::ui::frame::{Frame, Section};
use crate::ui::settings::asked::Asked;
use crate::ui::settings::directory::{self, Choice, Group, Invitation, Member, Role, Session, api, lack_of};
use crate::ui::settings::{Wrong, confirm, lines};
use crate::ui::time::Clock;
use crate::ui::visit::{Sent, Visit, encoded};

const DONE: [(&str, &str); 9] = [
    ("changed", "Their details are changed."),
    ("same", "Nothing was different."),
    ("role-given", "They hold the role now."),
    ("role-taken", "The role is taken away."),
    ("joined", "They are in the group now."),
    ("left", "They are out of the group."),
    ("signed-out", "They are signed out everywhere."),
    ("suspended", "They are suspended: signed out, and not let in again for now."),
    ("admitted", "They may sign in again."),
];

/// What can be done with a member, by the last part of the path that its form is sent to.
const DEEDS: [&str; 10] =
    ["change", "give-role", "take-role", "join", "leave", "sign-out", "password-link", "suspend", "admit", "remove"];

/// What there is to show once something was done.
enum After {
    /// The page again, with a sentence.
    Said(&'static str),
    /// The page with a link that is shown this once.
    Link(Box<Invitation>),
    /// The list, for there is no such member any more.
    Gone,
}

/// What a page of a member shows beside what there is of them.
#[derive(Default)]
struct Told {
    said: Option<&'static str>,
    wrong: Option<Wrong>,
    link: Option<Box<Invitation>>,
    /// The name and the ids that were typed and not taken.
    typed: Option<(String, String)>,
}

#[derive(Template)]
#[template(path = "ui/settings/member.html")]
struct MemberPage<'a> {
    frame: Frame<'a>,
    clock: Clock,
    member: &'a Member,
    name: String,
    actors: String,
    groups: Vec<&'a Group>,
    other_groups: Vec<Choice>,
    other_roles: Vec<Choice>,
    sessions: &'a [Session],
    is_oneself: bool,
    /// Whether anything can be changed here by the visitor.
    may_change: bool,
    may_write: bool,
    /// What the visitor lacks to change them.
    lack: Option<String>,
    /// Whether the organization lets anybody in with a password.
    takes_passwords: bool,
    told: &'a Told,
}

impl MemberPage<'_> {
    fn wrong(&self, form: &str) -> Option<&str> {
        Wrong::at(self.told.wrong.as_ref(), form)
    }

    /// The path of a form.
    fn action(&self, deed: &str) -> String {
        format!("/settings/members/{}/{deed}", self.member.id)
    }

    /// Their events.
    fn events(&self) -> String {
        format!("/logs?q={}", encoded(&format!("actor.email:{}", self.member.email)))
    }
}

/// `GET /settings/members/{id}`
pub(in crate::ui) async fn show_member(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    visit: Visit,
    RawQuery(query): RawQuery,
) -> Response {
    let told = Told { said: Asked::of(query.as_deref()).said(&DONE), ..Told::default() };
    show(&console, &visit, &id, &told).await.unwrap_or_else(|refusal| refusal.page(&visit))
}

async fn show(console: &Console, visit: &Visit, id: &str, told: &Told) -> Result<Response, Refusal> {
    let member: Member = console.get(visit, &api(["members", id])).await?;
    let groups: Vec<Group> = directory::all(console, visit, &api(["groups"])).await?;
    let roles: Vec<Role> = directory::all(console, visit, &api(["roles"])).await?;
    let sessions: Vec<Session> = directory::all(console, visit, &api(["members", id, "sessions"])).await?;
    let own: Vec<&str> = member.roles.iter().filter(|role| role.is_own).map(|role| role.handle.as_str()).collect();
    let lack = lack_of(visit, &roles, &member.role_handles());
    let (in_groups, others): (Vec<&Group>, Vec<&Group>) =
        groups.iter().partition(|group| member.groups.contains(&group.handle));
    let choice = |group: &&Group| Choice::of_group(visit, group, &roles);
    let may_write = visit.may(Permission::MembersWrite);
    let (name, actors) = told.typed.clone().unwrap_or_else(|| (member.name.clone(), member.actors.join("\n")));
    let path = format!("/settings/members/{}", member.id);
    let page = MemberPage {
        frame: Frame::in_section(visit, Section::Settings).at(&path),
        clock: Clock::of(visit, console.app.clock.now_ms()),
        name,
        actors,
        other_groups: others.iter().map(choice).collect(),
        groups: in_groups,
        other_roles: Choice::beside(visit, &roles, &own),
        sessions: &sessions,
        is_oneself: member.id == own_id(visit),
        may_change: may_write && lack.is_none(),
        may_write,
        lack,
        takes_passwords: !console.app.sign_in.demands_provider(visit.caller.organization()),
        told,
        member: &member,
    };
    Ok(match &told.wrong {
        Some(wrong) => answer::wrong(visit, wrong.why, &page),
        None => answer::page(visit, &page),
    })
}

/// `POST /settings/members/{id}/{deed}`
pub(in crate::ui) async fn change_member(
    State(console): State<Arc<Console>>,
    Path((id, deed)): Path<(String, String)>,
    Sent { visit, form }: Sent,
) -> Response {
    let Some(deed) = DEEDS.into_iter().find(|one| *one == deed) else {
        return Refusal::new(Why::NotFound, "There is no such form.").page(&visit);
    };
    let told = match act(&console, &visit, (&id, deed), &form).await {
        Ok(After::Said(word)) => {
            return answer::lead(&visit, &format!("/settings/members/{}?done={word}", encoded(&id)));
        }
        Ok(After::Gone) => return answer::lead(&visit, "/settings/members?done=removed"),
        Ok(After::Link(link)) => Told { link: Some(link), ..Told::default() },
        Err(refusal) => {
            let typed = (deed == "change").then(|| (form.text("name").to_owned(), form.text("actors").to_owned()));
            Told { wrong: Some(Wrong::of(deed, refusal)), typed, ..Told::default() }
        }
    };
    show(&console, &visit, &id, &told).await.unwrap_or_else(|refusal| refusal.page(&visit))
}

async fn act(console: &Console, visit: &Visit, (id, deed): (&str, &str), form: &Form) -> Result<After, Refusal> {
    let path = api(["members", id]);
    let role = || chosen(form, "role").map(|role| api(["members", id, "roles", role]));
    let group = || chosen(form, "group").map(|group| api(["groups", group, "members", id]));
    let word = match deed {
        "change" => return change(console, visit, &path, form).await,
        "give-role" => {
            console.send(visit, Method::PUT, &role()?, &Value::Null).await?;
            "role-given"
        }
        "take-role" => {
            console.delete(visit, &role()?).await?;
            "role-taken"
        }
        "join" => {
            console.send(visit, Method::PUT, &group()?, &Value::Null).await?;
            "joined"
        }
        "leave" => {
            console.delete(visit, &group()?).await?;
            "left"
        }
        "sign-out" => {
            console.delete(visit, &api(["members", id, "sessions"])).await?;
            "signed-out"
        }
        "password-link" => {
            let made = console.send(visit, Method::POST, &api(["members", id, "password-link"]), &Value::Null).await?;
            return serde_json::from_value(made).map(|link| After::Link(Box::new(link))).map_err(|_| Refusal::failed());
        }
        "suspend" => {
            console.send(visit, Method::PATCH, &path, &json!({"is_suspended": true})).await?;
            "suspended"
        }
        "admit" => {
            console.send(visit, Method::PATCH, &path, &json!({"is_suspended": false})).await?;
            "admitted"
        }
        _ => {
            let member: Member = console.get(visit, &path).await?;
            confirm(form.text("confirm"), &member.email)?;
            console.delete(visit, &path).await?;
            return Ok(After::Gone);
        }
    };
    Ok(After::Said(word))
}

/// Sends what is different: who does not see all events may change a name, though not the ids beside it.
async fn change(console: &Console, visit: &Visit, path: &str, form: &Form) -> Result<After, Refusal> {
    let member: Member = console.get(visit, path).await?;
    let (name, actors) = (form.text("name").trim(), lines(form.text("actors")));
    let mut changed = Map::new();
    if name != member.name {
        changed.insert("name".to_owned(), name.into());
    }
    if actors != member.actors {
        changed.insert("actors".to_owned(), actors.into());
    }
    if changed.is_empty() {
        return Ok(After::Said("same"));
    }
    console.send(visit, Method::PATCH, path, &changed).await?;
    Ok(After::Said("changed"))
}

/// What was chosen of a list.
fn chosen<'a>(form: &'a Form, what: &'static str) -> Result<&'a str, Refusal> {
    let chosen = form.text(what);
    match chosen.is_empty() {
        true => Err(Refusal::new(Why::Invalid, format!("Choose a {what} first."))),
        false => Ok(chosen),
    }
}
