//! `/api/v1/settings`: settings of the organization that its members change. Those of the server are in its
//! configuration.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use trailbook_event::json;
use trailbook_store::credential::Permission;
use trailbook_store::{DefaultRange, OrganizationSettings};
use utoipa::ToSchema;

use super::people::{act, caller, found, read_request};
use super::problem::{Kind, Problem, ProblemDocument};
use crate::app::App;
use crate::own::{Deed, target, text};

/// The settings of the organization.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SettingsOut {
    /// Which range of time the console shows first: `24h` or `30d`.
    #[schema(example = "24h")]
    default_range: &'static str,
}

/// What is to be changed of the settings; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SettingsChangeIn {
    /// Which range of time the console shows first: `24h` or `30d`.
    #[schema(example = "30d")]
    default_range: Option<String>,
}

/// Shows the settings of the organization.
#[utoipa::path(
    get, path = "/api/v1/settings", tag = "settings", operation_id = "get_settings",
    security(("token" = ["settings.read"])),
    responses(
        (status = 200, description = "The settings", body = SettingsOut),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks settings.read", body = ProblemDocument),
    )
)]
pub(crate) async fn get_settings(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let caller = caller(&app, &request, Permission::SettingsRead).await?;
    Ok(found(&SettingsOut::of(app.auth.current().settings(caller.organization()))))
}

/// Changes the settings of the organization.
#[utoipa::path(
    patch, path = "/api/v1/settings", tag = "settings", operation_id = "change_settings",
    request_body = SettingsChangeIn,
    security(("token" = ["settings.write"])),
    responses(
        (status = 200, description = "The settings", body = SettingsOut),
        (status = 400, description = "The body is malformed", body = ProblemDocument),
        (status = 401, description = "No valid token", body = ProblemDocument),
        (status = 403, description = "The token lacks settings.write", body = ProblemDocument),
        (status = 413, description = "The body is above its limit", body = ProblemDocument),
    )
)]
pub(crate) async fn change_settings(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let caller = caller(&app, &request, Permission::SettingsWrite).await?;
    let change: SettingsChangeIn = read_request(&app, request).await?;
    let before = app.auth.current().settings(caller.organization());
    let default_range = match change.default_range {
        Some(name) => DefaultRange::from_name(&name).ok_or_else(|| unknown(&name))?,
        None => before.default_range,
    };
    let after = OrganizationSettings { default_range };
    if after != before {
        let organization = caller.organization();
        let deed = Deed::of(&caller, "settings.updated", "update", "The settings were changed".to_owned())
            .to(vec![target("organization", organization.uuid(), Some(organization.name()))])
            .changing(Some(shown(before)), Some(shown(after)));
        act(&app, deed, app.store.catalog().change_settings(organization, after)).await?;
    }
    Ok(found(&SettingsOut::of(after)))
}

fn unknown(name: &str) -> Problem {
    Problem::new(Kind::InvalidBody, format!("default_range must be 24h or 30d, not {name:?}"))
}

/// Settings in an event.
fn shown(settings: OrganizationSettings) -> json::Value<'static> {
    json::Value::Object(vec![("default_range".into(), text(settings.default_range.name()))])
}

impl SettingsOut {
    fn of(settings: OrganizationSettings) -> Self {
        Self { default_range: settings.default_range.name() }
    }
}
