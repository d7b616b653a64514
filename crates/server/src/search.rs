//! Running a query for a request: away from the threads that serve requests, bounded in time, stopped when the client
//! goes.

pub(crate) mod overview;
pub(crate) mod portrait;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use trailbook_event::Field;
use trailbook_event::limits::QUERY_SECONDS_MAX;
use trailbook_query::{Answer, Cancel, Condition, Error, Facet, FieldRef, Hidden, Page, Query, Start};
use trailbook_store::credential::Permission;
use trailbook_store::{Organization, Row, Snapshot};

use crate::app::App;
use crate::auth::Caller;
use crate::auth::rights::Sight;

/// Answers a query over the events of the caller's organization. Damage that it meets is remembered.
///
/// It is of what the caller sees: rows and fields beyond that are neither given nor counted. That they read is on
/// record before.
pub(crate) async fn search(app: &Arc<App>, caller: &Caller, mut query: Query) -> Result<Answer, Error> {
    let hidden = sight(caller).apply(&mut query)?;
    answer(app, caller, query, hidden).await
}

/// The same for a dialect, which adds a condition of its own that nobody asked for.
pub(crate) async fn search_of_dialect(app: &Arc<App>, caller: &Caller, mut query: Query) -> Result<Answer, Error> {
    let hidden = sight(caller).apply_of_dialect(&mut query)?;
    answer(app, caller, query, hidden).await
}

/// Counts the values of a field among what a query finds: the `limit` most frequent. A field that the caller does not
/// see is refused.
pub(crate) async fn facet(
    app: &Arc<App>,
    caller: &Caller,
    mut query: Query,
    field: FieldRef,
    limit: usize,
) -> Result<Facet, Error> {
    let hidden = sight(caller).apply(&mut query)?;
    hidden.check_field(&field)?;
    app.ledger.reading(app, caller).await?;
    let work =
        move |snapshot: &Snapshot, cancel: &Cancel| trailbook_query::facet(snapshot, &query, &field, limit, cancel);
    noting_damage(app, over_events(app, caller, work).await)
}

/// Whether a caller sees events without some of their fields.
pub(crate) fn has_hidden(caller: &Caller) -> bool {
    !sight(caller).hidden_names().is_empty()
}

async fn answer(app: &Arc<App>, caller: &Caller, query: Query, hidden: Hidden) -> Result<Answer, Error> {
    app.ledger.reading(app, caller).await?;
    let work = move |snapshot: &Snapshot, cancel: &Cancel| {
        let mut answer = trailbook_query::run(snapshot, &query, cancel)?;
        strip(&hidden, &mut answer);
        Ok(answer)
    };
    let answer = noting_damage(app, over_events(app, caller, work).await)?;
    app.ledger.read(app, caller, answer.events.len() as u64).await;
    Ok(answer)
}

/// Takes what is hidden out of what was found.
fn strip(hidden: &Hidden, answer: &mut Answer) {
    for found in &mut answer.events {
        if let Cow::Owned(seen) = hidden.strip(&found.canonical) {
            found.canonical = seen;
        }
    }
}

/// How many events of an organization meet all of these, whoever may see them: for the server itself.
pub(crate) async fn count(
    app: &Arc<App>,
    organization: &Organization,
    conditions: Vec<Condition>,
) -> Result<u64, Error> {
    let query = Query { conditions, page: Page { limit: 1, start: Start::Offset(0) }, ..Query::default() };
    let work = move |snapshot: &Snapshot, cancel: &Cancel| trailbook_query::run(snapshot, &query, cancel);
    let answer = noting_damage(app, over_log(app, organization, work).await)?;
    Ok(answer.total.unwrap_or_default())
}

const NOTHING: &Sight = &Sight::NOTHING;

/// The events and fields that a caller sees.
fn sight(caller: &Caller) -> &Sight {
    let rights = caller.rights();
    let sight = rights.sight(Permission::EventsRead).or_else(|| rights.sight(Permission::EventsLookup));
    sight.unwrap_or(NOTHING)
}

/// How much of the events of a query something holds of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Weight {
    /// The events of which it holds.
    pub(crate) events: u64,
    /// All events.
    pub(crate) of_events: u64,
    /// The canonical bytes of those of which it holds.
    pub(crate) bytes: u64,
    /// The canonical bytes of all.
    pub(crate) of_bytes: u64,
}

