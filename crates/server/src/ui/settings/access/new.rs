//! Making a token of the organization.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::Method;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use trailbook_event::limits::TOKEN_DAYS_MAX;

use super::{PATH, Restriction as Known, TOKENS, Token, Tokens};
use crate::auth::Permission;
use crate::gate::form::Form;
use crate::ui::Console;
use crate::ui::answer::{self, Refusal, Why};
use crate::ui::frame::{Frame, Section};
use crate::ui::scopes::{self, ScopeArea, names, ticked};
use crate::ui::visit::{Sent, Visit};

/// Restrictions that the form has room for, beside those of portals.
const RESTRICTIONS: usize = 3;

/// What a portal asks for: the field, what it is, the plugin, its permission.
type Portal = (&'static str, &'static str, &'static str, &'static str);

/// What portals ask for, ready to be ticked.
const PORTALS: [Portal; 2] = [
    ("portal", "Portal (Backstage): read the audit log", "audit-log", "audit.log.read"),
    (
        "wso2",
        "WSO2 API Platform, Choreo: view audit logs",
        "audit-logging",
        "urn:choreosystem:choreoauditloggingapi:audit_logs_view",
    ),
];

#[derive(Template)]
#[template(path = "ui/settings/access_new.html")]
struct NewPage<'a> {
    frame: Frame<'a>,
    typed: &'a Typed,
    scopes: Vec<ScopeArea>,
    wrong: Option<&'a Wrong>,
}

#[derive(Template)]
#[template(path = "ui/settings/access_made.html")]
struct MadePage<'a> {
    frame: Frame<'a>,
    made: &'a Made,
    url: &'a str,
    may_send: bool,
}

/// What was typed.
#[derive(Default)]
struct Typed {
    name: String,
    days: String,
    value: String,
    scopes: Vec<Permission>,
    /// Which of [`PORTALS`] are ticked.
    portals: [bool; PORTALS.len()],
    restrictions: [TypedRestriction; RESTRICTIONS],
}

/// A row of the form: names with commas between them.
#[derive(Default)]
struct TypedRestriction {
    plugin: String,
    permissions: String,
    actions: String,
}

/// What is wrong, and with which field.
struct Wrong {
    field: &'static str,
    refusal: Refusal,
}

/// A token as the API makes it.
#[derive(Serialize)]
struct TokenBody<'a> {
    name: &'a str,
    scopes: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    access_restrictions: Vec<Restriction>,
    #[serde(skip_serializing_if = "Option::is_none")]
    days: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
}

/// A restriction as the API takes it.
#[derive(Serialize)]
struct Restriction {
    plugin: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    permissions: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<String>,
}

/// What the API answers.
#[derive(Deserialize)]
struct Made {
    token: MadeToken,
    value: String,
}

#[derive(Deserialize)]
struct MadeToken {
    name: String,
    scopes: Vec<String>,
}

impl NewPage<'_> {
    fn wrong(&self, field: &str) -> Option<&str> {
        self.wrong.filter(|wrong| wrong.field == field).map(|wrong| wrong.refusal.text.as_str())
    }

    /// The portals, and whether they are ticked.
    fn portals(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        PORTALS.into_iter().zip(self.typed.portals).map(|((field, label, ..), is_ticked)| (field, label, is_ticked))
    }

    /// Whether other restrictions were typed.
    fn has_restrictions(&self) -> bool {
        self.typed.restrictions.iter().any(|row| !row.plugin.is_empty())
    }

    fn days_max(&self) -> i64 {
        TOKEN_DAYS_MAX
    }
}

impl Typed {
    fn of(form: &Form) -> Self {
        let text = |name: &str| form.text(name).trim().to_owned();
        let row = |i: usize| TypedRestriction {
            plugin: text(&format!("plugin.{i}")),
            permissions: text(&format!("permissions.{i}")),
            actions: text(&format!("actions.{i}")),
        };
        Self {
            name: text("name"),
            days: text("days"),
            value: text("value"),
            scopes: ticked(form),
            portals: PORTALS.map(|(field, ..)| !form.text(field).is_empty()),
            restrictions: std::array::from_fn(row),
        }
    }

    /// What a token that has no value yet grants.
    fn of_token(token: &Token) -> Self {
        let is_of = |one: &Known, (_, _, plugin, permission): Portal| {
            one.plugin == plugin && one.permissions.as_deref() == Some(&[permission.to_owned()])
        };
        let all = &token.access_restrictions;
        let mut others = all.iter().filter(|one| !PORTALS.into_iter().any(|portal| is_of(one, portal)));
        let list = |words: &Option<Vec<String>>| words.as_deref().unwrap_or_default().join(", ");
        let row = |one: &Known| TypedRestriction {
            plugin: one.plugin.clone(),
            permissions: list(&one.permissions),
            actions: list(&one.actions),
        };
        Self {
            name: token.name.clone(),
            scopes: token.scopes.iter().filter_map(|name| Permission::from_name(name)).collect(),
            portals: PORTALS.map(|portal| all.iter().any(|one| is_of(one, portal))),
            restrictions: std::array::from_fn(|_| others.next().map(row).unwrap_or_default()),
            ..Self::default()
        }
    }

