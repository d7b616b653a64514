//! What the server counts, in the Prometheus text format.

use std::fmt::Write as _;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use trailbook_store::{Store, Work};

/// The counters. Cheap to copy: copies count together.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    pub(crate) requests: Family<RequestLabels, Counter>,
    pub(crate) request_seconds: Family<FamilyLabel, Histogram, fn() -> Histogram>,
    pub(crate) events: Family<ResultLabel, Counter>,
    pub(crate) excluded: Family<RuleLabel, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RequestLabels {
    pub(crate) api: &'static str,
    pub(crate) status: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct FamilyLabel {
    pub(crate) api: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ResultLabel {
    pub(crate) result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RuleLabel {
    pub(crate) rule: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct WorkLabel {
    pub(crate) work: &'static str,
}

fn seconds() -> Histogram {
    Histogram::new([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])
}

impl Metrics {
    /// Counters at zero; every rule is there from the start, so that a rule that never matched shows.
    pub(crate) fn new<'a>(rules: impl Iterator<Item = &'a str>) -> Self {
        let metrics = Self {
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(seconds),
            events: Family::default(),
            excluded: Family::default(),
        };
        for rule in rules {
            let _ = metrics.excluded.get_or_create(&RuleLabel { rule: rule.to_owned() });
        }
        for result in ["recorded", "repeated", "dropped", "not_audit"] {
            let _ = metrics.events.get_or_create(&ResultLabel { result });
        }
        metrics
    }

    /// Counts what became of events.
    pub(crate) fn count_events(&self, result: &'static str, events: u64) {
        if events > 0 {
            self.events.get_or_create(&ResultLabel { result }).inc_by(events);
        }
    }

    /// The page that Prometheus reads.
    pub(crate) fn text(&self, store: &Store) -> String {
        let mut registry = Registry::with_prefix("trailbook");
        registry.register("http_requests", "Answered requests", self.requests.clone());
        registry.register("http_request_seconds", "Time to an answer", self.request_seconds.clone());
        registry.register("events", "Events that were sent, by what became of them", self.events.clone());
        registry.register("events_excluded", "Events that an exclusion rule kept out", self.excluded.clone());
        let commits = store.commits();
        let counter = |value: u64| -> Counter<u64, AtomicU64> {
            let counter = Counter::default();
            counter.inc_by(value);
            counter
        };
        registry.register("commits", "Transactions of the journal", counter(commits.count));
        registry.register("commit_microseconds", "Time that they took in all", counter(commits.micros));
        let micros = Family::<WorkLabel, Counter>::default();
        for work in Work::ALL {
            micros.get_or_create(&WorkLabel { work: work.name() }).inc_by(store.work_micros(work));
        }
        registry.register("work_microseconds", "Processor time of what goes on behind requests", micros);
        let (_, hits, misses) = store.page_cache();
        registry.register("page_cache_hits", "Reads of a page that was in memory", counter(hits));
        registry.register("page_cache_misses", "Reads of a page that went to its file", counter(misses));
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &registry);
        let end = text.rfind("# EOF").unwrap_or(text.len());
        text.truncate(end);
        for (name, help, value) in gauges(store) {
            let _ = write!(text, "# HELP trailbook_{name} {help}.\n# TYPE trailbook_{name} gauge\n");
            let _ = writeln!(text, "trailbook_{name} {value}");
        }
        text.push_str("# EOF\n");
        text
    }
}

/// What is so now: name, meaning, value.
fn gauges(store: &Store) -> [(&'static str, &'static str, u64); 10] {
    let (events, bytes) = store.recent_size();
    let (segments, segment_events, segment_bytes) = store.segments_size();
    let (cache_bytes, _, _) = store.page_cache();
    [
        ("recent_events", "Events in memory that no segment has yet", events),
        ("recent_bytes", "What they take", bytes),
        ("appends_waiting", "Writes that wait for their commit", store.appends_waiting() as u64),
        ("entries_waiting", "Events that are under no published checkpoint yet", store.entries_waiting()),
        ("segments", "Segments on disk", segments),
        ("segment_events", "Their events", segment_events),
        ("segment_bytes", "The bytes of their files", segment_bytes),
        ("page_cache_bytes", "Pages of segment files in memory", cache_bytes),
        ("damaged_files", "Files that were found missing or damaged since the start", store.damage().len() as u64),
        (
            "disk_low",
            "1 while the reserve of the disk is touched and new events are refused",
            store.is_disk_low().into(),
        ),
    ]
}
