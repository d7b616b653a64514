//! `/settings/roles`: named sets of permissions, and who holds them.

pub(in crate::ui) mod form;
mod narrowing;

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;

use super::asked::{Asked, Paged};
use super::directory::{self, Role, api};
use crate::auth::Permission;
use crate::ui::Console;
use crate::ui::answer::{self, Refusal};
use crate::ui::frame::{Frame, Section};
use crate::ui::visit::Visit;

const PATH: &str = "/settings/roles";
const DONE: [(&str, &str); 2] = [
    ("created", "The role is there. Give it to members, or to a group."),
    ("removed", "The role is removed, also from whoever held it."),
];

#[derive(Template)]
#[template(path = "ui/settings/roles.html")]
struct RolesPage<'a> {
    frame: Frame<'a>,
    asked: &'a Asked,
    list: Paged<'a, Role>,
    may_write: bool,
    said: Option<&'static str>,
}

/// `GET /settings/roles`
pub(in crate::ui) async fn show_roles(
    State(console): State<Arc<Console>>,
    visit: Visit,
    RawQuery(query): RawQuery,
) -> Response {
    let asked = Asked::of(query.as_deref());
    show(&console, &visit, &asked).await.unwrap_or_else(|refusal| refusal.page(&visit))
}

async fn show(console: &Console, visit: &Visit, asked: &Asked) -> Result<Response, Refusal> {
    let mut roles: Vec<Role> = directory::all(console, visit, &api(["roles"])).await?;
    roles.retain(|role| asked.is_in(&[&role.name, &role.handle]));
    let page = RolesPage {
        frame: Frame::in_section(visit, Section::Settings),
        asked,
        list: asked.page_of(PATH, &roles),
        may_write: visit.may(Permission::MembersWrite),
        said: asked.said(&DONE),
    };
    Ok(answer::page(visit, &page))
}

impl Role {
    /// What it grants, in a few words.
    fn grants(&self) -> String {
        let titles = self.permissions.iter().filter_map(|name| Permission::from_name(name)).map(Permission::title);
        match self.permissions.len() == Permission::ALL.len() {
            true => "Everything".to_owned(),
            false => titles.collect::<Vec<_>>().join("; "),
        }
    }

    /// Who holds it, in a few words.
    fn held_by(&self) -> String {
        let count = |count: usize, one: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            _ => Some(format!("{count} {one}s")),
        };
        let counts = [count(self.holders.members.len(), "member"), count(self.holders.groups.len(), "group")];
        match counts.into_iter().flatten().collect::<Vec<_>>().as_slice() {
            [] => "nobody".to_owned(),
            all => all.join(", "),
        }
    }
}
