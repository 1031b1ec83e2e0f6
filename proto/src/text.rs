//! What somebody else wrote for people: a worker's name, a device, a reason.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Deref;

/// Most characters of a name.
const MAX_NAME: usize = 200;
/// Most characters of a message.
const MAX_MESSAGE: usize = 2000;

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
