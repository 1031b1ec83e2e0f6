//! A table: typed columns over cells. Knows nothing of what it shows, nor of how it is written.

use crate::plan::AxisValue;
use proto::ids::JobId;

/// A table with what stands above it.
#[derive(Debug, Clone, PartialEq)]
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
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name: the same in every format, and stable.
    pub name: String,
    /// How people read it.
    pub kind: Kind,
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
        matches!(self, Self::Exact | Self::Measured | Self::Seconds)
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
            Self::Real(number) => AxisValue::Real(*number).to_string(),
        }
    }

    /// The cell as people read it, on one line.
    #[must_use]
    pub fn shown(&self, kind: Kind) -> String {
        match (self, kind) {
            (Self::Empty, _) => "-".to_owned(),
            (Self::Real(number), Kind::Measured) if *number != 0.0 && !(1e-3..1e6).contains(&number.abs()) => {
                format!("{number:.3e}")
            }
            (Self::Real(number), Kind::Measured) => format!("{number:.4}"),
            (Self::Real(number), Kind::Seconds) => format!("{number:.1}"),
            (Self::Text(text), _) => text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
            _ => self.exact(),
        }
    }
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
    /// A number that is not finite is no number.
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
