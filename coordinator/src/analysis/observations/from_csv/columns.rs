//! Which column of a file means what: said by name, or guessed where a single one can be meant.

use super::error::ImportError;

/// Names that a score column has in the tables of many tools, in lower case.
const SCORE_NAMES: &[&str] = &["score", "value", "metric", "test_score", "mean_test_score"];
/// Names that a replicate column has, in lower case.
const REPLICATE_NAMES: &[&str] = &["replicate", "split_seed", "split", "seed", "fold", "repeat"];
/// Maximum number of names that a message lists.
const MAX_LISTED: usize = 12;

/// Which columns mean what; all are guessed where they are not named.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Columns {
    /// The column of the scores.
    pub score: Option<String>,
    /// The column that tells a candidate's runs apart: a split, a seed, a fold.
    pub replicate: Option<String>,
    /// The columns that tell candidates apart; all others, if there are none.
    pub candidate: Vec<String>,
}

/// The place of each column in the file.
pub(super) struct Places {
    pub(super) score: usize,
    pub(super) replicate: usize,
    pub(super) candidate: Vec<usize>,
}

impl Places {
    pub(super) fn find(header: &[&str], columns: &Columns) -> Result<Self, ImportError> {
        if header.iter().all(|name| name.is_empty()) {
            return Err(ImportError::line(1, "there is no header: name the columns in the first line"));
        }
        if let Some(again) = (1..header.len()).find(|place| header[..*place].contains(&header[*place])) {
            return Err(ImportError::cell(1, header[again], "is there twice: give each column a name of its own"));
        }
        if let [only] = header {
            let separator = [';', '\t'].into_iter().find(|separator| only.contains(*separator));
            let found = separator.map(|separator| format!(", not by {separator:?}")).unwrap_or_default();
            return Err(ImportError::line(1, format!("there is a single column: separate columns by commas{found}")));
        }
        let score = place(header, columns.score.as_deref(), "--score", SCORE_NAMES)?;
        let replicate = place(header, columns.replicate.as_deref(), "--replicate", REPLICATE_NAMES)?;
        if score == replicate {
            return Err(ImportError::cell(1, header[score], "cannot be both the score and the replicate"));
        }
        let named = columns.candidate.iter().map(|name| place(header, Some(name), "--candidate", &[]));
        let named: Vec<_> = named.collect::<Result<_, _>>()?;
        if let Some(taken) = named.iter().find(|named| **named == score || **named == replicate) {
            let problem = "is a candidate column and the score or the replicate: leave it out of --candidate";
            return Err(ImportError::cell(1, header[*taken], problem));
        }
        let others = || (0..header.len()).filter(|place| *place != score && *place != replicate).collect();
        let candidate: Vec<_> = if named.is_empty() { others() } else { named };
        if candidate.is_empty() {
            return Err(ImportError::line(1, "there is no candidate column: add one that names what is compared"));
        }
        Ok(Self { score, replicate, candidate })
    }
}

/// The place of the column of that name; without one, of the only column that has one of the usual names.
fn place(header: &[&str], name: Option<&str>, option: &str, usual: &[&str]) -> Result<usize, ImportError> {
    let Some(name) = name else {
        let found = (0..header.len()).filter(|place| usual.contains(&&*header[*place].to_lowercase()));
        return match found.collect::<Vec<_>>()[..] {
            [only] => Ok(only),
            [] => {
                let problem = format!("which column is meant? give {option} one of: {}", listed(header));
                Err(ImportError::line(1, problem))
            }
            [first, second, ..] => {
                let (first, second) = (header[first], header[second]);
                Err(ImportError::line(1, format!("{option} can be `{first}` or `{second}`: say which")))
            }
        };
    };
    header.iter().position(|column| *column == name).ok_or_else(|| {
        ImportError::line(1, format!("{option}: no column is named `{name}`; there are: {}", listed(header)))
    })
}

/// The names, for a message.
pub(super) fn listed(names: &[impl AsRef<str>]) -> String {
    let mut listed = names.iter().take(MAX_LISTED).map(|name| name.as_ref().to_owned()).collect::<Vec<_>>().join(", ");
    if names.len() > MAX_LISTED {
        listed.push_str(", ...");
    }
    listed
}
