//! Bytes -> a header and lines of fields, each with its number in the file.
//!
//! Programs add to a CSV: a byte order mark, UTF-16, comments above the header (`# ...`), a column without a name that numbers the
//! lines (pandas, R), a comma at the end of each line. None of it is taken for results. Semicolons or tabs may separate the columns;
//! then a comma may be a decimal point.

use super::error::{ImportError, listed, shown};
use std::borrow::Cow;
use std::collections::HashSet;

/// Names of a column that numbers the lines, in lower case: of pandas, and of pandas twice.
const INDEX_NAMES: &[&str] = &["", "unnamed: 0"];

/// A file of results: a header and at least one line.
pub(super) struct Sheet {
    /// Names of the columns, each one different and none empty.
    pub(super) header: Vec<String>,
    /// The lines beneath it.
    pub(super) lines: Vec<Line>,
    /// Columns that were left out because they hold nothing but numbers of lines, as a person would call them.
    pub(super) passed_over: Vec<String>,
}

/// A line.
pub(super) struct Line {
    /// Its number in the file, from 1.
    pub(super) number: u64,
    /// One field per column.
    pub(super) fields: Vec<String>,
}

impl Sheet {
    /// Reads the file.
    ///
    /// # Errors
    /// If it is not text or not a valid CSV, has no line beneath its header, or a column has no name of its own.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, ImportError> {
        let text = decoded(bytes)?;
        let source = Source::after_comments(&text);
        let mut reader = csv::ReaderBuilder::new();
        let mut reader =
            reader.trim(csv::Trim::All).delimiter(source.separator as u8).from_reader(source.text.as_bytes());
        let header = reader.headers().map_err(|error| source.unreadable(&error))?;
        let header: Vec<String> = header.iter().map(str::to_owned).collect();
        check_header(&header)?;
        let mut lines = Vec::new();
        for record in reader.into_records() {
            let record = record.map_err(|error| source.unreadable(&error))?;
            let number = source.line_number(record.position());
            lines.push(Line { number, fields: record.iter().map(str::to_owned).collect() });
        }
        if lines.is_empty() {
            return Err(ImportError::line(2, "there is no run: write one line per run beneath the header"));
        }
        let mut sheet = Self { header, lines, passed_over: Vec::new() };
        if source.separator != ',' {
            sheet.write_decimal_points();
        }
        sheet.without_what_says_nothing()
    }

    /// Where commas do not separate columns, they may stand for decimal points: in a column that has no point.
    fn write_decimal_points(&mut self) {
        for place in 0..self.header.len() {
            let is_number = |field: &str| field.replacen(',', ".", 1).parse::<f64>().is_ok();
            let has_points = self.column(place).any(|field| field.contains('.') && is_number(field));
            if has_points {
                continue;
            }
            let commas = self.lines.iter_mut().map(|line| &mut line.fields[place]);
            commas.filter(|field| is_number(field)).for_each(|field| *field = field.replacen(',', ".", 1));
        }
    }

    /// Keeps the lines that have a value in a column; numbers are compared as numbers.
    ///
    /// # Errors
    /// If there is no such column, or no such line.
    pub(super) fn keep_where(&mut self, column: &str, value: &str) -> Result<(), ImportError> {
        let Some(place) = self.header.iter().position(|name| name == column) else {
            let there_are = listed(&self.header);
            return Err(ImportError::line(
                1,
                format!("--where: no column is named {}; there are: {there_are}", shown(column)),
            ));
        };
        let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
        let is_same = |field: &str| field == value || number(field).zip(number(value)).is_some_and(|(a, b)| a == b);
        if !self.column(place).any(is_same) {
            let mut there_are: Vec<String> = self.column(place).map(str::to_owned).collect();
            there_are.sort();
            there_are.dedup();
            let problem = format!("no line has {} (--where); there are: {}", shown(value), listed(&there_are));
            return Err(ImportError::cell(1, column, problem));
        }
        self.lines.retain(|line| is_same(&line.fields[place]));
        Ok(())
    }

    /// Leaves out columns that number the lines, and empty ones without a name.
    fn without_what_says_nothing(mut self) -> Result<Self, ImportError> {
        let is_index_name = |name: &str| INDEX_NAMES.contains(&&*name.to_lowercase());
        let mut kept = Vec::new();
        for (place, name) in self.header.iter().enumerate() {
            let fields = || self.lines.iter().map(|line| line.fields[place].as_str());
            if is_index_name(name) && fields().all(|field| field.parse::<u64>().is_ok()) {
                self.passed_over.push(if name.is_empty() { "the column without a name" } else { name }.to_owned());
            } else if !name.is_empty() {
                kept.push(place);
            } else if !fields().all(str::is_empty) {
                let problem = format!("column {} has no name: write one in the header", place + 1);
                return Err(ImportError::line(1, problem));
            }
        }
        let of = |fields: &[String]| kept.iter().map(|place| fields[*place].clone()).collect();
        self.header = of(&self.header);
        self.lines.iter_mut().for_each(|line| line.fields = of(&line.fields));
        Ok(self)
    }

    /// The fields of a column.
    pub(super) fn column(&self, place: usize) -> impl Iterator<Item = &str> + Clone {
        self.lines.iter().map(move |line| line.fields[place].as_str())
    }

    /// Whether no two lines have the same in a column.
    pub(super) fn all_differ(&self, place: usize) -> bool {
        self.column(place).collect::<HashSet<_>>().len() == self.lines.len()
    }
}

