//! A wide file -> a long one: where each replicate has a column of its own, as in `seed_0,seed_1,seed_2` or scikit-learn's
//! `split0_test_score,split1_test_score`, every line becomes one line per replicate.

use super::error::listed;
use super::sheet::{Line, Sheet};

/// Names that such columns begin or end with, in lower case.
const STEMS: &[&str] = &["replicate", "split", "fold", "repeat", "seed", "run"];
/// The name of the score where a column's name has none.
const SCORE: &str = "score";
/// What summarises the replicates of a metric, before its name: nothing of it is a result of a run.
const SUMMARIES: &[&str] = &["mean_", "std_", "rank_"];

/// A column of one replicate.
struct OfReplicate<'a> {
    place: usize,
    stem: &'static str,
    /// The number of the replicate, as it is written.
    number: &'a str,
    metric: &'a str,
}

impl<'a> OfReplicate<'a> {
    /// Reads a name such as `seed_0`, `fold3`, `split0_test_score` or `iou_seed_1`.
    fn of(place: usize, name: &'a str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        if lower.len() != name.len() {
            return None;
        }
        STEMS.iter().find_map(|stem| {
            let start = lower.find(stem)?;
            let (before, behind) = (&name[..start], &name[start + stem.len()..]);
            let number = behind.trim_start_matches(['_', '-', ' ']);
            let length = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
            let (number, rest) = number.split_at(length);
            let cut = |text: &'a str| text.trim_matches(['_', '-', ' ', '/', '.']);
            let metric = match (cut(before), cut(rest)) {
                ("", "") => SCORE,
                ("", metric) | (metric, "") => metric,
                _ => return None,
            };
            (!number.is_empty()).then_some(Self { place, stem, number, metric })
        })
    }
}

/// The long file, and what is said about it; the same file where no two columns are of one metric on different replicates, or where a
/// column has the replicate.
pub(super) fn long(sheet: Sheet) -> (Sheet, Option<String>) {
    let header = sheet.header.clone();
    let found: Vec<_> = header.iter().enumerate().filter_map(|(place, name)| OfReplicate::of(place, name)).collect();
    let Some(stem) = found.first().map(|column| column.stem) else { return (sheet, None) };
    let mut numbers: Vec<&str> = found.iter().map(|column| column.number).collect();
    let mut metrics: Vec<&str> = found.iter().map(|column| column.metric).collect();
    for names in [&mut numbers, &mut metrics] {
        let mut seen = Vec::new();
        names.retain(|name| {
            !seen.contains(name) && {
                seen.push(*name);
                true
            }
        });
    }
    let has_replicate = header.iter().any(|name| STEMS.contains(&&*name.to_lowercase()));
    let is_whole = found.len() == numbers.len() * metrics.len() && found.iter().all(|column| column.stem == stem);
    if numbers.len() < 2 || !is_whole || has_replicate {
        return (sheet, None);
    }
    let is_summary = |name: &str| {
        let of = |prefix: &&str| name.strip_prefix(*prefix).is_some_and(|metric| metrics.contains(&metric));
        SUMMARIES.iter().any(of)
    };
    let kept: Vec<usize> = (0..header.len())
        .filter(|place| !found.iter().any(|column| column.place == *place) && !is_summary(&header[*place]))
        .collect();
    let place = |number: &str, metric: &str| {
        found.iter().find(|column| column.number == number && column.metric == metric).map(|column| column.place)
    };
    let line = |line: &Line, number: &str| {
        let own = kept.iter().map(|place| line.fields[*place].clone());
        let scores = metrics
            .iter()
            .map(|metric| place(number, metric).map_or_else(String::new, |place| line.fields[place].clone()));
        Line { number: line.number, fields: own.chain([number.to_owned()]).chain(scores).collect() }
    };
    let lines = sheet.lines.iter().flat_map(|of| numbers.iter().map(move |number| (of, *number)));
    let lines = lines.map(|(of, number)| line(of, number)).collect();
    let names = kept.iter().map(|place| header[*place].clone());
    let long = names.chain([stem.to_owned()]).chain(metrics.iter().map(|metric| (*metric).to_owned())).collect();
    let columns: Vec<&str> = found.iter().map(|column| header[column.place].as_str()).collect();
    let note = format!("{} are read as {} of {stem} {}", listed(&columns), listed(&metrics), listed(&numbers));
    (Sheet { header: long, lines, passed_over: sheet.passed_over }, Some(note))
}
