//! `/settings/groups`: members who hold the same roles.

pub(in crate::ui) mod one;

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::Method;
use axum::response::Response;
use serde_json::{Map, Value};
use trailbook_event::limits::HANDLE_CHARS_MAX;

use super::Wrong;
use super::asked::{Asked, Paged};
use super::directory::{self, Group, Role, api};
use crate::auth::Permission;
use crate::gate::form::Form;
use crate::ui::Console;
use crate::ui::answer::{self, Refusal};
use crate::ui::frame::{Frame, Section};
use crate::ui::visit::{Sent, Visit, encoded};

const PATH: &str = "/settings/groups";
const DONE: [(&str, &str); 1] = [("removed", "The group is removed. Who was in it is a member still.")];

#[derive(Template)]
#[template(path = "ui/settings/groups.html")]
struct GroupsPage<'a> {
    frame: Frame<'a>,
    asked: &'a Asked,
    list: Paged<'a, Group>,
    roles: &'a [Role],
    providers: Vec<Provided>,
    may_write: bool,
    handle_chars_max: usize,
    said: Option<&'static str>,
    sent: Option<(&'a Form, &'a Wrong)>,
}

/// A group that an identity provider puts members into, by the configuration.
struct Provided {
    group: String,
    provider: String,
    /// The value of the provider's claim; none where it is for everybody else.
    value: Option<String>,
}

impl GroupsPage<'_> {
    fn wrong(&self) -> Option<&str> {
        self.sent.map(|(_, wrong)| wrong.text.as_str())
    }

    /// What was typed into the form and not taken.
    fn typed(&self, field: &str) -> &str {
        self.sent.map_or("", |(form, _)| form.text(field))
    }

    /// What people call a role.
    fn role_name<'a>(&'a self, handle: &'a str) -> &'a str {
        self.roles.iter().find(|role| role.handle == handle).map_or(handle, |role| &role.name)
    }

    fn is_provided(&self, group: &Group) -> bool {
        self.providers.iter().any(|one| one.group == group.handle)
    }
}

/// `GET /settings/groups`
pub(in crate::ui) async fn show_groups(
    State(console): State<Arc<Console>>,
    visit: Visit,
    RawQuery(query): RawQuery,
) -> Response {
    let asked = Asked::of(query.as_deref());
    show(&console, &visit, &asked, None).await.unwrap_or_else(|refusal| refusal.page(&visit))
}

async fn show(
    console: &Console,
    visit: &Visit,
    asked: &Asked,
    sent: Option<(&Form, &Wrong)>,
) -> Result<Response, Refusal> {
    let mut groups: Vec<Group> = directory::all(console, visit, &api(["groups"])).await?;
    let roles: Vec<Role> = directory::all(console, visit, &api(["roles"])).await?;
    groups.retain(|group| asked.is_in(&[&group.name, &group.handle]));
    let frame = Frame::in_section(visit, Section::Settings);
    let page = GroupsPage {
        frame: if sent.is_some() { frame.at(PATH) } else { frame },
        asked,
        list: asked.page_of(PATH, &groups),
        roles: &roles,
        providers: provided(console, visit),
        may_write: visit.may(Permission::MembersWrite),
        handle_chars_max: HANDLE_CHARS_MAX,
        said: asked.said(&DONE),
        sent,
    };
    Ok(match sent {
        Some((_, wrong)) => answer::wrong(visit, wrong.why, &page),
        None => answer::page(visit, &page),
    })
}

/// `POST /settings/groups`
pub(in crate::ui) async fn create_group(State(console): State<Arc<Console>>, Sent { visit, form }: Sent) -> Response {
    match console.send(&visit, Method::POST, &api(["groups"]), &named(&form)).await {
        Ok(made) => {
            let handle = made.get("handle").and_then(Value::as_str).unwrap_or_default();
            answer::lead(&visit, &format!("{PATH}/{}?done=created", encoded(handle)))
        }
        Err(refusal) => {
            let wrong = Wrong::of("groups", refusal);
            let page = show(&console, &visit, &Asked::default(), Some((&form, &wrong))).await;
            page.unwrap_or_else(|refusal| refusal.page(&visit))
        }
    }
}

/// What a form says of a group or a role to be made: the API makes the handle where nobody typed one.
pub(super) fn named(form: &Form) -> Map<String, Value> {
    let fields = ["name", "handle", "description"].map(|name| (name, form.text(name).trim()));
    let given = fields.into_iter().filter(|(name, value)| *name != "handle" || !value.is_empty());
    given.map(|(name, value)| (name.to_owned(), value.replace("\r\n", "\n").into())).collect()
}

/// The groups of the visitor's organization that its identity providers put members into.
fn provided(console: &Console, visit: &Visit) -> Vec<Provided> {
    let providers = console.app.sign_in.providers_of(visit.caller.organization().name());
    let mut all = Vec::new();
    for settings in providers.map(crate::oidc::Provider::settings) {
        let provided = |group: &String, value: Option<&String>| Provided {
            group: group.clone(),
            provider: settings.name.clone(),
            value: value.cloned(),
        };
        all.extend(settings.groups.iter().map(|(value, group)| provided(group, Some(value))));
        all.extend(settings.default_groups.iter().map(|group| provided(group, None)));
    }
    all
}