fn check_header(header: &[String]) -> Result<(), ImportError> {
    if header.iter().all(String::is_empty) {
        return Err(ImportError::line(1, "there is no header: name the columns in the first line"));
    }
    let is_again = |place: &usize| !header[*place].is_empty() && header[..*place].contains(&header[*place]);
    if let Some(again) = (1..header.len()).find(is_again) {
        return Err(ImportError::cell(1, &header[again], "is there twice: give each column a name of its own"));
    }
    if let [only] = header {
        let problem =
            format!("there is a single column, {}: separate columns by commas, semicolons or tabs", shown(only));
        return Err(ImportError::line(1, problem));
    }
    Ok(())
}

/// What separates the columns of a header: commas, if there are any; spreadsheets of many countries write semicolons.
fn separator(header: &str) -> char {
    [',', ';', '\t'].into_iter().find(|separator| header.contains(*separator)).unwrap_or(',')
}

/// The text of a file in UTF-8, or in UTF-16 as spreadsheets on Windows save it.
fn decoded(bytes: &[u8]) -> Result<Cow<'_, str>, ImportError> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        let text: Result<String, _> = char::decode_utf16(units).collect();
        let whole = bytes.len().is_multiple_of(2).then_some(text).and_then(Result::ok);
        whole.map(Cow::Owned).ok_or_else(|| ImportError::line(1, "is not valid UTF-16: save the file as UTF-8"))
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [first, 0, ..] if *first != 0 => utf16(bytes, u16::from_le_bytes),
        [0, second, ..] if *second != 0 => utf16(bytes, u16::from_be_bytes),
        _ => {
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|error| {
                let before = &bytes[..error.valid_up_to()];
                let line = 1 + before.iter().filter(|byte| **byte == b'\n').count() as u64;
                ImportError::line(line, "is not UTF-8: save the file as UTF-8")
            })
        }
    }
}

/// What the reader of CSV gets.
struct Source<'a> {
    /// From the header on.
    text: &'a str,
    /// Number of lines before it.
    skipped: u64,
    /// What stands between the columns.
    separator: char,
}

impl<'a> Source<'a> {
    /// The text behind the comments at its beginning. As numpy writes it, the header is the last of them: it has as many fields as
    /// the line beneath it, which has a number.
    fn after_comments(text: &'a str) -> Self {
        let (mut rest, mut skipped, mut last) = (text, 0, None);
        while let Some(comment) = rest.strip_prefix('#') {
            last = Some(comment);
            rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
            skipped += 1;
        }
        let header_line = |text: &'a str| text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let separator = separator(header_line(rest));
        let first_line = |text: &'a str| text.lines().next().unwrap_or_default().split(separator);
        let is_header = |comment: &&'a str| {
            let fields = first_line(comment).count();
            let mut beneath = first_line(rest);
            fields > 1 && beneath.clone().count() == fields && beneath.any(|field| field.trim().parse::<f64>().is_ok())
        };
        match last.filter(is_header) {
            Some(header) => Self { text: header, skipped: skipped - 1, separator },
            None => Self { text: rest, skipped, separator },
        }
    }

    /// The line of a record, from 1. The reader's own number is that of the blank lines before it.
    fn line_number(&self, position: Option<&csv::Position>) -> u64 {
        let Some(position) = position else { return self.skipped + 1 };
        let start = usize::try_from(position.byte()).unwrap_or(usize::MAX);
        let blank = self.text.bytes().skip(start).take_while(|byte| matches!(byte, b'\n' | b'\r'));
        self.skipped + position.line() + blank.filter(|byte| *byte == b'\n').count() as u64
    }

    fn unreadable(&self, error: &csv::Error) -> ImportError {
        let line = self.line_number(error.position());
        match error.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                let fields = format!("has {len} fields, and the header has {expected_len}");
                ImportError::line(line, format!("{fields}: write every field, and put those with a comma in quotes"))
            }
            _ => ImportError::line(line, error.to_string()),
        }
    }
}
