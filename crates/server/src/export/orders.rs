//! What callers ask of exports that are made as files: order one, look at it, fetch its files, remove it. Each of these
//! is recorded before it is done. Dialects use it too.

use std::sync::Arc;

use trailbook_event::limits::{EXPORT_JOBS_MAX, EXPORT_JOBS_OPEN_MAX};
use trailbook_event::{Target, Uuid, json};
use trailbook_store::credential::Permission;
use trailbook_store::{Error, ExportRow, ExportState, FileReader, NewExport, Organization, new_uuid};

use super::format::Format;
use super::job::{Done, Progress, Request, zip_name};
use super::jobs;
use super::link::Link;
use crate::app::App;
use crate::auth::Caller;
use crate::own::{self, Deed, target, text, texts};

/// How far an export is, as callers see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Pending,
    InProgress,
    Done,
    Failed,
    Expired,
}

impl State {
    pub(crate) fn name(self) -> &'static str {
        match self {
            State::Pending => "PENDING",
            State::InProgress => "IN_PROGRESS",
            State::Done => "DONE",
            State::Failed => "FAILED",
            State::Expired => "EXPIRED",
        }
    }
}

/// An export as its organization sees it.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) row: ExportRow,
    pub(crate) request: Request,
    pub(crate) state: State,
    /// How much is done, of 100.
    pub(crate) percent: u64,
    /// What it gave, as soon as it is done.
    pub(crate) done: Option<Done>,
}

impl Order {
    /// Whether a caller may have it: nothing in it is beyond what they may take out themselves.
    pub(crate) fn is_for(&self, caller: &Caller) -> bool {
        caller.rights().sight(Permission::Exports).is_some_and(|sight| sight.covers(&self.request.sight))
    }
}

/// Why an export is not made.
#[derive(Debug)]
pub(crate) enum Refused {
    /// So many of the organization wait or are being made.
    ManyOpen(u64),
    /// So many of the organization are listed.
    Many(u64),
    /// The store failed.
    Store(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Refused::Store(error)
    }
}

/// The name of the deed that an export was asked for.
pub(crate) const CREATED: &str = "organization.audit_export.created";
const DELETED: &str = "organization.audit_export.deleted";
const DOWNLOADED: &str = "organization.audit_export.downloaded";

/// Orders an export.
pub(crate) async fn order(app: &App, caller: &Caller, name: &str, request: Request) -> Result<Order, Refused> {
    let organization = caller.organization();
    let listed = app.store.catalog().exports_of(organization).await?;
    let open = listed.iter().filter(|row| row.state.is_open()).count();
    // Asked before it is recorded, and once more when it is added.
    check((open as u64, listed.len() as u64))?;
    let id = new_uuid()?;
    let what = Deed::of(caller, CREATED, "create", format!("The export {name:?} was ordered"))
        .to(targets(organization, id, name))
        .with(meta(id, &request));
    own::record(app, what).await?;
    let new = NewExport {
        id,
        credential: caller.credential(),
        name: name.to_owned(),
        request: serde_json::to_string(&request).unwrap_or_default(),
    };
    match app.store.catalog().add_export(organization, &new, (EXPORT_JOBS_OPEN_MAX, EXPORT_JOBS_MAX)).await? {
        Ok(row) => {
            app.jobs.wake();
            Ok(seen(app, row)?)
        }
        Err(counts) => {
            check(counts)?;
            Err(Refused::ManyOpen(counts.0))
        }
    }
}

fn check((open, all): (u64, u64)) -> Result<(), Refused> {
    if all >= EXPORT_JOBS_MAX {
        return Err(Refused::Many(all));
    }
    if open >= EXPORT_JOBS_OPEN_MAX {
        return Err(Refused::ManyOpen(open));
    }
    Ok(())
}

/// The exports of the caller's organization, the newest first.
pub(crate) async fn list(app: &App, caller: &Caller) -> Result<Vec<Order>, Refused> {
    let rows = app.store.catalog().exports_of(caller.organization()).await?;
    let orders: Vec<Order> = rows.into_iter().map(|row| seen(app, row)).collect::<Result<_, _>>()?;
    Ok(orders.into_iter().filter(|order| order.is_for(caller)).collect())
}

/// An export of the caller's organization.
pub(crate) async fn find(app: &App, caller: &Caller, id: Uuid) -> Result<Option<Order>, Refused> {
    let row = app.store.catalog().export(id).await?.filter(|row| row.is_of(caller.organization()));
    Ok(row.map(|row| seen(app, row)).transpose()?.filter(|order| order.is_for(caller)))
}

