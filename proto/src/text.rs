//! What somebody else wrote for people: a worker's name, a device, a reason.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Deref;

/// Most characters of a name.
const MAX_NAME: usize = 200;
/// Most characters of a message.
const MAX_MESSAGE: usize = 2000;
/// Most bytes of the end of a log.
const MAX_TAIL: usize = 8 << 10;
/// Most characters of one of its lines.
const MAX_TAIL_LINE: usize = 1000;

/// One line for people: not too long, and nothing in it speaks to a terminal, ends the line or turns the order of letters around.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Line(String);

impl Line {
    /// What is left of a name.
    #[must_use]
    pub fn name(text: &str) -> Self {
        Self::of(text, MAX_NAME)
    }

    /// What is left of a message.
    #[must_use]
    pub fn message(text: &str) -> Self {
        Self::of(text, MAX_MESSAGE)
    }

    fn of(text: &str, most: usize) -> Self {
        Self(text.chars().filter(|c| !is_command(*c)).take(most).collect())
    }
}

/// The end of what a program has said: whole lines for people, each clean, not too many.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Tail(String);

impl Tail {
    /// The end of a text. Of a line that a program has written again and again (a progress bar) the last state counts.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut lines = Vec::new();
        let mut bytes = 0;
        for line in text.lines().rev() {
            let last = line.trim_end_matches('\r').rsplit('\r').next().unwrap_or_default();
            let plain = without_escapes(&last.replace('\t', "    "));
            let line: String = plain.chars().filter(|c| !is_command(*c)).take(MAX_TAIL_LINE).collect();
            bytes += line.len() + 1;
            if bytes > MAX_TAIL {
                break;
            }
            lines.push(line);
        }
        lines.reverse();
        Self(lines.join("\n").trim_end().to_owned())
    }

    /// Whether nothing was said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for Tail {
    fn from(text: String) -> Self {
        Self::of(&text)
    }
}

impl From<Tail> for String {
    fn from(tail: Tail) -> Self {
        tail.0
    }
}

impl Deref for Tail {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// A line without the sequences that colour a terminal or move its cursor: `ESC [`, parameters, and a letter that ends them.
fn without_escapes(line: &str) -> String {
    let mut pieces = line.split("\u{1b}[");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| {
        text + piece.trim_start_matches(|c: char| ('\u{20}'..='\u{3f}').contains(&c)).get(1..).unwrap_or_default()
    })
}

/// Whether a character is an order to whoever shows it rather than something to read: controls, line and paragraph separators, and
/// Unicode's bidirectional controls.
#[must_use]
pub fn is_command(c: char) -> bool {
    let is_bidi = matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || is_bidi || matches!(c, '\u{2028}' | '\u{2029}')
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        Self::message(&text)
    }
}

impl From<Line> for String {
    fn from(line: Line) -> Self {
        line.0
    }
}

impl Deref for Line {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_is_the_clean_end_of_a_log() {
        let log = "first\nepoch 1\repoch 2\r\n\u{1b}[1;31merror\u{1b}[0m: no\tluck\u{7}\n\u{1b}[\n\n";
        assert_eq!(&*Tail::of(log), "first\nepoch 2\nerror: no    luck");
        let long: String = (0..10_000).map(|line| format!("line {line}\n")).collect();
        let tail = Tail::of(&long);
        assert!(tail.len() < MAX_TAIL && tail.starts_with("line ") && tail.ends_with("line 9999"), "{}", tail.len());
        assert_eq!(Tail::of(&"ä".repeat(100_000)).chars().count(), MAX_TAIL_LINE);
        let json = serde_json::to_string(log).unwrap_or_default();
        assert_eq!(serde_json::from_str::<Tail>(&json).ok(), Some(Tail::of(log)), "from a journal as well");
    }

    #[test]
    fn a_line_is_clean_however_it_is_made() {
        let text = "\u{1b}]0;title\u{7}a\nb\tc\u{202e}d\u{2028}e\u{2066}f\u{85}g";
        assert_eq!(&*Line::name(text), "]0;titleabcdefg");
        assert_eq!(Line::from(text.to_owned()), Line::message(text));
        let json = serde_json::to_string(text).unwrap_or_default();
        assert_eq!(serde_json::from_str::<Line>(&json).ok(), Some(Line::name(text)), "from a journal as well");
        let long = "ä".repeat(100_000);
        assert_eq!(Line::name(&long).chars().count(), 200);
        assert_eq!(Line::from(long).chars().count(), 2000);
        assert_eq!(&*Line::name("Läsion Größe 图像 שלום"), "Läsion Größe 图像 שלום", "what is only to be read stays");
    }
}
