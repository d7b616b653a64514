//! Saved views: searches that a member keeps, or that the organization shares. Through `/api/v1/views`.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::Method;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::pairs;
use super::view::View;
use crate::auth::Permission;
use crate::ui::Console;
use crate::ui::answer::{self, Refusal};
use crate::ui::frame::{Frame, Section};
use crate::ui::visit::{Sent, Visit, encoded};

/// A saved view.
#[derive(Deserialize)]
struct Saved {
    id: String,
    name: String,
    query: String,
    is_shared: bool,
    is_own: bool,
    owner: String,
}

#[derive(Deserialize)]
struct SavedList {
    data: Vec<Saved>,
}

#[derive(Template)]
#[template(path = "ui/views_part.html")]
struct ViewsPart {
    views: Vec<Saved>,
    /// The parameters of the view that may be kept.
    params: String,
    csrf: String,
    may_share: bool,
    /// What was typed, and why it was refused.
    name: String,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "ui/views.html")]
struct ViewsPage<'a> {
    frame: Frame<'a>,
    part: ViewsPart,
}

/// `GET /logs/views?<view>`
pub(in crate::ui) async fn show_views(
    State(console): State<Arc<Console>>,
    RawQuery(query): RawQuery,
    visit: Visit,
) -> Response {
    let (view, _) = View::read(&pairs(query.as_deref()));
    let part = match part(&console, &visit, view.params()).await {
        Ok(part) => part,
        Err(refusal) => return refusal.page(&visit),
    };
    show(&visit, part)
}

fn show(visit: &Visit, part: ViewsPart) -> Response {
    if visit.is_of_script() {
        return answer::page(visit, &part);
    }
    answer::page(visit, &ViewsPage { frame: Frame::in_section(visit, Section::Logs), part })
}

async fn part(console: &Console, visit: &Visit, params: String) -> Result<ViewsPart, Refusal> {
    let list: SavedList = console.get(visit, "/api/v1/views").await?;
    Ok(ViewsPart {
        views: list.data,
        params,
        csrf: visit.csrf.clone(),
        may_share: visit.may(Permission::ViewsWrite),
        name: String::new(),
        error: None,
    })
}

/// `POST /logs/views` with `name`, `query` and `shared`: keeps a view.
pub(in crate::ui) async fn keep_view(State(console): State<Arc<Console>>, Sent { visit, form }: Sent) -> Response {
    let (name, params) = (form.text("name").trim(), form.text("query"));
    let body = json!({"name": name, "query": params, "is_shared": form.text("shared") == "on"});
    match console.send(&visit, Method::POST, "/api/v1/views", &body).await {
        Ok(_) => answer::lead(&visit, &format!("/logs?{params}")),
        Err(refusal) => match part(&console, &visit, params.to_owned()).await {
            Ok(part) => {
                let part = ViewsPart { name: name.to_owned(), error: Some(refusal.text), ..part };
                let page = ViewsPage { frame: Frame::in_section(&visit, Section::Logs), part };
                answer::wrong(&visit, refusal.why, &page)
            }
            Err(refusal) => refusal.page(&visit),
        },
    }
}

/// `POST /logs/views/remove` with `id` and `query`: forgets a view.
pub(in crate::ui) async fn remove_view(State(console): State<Arc<Console>>, Sent { visit, form }: Sent) -> Response {
    match console.delete(&visit, &format!("/api/v1/views/{}", encoded(form.text("id")))).await {
        Ok(_) => answer::lead(&visit, &format!("/logs/views?{}", form.text("query"))),
        Err(refusal) => refusal.page(&visit),
    }
}
