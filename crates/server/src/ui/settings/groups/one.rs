//! `/settings/groups/{handle}`: one group, who is in it, and which roles it gives them.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::http::Method;
use axum::response::Response;
use serde_json::{Value, json};
use trailbook_event::limits::PEOPLE_ON_PAGE_MAX;

use super::{PATH, Provided, provided};
use crate::auth::Permission;
use crate::gate::form::Form;
use crate::ui::Console;
use crate::ui::answer::{self, Refusal, Why};
use crate::ui::frame::{Frame, Section};
use crate::ui::settings::asked::{Asked, Paged};
use crate::ui::settings::directory::{self, Choice, Group, GroupMember, Member, Role, api, lack_of};
use crate::ui::settings::{Wrong, confirm};
use crate::ui::visit::{Sent, Visit, encoded};

const DONE: [(&str, &str); 6] = [
    ("created", "The group is there. Now put members into it, and give it roles."),
    ("changed", "The group is changed."),
    ("joined", "They are in the group now, and hold its roles."),
    ("left", "They are out of the group, and do not hold its roles through it any more."),
    ("roles-given", "The group has the roles now, and so has everybody in it."),
    ("role-taken", "The role is taken away from the group."),
];

/// What can be done with a group, by the last part of the path that its form is sent to.
const DEEDS: [&str; 6] = ["change", "add-member", "remove-member", "add-roles", "take-role", "remove"];

#[derive(Default)]
struct Told {
    said: Option<&'static str>,
    wrong: Option<Wrong>,
    /// The name and description that were typed and not taken.
    typed: Option<[String; 2]>,
    /// The address that was.
    email: String,
}

#[derive(Template)]
#[template(path = "ui/settings/group.html")]
struct GroupPage<'a> {
    frame: Frame<'a>,
    group: &'a Group,
    name: String,
    description: String,
    email: &'a str,
    members: Paged<'a, GroupMember>,
    /// Addresses of some who are not in it.
    others: Vec<&'a str>,
    roles: Vec<&'a Role>,
    other_roles: Vec<Choice>,
    provided: Vec<Provided>,
    may_write: bool,
    /// Whether the visitor may put somebody in, or take them out.
    may_change: bool,
    lack: Option<String>,
    told: &'a Told,
    visit: &'a Visit,
}

impl GroupPage<'_> {
    fn wrong(&self, form: &str) -> Option<&str> {
        Wrong::at(self.told.wrong.as_ref(), form)
    }

    /// Whether the visitor may take a role away.
    fn may_take(&self, role: &Role) -> bool {
        self.may_write && role.lack(self.visit).is_none()
    }

    /// The path of a form.
    fn action(&self, deed: &str) -> String {
        format!("{PATH}/{}/{deed}", self.group.handle)
    }
}

/// `GET /settings/groups/{handle}`
pub(in crate::ui) async fn show_group(
    State(console): State<Arc<Console>>,
    Path(handle): Path<String>,
    visit: Visit,
    RawQuery(query): RawQuery,
) -> Response {
    let asked = Asked::of(query.as_deref());
    let told = Told { said: asked.said(&DONE), ..Told::default() };
    show(&console, &visit, (&handle, &asked), &told).await.unwrap_or_else(|refusal| refusal.page(&visit))
}

