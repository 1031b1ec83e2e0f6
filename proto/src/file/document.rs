//! Text -> a tree of values, each with its text and its place.
//!
//! One pass over the events of saphyr-parser. It refuses files that are too long or nested too deeply, aliases and merge keys. Knows
//! nothing of sweeps.

use super::mistake::Mistake;
use super::mistakes::Found;
use super::scalar::Scalar;
use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

/// Maximum length of a file, bytes.
pub const MAX_BYTES: usize = 4 << 20;

/// Maximum depth of lists and mappings within each other.
const MAX_DEPTH: usize = 32;

/// Maximum number of values, those within others included.
const MAX_VALUES: usize = 50_000;

/// A value and where it stands in the text, in bytes.
#[derive(Debug)]
pub(super) struct Value {
    pub(super) content: Content,
    pub(super) place: Range<usize>,
}

/// The content of a value.
#[derive(Debug)]
pub(super) enum Content {
    /// A scalar with its text, quotes and escapes resolved.
    Scalar(Scalar, String),
    /// A list.
    List(Vec<Value>),
    /// A mapping, in the file's order.
    Mapping(Vec<Entry>),
    /// A value with a tag that is not YAML's own, such as `!secret`.
    Tagged,
}

/// An entry of a mapping.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    /// Where the key stands.
    pub(super) place: Range<usize>,
    pub(super) value: Value,
}

/// Reads the only document of `text`; an empty text is an empty value.
///
/// # Errors
/// Everything that is wrong with the document: at least one mistake.
pub(super) fn read(text: &str) -> Result<Value, Vec<Found>> {
    let mut scan = Scan::new(text);
    if text.len() > MAX_BYTES {
        scan.reject(0..0, "", Mistake::TooLong { bytes: text.len(), limit: MAX_BYTES });
        return Err(scan.found);
    }
    match scan.document() {
        Some(value) if scan.found.is_empty() => Ok(value),
        _ => Err(scan.found),
    }
}

/// A value's first event.
type Start<'a> = (Event<'a>, Span);

