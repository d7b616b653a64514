//! What a column of a segment holds: the values of a field, or those at a path of `meta`.

use trailbook_event::Field;

/// The name of a column.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ColumnName {
    /// The values of a field. Those of `meta` are whole objects, of events whose `meta` is stored as it is.
    Field(Field),
    /// The scalars at a path of `meta`: keys as canonical bytes have them, without quotes.
    Meta(Vec<Vec<u8>>),
    /// Whole events that are stored as they are.
    Event,
}

const META: u8 = b'm';
const FIELD: u8 = b'f';
const EVENT: u8 = b'e';
const KEY_END: u8 = b'\n';

impl ColumnName {
    /// Stands in a path for "any element of this array". No key can be a plain tab: it would be escaped.
    pub(crate) const ELEMENT: &'static [u8] = b"\t";

    pub(crate) fn field(&self) -> Option<Field> {
        match self {
            ColumnName::Field(field) => Some(*field),
            _ => None,
        }
    }

    /// Whether a condition can name it.
    pub(crate) fn is_filterable(&self) -> bool {
        match self {
            ColumnName::Field(field) => field.is_filterable(),
            ColumnName::Meta(path) => !path.iter().any(|key| key == Self::ELEMENT),
            ColumnName::Event => false,
        }
    }

    /// The stored form.
    ///
    /// ```text
    /// NAME := 'f' name of the field | 'm' (key 0x0a)* | 'e'
    /// ```
    pub(crate) fn write(&self) -> Vec<u8> {
        match self {
            ColumnName::Field(field) => [&[FIELD], field.name().as_bytes()].concat(),
            ColumnName::Meta(path) => {
                let mut out = vec![META];
                for key in path {
                    out.extend_from_slice(key);
                    out.push(KEY_END);
                }
                out
            }
            ColumnName::Event => vec![EVENT],
        }
    }

    /// Reads a stored name.
    pub(crate) fn read(stored: &[u8]) -> Option<Self> {
        let (kind, rest) = stored.split_first()?;
        match *kind {
            FIELD => Field::of_name(std::str::from_utf8(rest).ok()?).map(ColumnName::Field),
            META => {
                let keys = rest.strip_suffix(&[KEY_END])?;
                Some(ColumnName::Meta(keys.split(|byte| *byte == KEY_END).map(<[u8]>::to_vec).collect()))
            }
            EVENT if rest.is_empty() => Some(ColumnName::Event),
            _ => None,
        }
    }
}

impl std::fmt::Display for ColumnName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ColumnName::Field(field) => f.write_str(&field.name()),
            ColumnName::Meta(path) => {
                f.write_str("meta")?;
                path.iter().try_for_each(|key| write!(f, ".{}", String::from_utf8_lossy(key)))
            }
            ColumnName::Event => f.write_str("whole events"),
        }
    }
}
