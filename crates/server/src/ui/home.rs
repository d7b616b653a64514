//! The first page: the log for whoever may read it, else one's account.

use axum::response::Response;

use super::answer;
use super::visit::Visit;
use crate::auth::Permission;

/// `GET /`
pub(super) async fn show_home(visit: Visit) -> Response {
    answer::lead(&visit, if visit.may(Permission::EventsRead) { "/logs" } else { "/account" })
}