struct Scan<'a> {
    parser: Parser<'a, StrInput<'a>>,
    /// Byte offset of each character; none for a text of ASCII.
    offsets: Vec<usize>,
    text: &'a str,
    values: usize,
    found: Vec<Found>,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str) -> Self {
        let offsets = if text.is_ascii() { Vec::new() } else { text.char_indices().map(|(byte, _)| byte).collect() };
        Self { parser: Parser::new_from_str(text), offsets, text, values: 0, found: Vec::new() }
    }

    fn document(&mut self) -> Option<Value> {
        let mut root = None;
        loop {
            match self.next()? {
                (Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing, _) => {}
                (Event::StreamEnd, _) => return Some(root.unwrap_or_else(Value::nothing)),
                (_, span) if root.is_some() => return self.refuse(span, "", Mistake::SecondDocument),
                start => root = Some(self.value(start, "", 0)?),
            }
        }
    }

    fn value(&mut self, (event, span): Start<'a>, path: &str, depth: usize) -> Option<Value> {
        if depth > MAX_DEPTH {
            return self.refuse(span, path, Mistake::TooDeep { limit: MAX_DEPTH });
        }
        self.values += 1;
        if self.values > MAX_VALUES {
            return self.refuse(span, path, Mistake::TooManyValues { limit: MAX_VALUES });
        }
        let place = self.bytes(span);
        let content = match event {
            Event::Scalar(text, style, _, tag) => self.scalar(text, style, tag.as_deref(), span, path)?,
            Event::SequenceStart(_, tag) => {
                let items = self.items(path, depth)?;
                if is_foreign(tag.as_deref()) { Content::Tagged } else { Content::List(items) }
            }
            Event::MappingStart(_, tag) => {
                let entries = self.entries(path, depth)?;
                if is_foreign(tag.as_deref()) { Content::Tagged } else { Content::Mapping(entries) }
            }
            Event::Alias(_) => return self.refuse(span, path, Mistake::Alias),
            // no other event begins a value
            _ => return self.refuse(span, path, Mistake::Syntax("a value is missing".to_owned())),
        };
        Some(Value { content, place })
    }

    fn scalar(
        &mut self,
        text: Cow<'a, str>,
        style: ScalarStyle,
        tag: Option<&Tag>,
        span: Span,
        path: &str,
    ) -> Option<Content> {
        let scalar = match tag {
            Some(tag) if tag.is_yaml_core_schema() => match Scalar::tagged(&tag.suffix, &text) {
                Some(scalar) => scalar,
                None => return self.refuse(span, path, Mistake::WrongTag { tag: tag.suffix.clone() }),
            },
            Some(_) => return Some(Content::Tagged),
            None if style == ScalarStyle::Plain => {
                self.check_spaces(&text, span, path);
                Scalar::resolve(&text)
            }
            None => Scalar::Text,
        };
        Some(Content::Scalar(scalar, text.into_owned()))
    }

    fn items(&mut self, path: &str, depth: usize) -> Option<Vec<Value>> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Some(items),
                start => {
                    let item = format!("{path}[{}]", items.len());
                    items.push(self.value(start, &item, depth + 1)?);
                }
            }
        }
    }

    fn entries(&mut self, path: &str, depth: usize) -> Option<Vec<Entry>> {
        let mut first_lines = HashMap::new();
        let mut entries = Vec::new();
        loop {
            let (name, span) = match self.next()? {
                (Event::MappingEnd, _) => return Some(entries),
                (Event::Scalar(name, ScalarStyle::Plain, ..), span) => {
                    self.check_spaces(&name, span, path);
                    (name, span)
                }
                (Event::Scalar(name, ..), span) => (name, span),
                (_, span) => return self.refuse(span, path, Mistake::KeyNotName),
            };
            let place = self.bytes(span);
            let entry = join(path, &name);
            if name == "<<" {
                self.reject(place.clone(), &entry, Mistake::Merge);
            }
            if let Some(&first_line) = first_lines.get(&name) {
                self.reject(place.clone(), &entry, Mistake::DuplicateKey { first_line });
            }
            first_lines.entry(name.clone()).or_insert(span.start.line());
            let start = self.next()?;
            let value = self.value(start, &entry, depth + 1)?;
            entries.push(Entry { key: name.into_owned(), place, value });
        }
    }

    /// Looks for characters that look like a space and are none to YAML, which makes them part of a key or a value.
    fn check_spaces(&mut self, text: &str, span: Span, path: &str) {
        let is_false = |c: char| {
            c != ' ' && (c.is_whitespace() && !c.is_ascii() || matches!(c, '\u{200b}' | '\u{2060}' | '\u{feff}'))
        };
        if !text.contains(is_false) {
            return;
        }
        let place = self.bytes(span);
        let found = self.text[place.clone()].char_indices().find(|(_, c)| is_false(*c));
        if let Some((offset, found)) = found {
            let start = place.start + offset;
            self.reject(start..start + found.len_utf8(), path, Mistake::FalseSpace { found });
        }
    }

    fn next(&mut self) -> Option<Start<'a>> {
        let (at, message) = match self.parser.next_event() {
            Some(Ok(event)) => return Some(event),
            Some(Err(error)) => (self.byte(error.marker().index()), error.info().to_owned()),
            None => (self.text.len(), "the document ends too early".to_owned()),
        };
        let line = self.text[..at].rfind('\n').map_or(0, |end| end + 1);
        let rest = self.text[line..].lines().next().unwrap_or_default();
        match variable(rest) {
            // its braces are a mapping to YAML
            Some((name, start)) => {
                let place = line + start..line + start + name.len();
                self.reject(place, "", Mistake::Variable(name.to_owned()));
            }
            None => self.reject(at..at, "", Mistake::Syntax(message)),
        }
        None
    }

    fn reject(&mut self, place: Range<usize>, path: &str, mistake: Mistake) {
        self.found.push(Found { place, key: path.to_owned(), mistake });
    }

    fn refuse<T>(&mut self, span: Span, path: &str, mistake: Mistake) -> Option<T> {
        let place = self.bytes(span);
        self.reject(place, path, mistake);
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

impl Value {
    fn nothing() -> Self {
        Self { content: Content::Scalar(Scalar::Null, String::new()), place: 0..0 }
    }
}

/// Whether a list or a mapping has a tag that is not YAML's own.
fn is_foreign(tag: Option<&Tag>) -> bool {
    tag.is_some_and(|tag| !tag.is_yaml_core_schema())
}

/// The path of an entry of the mapping at `path`.
pub(super) fn join(path: &str, key: &str) -> String {
    let key = shortened(key);
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// The first environment variable in a text, such as `${DATA}` or `$HOME`, and where it starts.
pub(super) fn variable(text: &str) -> Option<(&str, usize)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices('$').find_map(|(start, _)| {
        let rest = &text[start + 1..];
        let length = match rest.strip_prefix('{') {
            Some(inner) => inner.find('}')? + 2,
            None if rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') => {
                rest.find(|c| !is_name(c)).unwrap_or(rest.len())
            }
            None => return None,
        };
        Some((&text[start..=start + length], start))
    })
}

/// At most 40 characters of a text, without control characters.
pub(super) fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).take(40).collect();
    if text.chars().nth(40).is_some() {
        shown.push_str("...");
    }
    shown
}
