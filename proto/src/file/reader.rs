//! Typed reading of values. The reader keeps every mistake with its place, and reading goes on with `None`.
//!
//! ```text
//!  text --document--> Value --Node, Section--> typed values
//!                        '--> mistakes, kept by the Reader that every Node knows
//! ```

use super::document::{self, Content, Value, join, shortened};
use super::interval::Interval;
use super::mistake::Mistake;
use super::mistakes::{FileKind, Found, Mistakes};
use super::scalar::Scalar;
use super::suggestion::{nearest, owned};
use std::cell::{Cell, RefCell};
use std::ops::{Range, RangeInclusive};

/// Maximum number of mistakes that are kept for sorting; the rest are counted.
const MAX_KEPT: usize = 1000;

/// Keeps what is wrong with a file while it is read.
#[derive(Debug, Default)]
pub struct Reader {
    found: RefCell<Vec<Found>>,
    dropped: Cell<usize>,
}

/// Reads a file: `parse` makes of its root what it means. `file` is its name in messages.
///
/// # Errors
/// Everything that is wrong with it, each with its place and what would be right.
pub fn read<T>(
    file: &str,
    kind: FileKind,
    text: &str,
    parse: impl FnOnce(&Node<'_>) -> Option<T>,
) -> Result<T, Mistakes> {
    // text is decoded already: a byte-order mark has no meaning left
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let value = document::read(text).map_err(|found| Mistakes::new(file, kind, text, found, 0))?;
    let reader = Reader::default();
    let parsed = parse(&Node { value: &value, key: None, path: String::new(), reader: &reader });
    if parsed.is_none() && reader.is_clean() {
        // whoever gives up says why; should that ever be forgotten, the file is still not taken
        reader.reject(0..0, "", Mistake::Syntax("cannot be understood".to_owned()));
    }
    match parsed.filter(|_| reader.is_clean()) {
        Some(parsed) => Ok(parsed),
        None => Err(Mistakes::new(file, kind, text, reader.found.into_inner(), reader.dropped.get())),
    }
}

impl Reader {
    /// Notes a mistake in the bytes `place` of the text, at the key `path`.
    fn reject(&self, place: Range<usize>, path: &str, mistake: Mistake) {
        let mut found = self.found.borrow_mut();
        if found.len() < MAX_KEPT {
            found.push(Found { place, key: path.to_owned(), mistake });
        } else {
            self.dropped.set(self.dropped.get() + 1);
        }
    }

    /// Number of mistakes so far.
    #[must_use]
    pub fn mistakes(&self) -> usize {
        self.found.borrow().len() + self.dropped.get()
    }

    /// Whether nothing is wrong so far.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.mistakes() == 0
    }
}

/// A value with its place and its path.
#[derive(Debug, Clone)]
pub struct Node<'a> {
    value: &'a Value,
    /// Where its key stands, if it has one.
    key: Option<Range<usize>>,
    path: String,
    reader: &'a Reader,
}

impl<'a> Node<'a> {
    /// Notes a mistake in the value.
    pub fn reject(&self, mistake: Mistake) {
        self.reader.reject(self.value.place.clone(), &self.path, mistake);
    }

    /// Notes a mistake in the key, or in the whole value where it has none.
    pub fn reject_key(&self, mistake: Mistake) {
        let place = self.key.clone().unwrap_or_else(|| self.value.place.clone());
        self.reader.reject(place, &self.path, mistake);
    }

    /// Notes that the value is of another type.
    pub fn mistyped(&self, expected: &str) {
        self.reject(Mistake::WrongType { expected: expected.to_owned(), found: self.describe() });
    }

    /// Where the value stands in the text, in bytes. Of a list or a mapping that is only where it begins.
    #[must_use]
    pub fn place(&self) -> Range<usize> {
        self.value.place.clone()
    }

