//! How many matching events there are of each value of a field, and in each step of time.

use std::borrow::Cow;
use std::collections::HashMap;

use trailbook_event::limits::{FACET_VALUES_MAX, HISTOGRAM_STEPS_MAX};
use trailbook_event::{ContextKey, Field, canonical};
use trailbook_store::Snapshot;
use trailbook_store::segment::{ColumnName, RowReader, Values};

use super::matcher::Site;
use super::matching::Matching;
use super::{Cancel, Search, search};
use crate::{Error, FieldRef, Query};

/// The values of a field among matching events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facet {
    /// Values with how many events have them, the most frequent first, then by value.
    pub values: Vec<(String, u64)>,
    /// How many values there are in all.
    pub distinct: u64,
}

/// Steps of time, from a beginning on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    /// When the first begins, in nanoseconds since 1970.
    pub from_ns: i64,
    /// How long each is, in nanoseconds.
    pub step_ns: i64,
    /// How many there are.
    pub count: usize,
}

/// A step of time and its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// When it begins, in nanoseconds since 1970.
    pub from_ns: i64,
    /// How many matching events happened in it.
    pub events: u64,
}

/// Counts the values of a field: the `limit` most frequent. An event with several values counts for each.
///
/// More than [`FACET_VALUES_MAX`] distinct values are refused.
pub fn facet(
    snapshot: &Snapshot,
    query: &Query,
    field: &FieldRef,
    limit: usize,
    cancel: &Cancel,
) -> Result<Facet, Error> {
    let site = Site::of(field);
    let counts = search(snapshot, query, cancel, |search| search.facet(&site))?;
    let mut values = Vec::with_capacity(counts.len());
    for (value, count) in counts {
        values.push((unescaped(&value).into_owned(), count));
    }
    let distinct = values.len() as u64;
    values.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    values.truncate(limit);
    Ok(Facet { values, distinct })
}

/// Counts matching events by when they happened. Events outside of the steps are not counted.
///
/// More than [`HISTOGRAM_STEPS_MAX`] steps are refused.
pub fn histogram(snapshot: &Snapshot, query: &Query, steps: Steps, cancel: &Cancel) -> Result<Vec<Bucket>, Error> {
    if steps.count > HISTOGRAM_STEPS_MAX || steps.step_ns <= 0 {
        return Err(Error::TooLarge(format!("{} steps are more than {HISTOGRAM_STEPS_MAX}", steps.count)));
    }
    search(snapshot, query, cancel, |search| search.histogram(steps))
}

type Counts = HashMap<Vec<u8>, u64>;

fn add(counts: &mut Counts, value: &[u8], events: u64) -> Result<(), Error> {
    if let Some(count) = counts.get_mut(value) {
        *count += events;
        return Ok(());
    }
    if events > 0 {
        if counts.len() >= FACET_VALUES_MAX {
            return Err(Error::TooLarge(format!("the field has more than {FACET_VALUES_MAX} distinct values")));
        }
        counts.insert(value.to_vec(), events);
    }
    Ok(())
}

impl<'q> Search<'q> {
    fn facet(&self, site: &Site) -> Result<Counts, Error> {
        let mut counts = Counts::new();
        for row in self.tail.rows() {
            add_row(&mut counts, site, row)?;
        }
        for place in 0..self.places.len() {
            let Some(matching) = self.matching(place)? else { continue };
            self.facet_of(&matching, site, &mut counts)?;
        }
        Ok(counts)
    }

    fn facet_of(&self, matching: &Matching<'q>, site: &Site, counts: &mut Counts) -> Result<(), Error> {
        let segment = matching.place.segment()?;
        let rows = matching.selection.rows.clone();
        let name = match site {
            // A path is counted by its URL, cut at the first `?`.
            Site::Field(Field::RequestPath) => ColumnName::Field(Field::Context(ContextKey::RequestUrl)),
            Site::Field(field) => ColumnName::Field(*field),
            Site::Meta(path) => {
                if segment.opaque_meta()?.count_in(rows.clone())? > 0 {
                    return self.facet_by_row(matching, site, counts);
                }
                ColumnName::Meta(path.clone())
            }
        };
        let Some(column) = segment.column(&name) else { return Ok(()) };
        let Values::Listed(values, lists) = segment.values(column)? else {
            return self.facet_by_row(matching, site, counts);
        };
        let wanted = if matching.is_all() { None } else { Some(matching.bits()?) };
        let (mut values, mut lists) = (values.values(), lists.lists());
        while let Some((value, list)) = values.next()?.zip(lists.next()?) {
            let mut events = 0;
            match &wanted {
                None if rows.len() == segment.rows() as usize => events = list.len(),
                None => events = list.count_in(rows.clone())?,
                Some(bits) => list.for_each_in(rows.clone(), &mut |row| {
                    events += u32::from(bits.contains(row));
                    true
                })?,
            }
            add(counts, shown(site, value), u64::from(events))?;
        }
        Ok(())
    }

