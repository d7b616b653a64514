//! The console: pages for people who are signed in, rendered here.
//!
//! Events come from queries ([`crate::search`]), as dialects have them. Everything else a page shows or changes goes
//! through the native API, in this process ([`own_api`]): so the console can do nothing that the API does not let its
//! member do, and what it does is recorded in the same way.
//!
//! Reading works without a script. Pages have [`frame::POLICY`], and their state in the URL.

mod about;
mod account;
mod answer;
mod assets;
mod confirm;
mod exports;
#[expect(unreachable_pub, reason = "what the macro of a filter makes is public")]
mod filters;
mod frame;
mod home;
mod integrity;
mod logs;
mod own_api;
mod scopes;
mod settings;
mod theme;
mod time;
mod visit;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

pub(crate) use answer::Why;

use crate::app::App;

/// What the pages have at hand.
pub(crate) struct Console {
    app: Arc<App>,
    /// The routes of the API.
    api: Router,
}

/// The routes of the console.
pub(crate) fn routes(app: Arc<App>, api: Router) -> Router {
    Router::new()
        .route("/", get(home::show_home))
        .route("/theme", post(theme::choose))
        .route("/logs", get(logs::show_logs))
        .route("/logs/columns", post(logs::choose_columns))
        .route("/logs/range", get(logs::choose_range))
        .route("/logs/views", get(logs::saved::show_views).post(logs::saved::keep_view))
        .route("/logs/views/remove", post(logs::saved::remove_view))
        .route("/logs/first-token", post(logs::first_start::make_token))
        .route("/logs/demo", post(logs::first_start::load_demo))
        .route("/logs/filter", get(logs::filter::show_filter))
        .route("/logs/filter/apply", get(logs::filter::apply_filter))
        .route("/logs/live", get(logs::live::follow))
        .route("/logs/events/{id}", get(logs::event::show_event))
        .route("/logs/events/{id}/proof", get(logs::proof::show_proof))
        .merge(own())
        .route("/logs/about", get(about::show_about))
        .route("/logs/exports", get(exports::show_exports))
        .route("/logs/exports/{id}/delete", post(exports::delete))
        .route("/logs/export", get(exports::show_form).post(exports::order))
        .route("/settings", get(settings::show_settings))
        .merge(people())
        .route("/assets/{name}", get(assets::give))
        .with_state(Arc::new(Console { app, api }))
}

/// The pages of one's own account, of external access, and of the log: its settings and what proves it.
fn own() -> Router<Arc<Console>> {
    use account::{sessions, tokens};
    use settings::log::rules;
    use settings::{access, log};
    Router::new()
        .route("/account", get(account::show_account))
        .route("/account/name", post(account::change_name))
        .route("/account/password", post(account::change_password))
        .route("/account/sessions/others/end", post(sessions::end_others))
        .route("/account/sessions/{id}/end", post(sessions::end_session))
        .route("/account/tokens", post(tokens::create_token))
        .route("/account/tokens/{id}/revoke", get(tokens::show_revoke).post(tokens::revoke_token))
        .route("/settings/access", get(access::show_access))
        .route("/settings/access/new", get(access::new::show_form).post(access::new::create_token))
        .route("/settings/access/{id}/revoke", get(access::show_revoke).post(access::revoke_token))
        .route("/settings/log", get(log::show_log).post(log::change_log))
        .route("/settings/log/rules/new", get(rules::show_new).post(rules::create_rule))
        .route("/settings/log/rules/{id}", get(rules::show_rule).post(rules::change_rule))
        .route("/settings/log/rules/{id}/delete", get(rules::show_delete).post(rules::delete_rule))
        .route("/integrity", get(integrity::show_integrity))
        .route("/integrity/{id}/check", post(integrity::check_log))
}

/// The pages of who may do what.
fn people() -> Router<Arc<Console>> {
    use settings::{groups, invitations, members, roles};
    Router::new()
        .route("/settings/members", get(members::show_members))
        .route("/settings/members/{id}", get(members::one::show_member))
        .route("/settings/members/{id}/{deed}", post(members::one::change_member))
        .route("/settings/invitations", get(invitations::show_invitations).post(invitations::invite))
        .route("/settings/invitations/new", get(invitations::show_form))
        .route("/settings/invitations/{id}/{deed}", post(invitations::change_invitation))
        .route("/settings/groups", get(groups::show_groups).post(groups::create_group))
        .route("/settings/groups/{handle}", get(groups::one::show_group))
        .route("/settings/groups/{handle}/{deed}", post(groups::one::change_group))
        .route("/settings/roles", get(roles::show_roles).post(roles::form::create_role))
        .route("/settings/roles/new", get(roles::form::show_new))
        .route("/settings/roles/{handle}/edit", get(roles::form::show_role).post(roles::form::change_role))
        .route("/settings/roles/{handle}/delete", post(roles::form::delete_role))
}
