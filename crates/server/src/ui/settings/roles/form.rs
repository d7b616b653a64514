//! `/settings/roles/new` and `/settings/roles/{handle}/edit`: what a role is called, what it grants, and for which
//! events.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::http::Method;
use axum::response::Response;
use serde::Deserialize;
use trailbook_event::limits::HANDLE_CHARS_MAX;

use super::PATH;
use super::narrowing::Typed;
use crate::auth::Permission;
use crate::gate::form::Form;
use crate::ui::Console;
use crate::ui::answer::{self, Refusal, Why};
use crate::ui::frame::{Frame, Section};
use crate::ui::settings::asked::Asked;
use crate::ui::settings::directory::{Role, api};
use crate::ui::settings::groups::named;
use crate::ui::settings::{Wrong, confirm};
use crate::ui::visit::{Sent, Visit, encoded};

const NEW: &str = "/settings/roles/new";
const DONE: [(&str, &str); 1] = [("changed", "The role is changed. It holds at once for whoever has it.")];

/// What can be granted, by what it is about.
#[derive(Deserialize)]
struct Areas {
    areas: Vec<Area>,
}

#[derive(Deserialize)]
struct Area {
    area: String,
    permissions: Vec<Grantable>,
}

/// A permission, and whether it is ticked.
#[derive(Deserialize)]
struct Grantable {
    name: String,
    title: String,
    can_be_narrowed: bool,
    #[serde(default)]
    is_ticked: bool,
    /// Whether the visitor lacks it, and so cannot grant it.
    #[serde(default)]
    is_lacking: bool,
}

/// A role as its form has it.
#[derive(Default)]
struct Fields {
    name: String,
    handle: String,
    description: String,
    permissions: Vec<String>,
    narrowing: Typed,
}

#[derive(Template)]
#[template(path = "ui/settings/role.html")]
struct RolePage<'a> {
    frame: Frame<'a>,
    /// The role that there is; none where one is to be made.
    role: Option<&'a Role>,
    fields: Fields,
    areas: Vec<Area>,
    may_write: bool,
    /// Whether the form is there to be filled in.
    may_change: bool,
    lack: Option<String>,
    handle_chars_max: usize,
    said: Option<&'static str>,
    wrong: Option<&'a Wrong>,
}

impl RolePage<'_> {
    fn wrong(&self, form: &str) -> Option<&str> {
        Wrong::at(self.wrong, form)
    }

    fn title(&self) -> &str {
        self.role.map_or("Create role", |role| &role.name)
    }

    /// The path that its form is sent to.
    fn action(&self) -> String {
        self.role.map_or_else(|| PATH.to_owned(), |role| path_of(&role.handle))
    }

    fn is_narrowed(&self) -> bool {
        self.fields.narrowing != Typed::default()
    }
}

impl Fields {
    fn of_role(role: &Role) -> Self {
        Self {
            name: role.name.clone(),
            handle: role.handle.clone(),
            description: role.description.clone(),
            permissions: role.permissions.clone(),
            narrowing: Typed::of(role.narrowing.as_ref()),
        }
    }

    fn of_form(form: &Form) -> Self {
        Self {
            name: form.text("name").to_owned(),
            handle: form.text("handle").to_owned(),
            description: form.text("description").to_owned(),
            permissions: form.all("permission").into_iter().map(str::to_owned).collect(),
            narrowing: typed(form),
        }
    }
}

fn typed(form: &Form) -> Typed {
    Typed { filter: form.text("filter").to_owned(), without: form.text("without").to_owned() }
}

fn path_of(handle: &str) -> String {
    format!("{PATH}/{}/edit", encoded(handle))
}

/// `GET /settings/roles/new`
pub(in crate::ui) async fn show_new(State(console): State<Arc<Console>>, visit: Visit) -> Response {
    let page = show(&console, &visit, (None, None), None).await;
    page.unwrap_or_else(|refusal| refusal.page(&visit))
}

/// `GET /settings/roles/{handle}/edit`
pub(in crate::ui) async fn show_role(
    State(console): State<Arc<Console>>,
    Path(handle): Path<String>,
    visit: Visit,
    RawQuery(query): RawQuery,
) -> Response {
    let said = Asked::of(query.as_deref()).said(&DONE);
    let page = show(&console, &visit, (Some(&handle), said), None).await;
    page.unwrap_or_else(|refusal| refusal.page(&visit))
}