    fn restrictions(&self) -> Vec<Restriction> {
        let of_portal = |(_, _, plugin, permission): Portal| Restriction {
            plugin: plugin.to_owned(),
            permissions: vec![permission.to_owned()],
            actions: Vec::new(),
        };
        let portals = PORTALS.into_iter().zip(self.portals).filter(|(_, is_ticked)| *is_ticked);
        let typed = self.restrictions.iter().filter(|row| !row.plugin.is_empty()).map(|row| Restriction {
            plugin: row.plugin.clone(),
            permissions: words(&row.permissions),
            actions: words(&row.actions),
        });
        portals.map(|(portal, _)| of_portal(portal)).chain(typed).collect()
    }

    /// The body of the request that makes the token.
    fn body(&self) -> Result<TokenBody<'_>, Wrong> {
        let wrong = |field, text: &str| Wrong { field, refusal: Refusal::new(Why::Invalid, text) };
        let access_restrictions = self.restrictions();
        if self.scopes.is_empty() && access_restrictions.is_empty() {
            return Err(wrong("scopes", "A token that may do nothing is of no use: tick what it may do."));
        }
        let days = match self.days.as_str() {
            "" => None,
            text => {
                let days = text.parse().ok().filter(|days| (1..=TOKEN_DAYS_MAX).contains(days));
                let text = format!("This must be 1 to {TOKEN_DAYS_MAX}, or empty for a token that does not expire.");
                Some(days.ok_or_else(|| wrong("days", &text))?)
            }
        };
        let value = Some(self.value.as_str()).filter(|value| !value.is_empty());
        Ok(TokenBody { name: &self.name, scopes: names(&self.scopes), access_restrictions, days, value })
    }
}

fn words(text: &str) -> Vec<String> {
    text.split([',', ' ']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// `GET /settings/access/new`, with `entry` for one that has no value yet
pub(in crate::ui) async fn show_form(State(console): State<Arc<Console>>, visit: Visit) -> Response {
    if !visit.may(Permission::CredentialsWrite) {
        let text = "Making tokens needs the permission “Manage tokens” (credentials.write).";
        return Refusal::new(Why::NotAllowed, text).page(&visit);
    }
    let Some(id) = visit.parameter("entry") else {
        return form_page(&visit, &Typed { days: "90".to_owned(), ..Typed::default() }, None);
    };
    let tokens: Tokens = match console.get(&visit, TOKENS).await {
        Ok(tokens) => tokens,
        Err(refusal) => return refusal.page(&visit),
    };
    match tokens.data.iter().find(|token| token.id == id && !token.has_value) {
        Some(token) => form_page(&visit, &Typed::of_token(token), None),
        None => Refusal::new(Why::NotFound, "There is no such token, or it has a value already.").page(&visit),
    }
}

/// `POST /settings/access/new` with `name`, `days`, `value`, boxes of scopes and portals, and rows of restrictions
pub(in crate::ui) async fn create_token(State(console): State<Arc<Console>>, Sent { visit, form }: Sent) -> Response {
    let typed = Typed::of(&form);
    let made = match create(&console, &visit, &typed).await {
        Ok(made) => made,
        Err(wrong) => return form_page(&visit, &typed, Some(&wrong)),
    };
    let url = console.app.public_url.clone().or_else(|| visit.asker.base_url()).unwrap_or_default();
    let page = MadePage {
        frame: Frame::in_section(&visit, Section::Settings).at(PATH),
        may_send: made.token.scopes.iter().any(|scope| scope == Permission::EventsWrite.name()),
        made: &made,
        url: url.trim_end_matches('/'),
    };
    answer::page(&visit, &page)
}

async fn create(console: &Console, visit: &Visit, typed: &Typed) -> Result<Made, Wrong> {
    let made = console.send(visit, Method::POST, TOKENS, &typed.body()?).await;
    let made = made.and_then(|made| serde_json::from_value(made).map_err(|_| Refusal::failed()));
    made.map_err(|refusal| Wrong { field: if refusal.why == Why::NotAllowed { "scopes" } else { "form" }, refusal })
}

fn form_page(visit: &Visit, typed: &Typed, wrong: Option<&Wrong>) -> Response {
    let scopes = scopes::of_organization(visit, &typed.scopes);
    let page = NewPage { frame: Frame::in_section(visit, Section::Settings).at(PATH), typed, scopes, wrong };
    match wrong {
        Some(wrong) => answer::wrong(visit, wrong.refusal.why, &page),
        None => answer::page(visit, &page),
    }
}
