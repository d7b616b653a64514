//! Tabs by the type of targets, only those that occur.

use trailbook_query::Facet;

use super::row;
use super::view::View;
use crate::ui::time::grouped;

/// A tab: the type of targets.
pub(super) struct Tab {
    pub(super) label: String,
    pub(super) url: String,
    pub(super) count: String,
    pub(super) is_chosen: bool,
}

/// The kinds of things that are offered as tabs, by the names that Port gives them, in its order.
const KINDS: [(&str, &str); 8] = [
    ("entity", "Entities"),
    ("blueprint", "Blueprints"),
    ("action", "Actions"),
    ("automation", "Automations"),
    ("scorecard", "Scorecards"),
    ("run", "Runs"),
    ("integration", "Integrations"),
    ("secret", "Secrets"),
];
/// Other types that are offered, the most frequent.
const OTHER_KINDS_MAX: usize = 5;

/// The tabs of a view: the kinds that Port has, in its order, then the most frequent of others.
pub(super) fn tabs(view: &View, kinds: Option<Facet>, of_all: u64) -> Vec<Tab> {
    let found = kinds.map(|facet| facet.values).unwrap_or_default();
    let tab = |label: &str, kind: Option<&str>, count: u64| Tab {
        label: label.to_owned(),
        url: view.of_kind(kind).url(),
        count: grouped(count),
        is_chosen: view.kind.as_deref() == kind,
    };
    let count = |kind: &str| found.iter().find(|(one, _)| one == kind).map_or(0, |(_, count)| *count);
    let is_shown = |kind: &str| count(kind) > 0 || view.kind.as_deref() == Some(kind);
    let mut tabs = vec![tab("All", None, of_all)];
    tabs.extend(
        KINDS.iter().filter(|(kind, _)| is_shown(kind)).map(|(kind, label)| tab(label, Some(kind), count(kind))),
    );
    let others = found.iter().filter(|(kind, _)| KINDS.iter().all(|(known, _)| known != kind));
    for (kind, count) in others.take(OTHER_KINDS_MAX) {
        tabs.push(tab(&spaced(kind), Some(kind), *count));
    }
    if let Some(kind) = view.kind.as_deref().filter(|_| !tabs.iter().any(|tab| tab.is_chosen)) {
        tabs.push(tab(&spaced(kind), Some(kind), count(kind)));
    }
    if tabs.len() > 1 { tabs } else { Vec::new() }
}

/// `filestream_file` as `Filestream file`
fn spaced(kind: &str) -> String {
    let text = row::middle(&kind.replace(['_', '-'], " "), 32);
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
