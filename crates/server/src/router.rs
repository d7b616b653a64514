//! Every route of the server, in one list.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use trailbook_event::limits::URL_BYTES_MAX;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::members::sign_in;
use crate::api::problem::{Kind, Problem};
use crate::api::{
    absent, demo, docs, events, export, exports, groups, ingest, invitations, logs, members, roles, rules, session,
    settings, tokens, views,
};
use crate::app::App;
use crate::asker::Asker;
use crate::dialect::{port, portal, spectra, wso2};
use crate::gate::{home, invitation, password, provider};
use crate::metrics::{FamilyLabel, RequestLabels};
use crate::{ops, rest, ui};

/// The routes, and the document that describes them.
pub(crate) fn documented() -> (Router<Arc<App>>, Document) {
    let (routes, mut document) = OpenApiRouter::with_openapi(docs::Api::openapi())
        .routes(routes!(events::create_events, events::list_events))
        .routes(routes!(events::get_event))
        .routes(routes!(ingest::ingest_events))
        .routes(routes!(ingest::ingest_port_webhook))
        .routes(routes!(demo::load_demo))
        .routes(routes!(logs::get_event_proof))
        .routes(routes!(logs::list_logs))
        .routes(routes!(export::export_events))
        .routes(routes!(exports::create_export, exports::list_exports))
        .routes(routes!(exports::get_export, exports::delete_export))
        .routes(routes!(exports::get_export_file))
        .routes(routes!(session::create_session, session::delete_session))
        .routes(routes!(session::get_me, session::change_me))
        .routes(routes!(session::list_my_sessions))
        .routes(routes!(session::delete_my_session))
        .routes(routes!(tokens::list_my_tokens, tokens::create_my_token))
        .routes(routes!(tokens::delete_my_token))
        .routes(routes!(tokens::list_tokens, tokens::create_token))
        .routes(routes!(tokens::delete_token))
        .routes(routes!(logs::get_consistency))
        .routes(routes!(logs::get_log_resource))
        .routes(routes!(roles::list_permissions))
        .routes(routes!(roles::list_roles, roles::create_role))
        .routes(routes!(roles::get_role, roles::change_role, roles::delete_role))
        .routes(routes!(groups::list_groups, groups::create_group))
        .routes(routes!(groups::get_group, groups::change_group, groups::delete_group))
        .routes(routes!(groups::add_group_member, groups::remove_group_member))
        .routes(routes!(groups::add_group_role, groups::remove_group_role))
        .routes(routes!(members::list_members))
        .routes(routes!(members::get_member, members::change_member, members::delete_member))
        .routes(routes!(members::add_member_role, members::remove_member_role))
        .routes(routes!(sign_in::create_password_link))
        .routes(routes!(sign_in::list_member_sessions, sign_in::delete_member_sessions))
        .routes(routes!(invitations::list_invitations, invitations::create_invitations))
        .routes(routes!(invitations::delete_invitation))
        .routes(routes!(invitations::resend_invitation))
        .routes(routes!(invitations::accept_invitation))
        .routes(routes!(rules::list_rules, rules::create_rule))
        .routes(routes!(rules::try_rule))
        .routes(routes!(rules::get_rule, rules::change_rule, rules::delete_rule))
        .routes(routes!(settings::get_settings, settings::change_settings))
        .routes(routes!(views::list_views, views::create_view))
        .routes(routes!(views::change_view, views::delete_view))
        .routes(routes!(portal::list_audit_events))
        .routes(routes!(spectra::create_export))
        .routes(routes!(spectra::get_export_status))
        .routes(routes!(port::create_access_token))
        .routes(routes!(port::list_port_audit_log))
        .routes(routes!(wso2::list_wso2_audit_logs))
        .routes(routes!(ops::get_livez))
        .routes(routes!(ops::get_readyz))
        .routes(routes!(ops::get_metrics))
        .split_for_parts();
    absent::take_out_nulls(&mut document);
    docs::allow_sessions(&mut document);
    // A document has no sign for the rest of a path.
    let paths = std::mem::take(&mut document.paths.paths);
    document.paths.paths = paths.into_iter().map(|(path, item)| (path.replace("{*", "{"), item)).collect();
    (routes, document)
}

