//! The problems of one sweep file, each with its place, and how they are shown.
//!
//! ```text
//!  Problems (collected while reading) --finish--> ConfigErrors --Display--> file:line:column, the line, a caret, help
//! ```

use super::problem::Problem;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use std::fmt;
use std::ops::Range;

/// So many problems are shown; the rest are counted.
const SHOWN: usize = 10;

/// So many problems are kept for sorting, whatever the file holds.
const KEPT: usize = 1000;

/// One problem, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The line, counted from 1.
    pub line: usize,
    /// The column, counted in characters from 1.
    pub column: usize,
    /// The path of the key, such as `grid.loss[1]`; empty for the whole file.
    pub key: String,
    /// What is wrong.
    pub problem: Problem,
    /// The line's text.
    text: String,
    /// The bytes of `text` under the caret.
    range: Range<usize>,
}

/// Why a text is no sweep file. `Display` gives a whole report of several lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    /// The file's name, for messages only.
    pub file: String,
    /// The problems in the order of the file: at least one, at most ten.
    pub errors: Vec<ConfigError>,
    /// How many more there are.
    pub more: usize,
}

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.errors.len() + self.more;
        write!(f, "{}: {count} error{} in the sweep file", self.file, if count == 1 { "" } else { "s" })?;
        for error in &self.errors {
            write!(f, "\n\n{}", error.render(&self.file))?;
        }
        if self.more > 0 {
            write!(f, "\n\nand {} more", self.more)?;
        }
        Ok(())
    }
}

impl ConfigError {
    fn render(&self, file: &str) -> String {
        let separator = if self.key.is_empty() { "" } else { ": " };
        let title = format!("{}{separator}{}", self.key, self.problem);
        let caret = AnnotationKind::Primary.span(self.range.clone());
        let snippet = Snippet::source(&self.text).path(file).line_start(self.line).annotation(caret);
        let help = self.problem.help();
        let report = Level::ERROR
            .no_name()
            .primary_title(title)
            .element(snippet)
            .elements(help.iter().map(|line| Level::HELP.message(line)));
        Renderer::plain().render(&[report])
    }
}

/// Collects problems while a sweep file is read, so that one reading finds all that do not depend on each other.
#[derive(Debug, Default)]
pub(super) struct Problems {
    kept: Vec<(Range<usize>, String, Problem)>,
    dropped: usize,
}

impl Problems {
    /// Notes a problem with the bytes `range` of the text, at the key `path`.
    pub(super) fn add(&mut self, range: Range<usize>, path: &str, problem: Problem) {
        if self.kept.len() < KEPT {
            self.kept.push((range, path.to_owned(), problem));
        } else {
            self.dropped += 1;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    /// `value`, if nothing was wrong.
    pub(super) fn finish<T>(mut self, file: &str, text: &str, value: Option<T>) -> Result<T, ConfigErrors> {
        if let Some(value) = value.filter(|_| self.kept.is_empty()) {
            return Ok(value);
        }
        self.kept.sort_by_key(|(range, ..)| range.start);
        let more = self.kept.len().saturating_sub(SHOWN) + self.dropped;
        self.kept.truncate(SHOWN);
        let errors = self.kept.into_iter().map(|(range, key, problem)| place(text, range, key, problem)).collect();
        Err(ConfigErrors { file: file.to_owned(), errors, more })
    }
}

fn place(text: &str, range: Range<usize>, key: String, problem: Problem) -> ConfigError {
    // the end of a text stands for its last line with something on it
    let start = range.start.min(text.trim_end().len());
    let begin = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let length = text[begin..].find('\n').unwrap_or(text.len() - begin);
    let content = text[begin..begin + length].trim_end();
    let first = (start - begin).min(content.len());
    let last = range.end.saturating_sub(begin).clamp(first, content.len());
    ConfigError {
        line: text[..begin].matches('\n').count() + 1,
        column: content[..first].chars().count() + 1,
        key,
        problem,
        text: content.to_owned(),
        range: first..last,
    }
}
