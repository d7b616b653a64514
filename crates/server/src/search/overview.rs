//! What a page of the console shows of a query: events, their number, when they happened, of which kinds; all of one
//! moment.

use std::sync::Arc;

use trailbook_event::Field;
use trailbook_query::{Answer, Bucket, Cancel, Condition, Error, Facet, FieldRef, Query, Steps, facet, histogram, run};
use trailbook_store::Snapshot;

use super::{noting_damage, over_events, sight, strip};
use crate::app::App;
use crate::auth::Caller;

/// What is asked for beside the page of events.
pub(crate) struct Wanted {
    /// The steps of the histogram.
    pub(crate) steps: Steps,
    /// The kinds are those of this query, which lacks the condition on the kind.
    pub(crate) of_all_kinds: Query,
}

/// What was found.
pub(crate) struct Overview {
    pub(crate) answer: Answer,
    /// When they happened, of each outcome that occurs.
    pub(crate) histogram: Vec<(String, Vec<Bucket>)>,
    /// The types of targets, with how many events have them; nothing where the field is hidden or has too many values.
    pub(crate) kinds: Option<Facet>,
    /// How many events there are of all kinds.
    pub(crate) of_all_kinds: u64,
}

/// Kinds that are looked for.
const KINDS_MAX: usize = 1_000;

/// Answers a query with all that a page shows of it. It is narrowed and recorded as [`super::search`] is.
pub(crate) async fn overview(
    app: &Arc<App>,
    caller: &Caller,
    mut query: Query,
    mut wanted: Wanted,
) -> Result<Overview, Error> {
    let hidden = sight(caller).apply(&mut query)?;
    sight(caller).apply(&mut wanted.of_all_kinds)?;
    app.ledger.reading(app, caller).await?;
    let work = move |snapshot: &Snapshot, cancel: &Cancel| {
        let mut answer = run(snapshot, &query, cancel)?;
        strip(&hidden, &mut answer);
        let is_shown = |field: Field| hidden.check_field(&FieldRef::Field(field)).is_ok();
        let total = answer.total.unwrap_or_default();
        let histogram = match (total, is_shown(Field::Outcome)) {
            (0, _) => Vec::new(),
            (_, true) => by_outcome(snapshot, &query, wanted.steps, cancel)?,
            (_, false) => vec![(String::new(), histogram(snapshot, &query, wanted.steps, cancel)?)],
        };
        let kind = FieldRef::Field(Field::TargetType);
        let kinds = match is_shown(Field::TargetType) {
            true => facet(snapshot, &wanted.of_all_kinds, &kind, KINDS_MAX, cancel).ok(),
            false => None,
        };
        let is_of_all = query.conditions == wanted.of_all_kinds.conditions;
        let of_all_kinds = if is_of_all { total } else { count(snapshot, wanted.of_all_kinds, cancel)? };
        Ok(Overview { answer, histogram, kinds, of_all_kinds })
    };
    let found = noting_damage(app, over_events(app, caller, work).await)?;
    app.ledger.read(app, caller, found.answer.events.len() as u64).await;
    Ok(found)
}

/// The histogram of each outcome that occurs. The most frequent one is what the others leave of all.
fn by_outcome(
    snapshot: &Snapshot,
    query: &Query,
    steps: Steps,
    cancel: &Cancel,
) -> Result<Vec<(String, Vec<Bucket>)>, Error> {
    let outcomes = facet(snapshot, query, &FieldRef::Field(Field::Outcome), KINDS_MAX, cancel)?;
    let mut rest = histogram(snapshot, query, steps, cancel)?;
    let mut all = Vec::with_capacity(outcomes.values.len());
    for (outcome, _) in outcomes.values.iter().skip(1) {
        let mut of_outcome = query.clone();
        of_outcome.conditions.push(Condition::is(Field::Outcome, outcome.as_str()));
        let buckets = histogram(snapshot, &of_outcome, steps, cancel)?;
        for (left, taken) in rest.iter_mut().zip(&buckets) {
            left.events = left.events.saturating_sub(taken.events);
        }
        all.push((outcome.clone(), buckets));
    }
    if let Some((outcome, _)) = outcomes.values.into_iter().next() {
        all.insert(0, (outcome, rest));
    }
    Ok(all)
}

fn count(snapshot: &Snapshot, query: Query, cancel: &Cancel) -> Result<u64, Error> {
    let page = trailbook_query::Page { limit: 1, start: trailbook_query::Start::Offset(0) };
    Ok(run(snapshot, &Query { page, wants_total: true, ..query }, cancel)?.total.unwrap_or_default())
}