/// The whole service.
pub(crate) fn router(app: Arc<App>) -> Router {
    let (routes, document) = documented();
    let document = docs::Rendered::new(&document);
    let (json, page) = (document.json, document.page);
    // The console asks the API as everybody does, through the same door.
    let api = routes.clone().layer(from_fn_with_state(Arc::clone(&app), around)).with_state(Arc::clone(&app));
    let console = ui::routes(Arc::clone(&app), api);
    routes
        .route("/api/openapi.json", get(async || ([(header::CONTENT_TYPE, "application/json")], json)))
        .route("/api/docs", get(async || ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page)))
        // The vendor's base URL has the portal's name in it.
        .route("/{portal}/api/public/v1/audit-log/{organization}/export", post(spectra::create_export_of_portal))
        .route(
            "/{portal}/api/public/v1/audit-log/{organization}/export/{job_id}/status",
            get(spectra::get_export_status_of_portal),
        )
        .route("/sign-in", get(password::show_sign_in).post(password::sign_in))
        .route("/sign-in/{provider}", get(provider::begin_by_link).post(provider::begin_by_form))
        .route("/sign-in/{provider}/callback", get(provider::finish))
        .route("/sign-out", post(home::sign_out))
        .route("/invitations/{secret}", get(invitation::show_invitation).post(invitation::accept_invitation))
        .with_state(Arc::clone(&app))
        .merge(console)
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(not_found)
        .layer(from_fn_with_state(app, around))
}

async fn not_found(method: Method, uri: Uri) -> Response {
    if uri.path().starts_with("/api/audit-log/") {
        return portal::Refusal::new(portal::Name::NotFound, "Not Found").respond(&method, &uri);
    }
    if uri.path().starts_with(port::PREFIX) {
        return port::Refusal::no_route(&method, &uri).into_response();
    }
    if is_spectra(uri.path()) {
        return spectra::Refusal::new(spectra::Kind::NotFound, "There is no such operation").into_response();
    }
    if uri.path().starts_with(wso2::PREFIX) {
        return wso2::Refusal::no_resource(&uri).into_response();
    }
    Problem::nothing_at(uri.path()).into_response()
}

async fn method_not_allowed(method: Method, uri: Uri) -> Response {
    if uri.path() == portal::PATH {
        return portal::Refusal::new(portal::Name::NotFound, "Not Found").respond(&method, &uri);
    }
    if uri.path().starts_with(port::PREFIX) {
        return port::Refusal::no_route(&method, &uri).into_response();
    }
    if is_spectra(uri.path()) {
        return spectra::Refusal::new(spectra::Kind::NotFound, "There is no such operation").into_response();
    }
    if uri.path().starts_with(wso2::PREFIX) {
        return wso2::Refusal::no_method(&method, &uri).into_response();
    }
    Problem::new(Kind::MethodNotAllowed, format!("{} has no method {method}", uri.path())).into_response()
}

/// What is done around every request: the URL's limit, headers that keep browsers careful, and counting.
async fn around(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = tokio::time::Instant::now();
    let asker = Arc::new(Asker::new(&request, &app.proxies, app.is_https));
    let api = family(request.uri().path());
    let length = request.uri().path_and_query().map_or(0, |p| p.as_str().len());
    let mut response = if length > URL_BYTES_MAX {
        let detail = format!("the path and query have {length} bytes, more than {URL_BYTES_MAX}");
        Problem::new(Kind::UrlTooLong, detail).into_response()
    } else {
        next.run(with(request, &asker).map(rest::kept)).await
    };
    if let Some((caller, reason)) = asker.denied()
        && let Err(error) = app.ledger.denied(&app, &caller.clone().asking(&asker), reason).await
    {
        tracing::error!(%error, "a refusal could not be recorded");
    }
    if let Some(reason) = asker.stranger() {
        app.ledger.stranger(&asker, reason, app.clock.now_ms());
    }
    let headers = response.headers_mut();
    if let Some(seconds) = asker.waits_seconds() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Tiles of logs say themselves how long they hold.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // Pages of people have a policy of their own.
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"));
    let status = u32::from(response.status().as_u16());
    app.metrics.requests.get_or_create(&RequestLabels { api, status }).inc();
    app.metrics.request_seconds.get_or_create(&FamilyLabel { api }).observe(started.elapsed().as_secs_f64());
    tracing::debug!(api, status, micros = started.elapsed().as_micros() as u64, "answered");
    response
}

fn with(mut request: Request, asker: &Arc<Asker>) -> Request {
    request.extensions_mut().insert(Arc::clone(asker));
    request
}

fn family(path: &str) -> &'static str {
    match path {
        "/livez" | "/readyz" | "/metrics" => "operations",
        _ if path.starts_with("/api/v1/") => "native",
        _ if path.starts_with("/log/") => "log",
        _ if path.starts_with("/api/audit-log/") => "portal",
        _ if is_spectra(path) => "spectra",
        _ if path.starts_with(port::PREFIX) => "port",
        _ if path.starts_with(wso2::PREFIX) => "wso2",
        _ => "other",
    }
}

/// Whether a path is of the Spectra Assure dialect, with a portal's name before it or none.
fn is_spectra(path: &str) -> bool {
    path.split_once(spectra::PATH).is_some_and(|(portal, _)| !portal.trim_start_matches('/').contains('/'))
}

#[cfg(test)]
mod tests;
