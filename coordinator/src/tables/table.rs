//! A table: typed columns over cells, and what people see of it. Knows nothing of what it shows, nor of how it is written.
//!
//! Programs get every column by itself, with every digit. People get a view: some columns are left out, and some are shown in
//! pairs, `mean ± sd` or `[low, high]`.

use crate::plan::AxisValue;
use crate::text::{fixed, measured, one_line};
use proto::ids::JobId;

/// A table with what stands above and beneath it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// What a row is, in the plural: `candidates`, `jobs`, ...
    pub rows_name: &'static str,
    /// One line for people.
    pub title: String,
    /// Facts about the whole table, for programs: the sweep's name first.
    pub head: Vec<(&'static str, Cell)>,
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows, each with a cell for every column.
    pub rows: Vec<Vec<Cell>>,
    /// Cells that stand out, as (row, column), in ascending order: the best score of a metric, and those not told apart from it.
    pub strong: Vec<(usize, usize)>,
    /// The rows that people see, in their order; all, if `None`.
    pub listed: Option<Vec<usize>>,
    /// How to read the table, for people: a sentence each.
    pub notes: Vec<String>,
    /// What the table says, for people: a sentence each.
    pub answer: Vec<String>,
    /// Names of the columns that people can do without where there is no room for all: the first to go first.
    pub spare: Vec<String>,
    /// Where it is shown.
    pub frame: Frame,
}

/// What is around a table for people.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frame {
    /// Columns of the terminal; `None` if nothing limits a line.
    pub width: Option<usize>,
    /// Its caption in LaTeX, as it is written there.
    pub caption: Option<String>,
    /// Its label in LaTeX.
    pub label: Option<String>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name: the same in every format, and stable.
    pub name: String,
    /// How people read it.
    pub kind: Kind,
    /// What people see of it.
    pub show: Show,
}

impl Column {
    /// A column that people see under its name.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self { name: name.into(), kind, show: Show::Plainly }
    }

    /// Its title for people.
    #[must_use]
    pub fn title(&self) -> &str {
        match self.show {
            Show::Plainly | Show::Nothing | Show::NamedSpread => &self.name,
            Show::As(title) | Show::Spread(title) | Show::Interval(title) => title,
        }
    }

    /// Whether people see it and the next column as one.
    #[must_use]
    pub fn takes_the_next(&self) -> bool {
        matches!(self.show, Show::Spread(_) | Show::NamedSpread | Show::Interval(_))
    }

    /// The column, shown otherwise.
    #[must_use]
    pub fn shown(self, show: Show) -> Self {
        Self { show, ..self }
    }
}

/// What people see of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// The column, under its name.
    Plainly,
    /// The column, under this title.
    As(&'static str),
    /// Nothing.
    Nothing,
    /// This column and the next as `mean ± sd`, under the title.
    Spread(&'static str),
    /// This column and the next as `mean ± sd`, under the column's name.
    NamedSpread,
    /// This column and the next as `[low, high]`, under the title.
    Interval(&'static str),
}

/// A table as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The columns' titles, and whether they are aligned at their right edges.
    pub titles: Vec<(String, bool)>,
    /// The rows: a piece for every title, and whether it stands out.
    pub rows: Vec<Vec<(Piece, bool)>>,
}

/// A cell, or two, as people see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// No value.
    Nothing,
    /// An id, of which people need the first digits.
    Id(JobId),
    /// Words, on one line.
    Text(String),
    /// A number.
    Number(String),
    /// A mean and its deviation, if there is one.
    Spread(String, Option<String>),
    /// The ends of an interval.
    Interval(String, String),
}

impl Piece {
    fn of(show: Show, cell: &Cell, next: Option<&Cell>, kind: Kind) -> Self {
        let number = |cell: &Cell| (*cell != Cell::Empty).then(|| cell.shown(kind));
        match (show, cell, next.and_then(number)) {
            (_, Cell::Empty, _) | (Show::Interval(_), _, None) => Self::Nothing,
            (Show::Spread(_) | Show::NamedSpread, mean, sd) => Self::Spread(mean.shown(kind), sd),
            (Show::Interval(_), low, Some(high)) => Self::Interval(low.shown(kind), high),
            (_, Cell::Integer(_) | Cell::Real(_), _) => Self::Number(cell.shown(kind)),
            (_, Cell::Id(id), _) => Self::Id(*id),
            (_, Cell::Text(_), _) => Self::Text(cell.shown(kind)),
        }
    }
}

impl std::fmt::Display for Piece {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nothing => f.write_str("-"),
            Self::Id(id) => f.write_str(&id.short()),
            Self::Text(text) | Self::Number(text) | Self::Spread(text, None) => f.write_str(text),
            Self::Spread(mean, Some(sd)) => write!(f, "{mean} ± {sd}"),
            Self::Interval(low, high) => write!(f, "[{low}, {high}]"),
        }
    }
}

