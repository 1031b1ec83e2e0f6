//! A list as a tab makes it: columns and rows, of which some are shown, in some order.

use crate::stats::Interval;

/// A list.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Entry>,
    /// What is said if there is no row.
    pub(super) empty: String,
    /// What the signs in the cells mean, where they do not speak for themselves.
    pub(super) key: String,
}

/// A column.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) title: String,
    pub(super) kind: Kind,
    /// Where there is no room, the column of the greatest number is left out first; none of 0 is.
    pub(super) spare: u8,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Words, from the left; cut where there is no room.
    Words,
    /// Numbers, from the right.
    Number,
    /// A score and its interval, drawn as a line in the room that is left.
    Strip,
}

/// A cell.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Words(String),
    /// By which it is sorted, and as it is shown.
    Number(Option<f64>, String),
    /// A score, and its interval.
    Strip(Option<f64>, Option<Interval>),
}

/// A row.
#[derive(Debug)]
pub(super) struct Entry {
    /// What stays the same when its numbers change.
    pub(super) key: String,
    pub(super) cells: Vec<Cell>,
    pub(super) tone: Tone,
}

/// How a row looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Good,
    Bad,
    Faint,
}

/// What of a list is shown.
#[derive(Debug, Clone, Default)]
pub(super) struct View {
    /// Words that a row must have.
    pub(super) filter: String,
    /// The column by which rows are sorted; `None` for their own order.
    pub(super) sort: Option<usize>,
    /// Whether the greatest come first.
    pub(super) falls: bool,
    /// The row that is chosen: its place, and its key.
    at: usize,
    key: String,
}

impl Column {
    pub(super) fn new(title: impl Into<String>, kind: Kind, spare: u8) -> Self {
        Self { title: title.into(), kind, spare }
    }
}

impl Cell {
    pub(super) fn words(text: impl Into<String>) -> Self {
        Self::Words(text.into())
    }

    /// A number that is shown with so many decimals.
    pub(super) fn score(number: Option<f64>, decimals: usize) -> Self {
        Self::Number(number, crate::text::signed_or_dash(number, decimals))
    }

    pub(super) fn count(number: u64) -> Self {
        Self::Number(Some(number as f64), number.to_string())
    }

    fn text(&self) -> &str {
        match self {
            Self::Words(text) | Self::Number(_, text) => text,
            Self::Strip(..) => "",
        }
    }
}

impl View {
    /// The rows that are shown, in their order.
    pub(super) fn shown<'a>(&self, listing: &'a Listing) -> Vec<&'a Entry> {
        let words: Vec<String> = self.filter.split_whitespace().map(str::to_lowercase).collect();
        let has_words = |entry: &&Entry| {
            let text = entry.cells.iter().map(Cell::text).collect::<Vec<_>>().join(" ").to_lowercase();
            words.iter().all(|word| text.contains(word))
        };
        let mut shown: Vec<&Entry> = listing.rows.iter().filter(has_words).collect();
        if let Some(column) = self.sort {
            shown.sort_by(|a, b| match (a.cells.get(column), b.cells.get(column)) {
                (Some(Cell::Words(a)), Some(Cell::Words(b))) => {
                    if self.falls {
                        b.cmp(a)
                    } else {
                        a.cmp(b)
                    }
                }
                (Some(a), Some(b)) => self.rank(a).total_cmp(&self.rank(b)),
                _ => std::cmp::Ordering::Equal,
            });
        } else if self.falls {
            shown.reverse();
        }
        shown
    }

    /// What has no number comes last, whichever way.
    fn rank(&self, cell: &Cell) -> f64 {
        match cell {
            Cell::Number(Some(number), _) | Cell::Strip(Some(number), _) => {
                if self.falls {
                    -number
                } else {
                    *number
                }
            }
            _ => f64::INFINITY,
        }
    }

    /// The place of the row that is chosen: it is found again wherever it went.
    pub(super) fn chosen(&self, shown: &[&Entry]) -> usize {
        let found = shown.iter().position(|entry| entry.key == self.key);
        found.unwrap_or(self.at.min(shown.len().saturating_sub(1)))
    }

    /// Chooses the row so many places on, or before.
    pub(super) fn step(&mut self, listing: &Listing, by: isize) {
        let shown = self.shown(listing);
        self.at = self.chosen(&shown).saturating_add_signed(by).min(shown.len().saturating_sub(1));
        self.key = shown.get(self.at).map(|entry| entry.key.clone()).unwrap_or_default();
    }

    /// Sorts by the next column; after the last, rows have their own order again. Numbers fall at first, words rise.
    pub(super) fn sort_by_next(&mut self, listing: &Listing) {
        let next = self.sort.map_or(0, |column| column + 1);
        self.sort = (next < listing.columns.len()).then_some(next);
        self.falls = self.sort.is_some_and(|column| listing.columns[column].kind != Kind::Words);
    }
}
