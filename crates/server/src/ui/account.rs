//! One's own account.

use askama::Template;
use axum::response::Response;

use super::answer;
use super::frame::{Frame, Section};
use super::visit::Visit;

#[derive(Template)]
#[template(path = "ui/account.html")]
struct AccountPage<'a> {
    frame: Frame<'a>,
}

/// `GET /account`
pub(super) async fn show_account(visit: Visit) -> Response {
    answer::page(&visit, &AccountPage { frame: Frame::in_section(&visit, Section::Account) })
}
