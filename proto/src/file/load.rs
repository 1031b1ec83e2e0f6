//! A file on disk -> text. UTF-8 with or without a byte-order mark, and UTF-16, are understood.

use super::document::MAX_BYTES;
use super::lists::embed;
use super::mistake::Mistake;
use super::mistakes::{FileKind, Found, Mistakes};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Why a file has no text.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("{}: cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not text.
    #[error(transparent)]
    Mistakes(#[from] Mistakes),
}

/// Reads the text of a file, or enough of it to see that it is too long. What files beside it list is written into the text.
///
/// # Errors
/// If one of the files cannot be read, is not text, or does not list what it should.
pub fn load(path: &Path, kind: FileKind) -> Result<String, LoadError> {
    let text = text_of(path, kind)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let beside = |name: &str| {
        text_of(&folder.join(name), FileKind::List).map_err(|error| match &error {
            LoadError::Read { source, .. } => format!("cannot be read: {source}"),
            LoadError::Mistakes(_) => "is not text in UTF-8".to_owned(),
        })
    };
    Ok(embed(&path.display().to_string(), kind, &text, &beside)?)
}

fn text_of(path: &Path, kind: FileKind) -> Result<String, LoadError> {
    let mut bytes = Vec::new();
    // twice as many bytes in UTF-16 as in UTF-8, and one more to see that there are more
    let limit = 2 * MAX_BYTES as u64 + 3;
    File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
    Ok(decode(&path.display().to_string(), kind, bytes)?)
}

/// The text of a file's bytes.
///
/// # Errors
/// If they are neither UTF-8 nor UTF-16; the mistake has the place of the first wrong byte.
pub fn decode(file: &str, kind: FileKind, bytes: Vec<u8>) -> Result<String, Mistakes> {
    let utf16 = match bytes[..] {
        // a byte-order mark; or a letter of ASCII in two bytes
        [0xff, 0xfe, ..] | [1..=0x7f, 0, ..] => Some(u16::from_le_bytes as fn([u8; 2]) -> u16),
        [0xfe, 0xff, ..] | [0, 1..=0x7f, ..] => Some(u16::from_be_bytes as fn([u8; 2]) -> u16),
        _ => None,
    };
    if let Some(unit) = utf16 {
        let units: Vec<_> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        return Ok(String::from_utf16_lossy(&units));
    }
    String::from_utf8(bytes).map_err(|error| {
        let start = error.utf8_error().valid_up_to();
        let bytes = error.into_bytes();
        let byte = bytes[start];
        // every byte is a character of Latin-1, which such a file most probably is
        let rest: String = bytes[start..].iter().map(|byte| char::from(*byte)).collect();
        let text = String::from_utf8_lossy(&bytes[..start]).into_owned() + &rest;
        let place = start..start + char::from(byte).len_utf8();
        let found = Found { place, key: String::new(), mistake: Mistake::NotUtf8 { byte } };
        Mistakes::new(file, kind, &text, vec![found], 0)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::decode;
    use crate::file::FileKind;

    #[test]
    fn utf_16_is_understood() {
        let text = "sweep: s\n# Größe 图\n";
        let units: Vec<_> = text.encode_utf16().collect();
        let little: Vec<_> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<_> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        for (mark, bytes) in [([0xff, 0xfe], little), ([0xfe, 0xff], big)] {
            assert_eq!(decode("", FileKind::Sweep, bytes.clone()).unwrap(), text);
            let marked: Vec<_> = mark.into_iter().chain(bytes).collect();
            assert_eq!(decode("", FileKind::Sweep, marked).unwrap(), format!("\u{feff}{text}"));
        }
    }

    #[test]
    fn latin_1_is_refused_with_its_place() {
        let bytes = b"sweep: s\n# \xc3\x9c, Gr\xf6\xdfe\nmodel: {}\n".to_vec();
        let mistakes = decode("s.yaml", FileKind::Sweep, bytes).unwrap_err();
        assert_eq!((mistakes.list[0].line, mistakes.list[0].column), (2, 8));
        let text = mistakes.to_string();
        assert!(text.contains("the byte 0xF6 is not valid UTF-8") && text.contains("save the file as UTF-8"), "{text}");
        assert!(text.contains("# Ü, Größe"), "{text}");
    }
}
