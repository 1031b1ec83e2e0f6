//! Text -> values, each with its place.
//!
//! ```text
//!  text --saphyr-parser (events)--> Place, a tree of byte ranges; refuses what is too long or deep, or has aliases
//!       --serde_yaml-------------> Value, a tree of the same shape
//! ```
//!
//! serde_yaml tells no places, so a pass over the events comes first; it also keeps hostile texts away from serde_yaml.
//! Knows nothing of sweeps.

use super::errors::Problems;
use super::problem::Problem;
use saphyr_parser::{Event, Parser, Span, StrInput};
use serde_yaml::Value;
use std::collections::HashMap;
use std::ops::Range;

/// Greatest length of a sweep file, bytes.
const LONGEST: usize = 1 << 20;

/// Greatest depth of lists and mappings within each other.
const DEEPEST: usize = 32;

/// Greatest number of values, those within others included.
const MOST_VALUES: usize = 50_000;

/// Where a value and its parts stand in the text, as byte ranges.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// The key of an entry of a mapping.
    pub(super) key: Option<Range<usize>>,
    /// The value.
    pub(super) value: Range<usize>,
    /// The parts, in the file's order.
    pub(super) parts: Vec<Place>,
}

/// A YAML document.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) value: Value,
    pub(super) place: Place,
}

impl Document {
    /// Reads the only document of `text`; an empty text is an empty mapping.
    pub(super) fn read(text: &str, problems: &mut Problems) -> Option<Self> {
        if text.len() > LONGEST {
            problems.add(0..0, "", Problem::TooLong { bytes: text.len(), limit: LONGEST });
            return None;
        }
        let before = problems.len();
        let place = Scan::new(text, problems).document()?;
        if problems.len() > before {
            return None;
        }
        match serde_yaml::from_str(text) {
            Ok(value) => Some(Self { value, place }),
            Err(error) => {
                let at = error.location().map_or(0, |location| location.index()).min(text.len());
                problems.add(at..at, "", Problem::Syntax(error.to_string()));
                None
            }
        }
    }
}

/// A node's first event.
type Start<'a> = (Event<'a>, Span);

struct Scan<'a, 'p> {
    parser: Parser<'a, StrInput<'a>>,
    /// Byte offset of each character; none for a text of ASCII.
    offsets: Vec<usize>,
    text: &'a str,
    values: usize,
    problems: &'p mut Problems,
}

impl<'a, 'p> Scan<'a, 'p> {
    fn new(text: &'a str, problems: &'p mut Problems) -> Self {
        let offsets = if text.is_ascii() { Vec::new() } else { text.char_indices().map(|(byte, _)| byte).collect() };
        Self { parser: Parser::new_from_str(text), offsets, text, values: 0, problems }
    }

    fn document(&mut self) -> Option<Place> {
        let mut root = None;
        loop {
            match self.next()? {
                (Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing, _) => {}
                (Event::StreamEnd, _) => return Some(root.unwrap_or_default()),
                (_, span) if root.is_some() => return self.refuse(span, "", Problem::SecondDocument),
                start => root = Some(self.node(start, "", 0)?),
            }
        }
    }

    fn node(&mut self, (event, span): Start<'a>, path: &str, depth: usize) -> Option<Place> {
        if depth > DEEPEST {
            return self.refuse(span, path, Problem::TooDeep { limit: DEEPEST });
        }
        self.values += 1;
        if self.values > MOST_VALUES {
            return self.refuse(span, path, Problem::TooManyValues { limit: MOST_VALUES });
        }
        let mut place = Place { value: self.bytes(span), ..Place::default() };
        match event {
            Event::Alias(_) => return self.refuse(span, path, Problem::Alias),
            Event::SequenceStart(..) => loop {
                match self.next()? {
                    (Event::SequenceEnd, _) => break,
                    start => {
                        let item = format!("{path}[{}]", place.parts.len());
                        place.parts.push(self.node(start, &item, depth + 1)?);
                    }
                }
            },
            Event::MappingStart(..) => self.entries(&mut place, path, depth)?,
            _ => {}
        }
        Some(place)
    }

    fn entries(&mut self, place: &mut Place, path: &str, depth: usize) -> Option<()> {
        let mut first_lines = HashMap::new();
        loop {
            let (name, span) = match self.next()? {
                (Event::MappingEnd, _) => return Some(()),
                (Event::Scalar(name, ..), span) => (name, span),
                (_, span) => return self.refuse(span, path, Problem::KeyNotName),
            };
            let entry = join(path, &name);
            let key = self.bytes(span);
            if let Some(&first_line) = first_lines.get(&name) {
                self.problems.add(key.clone(), &entry, Problem::DuplicateKey { first_line });
            }
            first_lines.entry(name).or_insert(span.start.line());
            let start = self.next()?;
            let value = self.node(start, &entry, depth + 1)?;
            place.parts.push(Place { key: Some(key), ..value });
        }
    }

    fn next(&mut self) -> Option<Start<'a>> {
        match self.parser.next_event()? {
            Ok(event) => Some(event),
            Err(error) => {
                let at = self.byte(error.marker().index());
                self.problems.add(at..at, "", Problem::Syntax(error.info().to_owned()));
                None
            }
        }
    }

    fn refuse<T>(&mut self, span: Span, path: &str, problem: Problem) -> Option<T> {
        let range = self.bytes(span);
        self.problems.add(range, path, problem);
        None
    }

    fn bytes(&self, span: Span) -> Range<usize> {
        self.byte(span.start.index())..self.byte(span.end.index())
    }

    fn byte(&self, character: usize) -> usize {
        if self.offsets.is_empty() {
            return character.min(self.text.len());
        }
        self.offsets.get(character).copied().unwrap_or(self.text.len())
    }
}

/// The path of an entry of the mapping at `path`.
pub(super) fn join(path: &str, key: &str) -> String {
    let key = shortened(key);
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// At most 40 characters of a text, without control characters.
pub(super) fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).take(40).collect();
    if text.chars().nth(40).is_some() {
        shown.push_str("...");
    }
    shown
}
