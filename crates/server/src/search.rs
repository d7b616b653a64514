//! Running a query for a request: away from the threads that serve requests, bounded in time, stopped when the client
//! goes.

use std::sync::Arc;
use std::time::Duration;

use trailbook_event::limits::QUERY_SECONDS_MAX;
use trailbook_query::{Answer, Cancel, Error, Query};

use crate::app::App;
use crate::auth::Caller;

/// Answers a query over the events of the caller's organization. Damage that it meets is remembered.
pub(crate) async fn search(app: &Arc<App>, caller: &Caller, query: Query) -> Result<Answer, Error> {
    run(app, caller, query).await.inspect_err(|error| match error {
        Error::Damaged { what, reason } => app.store.note_damage(what, reason),
        Error::Failed(reason) => tracing::error!(%reason, "a query failed"),
        _ => {}
    })
}

async fn run(app: &Arc<App>, caller: &Caller, query: Query) -> Result<Answer, Error> {
    let stop = StopOnDrop(Cancel::default());
    let work = async {
        // The semaphore is never closed.
        let _place = app.queries.acquire().await.map_err(|_| Error::Cancelled)?;
        let snapshot = app.store.snapshot(caller.organization());
        let cancel = stop.0.clone();
        let run = tokio::task::spawn_blocking(move || trailbook_query::run(&snapshot, &query, &cancel));
        run.await.map_err(|_| Error::Cancelled)?
    };
    tokio::time::timeout(Duration::from_secs(QUERY_SECONDS_MAX), work).await.map_err(|_| Error::Cancelled)?
}

/// Cancels the query when the request's future is dropped: the client has gone, or time is up.
struct StopOnDrop(Cancel);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
