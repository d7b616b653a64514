//! What the URL of a list of the settings asks for: which of its rows, which page of them, and what was just done.

use trailbook_event::limits::PEOPLE_ON_PAGE_MAX;

use crate::ui::visit::encoded;
use crate::url;

/// The parameters of a list. What is malformed counts as absent: such a URL is nobody's but a typing error.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// What rows are to contain.
    pub(super) q: String,
    /// What was done by the form that led here, a word that the page knows.
    pub(super) done: String,
    /// Whether rows are shown that are over and done with.
    pub(super) is_all: bool,
    page: usize,
}

/// The rows of a list that are on one page of it.
pub(super) struct Paged<'a, T> {
    pub(super) rows: &'a [T],
    pub(super) total: usize,
    /// The number of the first row, counted from 1; 0 where there is none.
    pub(super) first: usize,
    /// The URL of the rows before these.
    pub(super) earlier: Option<String>,
    /// The URL of the rows after these.
    pub(super) later: Option<String>,
}

impl Asked {
    pub(super) fn of(query: Option<&str>) -> Self {
        let mut asked = Self::default();
        for (name, value) in url::pairs(query).unwrap_or_default() {
            match name.as_str() {
                "q" => asked.q = value.trim().to_owned(),
                "done" => asked.done = value,
                "all" => asked.is_all = true,
                "page" => asked.page = value.parse().unwrap_or(1),
                _ => {}
            }
        }
        asked
    }

    /// Whether any of these texts contains what is asked for.
    pub(super) fn is_in(&self, texts: &[&str]) -> bool {
        let q = self.q.to_lowercase();
        q.is_empty() || texts.iter().any(|text| text.to_lowercase().contains(&q))
    }

    /// The sentence that says what was done.
    pub(super) fn said(&self, sentences: &[(&str, &'static str)]) -> Option<&'static str> {
        sentences.iter().find(|(word, _)| *word == self.done).map(|(_, sentence)| *sentence)
    }

    /// The page of a list that is asked for, or its last one.
    pub(super) fn page_of<'a, T>(&self, path: &str, all: &'a [T]) -> Paged<'a, T> {
        let pages = all.len().div_ceil(PEOPLE_ON_PAGE_MAX).max(1);
        let page = self.page.clamp(1, pages);
        let rows = all.chunks(PEOPLE_ON_PAGE_MAX).nth(page - 1).unwrap_or_default();
        let q = if self.q.is_empty() { String::new() } else { format!("&q={}", encoded(&self.q)) };
        let rest = if self.is_all { q + "&all=1" } else { q };
        let url = |page: usize| format!("{path}?page={page}{rest}");
        Paged {
            rows,
            total: all.len(),
            first: if rows.is_empty() { 0 } else { (page - 1) * PEOPLE_ON_PAGE_MAX + 1 },
            earlier: (page > 1).then(|| url(page - 1)),
            later: (page < pages).then(|| url(page + 1)),
        }
    }
}

impl<T> Paged<'_, T> {
    /// The number of the last row, counted from 1.
    pub(super) fn last(&self) -> usize {
        (self.first + self.rows.len()).saturating_sub(1)
    }

    /// Whether there is more than this page.
    pub(super) fn is_part(&self) -> bool {
        self.rows.len() < self.total
    }
}
