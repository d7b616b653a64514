//! `/settings/members`: the people of the organization.

pub(in crate::ui) mod one;

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;

use super::asked::{Asked, Paged};
use super::directory::{self, Group, Member, api};
use crate::auth::Permission;
use crate::ui::Console;
use crate::ui::answer::{self, Refusal};
use crate::ui::frame::{Frame, Section};
use crate::ui::time::Clock;
use crate::ui::visit::Visit;

const PATH: &str = "/settings/members";
const DONE: [(&str, &str); 1] = [("removed", "They are no member any more. What they did stays in the log.")];

#[derive(Template)]
#[template(path = "ui/settings/members.html")]
struct MembersPage<'a> {
    frame: Frame<'a>,
    clock: Clock,
    asked: &'a Asked,
    list: Paged<'a, Member>,
    groups: &'a [Group],
    /// The id of the visitor.
    own: String,
    may_write: bool,
    said: Option<&'static str>,
}

impl MembersPage<'_> {
    /// What people call a group.
    fn group_name<'a>(&'a self, handle: &'a str) -> &'a str {
        self.groups.iter().find(|group| group.handle == handle).map_or(handle, |group| &group.name)
    }
}

/// `GET /settings/members`
pub(in crate::ui) async fn show_members(
    State(console): State<Arc<Console>>,
    visit: Visit,
    RawQuery(query): RawQuery,
) -> Response {
    let asked = Asked::of(query.as_deref());
    show(&console, &visit, &asked).await.unwrap_or_else(|refusal| refusal.page(&visit))
}

async fn show(console: &Console, visit: &Visit, asked: &Asked) -> Result<Response, Refusal> {
    let mut members: Vec<Member> = directory::all(console, visit, &api(["members"])).await?;
    let groups: Vec<Group> = directory::all(console, visit, &api(["groups"])).await?;
    members.retain(|member| asked.is_in(&[&member.name, &member.email]));
    let page = MembersPage {
        frame: Frame::in_section(visit, Section::Settings),
        clock: Clock::of(visit, console.app.clock.now_ms()),
        asked,
        list: asked.page_of(PATH, &members),
        groups: &groups,
        own: own_id(visit),
        may_write: visit.may(Permission::MembersWrite),
        said: asked.said(&DONE),
    };
    Ok(answer::page(visit, &page))
}

/// The id that the visitor has as a member.
fn own_id(visit: &Visit) -> String {
    visit.caller.member().map(|member| member.uuid.to_string()).unwrap_or_default()
}
