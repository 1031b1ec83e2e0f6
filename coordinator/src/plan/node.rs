//! Typed reading of values. What is wrong is noted with its place, and reading goes on with `None`.

use super::document::{Document, Place, join, shortened};
use super::errors::Problems;
use super::problem::{Problem, nearest};
use serde_yaml::Value;
use std::borrow::Cow;
use std::ops::{Range, RangeInclusive};

/// A value with its place and its path.
#[derive(Debug, Clone)]
pub(super) struct Node<'a> {
    value: &'a Value,
    place: &'a Place,
    path: String,
}

/// The real numbers that a key accepts; all are finite.
#[derive(Debug, Clone, Copy)]
pub(super) enum Interval {
    /// Above 0.
    Positive,
    /// 0 or above.
    NonNegative,
    /// From 0 to 1, without 1.
    BelowOne,
    /// From 0 to 1.
    Share,
    /// Between 0 and 1.
    Probability,
}

impl Interval {
    fn contains(self, number: f64) -> bool {
        number.is_finite()
            && match self {
                Self::Positive => number > 0.0,
                Self::NonNegative => number >= 0.0,
                Self::BelowOne => (0.0..1.0).contains(&number),
                Self::Share => (0.0..=1.0).contains(&number),
                Self::Probability => number > 0.0 && number < 1.0,
            }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Positive => "a finite number above 0",
            Self::NonNegative => "a finite number from 0",
            Self::BelowOne => "a number from 0 to below 1",
            Self::Share => "a number from 0 to 1",
            Self::Probability => "a number between 0 and 1",
        }
    }
}

impl<'a> Node<'a> {
    pub(super) fn root(document: &'a Document) -> Self {
        Self { value: &document.value, place: &document.place, path: String::new() }
    }

    /// Notes a problem with the value.
    pub(super) fn reject<T>(&self, problem: Problem, problems: &mut Problems) -> Option<T> {
        problems.add(self.place.value.clone(), &self.path, problem);
        None
    }

    /// Notes a problem with the key, or the whole value where it has none.
    pub(super) fn reject_key<T>(&self, problem: Problem, problems: &mut Problems) -> Option<T> {
        problems.add(self.key(), &self.path, problem);
        None
    }

    fn key(&self) -> Range<usize> {
        self.place.key.clone().unwrap_or_else(|| self.place.value.clone())
    }

    /// Notes that the value is of another type.
    pub(super) fn mistyped<T>(&self, expected: &str, problems: &mut Problems) -> Option<T> {
        self.reject(Problem::WrongType { expected: expected.to_owned(), found: describe(self.value) }, problems)
    }

    pub(super) fn is_list(&self) -> bool {
        self.value.is_sequence()
    }

    pub(super) fn is_mapping(&self) -> bool {
        self.value.is_mapping()
    }

    /// Whether it is this very text.
    pub(super) fn is_text(&self, text: &str) -> bool {
        self.value.as_str() == Some(text)
    }

    /// Whether it is a whole number above 0.
    pub(super) fn is_positive(&self) -> bool {
        self.value.as_u64().is_some_and(|number| number > 0)
    }

