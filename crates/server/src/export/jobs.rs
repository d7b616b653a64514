//! The exports that are made as files: which wait, which are being made, and what of them goes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;
use trailbook_event::Uuid;
use trailbook_event::limits::EXPORT_JOBS_RUNNING_MAX;
use trailbook_query::Cancel;
use trailbook_store::{Error, ExportChange, ExportRow, ExportState, Organization};

use super::job::{Job, Stopped, owner, remove_files};
use crate::app::App;

/// How often the catalog is asked for what waits, when nobody says that something does.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often what has expired is removed.
const REMOVE_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// What is being made, and a bell for what waits.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    running: Mutex<HashMap<Uuid, Cancel>>,
    waiting: Notify,
}

impl Jobs {
    /// Says that an export waits.
    pub(crate) fn wake(&self) {
        self.waiting.notify_one();
    }

    /// Stops the making of an export, if it is being made.
    pub(crate) fn cancel(&self, id: Uuid) -> bool {
        self.running().get(&id).map(Cancel::cancel).is_some()
    }

    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, Cancel>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, id: Uuid) -> Cancel {
        let cancel = Cancel::default();
        self.running().insert(id, cancel.clone());
        cancel
    }
}

/// Stops what is being made; it goes on at the next start.
pub(crate) struct Stop<'a>(&'a Jobs);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.running().values().for_each(Cancel::cancel);
    }
}

/// Makes exports, the oldest first, few at once, until `stop` is ready; then returns as soon as all have stopped.
pub(crate) async fn follow(app: &Arc<App>, stop: impl Future<Output = ()>) {
    let mut made = JoinSet::new();
    {
        let _stop = Stop(&app.jobs);
        tokio::select! {
            () = stop => {}
            () = make(app, &mut made) => {}
        }
    }
    while made.join_next().await.is_some() {}
}

async fn make(app: &Arc<App>, made: &mut JoinSet<()>) {
    if let Err(error) = remove_strangers(app).await {
        tracing::warn!(%error, "files of exports that are not listed any more were not removed");
    }
    let mut next_removal = Instant::now();
    loop {
        if Instant::now() >= next_removal {
            next_removal = Instant::now() + REMOVE_EVERY;
            if let Err(error) = remove_expired(app).await {
                tracing::warn!(%error, "expired exports were not removed");
            }
        }
        if let Err(error) = start_next(app, made).await {
            tracing::warn!(%error, "exports wait, because the catalog does not answer");
        }
        tokio::select! {
            () = app.jobs.waiting.notified() => {}
            Some(_) = made.join_next() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Starts what waits, as far as there is room.
async fn start_next(app: &Arc<App>, made: &mut JoinSet<()>) -> Result<(), Error> {
    if made.len() >= EXPORT_JOBS_RUNNING_MAX {
        return Ok(());
    }
    let rows = app.store.catalog().open_exports().await?;
    if rows.is_empty() {
        return Ok(());
    }
    let organizations = app.store.catalog().organizations().await?;
    for row in rows {
        if made.len() >= EXPORT_JOBS_RUNNING_MAX {
            break;
        }
        if app.jobs.running().contains_key(&row.id) {
            continue;
        }
        let Some(organization) = organizations.iter().find(|organization| row.is_of(organization)) else { continue };
        let (app, organization) = (Arc::clone(app), organization.clone());
        let cancel = app.jobs.begin(row.id);
        made.spawn(async move { one(&app, organization, row, cancel).await });
    }
    Ok(())
}

/// Makes one export.
async fn one(app: &Arc<App>, organization: Organization, row: ExportRow, cancel: Cancel) {
    let (id, started) = (row.id, Instant::now());
    let work = {
        let app = Arc::clone(app);
        let job = Job::new(&app, organization, row, cancel.clone());
        tokio::task::spawn_blocking(move || job?.run())
    };
    let ended = work.await.unwrap_or_else(|e| Err(Stopped::Failed(format!("its thread ended: {e}"))));
    let catalog = app.store.catalog();
    let is_there = !matches!(catalog.export(id).await, Ok(None));
    match ended {
        Ok(()) => tracing::info!(export = %id, seconds = started.elapsed().as_secs(), "an export is done"),
        Err(Stopped::Cancelled) if cancel.is_cancelled() || !is_there => {}
        Err(stopped) => {
            let reason = match stopped {
                Stopped::Failed(reason) => reason,
                Stopped::Cancelled => "it stopped by itself".to_owned(),
            };
            tracing::error!(export = %id, reason, "an export failed");
            let stays_ms = Some(app.exports_kept_ms);
            let change = ExportChange { state: ExportState::Failed, progress: "", result: &reason, stays_ms };
            if let Err(error) = catalog.change_export(id, change).await {
                tracing::warn!(%error, export = %id, "it is tried again later");
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }
    // Whoever removes it from here on removes its files too; those of what was removed before are ours.
    app.jobs.running().remove(&id);
    let is_over = match catalog.export(id).await {
        Ok(row) => row.is_none_or(|row| row.state == ExportState::Failed),
        Err(_) => false,
    };
    if is_over {
        remove_files(app.store.export_files(), id, |_| true);
    }
}

/// Removes an export and its files, at once or, if it is being made, as soon as that stops. False if there is none.
pub(crate) async fn remove(app: &Arc<App>, id: Uuid) -> Result<bool, Error> {
    let was_there = app.store.catalog().remove_export(id).await?;
    if !app.jobs.cancel(id) {
        let files = app.store.export_files().clone();
        // An error here is its panic, which was logged when it happened.
        let _ = tokio::task::spawn_blocking(move || remove_files(&files, id, |_| true)).await;
    }
    Ok(was_there)
}

/// Removes exports whose files are not to be had any more.
async fn remove_expired(app: &Arc<App>) -> Result<(), Error> {
    let now_ms = app.clock.now_ms();
    for row in app.store.catalog().exports().await? {
        if row.expires_ms.is_some_and(|expires| expires <= now_ms) {
            remove(app, row.id).await?;
            tracing::info!(export = %row.id, "an expired export was removed");
        }
    }
    Ok(())
}

/// Removes files of exports that are not listed: a crash may have come between the two.
async fn remove_strangers(app: &Arc<App>) -> Result<(), Error> {
    let rows = app.store.catalog().exports().await?;
    let files = app.store.export_files().clone();
    let is_strange = move |name: &String| owner(name).is_none_or(|id| !rows.iter().any(|row| row.id == id));
    let remove = move || files.list()?.iter().filter(|name| is_strange(name)).try_for_each(|name| files.remove(name));
    tokio::task::spawn_blocking(remove).await.unwrap_or(Ok(()))
}