    /// Counts the values of a place by reading its rows, where the index does not list them.
    fn facet_by_row(&self, matching: &Matching<'q>, site: &Site, counts: &mut Counts) -> Result<(), Error> {
        let mut reader = RowReader::scan(matching.place.segment()?);
        for row in matching.ascending(matching.selection.rows.clone())? {
            add_row(counts, site, &reader.row(row?)?)?;
        }
        Ok(())
    }

    fn histogram(&self, steps: Steps) -> Result<Vec<Bucket>, Error> {
        let start = |step: usize| {
            let step = i64::try_from(step).unwrap_or(i64::MAX);
            steps.from_ns.saturating_add(steps.step_ns.saturating_mul(step))
        };
        let mut buckets: Vec<Bucket> =
            (0..steps.count).map(|step| Bucket { from_ns: start(step), events: 0 }).collect();
        let end = start(steps.count);
        for row in self.tail.rows() {
            if row.occurred_ns >= steps.from_ns && row.occurred_ns < end {
                let step = (i128::from(row.occurred_ns) - i128::from(steps.from_ns)) / i128::from(steps.step_ns);
                if let Some(bucket) = buckets.get_mut(usize::try_from(step).unwrap_or(usize::MAX)) {
                    bucket.events += 1;
                }
            }
        }
        for place in 0..self.places.len() {
            let Some(matching) = self.matching(place)? else { continue };
            add_place(&matching, &mut buckets, end)?;
        }
        Ok(buckets)
    }
}

/// Rows are sorted by time, so each step is a range of rows.
fn add_place(matching: &Matching<'_>, buckets: &mut [Bucket], end: i64) -> Result<(), Error> {
    let (min, max) = matching.place.part().occurred_ns;
    let rows = matching.selection.rows.clone();
    let mut bits = None;
    for at in 0..buckets.len() {
        let to = buckets.get(at + 1).map_or(end, |next| next.from_ns);
        let Some(bucket) = buckets.get_mut(at) else { continue };
        if max < bucket.from_ns || min >= to {
            continue;
        }
        let is_whole = min >= bucket.from_ns && max < to;
        if is_whole {
            bucket.events += matching.count()?;
            continue;
        }
        let range = matching.place.segment()?.rows_within(rows.clone(), (Some(bucket.from_ns), Some(to)))?;
        bucket.events += if matching.is_all() {
            u64::from(range.end - range.start)
        } else {
            let bits = match &bits {
                Some(bits) => bits,
                None => bits.insert(matching.bits()?),
            };
            u64::from(bits.count_in(range))
        };
    }
    Ok(())
}

/// What a facet shows of a listed value.
fn shown<'v>(site: &Site, value: &'v [u8]) -> &'v [u8] {
    match site {
        Site::Field(Field::RequestPath) => value.split(|byte| *byte == b'?').next().unwrap_or_default(),
        _ => value,
    }
}

fn add_row(counts: &mut Counts, site: &Site, row: &trailbook_store::Row<'_>) -> Result<(), Error> {
    match site {
        Site::Field(field) => {
            let mut values: Vec<&[u8]> = row.values(*field).map(|(_, value)| value).collect();
            values.sort_unstable();
            values.dedup();
            values.into_iter().try_for_each(|value| add(counts, value, 1))
        }
        Site::Meta(path) => {
            let mut found = row.values(Field::Meta).filter_map(|(_, meta)| canonical::scalar_at(meta, path));
            found.try_for_each(|value| add(counts, value, 1))
        }
    }
}

/// The text of a value as it stands in canonical bytes: escaped, without its quotation marks.
pub fn unescaped(value: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(value);
    if !text.contains('\\') {
        return text;
    }
    let quoted = format!("\"{text}\"");
    match trailbook_event::json::parse(quoted.as_bytes()) {
        Ok(trailbook_event::json::Value::String(text)) => text.into_owned().into(),
        _ => text,
    }
}
