//! What changed: the paths that were added, removed or changed between two JSON values; lists are compared by element.

use std::collections::HashMap;

use serde_json::Value;
use trailbook_event::limits::DIFF_PATHS_MAX;

/// A path that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    /// `spec.owner`, `members[jane]`, `steps[2]`
    pub(super) path: String,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
}

impl Change {
    /// `added`, `removed` or `changed`
    pub(super) fn kind(&self) -> &'static str {
        match (&self.before, &self.after) {
            (None, _) => "added",
            (_, None) => "removed",
            _ => "changed",
        }
    }
}

/// What differs, in the order of the paths; and whether there is more than fits.
pub(super) fn diff(before: Option<&Value>, after: Option<&Value>) -> (Vec<Change>, bool) {
    let mut diff = Diff { changes: Vec::new(), is_cut: false };
    diff.compare(String::new(), before, after);
    (diff.changes, diff.is_cut)
}

struct Diff {
    changes: Vec<Change>,
    is_cut: bool,
}

/// What names an element of a list of objects.
const NAMES: [&str; 6] = ["id", "identifier", "uid", "key", "name", "title"];

impl Diff {
    fn compare(&mut self, path: String, before: Option<&Value>, after: Option<&Value>) {
        match (before, after) {
            (None, None) => {}
            (Some(before), Some(after)) if before == after => {}
            (Some(Value::Object(before)), Some(Value::Object(after))) => {
                let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
                keys.sort_unstable();
                keys.dedup();
                for key in keys {
                    self.compare(joined(&path, key), before.get(key), after.get(key));
                }
            }
            (Some(Value::Array(before)), Some(Value::Array(after))) => self.compare_lists(&path, before, after),
            // What appears or goes as a whole is shown leaf by leaf.
            (None, Some(Value::Object(after))) if !after.is_empty() => {
                after.iter().for_each(|(key, value)| self.compare(joined(&path, key), None, Some(value)));
            }
            (Some(Value::Object(before)), None) if !before.is_empty() => {
                before.iter().for_each(|(key, value)| self.compare(joined(&path, key), Some(value), None));
            }
            (before, after) => self.add(path, before, after),
        }
    }

    fn add(&mut self, path: String, before: Option<&Value>, after: Option<&Value>) {
        if self.changes.len() == DIFF_PATHS_MAX {
            self.is_cut = true;
            return;
        }
        let path = if path.is_empty() { "value".to_owned() } else { path };
        self.changes.push(Change { path, before: before.map(shown), after: after.map(shown) });
    }

    /// Elements that have a name are compared by it; others by what they are, so that moving one shows nothing.
    fn compare_lists(&mut self, path: &str, before: &[Value], after: &[Value]) {
        if let (Some(before), Some(after)) = (by_name(before), by_name(after)) {
            for (name, value) in &before {
                let other = after.iter().find(|(other, _)| other == name).map(|(_, value)| *value);
                self.compare(format!("{path}[{name}]"), Some(value), other);
            }
            for (name, value) in after.iter().filter(|(name, _)| before.iter().all(|(other, _)| other != name)) {
                self.compare(format!("{path}[{name}]"), None, Some(value));
            }
            return;
        }
        let mut left: HashMap<String, usize> = HashMap::new();
        for value in after {
            *left.entry(value.to_string()).or_default() += 1;
        }
        let mut removed = Vec::new();
        for (at, value) in before.iter().enumerate() {
            match left.get_mut(&value.to_string()) {
                Some(count) if *count > 0 => *count -= 1,
                _ => removed.push((at, value)),
            }
        }
        let mut added = Vec::new();
        for (at, value) in after.iter().enumerate().rev() {
            if let Some(count) = left.get_mut(&value.to_string()).filter(|count| **count > 0) {
                *count -= 1;
                added.push((at, value));
            }
        }
        added.reverse();
        // An element that another took the place of is one that changed.
        for (at, value) in &removed {
            let other = added.iter().position(|(other, _)| other == at).map(|place| added.remove(place).1);
            self.compare(format!("{path}[{at}]"), Some(value), other);
        }
        for (at, value) in added {
            self.compare(format!("{path}[{at}]"), None, Some(value));
        }
        if removed.is_empty() && before.len() == after.len() {
            self.add(path.to_owned(), Some(&Value::Array(before.to_vec())), Some(&Value::Array(after.to_vec())));
        }
    }
}

