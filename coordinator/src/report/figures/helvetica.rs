//! Helvetica, which every reader of PDF has: which bytes are which characters, and how wide they are.

/// A cut of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    Regular,
    Bold,
}

/// What stands for a character that the font has not.
const UNKNOWN: u8 = b'?';

/// The text in the encoding WinAnsi.
#[must_use]
pub(super) fn encoded(text: &str) -> Vec<u8> {
    text.chars().map(code).collect()
}

/// The width of an encoded text, in units of its size.
#[must_use]
pub(super) fn width(cut: Cut, text: &[u8]) -> f64 {
    let widths = match cut {
        Cut::Regular => &REGULAR,
        Cut::Bold => &BOLD,
    };
    let thousandths = |code: &u8| widths.get(usize::from(*code).wrapping_sub(32)).copied().map_or(0, u32::from);
    f64::from(text.iter().map(thousandths).sum::<u32>()) / 1000.0
}

/// WinAnsi is Latin-1 but for the codes from 128 to 159.
fn code(char: char) -> u8 {
    match char {
        ' '..='~' | '\u{a0}'..='\u{ff}' => char as u8,
        '\u{2026}' => 0x85,
        '\u{2018}' => 0x91,
        '\u{2019}' => 0x92,
        '\u{201c}' => 0x93,
        '\u{201d}' => 0x94,
        // the font has no minus; this dash is as long
        '\u{2013}' | '\u{2212}' => 0x96,
        '\u{2014}' => 0x97,
        _ => UNKNOWN,
    }
}

/// Whether the font has the character.
#[cfg(test)]
pub(in crate::report) fn has(char: char) -> bool {
    char == '?' || code(char) != UNKNOWN
}

/// Widths from code 32 on, in thousandths, by `tests/reference/helvetica.py`.
#[rustfmt::skip]
const REGULAR: [u16; 224] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278,
    556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556,
    1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778,
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556,
    333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556,
    556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584, 0,
    556, 0, 222, 556, 333, 1000, 556, 556, 333, 1000, 667, 333, 1000, 0, 611, 0,
    0, 222, 222, 333, 333, 350, 556, 1000, 333, 1000, 500, 333, 944, 0, 500, 667,
    278, 333, 556, 556, 556, 556, 260, 556, 333, 737, 370, 556, 584, 333, 737, 333,
    400, 584, 0, 0, 333, 556, 537, 278, 333, 0, 365, 556, 834, 834, 834, 611,
    667, 667, 667, 667, 667, 667, 1000, 722, 667, 667, 667, 667, 278, 278, 278, 278,
    722, 722, 778, 778, 778, 778, 778, 584, 778, 722, 722, 722, 722, 667, 667, 611,
    556, 556, 556, 556, 556, 556, 889, 500, 556, 556, 556, 556, 278, 278, 278, 278,
    556, 556, 556, 556, 556, 556, 556, 584, 611, 556, 556, 556, 556, 500, 556, 500,
];
/// The same in bold.
#[rustfmt::skip]
const BOLD: [u16; 224] = [
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278,
    556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 333, 333, 584, 584, 584, 611,
    975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833, 722, 778,
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556,
    333, 556, 611, 556, 611, 556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611,
    611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584, 0,
    556, 0, 278, 556, 500, 1000, 556, 556, 333, 1000, 667, 333, 1000, 0, 611, 0,
    0, 278, 278, 500, 500, 350, 556, 1000, 333, 1000, 556, 333, 944, 0, 500, 667,
    278, 333, 556, 556, 556, 556, 280, 556, 333, 737, 370, 556, 584, 333, 737, 333,
    400, 584, 0, 0, 333, 611, 556, 278, 333, 0, 365, 556, 834, 834, 834, 611,
    722, 722, 722, 722, 722, 722, 1000, 722, 667, 667, 667, 667, 278, 278, 278, 278,
    722, 722, 778, 778, 778, 778, 778, 584, 778, 722, 722, 722, 722, 667, 667, 611,
    556, 556, 556, 556, 556, 556, 889, 556, 556, 556, 556, 556, 278, 278, 278, 278,
    611, 611, 611, 611, 611, 611, 611, 584, 611, 611, 611, 611, 611, 556, 611, 556,
];

#[cfg(test)]
mod tests {
    use super::{Cut, encoded, width};

    #[test]
    fn texts_are_as_wide_as_their_characters() {
        // 0 is 556 wide, a period 278, a dash 556
        assert_eq!(width(Cut::Regular, &encoded("\u{2212}0.5")), 1.946);
        assert_eq!((width(Cut::Regular, b"unet2"), width(Cut::Bold, b"unet2")), (2.502, 2.667));
        assert_eq!(encoded("a\u{b1}b \u{2026}\u{4f60}"), b"a\xb1b \x85?");
        assert_eq!(width(Cut::Bold, b"\n"), 0.0);
    }
}
