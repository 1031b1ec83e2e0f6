//! The mistakes of one file, each with its place, and how people see them.
//!
//! ```text
//!  Found (by the reader) --place--> Mistakes --Display--> file:line:column, the line, a caret, help
//! ```

use super::mistake::Mistake;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use std::fmt;
use std::ops::Range;

/// Maximum number of mistakes that are shown; the rest are counted.
const MAX_SHOWN: usize = 10;

/// Which kind of file is read, for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A grid of jobs.
    Sweep,
    /// One job.
    Job,
    /// Cases that one of them names.
    List,
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sweep => "sweep file",
            Self::Job => "job file",
            Self::List => "list of cases",
        })
    }
}

/// One mistake, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedMistake {
    /// The line, counted from 1.
    pub line: usize,
    /// The column, counted in characters from 1.
    pub column: usize,
    /// The path of the key, such as `grid.loss[1]`; empty for the whole file.
    pub key: String,
    /// What is wrong.
    pub mistake: Mistake,
    /// The line's text.
    text: String,
    /// The bytes of `text` under the caret.
    range: Range<usize>,
}

/// Why a file is refused. `Display` gives a whole report of several lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes {
    /// The file's name.
    pub file: String,
    /// What the file should have been.
    pub kind: FileKind,
    /// The first mistakes in the order of the file: at least one, at most ten.
    pub list: Vec<PlacedMistake>,
    /// How many more there are.
    pub more: usize,
}

impl std::error::Error for Mistakes {}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.list.len() + self.more;
        write!(f, "{}: {count} error{} in the {}", self.file, if count == 1 { "" } else { "s" }, self.kind)?;
        for placed in &self.list {
            write!(f, "\n\n{}", placed.render(&self.file))?;
        }
        if self.more > 0 {
            write!(f, "\n\nand {} more", self.more)?;
        }
        Ok(())
    }
}

/// A mistake as the reader finds it.
#[derive(Debug)]
pub(super) struct Found {
    /// Where in the text, in bytes.
    pub(super) place: Range<usize>,
    /// The path of the key.
    pub(super) key: String,
    pub(super) mistake: Mistake,
}

impl Mistakes {
    /// Sorts what was found by its place. `dropped` more were found and not kept.
    pub(super) fn new(file: &str, kind: FileKind, text: &str, mut found: Vec<Found>, dropped: usize) -> Self {
        found.sort_by_key(|found| found.place.start);
        let more = found.len().saturating_sub(MAX_SHOWN) + dropped;
        found.truncate(MAX_SHOWN);
        let list = found.into_iter().map(|found| PlacedMistake::new(text, found)).collect();
        Self { file: file.to_owned(), kind, list, more }
    }
}

impl PlacedMistake {
    fn new(text: &str, found: Found) -> Self {
        let Found { place, key, mistake } = found;
        // the end of a text stands for its last line with something on it
        let start = place.start.min(text.trim_end().len());
        let begin = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let length = text[begin..].find('\n').unwrap_or(text.len() - begin);
        let content = text[begin..begin + length].trim_end();
        let first = (start - begin).min(content.len());
        let last = place.end.saturating_sub(begin).clamp(first, content.len());
        Self {
            line: text[..begin].matches('\n').count() + 1,
            column: content[..first].chars().count() + 1,
            key,
            mistake,
            text: content.to_owned(),
            range: first..last,
        }
    }

    fn render(&self, file: &str) -> String {
        let separator = if self.key.is_empty() { "" } else { ": " };
        let title = format!("{}{separator}{}", self.key, self.mistake);
        let caret = AnnotationKind::Primary.span(self.range.clone());
        let snippet = Snippet::source(&self.text).path(file).line_start(self.line).annotation(caret);
        let help = self.mistake.help();
        let report = Level::ERROR
            .no_name()
            .primary_title(title)
            .element(snippet)
            .elements(help.iter().map(|line| Level::HELP.message(line)));
        Renderer::plain().render(&[report])
    }
}