async fn show(
    console: &Console,
    visit: &Visit,
    (handle, said): (Option<&str>, Option<&'static str>),
    sent: Option<(&Form, &Wrong)>,
) -> Result<Response, Refusal> {
    let may_write = visit.may(Permission::MembersWrite);
    let role: Option<Role> = match handle {
        Some(handle) => Some(console.get(visit, &api(["roles", handle])).await?),
        None if may_write => None,
        None => return Err(Refusal::new(Why::NotAllowed, "Making roles is not for your roles.")),
    };
    let fields = match (sent.filter(|(_, wrong)| wrong.form != "delete"), &role) {
        (Some((form, _)), _) => Fields::of_form(form),
        (None, Some(role)) => Fields::of_role(role),
        (None, None) => Fields::default(),
    };
    let Areas { mut areas } = console.get(visit, &api(["permissions"])).await?;
    for one in areas.iter_mut().flat_map(|area| &mut area.permissions) {
        one.is_ticked = fields.permissions.contains(&one.name);
        one.is_lacking = !Permission::from_name(&one.name).is_some_and(|permission| visit.may(permission));
    }
    let lack = role.as_ref().and_then(|role| role.lack(visit));
    let path = role.as_ref().map_or_else(|| NEW.to_owned(), |role| path_of(&role.handle));
    let page = RolePage {
        frame: Frame::in_section(visit, Section::Settings).at(&path),
        may_change: may_write && lack.is_none() && !role.as_ref().is_some_and(|role| role.is_built_in),
        role: role.as_ref(),
        fields,
        areas,
        may_write,
        lack,
        handle_chars_max: HANDLE_CHARS_MAX,
        said,
        wrong: sent.map(|(_, wrong)| wrong),
    };
    Ok(match sent {
        Some((_, wrong)) => answer::wrong(visit, wrong.why, &page),
        None => answer::page(visit, &page),
    })
}

/// `POST /settings/roles`
pub(in crate::ui) async fn create_role(State(console): State<Arc<Console>>, Sent { visit, form }: Sent) -> Response {
    let refusal = match send(&console, &visit, (Method::POST, &api(["roles"])), &form).await {
        Ok(()) => return answer::lead(&visit, &format!("{PATH}?done=created")),
        Err(refusal) => refusal,
    };
    again(&console, &visit, None, (&form, &Wrong::of("role", refusal))).await
}

/// `POST /settings/roles/{handle}/edit`
pub(in crate::ui) async fn change_role(
    State(console): State<Arc<Console>>,
    Path(handle): Path<String>,
    Sent { visit, form }: Sent,
) -> Response {
    let refusal = match send(&console, &visit, (Method::PUT, &api(["roles", &handle])), &form).await {
        Ok(()) => return answer::lead(&visit, &format!("{}?done=changed", path_of(&handle))),
        Err(refusal) => refusal,
    };
    again(&console, &visit, Some(&handle), (&form, &Wrong::of("role", refusal))).await
}

/// `POST /settings/roles/{handle}/delete`
pub(in crate::ui) async fn delete_role(
    State(console): State<Arc<Console>>,
    Path(handle): Path<String>,
    Sent { visit, form }: Sent,
) -> Response {
    let refusal = match delete(&console, &visit, &handle, &form).await {
        Ok(()) => return answer::lead(&visit, &format!("{PATH}?done=removed")),
        Err(refusal) => refusal,
    };
    again(&console, &visit, Some(&handle), (&form, &Wrong::of("delete", refusal))).await
}

async fn delete(console: &Console, visit: &Visit, handle: &str, form: &Form) -> Result<(), Refusal> {
    let role: Role = console.get(visit, &api(["roles", handle])).await?;
    confirm(form.text("confirm"), &role.name)?;
    console.delete(visit, &api(["roles", handle])).await.map(drop)
}

/// Makes a role of a form, or puts it in the place of the one that there is.
async fn send(console: &Console, visit: &Visit, (method, path): (Method, &str), form: &Form) -> Result<(), Refusal> {
    let mut role = named(form);
    role.insert("permissions".to_owned(), form.all("permission").into());
    if let Some(narrowing) = typed(form).read()? {
        role.insert("narrowing".to_owned(), narrowing);
    }
    console.send(visit, method, path, &role).await.map(drop)
}

/// The form again, with what is wrong with it.
async fn again(console: &Console, visit: &Visit, handle: Option<&str>, sent: (&Form, &Wrong)) -> Response {
    let page = show(console, visit, (handle, None), Some(sent)).await;
    page.unwrap_or_else(|refusal| refusal.page(visit))
}