/// Weighs the events of a query of which something holds against all of them. It looks at these fields of them alone,
/// which the caller's role must not hide.
pub(crate) async fn weigh(
    app: &Arc<App>,
    caller: &Caller,
    mut query: Query,
    fields: &[Field],
    holds: impl Fn(&Row<'_>) -> bool + Send + 'static,
) -> Result<Weight, Error> {
    let hidden = sight(caller).apply(&mut query)?;
    fields.iter().try_for_each(|field| hidden.check_field(&FieldRef::Field(*field)))?;
    app.ledger.reading(app, caller).await?;
    let work = move |snapshot: &Snapshot, cancel: &Cancel| {
        let mut weight = Weight::default();
        trailbook_query::scan(snapshot, &query, cancel, |_, row| {
            let bytes = hidden.strip(row.canonical).len() as u64;
            weight.of_events += 1;
            weight.of_bytes += bytes;
            if holds(row) {
                weight.events += 1;
                weight.bytes += bytes;
            }
            true
        })?;
        Ok(weight)
    };
    noting_damage(app, over_events(app, caller, work).await)
}

/// Gives the events of the caller's organization that a dialect asks for, in the query's order and without its page,
/// one by one until `each` says no; then what was made of them. Damage that it meets is remembered.
pub(crate) async fn scan<T: Send + 'static>(
    app: &Arc<App>,
    caller: &Caller,
    mut query: Query,
    mut made: T,
    mut each: impl FnMut(&mut T, &Row<'_>) -> bool + Send + 'static,
) -> Result<T, Error> {
    let hidden = sight(caller).apply_of_dialect(&mut query)?;
    app.ledger.reading(app, caller).await?;
    let work = move |snapshot: &Snapshot, cancel: &Cancel| {
        let mut events = 0;
        trailbook_query::scan(snapshot, &query, cancel, |_, row| {
            events += 1;
            each(&mut made, &Row { canonical: &hidden.strip(row.canonical), ..*row })
        })?;
        Ok((made, events))
    };
    let (made, events) = noting_damage(app, over_events(app, caller, work).await)?;
    app.ledger.read(app, caller, events).await;
    Ok(made)
}

async fn over_events<T: Send + 'static>(
    app: &Arc<App>,
    caller: &Caller,
    work: impl FnOnce(&Snapshot, &Cancel) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    over_log(app, caller.organization(), work).await
}

async fn over_log<T: Send + 'static>(
    app: &Arc<App>,
    organization: &Organization,
    work: impl FnOnce(&Snapshot, &Cancel) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let (app_of_work, organization) = (Arc::clone(app), organization.clone());
    let work = move |cancel: &Cancel| work(&app_of_work.store.snapshot(&organization), cancel);
    one_of_few(&app.queries, Duration::from_secs(QUERY_SECONDS_MAX), work).await
}

fn noting_damage<T>(app: &App, answer: Result<T, Error>) -> Result<T, Error> {
    answer.inspect_err(|error| match error {
        Error::Damaged { what, reason } => app.store.note_damage(what, reason),
        Error::Failed(reason) => tracing::error!(%reason, "a query failed"),
        _ => {}
    })
}

/// Does some work when there is room for it, and waits so long at most. Room that it takes is free again when the work
/// has ended, even if nobody waits any more: until then it is one of those that run.
async fn one_of_few<T: Send + 'static>(
    room: &Arc<Semaphore>,
    time: Duration,
    work: impl FnOnce(&Cancel) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let stop = StopOnDrop(Cancel::default());
    let work = async {
        // The semaphore is never closed.
        let place = Arc::clone(room).acquire_owned().await.map_err(|_| Error::Cancelled)?;
        let cancel = stop.0.clone();
        let run = tokio::task::spawn_blocking(move || {
            let answer = work(&cancel);
            drop(place);
            answer
        });
        run.await.map_err(|_| Error::Cancelled)?
    };
    tokio::time::timeout(time, work).await.map_err(|_| Error::Cancelled)?
}

/// Cancels the query when the request's future is dropped: the client has gone, or time is up.
struct StopOnDrop(Cancel);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn work_that_nobody_waits_for_takes_its_room_until_it_ends() {
        let room = Arc::new(Semaphore::new(1));
        let (end, ended) = mpsc::sync_channel(1);
        let slow = move |cancel: &Cancel| {
            let _ = ended.recv();
            Ok(cancel.clone())
        };
        let given_up = one_of_few(&room, Duration::from_millis(20), slow).await;
        assert_eq!(given_up.err(), Some(Error::Cancelled));
        assert_eq!(room.available_permits(), 0);
        // The next one waits, and gives up too.
        let next = one_of_few(&room, Duration::from_millis(20), |_| Ok(())).await;
        assert_eq!(next, Err(Error::Cancelled));
        end.send(()).unwrap();
        assert_eq!(one_of_few(&room, Duration::from_secs(60), |_| Ok(())).await, Ok(()));
    }

    #[tokio::test]
    async fn work_that_panics_gives_its_room_back() {
        let room = Arc::new(Semaphore::new(1));
        let panics = |_: &Cancel| -> Result<(), Error> { panic!("on purpose") };
        assert_eq!(one_of_few(&room, Duration::from_secs(60), panics).await, Err(Error::Cancelled));
        assert_eq!(one_of_few(&room, Duration::from_secs(60), |_| Ok(())).await, Ok(()));
    }
}