async fn show(
    console: &Console,
    visit: &Visit,
    (handle, asked): (&str, &Asked),
    told: &Told,
) -> Result<Response, Refusal> {
    let group: Group = console.get(visit, &api(["groups", handle])).await?;
    let roles: Vec<Role> = directory::all(console, visit, &api(["roles"])).await?;
    let members: Vec<Member> = directory::all(console, visit, &api(["members"])).await?;
    let held: Vec<&str> = group.roles.iter().map(String::as_str).collect();
    let lack = lack_of(visit, &roles, &held);
    let may_write = visit.may(Permission::MembersWrite);
    let others = members.iter().filter(|member| !member.groups.contains(&group.handle));
    let path = format!("{PATH}/{}", group.handle);
    let [name, description] = told.typed.clone().unwrap_or_else(|| [group.name.clone(), group.description.clone()]);
    let page = GroupPage {
        frame: Frame::in_section(visit, Section::Settings).at(&path),
        name,
        description,
        email: &told.email,
        members: asked.page_of(&path, &group.members),
        others: others.map(|member| member.email.as_str()).take(PEOPLE_ON_PAGE_MAX).collect(),
        roles: roles.iter().filter(|role| held.contains(&role.handle.as_str())).collect(),
        other_roles: Choice::beside(visit, &roles, &held),
        provided: provided(console, visit).into_iter().filter(|one| one.group == group.handle).collect(),
        may_write,
        may_change: may_write && lack.is_none(),
        lack,
        told,
        visit,
        group: &group,
    };
    Ok(match &told.wrong {
        Some(wrong) => answer::wrong(visit, wrong.why, &page),
        None => answer::page(visit, &page),
    })
}

/// `POST /settings/groups/{handle}/{deed}`
pub(in crate::ui) async fn change_group(
    State(console): State<Arc<Console>>,
    Path((handle, deed)): Path<(String, String)>,
    Sent { visit, form }: Sent,
) -> Response {
    let Some(deed) = DEEDS.into_iter().find(|one| *one == deed) else {
        return Refusal::new(Why::NotFound, "There is no such form.").page(&visit);
    };
    let refusal = match act(&console, &visit, (&handle, deed), &form).await {
        Ok(Some(word)) => return answer::lead(&visit, &format!("{PATH}/{}?done={word}", encoded(&handle))),
        Ok(None) => return answer::lead(&visit, &format!("{PATH}?done=removed")),
        Err(refusal) => refusal,
    };
    let typed = (deed == "change").then(|| ["name", "description"].map(|field| form.text(field).to_owned()));
    let wrong = Some(Wrong::of(deed, refusal));
    let told = Told { wrong, typed, email: form.text("email").to_owned(), ..Told::default() };
    show(&console, &visit, (&handle, &Asked::default()), &told).await.unwrap_or_else(|refusal| refusal.page(&visit))
}

/// Does it: the word for what was done; none where there is no such group any more.
async fn act(
    console: &Console,
    visit: &Visit,
    (handle, deed): (&str, &str),
    form: &Form,
) -> Result<Option<&'static str>, Refusal> {
    let path = api(["groups", handle]);
    let word = match deed {
        "change" => {
            let description = form.text("description").trim().replace("\r\n", "\n");
            let change = json!({"name": form.text("name").trim(), "description": description});
            console.send(visit, Method::PATCH, &path, &change).await?;
            "changed"
        }
        "add-member" => {
            let id = member_of(console, visit, form.text("email")).await?;
            console.send(visit, Method::PUT, &api(["groups", handle, "members", &id]), &Value::Null).await?;
            "joined"
        }
        "remove-member" => {
            console.delete(visit, &api(["groups", handle, "members", form.text("member")])).await?;
            "left"
        }
        "add-roles" => {
            let roles = form.all("role");
            if roles.is_empty() {
                return Err(Refusal::new(Why::Invalid, "Choose a role first."));
            }
            for role in roles {
                console.send(visit, Method::PUT, &api(["groups", handle, "roles", role]), &Value::Null).await?;
            }
            "roles-given"
        }
        "take-role" => {
            console.delete(visit, &api(["groups", handle, "roles", form.text("role")])).await?;
            "role-taken"
        }
        _ => {
            let group: Group = console.get(visit, &path).await?;
            confirm(form.text("confirm"), &group.name)?;
            console.delete(visit, &path).await?;
            return Ok(None);
        }
    };
    Ok(Some(word))
}

/// The id of the member who has this address.
async fn member_of(console: &Console, visit: &Visit, email: &str) -> Result<String, Refusal> {
    let email = email.trim().to_lowercase();
    let members: Vec<Member> = directory::all(console, visit, &api(["members"])).await?;
    let found = members.into_iter().find(|member| member.email == email).map(|member| member.id);
    found.ok_or_else(|| Refusal::new(Why::Invalid, format!("No member has the e-mail address “{email}”.")))
}
