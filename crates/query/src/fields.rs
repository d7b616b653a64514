//! The fields that conditions may name: one table, for parameters, documents and errors.

use trailbook_event::{ActorType, Channel, ContextKey, Field, Outcome, Severity};

use crate::FieldRef;

/// What is known of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldInfo {
    /// Its name.
    pub name: String,
    /// Other names that are understood.
    pub aliases: &'static [&'static str],
    /// The values that it can have, where they are few.
    pub values: Vec<&'static str>,
}

/// Every field but the paths of `meta`, in the order of their names.
pub fn all() -> impl Iterator<Item = FieldInfo> {
    Field::filterable().map(|(field, name)| FieldInfo { aliases: aliases(field), values: values(field), name })
}

/// The field of a name or an alias; `meta.` begins a path, in which `\.` is a dot of a key.
pub fn named(name: &str) -> Option<FieldRef> {
    if let Some(path) = name.strip_prefix("meta.") {
        return meta_path(path).map(FieldRef::Meta);
    }
    let by_alias = || Field::filterable().map(|(field, _)| field).find(|field| aliases(*field).contains(&name));
    Field::from_name(name).or_else(by_alias).map(FieldRef::Field)
}

/// The values that a field can have, where they are few.
pub fn values(field: Field) -> Vec<&'static str> {
    match field {
        Field::Severity => Severity::ALL.iter().map(|one| one.name()).collect(),
        Field::Outcome => Outcome::ALL.iter().map(|one| one.name()).collect(),
        Field::ActorType | Field::OnBehalfOfType => ActorType::ALL.iter().map(|one| one.name()).collect(),
        Field::Context(ContextKey::Channel) => Channel::ALL.iter().map(|one| one.name()).collect(),
        _ => Vec::new(),
    }
}

fn aliases(field: Field) -> &'static [&'static str] {
    match field {
        Field::ActorId => &["actor"],
        Field::ErrorName => &["error"],
        Field::OnBehalfOfId => &["on_behalf_of"],
        Field::TargetId => &["target", "targets.id"],
        Field::TargetName => &["targets.name"],
        Field::TargetType => &["targets.type"],
        Field::Context(ContextKey::Ip) => &["ip"],
        Field::Context(ContextKey::RequestId) => &["request_id"],
        _ => &[],
    }
}

fn meta_path(path: &str) -> Option<Vec<String>> {
    let mut segments = vec![String::new()];
    let mut chars = path.chars();
    while let Some(c) = chars.next() {
        match c {
            '.' => segments.push(String::new()),
            '\\' => segments.last_mut()?.push(chars.next()?),
            _ => segments.last_mut()?.push(c),
        }
    }
    segments.iter().all(|segment| !segment.is_empty()).then_some(segments)
}

#[cfg(test)]
mod tests {
    use super::{Field, FieldRef, all, named};

    #[test]
    fn every_name_and_alias_is_understood_and_stands_once() {
        let mut seen = std::collections::BTreeSet::new();
        for info in all() {
            let field = named(&info.name).unwrap();
            for name in info.aliases.iter().map(ToString::to_string).chain([info.name]) {
                assert_eq!(named(&name), Some(field.clone()), "{name}");
                assert!(seen.insert(name));
            }
        }
        assert_eq!(named("actor"), Some(FieldRef::Field(Field::ActorId)));
        assert_eq!(named("message"), None, "texts are searched, not filtered");
    }

    #[test]
    fn paths_of_meta() {
        let path = |keys: &[&str]| Some(FieldRef::Meta(keys.iter().map(ToString::to_string).collect()));
        assert_eq!(named("meta.env"), path(&["env"]));
        assert_eq!(named("meta.a.b"), path(&["a", "b"]));
        assert_eq!(named(r"meta.a\.b.c\\d"), path(&["a.b", r"c\d"]));
        for name in ["meta", "meta.", "meta.a..b", r"meta.a\"] {
            assert_eq!(named(name), None, "{name}");
        }
    }
}