    /// The reader, which keeps the mistakes.
    #[must_use]
    pub fn reader(&self) -> &'a Reader {
        self.reader
    }

    /// Whether it is a list.
    #[must_use]
    pub fn is_list(&self) -> bool {
        matches!(self.value.content, Content::List(_))
    }

    /// Whether it is a mapping.
    #[must_use]
    pub fn is_mapping(&self) -> bool {
        matches!(self.value.content, Content::Mapping(_))
    }

    /// Whether it is this very text.
    #[must_use]
    pub fn is_text(&self, text: &str) -> bool {
        self.as_text() == Some(text)
    }

    /// Whether it is a text.
    #[must_use]
    pub fn is_any_text(&self) -> bool {
        self.as_text().is_some()
    }

    /// A share: a real number between 0 and 1, without these.
    #[must_use]
    pub fn as_share(&self) -> Option<f64> {
        match self.value.content {
            Content::Scalar(Scalar::Real(number), _) if number > 0.0 && number < 1.0 => Some(number),
            _ => None,
        }
    }

    /// Whether it is a whole number above 0.
    #[must_use]
    pub fn is_positive(&self) -> bool {
        matches!(self.value.content, Content::Scalar(Scalar::Integer(number), _) if number > 0)
    }

    /// Whether it is a number.
    #[must_use]
    pub fn is_number(&self) -> bool {
        matches!(self.value.content, Content::Scalar(Scalar::Integer(_) | Scalar::Real(_), _))
    }

    /// The elements of a list; nothing for an absent value.
    #[must_use]
    pub fn items(&self) -> Option<Vec<Node<'a>>> {
        let item =
            |(index, value)| Node { value, key: None, path: format!("{}[{index}]", self.path), reader: self.reader };
        match &self.value.content {
            Content::Scalar(Scalar::Null, _) => Some(Vec::new()),
            Content::List(values) => Some(values.iter().enumerate().map(item).collect()),
            _ => {
                self.mistyped("a list");
                None
            }
        }
    }

    /// The entries of a mapping, in the file's order; nothing for an absent value.
    pub(super) fn entries(&self) -> Option<Vec<(&'a str, Node<'a>)>> {
        match &self.value.content {
            Content::Scalar(Scalar::Null, _) => Some(Vec::new()),
            Content::Mapping(entries) => {
                Some(entries.iter().map(|entry| (entry.key.as_str(), self.of(entry))).collect())
            }
            _ => {
                self.mistyped("a mapping of keys to values");
                None
            }
        }
    }

    /// An entry of a mapping, if this is one and has it.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<Node<'a>> {
        let Content::Mapping(entries) = &self.value.content else { return None };
        entries.iter().find(|entry| entry.key == key).map(|entry| self.of(entry))
    }

    fn of(&self, entry: &'a document::Entry) -> Node<'a> {
        let path = join(&self.path, &entry.key);
        Node { value: &entry.value, key: Some(entry.place.clone()), path, reader: self.reader }
    }

    /// Its text, if it is one.
    pub(super) fn as_text(&self) -> Option<&'a str> {
        match &self.value.content {
            Content::Scalar(Scalar::Text, text) => Some(text),
            _ => None,
        }
    }

    /// A text.
    #[must_use]
    pub fn text(&self) -> Option<&'a str> {
        let text = self.as_text();
        if text.is_none() {
            self.mistyped("text, in quotes if it looks like a number");
        }
        text
    }

    /// The texts of a list, and of the lists in it.
    #[must_use]
    pub fn texts(&self) -> Vec<&'a str> {
        match &self.value.content {
            Content::List(_) => self.items().into_iter().flatten().flat_map(|item| item.texts()).collect(),
            _ => self.as_text().into_iter().collect(),
        }
    }

    /// A name that is safe in file names and tables.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        let name = self.text()?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if (1..=128).contains(&name.len()) && name.chars().all(allowed) {
            return Some(name.to_owned());
        }
        self.reject(Mistake::BadName(shortened(name)));
        None
    }

    /// One of `names`.
    #[must_use]
    pub fn choice(&self, names: &[&'static str]) -> Option<&'static str> {
        let Some(text) = self.as_text() else {
            self.mistyped(&format!("one of {}", names.join(", ")));
            return None;
        };
        let chosen = names.iter().find(|name| **name == text).copied();
        if chosen.is_none() {
            self.reject(Mistake::UnknownName {
                name: shortened(text),
                nearest: nearest(text, names),
                allowed: owned(names),
            });
        }
        chosen
    }

    /// `true` or `false`.
    #[must_use]
    pub fn truth(&self) -> Option<bool> {
        match self.value.content {
            Content::Scalar(Scalar::Bool(truth), _) => Some(truth),
            _ => {
                self.mistyped("true or false");
                None
            }
        }
    }

    /// A whole number.
    #[must_use]
    pub fn whole<T: TryFrom<u64>>(&self, range: RangeInclusive<u64>) -> Option<T> {
        let allowed = format!("a whole number from {} to {}", range.start(), range.end());
        let Content::Scalar(Scalar::Integer(number), text) = &self.value.content else {
            self.mistyped(&allowed);
            return None;
        };
        let found = u64::try_from(*number).ok().filter(|number| range.contains(number));
        let found = found.and_then(|number| T::try_from(number).ok());
        if found.is_none() {
            self.reject(Mistake::OutOfRange { found: shortened(text), allowed });
        }
        found
    }

    /// A real number.
    #[must_use]
    pub fn real(&self, interval: Interval) -> Option<f64> {
        let (number, text) = match &self.value.content {
            Content::Scalar(Scalar::Integer(number), text) => (*number as f64, text),
            Content::Scalar(Scalar::Real(number), text) => (*number, text),
            _ => {
                self.mistyped(interval.text());
                return None;
            }
        };
        if interval.contains(number) {
            // so that -0 and 0 are one value
            return Some(number + 0.0);
        }
        self.reject(Mistake::OutOfRange { found: shortened(text), allowed: interval.text().to_owned() });
        None
    }

    /// The value in a message.
    fn describe(&self) -> String {
        match &self.value.content {
            Content::Scalar(Scalar::Null, _) => "nothing".into(),
            Content::Scalar(Scalar::Text, text) => format!("text `{}`", shortened(text)),
            Content::Scalar(_, text) => format!("`{}`", shortened(text)),
            Content::List(_) => "a list".into(),
            Content::Mapping(_) => "a mapping".into(),
            Content::Tagged => "a tagged value".into(),
        }
    }
}
