//! What a page about somebody or something shows: its newest events and its first one, when all of them happened, and
//! which values they have; all of one moment.

use std::sync::Arc;

use trailbook_event::Field;
use trailbook_query::{
    Answer, Bucket, Cancel, Error, Facet, FieldRef, Found, Hidden, Order, Page, Query, Start, Steps,
};
use trailbook_query::{facet, histogram, run};
use trailbook_store::Snapshot;

use super::{noting_damage, over_events, sight, strip};
use crate::app::App;
use crate::auth::Caller;

/// What is asked for beside the newest events.
pub(crate) struct Wanted {
    /// The steps in which events are counted.
    pub(crate) steps: Steps,
    /// The fields whose values are counted.
    pub(crate) fields: Vec<Field>,
    /// How many values of each.
    pub(crate) values_max: usize,
}

/// What was found.
pub(crate) struct Portrait {
    /// The newest events, and how many there are.
    pub(crate) newest: Answer,
    /// The first one.
    pub(crate) first: Option<Found>,
    /// When they happened.
    pub(crate) steps: Vec<Bucket>,
    values: Vec<(Field, Values)>,
}

/// The values of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Values {
    /// The most frequent ones.
    Counted(Facet),
    /// The caller does not see the field.
    Hidden,
    /// There are too many to count them.
    TooMany,
}

impl Portrait {
    /// The values of a field that was asked for.
    pub(crate) fn values(&self, field: Field) -> Option<&Values> {
        self.values.iter().find(|(one, _)| *one == field).map(|(_, values)| values)
    }
}

/// Answers a query with all that a page shows of what is behind it. It is narrowed and recorded as [`super::search`]
/// is.
pub(crate) async fn portrait(
    app: &Arc<App>,
    caller: &Caller,
    mut query: Query,
    wanted: Wanted,
) -> Result<Portrait, Error> {
    let hidden = sight(caller).apply(&mut query)?;
    app.ledger.reading(app, caller).await?;
    let work = move |snapshot: &Snapshot, cancel: &Cancel| {
        let mut newest = run(snapshot, &query, cancel)?;
        strip(&hidden, &mut newest);
        let page = Page { limit: 1, start: Start::Offset(0) };
        let oldest = Query { order: Order::Oldest, page, wants_total: false, ..query.clone() };
        let mut first = run(snapshot, &oldest, cancel)?;
        strip(&hidden, &mut first);
        let values = |field: &Field| Ok((*field, values(snapshot, &query, (*field, &wanted, &hidden), cancel)?));
        Ok(Portrait {
            steps: histogram(snapshot, &query, wanted.steps, cancel)?,
            values: wanted.fields.iter().map(values).collect::<Result<_, Error>>()?,
            first: first.events.into_iter().next(),
            newest,
        })
    };
    let found = noting_damage(app, over_events(app, caller, work).await)?;
    app.ledger.read(app, caller, found.newest.events.len() as u64 + u64::from(found.first.is_some())).await;
    Ok(found)
}

fn values(
    snapshot: &Snapshot,
    query: &Query,
    (field, wanted, hidden): (Field, &Wanted, &Hidden),
    cancel: &Cancel,
) -> Result<Values, Error> {
    let field = FieldRef::Field(field);
    if hidden.check_field(&field).is_err() {
        return Ok(Values::Hidden);
    }
    match facet(snapshot, query, &field, wanted.values_max, cancel) {
        Ok(facet) => Ok(Values::Counted(facet)),
        Err(Error::TooLarge(_)) => Ok(Values::TooMany),
        Err(error) => Err(error),
    }
}
