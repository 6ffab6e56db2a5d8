//! What a page shows of a board, in pieces: what changed is told piece by piece.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::Board;

/// A board and what a page shows of it.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Counts up with every picture that differs.
    pub version: u64,
    /// The board.
    pub board: Board,
    /// What the page shows.
    pub picture: Picture,
}

/// A board as pieces of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Picture {
    /// The class in a sentence.
    pub summary: String,
    /// A table for each lab.
    pub tables: Vec<Table>,
}

/// One lab as pieces of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// The lab's id.
    pub id: String,
    /// The lab in a sentence.
    pub about: String,
    /// The counts below the rows, as HTML.
    pub counts: String,
    /// The rows in order: the student, and the row as HTML.
    pub rows: Vec<(String, String)>,
}

impl Picture {
    /// What a page has to change that shows another picture; everything where that is none.
    #[must_use]
    pub fn since(&self, before: Option<&Self>) -> Value {
        let tables = self.tables.iter().map(|table| {
            let old = before.and_then(|b| b.tables.iter().find(|t| t.id == table.id));
            table.since(old)
        });
        json!({"summary": self.summary, "tables": tables.collect::<Vec<_>>()})
    }
}

impl Table {
    fn since(&self, before: Option<&Self>) -> Value {
        let old: HashMap<&str, &str> = before
            .into_iter()
            .flat_map(|b| &b.rows)
            .map(|(id, row)| (id.as_str(), row.as_str()))
            .collect();
        let new = self
            .rows
            .iter()
            .filter(|(id, row)| old.get(id.as_str()) != Some(&row.as_str()));
        let rows: serde_json::Map<String, Value> =
            new.map(|(id, row)| (id.clone(), json!(row))).collect();
        let order = |table: &Self| {
            table
                .rows
                .iter()
                .map(|(id, _)| id.clone())
                .collect::<Vec<_>>()
        };
        let now = order(self);
        let moved = before.map(order).as_ref() != Some(&now);
        json!({
            "id": self.id, "about": self.about, "counts": self.counts, "rows": rows,
            "order": moved.then_some(now),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(rows: &[(&str, &str)]) -> Picture {
        let rows = rows.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
        Picture {
            summary: "all".to_owned(),
            tables: vec![Table {
                id: "project".to_owned(),
                rows: rows.collect(),
                ..Table::default()
            }],
        }
    }

    #[test]
    fn only_what_differs_is_told() {
        let before = picture(&[("a", "1"), ("b", "1")]);
        let told = picture(&[("a", "1"), ("b", "2")]).since(Some(&before));
        assert_eq!(told["tables"][0]["rows"], json!({"b": "2"}));
        assert_eq!(told["tables"][0]["order"], Value::Null);
        let told = picture(&[("b", "1"), ("a", "1")]).since(Some(&before));
        assert_eq!(told["tables"][0]["rows"], json!({}));
        assert_eq!(told["tables"][0]["order"], json!(["b", "a"]));
        let told = before.since(None);
        assert_eq!(told["tables"][0]["rows"], json!({"a": "1", "b": "1"}));
    }
}