impl Table {
    /// What people see of the table.
    #[must_use]
    pub fn view(&self) -> View {
        let places: Vec<_> = self.shown().map(|place| (place, &self.columns[place])).collect();
        let titles = places.iter().map(|(_, column)| (column.title().to_owned(), column.kind.is_number())).collect();
        let places: Vec<_> =
            places.into_iter().map(|(place, column)| (place, column, self.seen_as(place, column.kind))).collect();
        let piece = |row: &[Cell], (place, column, kind): &(usize, &Column, Kind)| {
            let cell = row.get(*place).unwrap_or(&Cell::Empty);
            Piece::of(column.show, cell, row.get(place + 1), *kind)
        };
        let seen = |row: usize| {
            let is_strong = |place: usize| self.strong.binary_search(&(row, place)).is_ok();
            places.iter().map(|place| (piece(&self.rows[row], place), is_strong(place.0))).collect()
        };
        let rows = match &self.listed {
            None => (0..self.rows.len()).map(seen).collect(),
            Some(listed) => listed.iter().copied().map(seen).collect(),
        };
        View { titles, rows }
    }
}

impl Table {
    /// The places of the columns that people see; of two that are seen as one, the first.
    pub(super) fn shown(&self) -> impl Iterator<Item = usize> {
        let mut is_second = false;
        let is_shown = move |column: &Column| {
            let is_shown = !is_second && column.show != Show::Nothing;
            is_second = is_shown && column.takes_the_next();
            is_shown
        };
        let shown: Vec<bool> = self.columns.iter().map(is_shown).collect();
        (0..shown.len()).filter(move |place| shown[*place])
    }

    /// Keeps a column, and the one that is seen with it, from people.
    pub(super) fn hide(&mut self, place: usize) {
        let last = if self.columns[place].takes_the_next() { place + 1 } else { place };
        self.columns[place..=last].iter_mut().for_each(|column| column.show = Show::Nothing);
    }

    /// The kind by which people see a column: scores that are all too small or too large for decimals are measured numbers.
    fn seen_as(&self, place: usize, kind: Kind) -> Kind {
        let sizes = self.rows.iter().filter_map(|row| match row.get(place) {
            Some(Cell::Real(number)) => Some(number.abs()),
            _ => None,
        });
        let largest = sizes.fold(0.0, f64::max);
        if kind == Kind::Score && !(0.01..1e6).contains(&largest) { Kind::Measured } else { kind }
    }
}

/// How a column is shown to people; programs get every digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An id, of which people need the first digits.
    Id,
    /// Words.
    Text,
    /// A number in full, such as a count, a seed or a setting.
    Exact,
    /// A measured number, of which four digits matter.
    Measured,
    /// A measured number that stands among others of its size: all have the same decimals.
    Score,
    /// A duration in seconds, of which one decimal matters.
    Seconds,
}

impl Kind {
    /// The kind of an axis, by one of its values.
    #[must_use]
    pub fn of(value: Option<&AxisValue>) -> Self {
        match value {
            Some(AxisValue::Integer(_) | AxisValue::Real(_)) => Self::Exact,
            Some(AxisValue::Name(_)) | None => Self::Text,
        }
    }

    /// Whether the column is aligned at its right edge.
    #[must_use]
    pub fn is_number(self) -> bool {
        matches!(self, Self::Exact | Self::Measured | Self::Score | Self::Seconds)
    }
}

/// A value in a table.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Not known, or not defined.
    Empty,
    /// An id.
    Id(JobId),
    /// Words.
    Text(String),
    /// A whole number.
    Integer(u64),
    /// A finite number.
    Real(f64),
}

impl Cell {
    /// The cell as programs read it; nothing for an empty one.
    #[must_use]
    pub fn exact(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Id(id) => id.to_string(),
            Self::Text(text) => text.clone(),
            Self::Integer(number) => number.to_string(),
            Self::Real(number) => AxisValue::Real(clean(*number)).to_string(),
        }
    }

    /// The cell as people read it, on one line.
    #[must_use]
    pub fn shown(&self, kind: Kind) -> String {
        match (self, kind) {
            (Self::Empty, _) => "-".to_owned(),
            (Self::Real(number), Kind::Measured) => measured(*number),
            (Self::Real(number), Kind::Score) => fixed(*number),
            (Self::Real(number), Kind::Seconds) => format!("{number:.1}"),
            (Self::Text(text), _) => one_line(text),
            _ => self.exact(),
        }
    }
}

/// The number; where it is a short decimal but for the rounding of a sum or a mean, as 0.5085000000000001 is, that decimal.
#[must_use]
pub fn clean(number: f64) -> f64 {
    /// Digits by which the decimal must be shorter.
    const FEWER: usize = 3;
    let rounded: f64 = format!("{number:.14e}").parse().unwrap_or(number);
    let digits = |number: f64| format!("{number:e}").len();
    if digits(rounded) + FEWER <= digits(number) { rounded } else { number }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Self::Integer(number)
    }
}

impl From<u32> for Cell {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<usize> for Cell {
    fn from(number: usize) -> Self {
        Self::Integer(number as u64)
    }
}

impl From<f64> for Cell {
    /// A number that is not finite makes an empty cell.
    fn from(number: f64) -> Self {
        if number.is_finite() { Self::Real(number) } else { Self::Empty }
    }
}

impl From<&AxisValue> for Cell {
    fn from(value: &AxisValue) -> Self {
        match value {
            AxisValue::Name(name) => Self::Text(name.clone()),
            AxisValue::Integer(number) => Self::Integer(*number),
            AxisValue::Real(number) => Self::from(*number),
        }
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Empty, Into::into)
    }
}