    /// The elements of a list; nothing for an absent value.
    pub(super) fn items(&self, problems: &mut Problems) -> Option<Vec<Node<'a>>> {
        match self.value {
            Value::Null => Some(Vec::new()),
            Value::Sequence(values) => {
                Some(values.iter().enumerate().map(|(index, value)| self.item(index, value)).collect())
            }
            _ => self.mistyped("a list", problems),
        }
    }

    fn item(&self, index: usize, value: &'a Value) -> Node<'a> {
        Node { value, place: self.part(index), path: format!("{}[{index}]", self.path) }
    }

    fn part(&self, index: usize) -> &'a Place {
        // the two parsers agree; should they ever not, the place is less exact and the value still right
        self.place.parts.get(index).unwrap_or(self.place)
    }

    /// The entries of a mapping, in the file's order; nothing for an absent value.
    pub(super) fn entries(&self, problems: &mut Problems) -> Option<Vec<(Cow<'a, str>, Node<'a>)>> {
        let mapping = match self.value {
            Value::Null => return Some(Vec::new()),
            Value::Mapping(mapping) => mapping,
            _ => return self.mistyped("a mapping of keys to values", problems),
        };
        let entry = |(index, (key, value)): (usize, (&'a Value, &'a Value))| {
            let key = key.as_str().map_or_else(|| plain(key).into(), Cow::Borrowed);
            let path = join(&self.path, &key);
            (key, Node { value, place: self.part(index), path })
        };
        Some(mapping.iter().enumerate().map(entry).collect())
    }

    /// An entry of a mapping, if this is one and has it.
    pub(super) fn entry(&self, key: &str) -> Option<Node<'a>> {
        let entries = self.value.as_mapping()?.iter().enumerate();
        let mut named = entries.filter(|(_, (name, _))| name.as_str() == Some(key));
        named.next().map(|(index, (_, value))| Node { value, place: self.part(index), path: join(&self.path, key) })
    }

    /// A text.
    pub(super) fn text(&self, problems: &mut Problems) -> Option<&'a str> {
        match self.value {
            Value::String(text) => Some(text),
            _ => self.mistyped("text, in quotes if it looks like a number", problems),
        }
    }

    /// A name that is safe in file names and tables.
    pub(super) fn name(&self, problems: &mut Problems) -> Option<String> {
        let name = self.text(problems)?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if (1..=128).contains(&name.len()) && name.chars().all(allowed) {
            return Some(name.to_owned());
        }
        self.reject(Problem::BadName(shortened(name)), problems)
    }

    /// One of `choices`, by its name.
    pub(super) fn choice<T: Copy>(
        &self,
        choices: &[T],
        name: fn(T) -> &'static str,
        problems: &mut Problems,
    ) -> Option<T> {
        let allowed: Vec<_> = choices.iter().map(|choice| name(*choice).to_owned()).collect();
        let Value::String(text) = self.value else {
            return self.mistyped(&format!("one of {}", allowed.join(", ")), problems);
        };
        if let Some(choice) = choices.iter().find(|choice| name(**choice) == text) {
            return Some(*choice);
        }
        let nearest = nearest(text, &allowed);
        self.reject(Problem::UnknownName { name: shortened(text), nearest, allowed }, problems)
    }

    /// `true` or `false`.
    pub(super) fn truth(&self, problems: &mut Problems) -> Option<bool> {
        self.value.as_bool().or_else(|| self.mistyped("true or false", problems))
    }

    /// A whole number.
    pub(super) fn whole<T: TryFrom<u64>>(&self, range: RangeInclusive<u64>, problems: &mut Problems) -> Option<T> {
        let allowed = format!("a whole number from {} to {}", range.start(), range.end());
        let found = match self.value {
            Value::Number(number) if !number.is_f64() => number,
            _ => return self.mistyped(&allowed, problems),
        };
        match found.as_u64().filter(|number| range.contains(number)).and_then(|number| T::try_from(number).ok()) {
            Some(number) => Some(number),
            None => self.reject(Problem::OutOfRange { found: found.to_string(), allowed }, problems),
        }
    }

    /// A real number.
    pub(super) fn real(&self, interval: Interval, problems: &mut Problems) -> Option<f64> {
        let Value::Number(found) = self.value else { return self.mistyped(interval.text(), problems) };
        match found.as_f64().filter(|number| interval.contains(*number)) {
            // so that -0 and 0 are one value
            Some(number) => Some(number + 0.0),
            None => {
                let allowed = interval.text().to_owned();
                self.reject(Problem::OutOfRange { found: found.to_string(), allowed }, problems)
            }
        }
    }
}

/// A mapping of which the keys are known.
#[derive(Debug)]
pub(super) struct Section<'a> {
    node: Node<'a>,
    entries: Vec<(Cow<'a, str>, Node<'a>)>,
}

impl<'a> Section<'a> {
    /// Reads a mapping and notes its unknown keys.
    pub(super) fn read(node: Node<'a>, keys: &[&str], problems: &mut Problems) -> Option<Self> {
        let (known, unknown) = node.entries(problems)?.into_iter().partition(|(key, _)| keys.contains(&key.as_ref()));
        let allowed: Vec<_> = keys.iter().map(|key| (*key).to_owned()).collect();
        let unknown: Vec<(Cow<'_, str>, Node<'_>)> = unknown;
        for (key, entry) in unknown {
            let nearest = nearest(&key, &allowed);
            entry.reject_key::<()>(Problem::UnknownKey { nearest, allowed: allowed.clone() }, problems);
        }
        Some(Self { node, entries: known })
    }

    /// The known entries, in the file's order.
    pub(super) fn entries(&self) -> &[(Cow<'a, str>, Node<'a>)] {
        &self.entries
    }

    /// The value of a key, if given.
    pub(super) fn get(&self, key: &str) -> Option<&Node<'a>> {
        self.entries.iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    /// What `read` makes of the value of a key, or `default` if it is not given.
    pub(super) fn optional<T>(&self, key: &str, default: T, read: impl FnOnce(&Node<'a>) -> Option<T>) -> Option<T> {
        self.get(key).map_or(Some(default), read)
    }

    /// The value of a key that must be given.
    pub(super) fn required(&self, key: &str, problems: &mut Problems) -> Option<&Node<'a>> {
        let node = self.get(key);
        if node.is_none() {
            self.node.reject_key::<()>(Problem::MissingKey(key.to_owned()), problems);
        }
        node
    }

    /// The section itself.
    pub(super) fn node(&self) -> &Node<'a> {
        &self.node
    }
}

/// What a value is, for messages.
fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::Bool(_) | Value::Number(_) => format!("`{}`", plain(value)),
        Value::String(text) => format!("text `{}`", shortened(text)),
        Value::Sequence(_) => "a list".into(),
        Value::Mapping(_) => "a mapping".into(),
        Value::Tagged(_) => "a tagged value".into(),
    }
}

/// A scalar that is no text, as a text.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        _ => describe(value),
    }
}