/// Removes an export of the caller's organization, and stops its making. False if there is none.
pub(crate) async fn remove(app: &Arc<App>, caller: &Caller, id: Uuid) -> Result<bool, Refused> {
    let Some(order) = find(app, caller, id).await? else { return Ok(false) };
    let what = Deed::of(caller, DELETED, "delete", format!("The export {:?} was deleted", order.row.name))
        .to(targets(caller.organization(), id, &order.row.name))
        .with(meta(id, &order.request));
    own::record(app, what).await?;
    Ok(jobs::remove(app, id).await?)
}

/// Opens a file of an export for somebody who may have it.
pub(crate) async fn fetch(app: &App, caller: &Caller, order: &Order, format: Format) -> Result<FileReader, Refused> {
    let organization = caller.organization();
    let (name, id) = (&order.row.name, order.row.id);
    let message = format!("The export {name:?} was downloaded as {}", format.name());
    let what = Deed::of(caller, DOWNLOADED, "read", message)
        .to(targets(organization, id, name))
        .with(meta(id, &order.request));
    own::record(app, what).await?;
    Ok(app.store.export_files().open_file(&zip_name(id, format))?)
}

/// Says that somebody takes events out while they are sent, without an order.
pub(crate) async fn streamed(app: &App, caller: &Caller, format: &str, filter: String) -> Result<(), Refused> {
    let organization = caller.organization();
    let what = Deed::of(caller, DOWNLOADED, "read", format!("Events were taken out as {format}"))
        .to(vec![target("organization", organization.uuid(), Some(organization.name()))])
        .with(vec![("filter".into(), text(filter)), ("formats".into(), texts([format]))]);
    Ok(own::record(app, what).await?)
}

/// The export that a link is of, and whom the link was given to, if it holds.
pub(crate) async fn follow(app: &App, link: &Link, signature: &str) -> Result<Option<(Order, Caller)>, Refused> {
    if !app.links.has_signed(link, signature) || link.expires_ms <= app.clock.now_ms() {
        return Ok(None);
    }
    let Some(caller) = app.auth.exporter(link.credential) else { return Ok(None) };
    let row = app.store.catalog().export(link.export).await?.filter(|row| row.is_of(caller.organization()));
    let order = row.map(|row| seen(app, row)).transpose()?;
    Ok(order.filter(|order| order.is_for(&caller)).map(|order| (order, caller)))
}

/// The link to a file of an export, for this caller, as long as the export has it.
pub(crate) fn link(app: &App, caller: &Caller, order: &Order, format: Format) -> Option<String> {
    let expires_ms = order.row.expires_ms.filter(|_| order.state == State::Done)?;
    let link = Link { export: order.row.id, format, credential: caller.own().uuid(), expires_ms };
    let path = app.links.path_and_query(&link);
    let base = caller.asker().and_then(|asker| asker.base_url()).unwrap_or_default();
    Some(format!("{base}{path}"))
}

fn seen(app: &App, row: ExportRow) -> Result<Order, Error> {
    let unreadable = |e: serde_json::Error| Error::Damaged { what: "an export".to_owned(), reason: e.to_string() };
    let request = serde_json::from_str(&row.request).map_err(unreadable)?;
    let state = match row.state {
        _ if row.expires_ms.is_some_and(|expires| expires <= app.clock.now_ms()) => State::Expired,
        ExportState::Pending => State::Pending,
        ExportState::InProgress => State::InProgress,
        ExportState::Done => State::Done,
        ExportState::Failed => State::Failed,
    };
    let done = match row.state {
        ExportState::Done => Some(serde_json::from_str(&row.result).map_err(unreadable)?),
        _ => None,
    };
    let percent = match state {
        State::Done | State::Expired => 100,
        _ => serde_json::from_str(&row.progress).map_or(0, |progress: Progress| progress.percent()),
    };
    Ok(Order { row, request, state, percent, done })
}

fn targets<'a>(organization: &'a Organization, id: Uuid, name: &'a str) -> Vec<Target<'a>> {
    vec![target("organization", organization.uuid(), Some(organization.name())), target("audit_export", id, Some(name))]
}

fn meta(id: Uuid, request: &Request) -> json::Object<'static> {
    vec![
        ("export_id".into(), text(id.to_string())),
        ("filter".into(), text(request.text_with_range())),
        ("formats".into(), texts(request.formats.iter().map(|format| format.0.name()))),
    ]
}
