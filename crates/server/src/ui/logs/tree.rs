//! A JSON value as a tree whose branches fold, as a list of what a template writes one after the other.

use serde_json::Value;
use trailbook_event::limits::DIFF_PATHS_MAX;

/// A piece of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// A branch begins: its key, and how many members it has.
    Open { key: String, members: usize },
    /// It ends.
    Close,
    /// A value that has no members.
    Leaf { key: String, value: String, kind: &'static str },
    /// What does not fit is left out.
    Cut,
}

/// The pieces of the members of a value.
pub(super) fn pieces(value: &Value) -> Vec<Piece> {
    let mut pieces = Vec::new();
    members(value, &mut pieces);
    pieces
}

fn members(value: &Value, pieces: &mut Vec<Piece>) {
    match value {
        Value::Object(object) => object.iter().for_each(|(key, value)| piece(key.clone(), value, pieces)),
        Value::Array(list) => list.iter().enumerate().for_each(|(at, value)| piece(at.to_string(), value, pieces)),
        _ => {}
    }
}

fn piece(key: String, value: &Value, pieces: &mut Vec<Piece>) {
    if pieces.len() >= DIFF_PATHS_MAX {
        if pieces.last() != Some(&Piece::Cut) {
            pieces.push(Piece::Cut);
        }
        return;
    }
    let count = match value {
        Value::Object(object) => object.len(),
        Value::Array(list) => list.len(),
        _ => 0,
    };
    if count > 0 {
        pieces.push(Piece::Open { key, members: count });
        members(value, pieces);
        pieces.push(Piece::Close);
        return;
    }
    let (value, kind) = match value {
        Value::String(text) => (text.clone(), "text"),
        Value::Number(number) => (number.to_string(), "number"),
        other => (other.to_string(), "word"),
    };
    pieces.push(Piece::Leaf { key, value, kind });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_branch_that_opens_closes_also_where_it_is_cut() {
        let value = json!({"a": [1, {"b": "c"}], "d": {}});
        assert_eq!(pieces(&value).len(), 7, "{:?}", pieces(&value));
        let many: Vec<_> = (0..DIFF_PATHS_MAX).map(|at| json!([at])).collect();
        let pieces = pieces(&json!({"many": many}));
        let count = |wanted: fn(&Piece) -> bool| pieces.iter().filter(|piece| wanted(piece)).count();
        assert_eq!(count(|p| matches!(p, Piece::Open { .. })), count(|p| matches!(p, Piece::Close)));
        assert!(pieces.contains(&Piece::Cut) && pieces.len() < DIFF_PATHS_MAX + 8);
    }
}
