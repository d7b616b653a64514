//! View Audit Logs: the page that auditors live in.

use askama::Template;
use axum::response::Response;

use super::answer;
use super::frame::{Frame, Section};
use super::visit::Visit;

#[derive(Template)]
#[template(path = "ui/logs.html")]
struct LogsPage<'a> {
    frame: Frame<'a>,
}

/// `GET /logs`
pub(super) async fn show_logs(visit: Visit) -> Response {
    answer::page(&visit, &LogsPage { frame: Frame::in_section(&visit, Section::Logs) })
}