/// The elements with their names, if each has one of its own.
fn by_name(list: &[Value]) -> Option<Vec<(String, &Value)>> {
    let key = NAMES.iter().find(|key| list.iter().all(|value| value.get(**key).is_some_and(Value::is_string)))?;
    let mut named = Vec::with_capacity(list.len());
    for value in list {
        let name = value.get(*key)?.as_str()?.to_owned();
        if named.iter().any(|(other, _)| *other == name) {
            return None;
        }
        named.push((name, value));
    }
    Some(named)
}

fn joined(path: &str, key: &str) -> String {
    let is_plain = !key.is_empty() && !key.contains(['.', '[', ']']);
    match (path.is_empty(), is_plain) {
        (true, true) => key.to_owned(),
        (false, true) => format!("{path}.{key}"),
        (_, false) => format!("{path}[{key:?}]"),
    }
}

/// A value as people read it: a string without its quotes.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(before: Value, after: Value) -> Vec<String> {
        let (changes, _) = diff(Some(&before).filter(|v| !v.is_null()), Some(&after).filter(|v| !v.is_null()));
        let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "–".to_owned());
        changes
            .iter()
            .map(|one| format!("{} {}: {} → {}", one.kind(), one.path, side(&one.before), side(&one.after)))
            .collect()
    }

    #[test]
    fn paths_are_added_removed_and_changed() {
        assert_eq!(
            lines(
                json!({"spec": {"owner": "platform", "old": 1}, "same": [1, {"a": 2}]}),
                json!({"spec": {"owner": "payments", "new": {"a": true, "b.c": null}}, "same": [1, {"a": 2}]})
            ),
            [
                "added spec.new.a: – → true",
                "added spec.new[\"b.c\"]: – → null",
                "removed spec.old: 1 → –",
                "changed spec.owner: platform → payments",
            ]
        );
        assert_eq!(lines(json!(null), json!({"a": 1})), ["added a: – → 1"]);
        assert_eq!(lines(json!({"a": 1}), json!(null)), ["removed a: 1 → –"]);
        assert_eq!(lines(json!("x"), json!("y")), ["changed value: x → y"]);
    }

    #[test]
    fn lists_are_compared_by_element() {
        assert_eq!(
            lines(json!({"tags": ["a", "b", "c"]}), json!({"tags": ["c", "a", "d"]})),
            ["removed tags[1]: b → –", "added tags[2]: – → d"]
        );
        assert_eq!(
            lines(
                json!({"members": [{"id": "jane", "role": "admin"}, {"id": "bob", "role": "member"}]}),
                json!({"members": [{"id": "bob", "role": "admin"}, {"id": "zoe", "role": "member"}]})
            ),
            [
                "removed members[jane].id: jane → –",
                "removed members[jane].role: admin → –",
                "changed members[bob].role: member → admin",
                "added members[zoe].id: – → zoe",
                "added members[zoe].role: – → member",
            ]
        );
        assert_eq!(lines(json!([1, 2]), json!([2, 1])), ["changed value: [1,2] → [2,1]"]);
        assert_eq!(lines(json!([1, 2]), json!([1, 3])), ["changed [1]: 2 → 3"]);
    }

    #[test]
    fn a_diff_has_a_limit() {
        let many = |count: usize| Value::Object((0..count).map(|at| (format!("k{at}"), json!(at))).collect());
        let (changes, is_cut) = diff(None, Some(&many(DIFF_PATHS_MAX)));
        assert_eq!((changes.len(), is_cut), (DIFF_PATHS_MAX, false));
        let (changes, is_cut) = diff(None, Some(&many(DIFF_PATHS_MAX + 1)));
        assert_eq!((changes.len(), is_cut), (DIFF_PATHS_MAX, true));
    }
}
