//! Every job in its cell: candidates by splits, with the score in thousandths or how the job stands. A row tells of a candidate, a column
//! of a split that is hard or easy for all.

use super::Known;
use super::jobs::{AtWork, Running, score, state};
use super::results;
use crate::screen::list::{Cell, Column, Entry, Kind, Listing, Tone};
use crate::screen::sheet::Row;
use crate::text::metric_name;
use std::collections::BTreeMap;

/// Splits that have a column, where there is room.
const MAX_SPLITS: usize = 60;

pub(in crate::screen) fn listing(known: &Known) -> Listing {
    let mut jobs: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for job in known.jobs.rows() {
        jobs.entry(&job.name).or_default().push(job);
    }
    // all candidates have the same replicates, in the same order
    let longest = jobs.values().max_by_key(|jobs| jobs.len()).map_or(&[][..], Vec::as_slice);
    let splits = longest.iter().take(MAX_SPLITS);
    // the last ones are left out first
    let split = |job: &&Row| Column::new(job.count("split_seed").to_string(), Kind::Number, 1);
    let candidate = Column::new("candidate \\ split", Kind::Words, 0);
    let at_work = AtWork::of(known);
    let rows = results::sorted(known).into_iter().filter_map(|row| {
        let jobs = jobs.get(row.name.as_str())?;
        let cell = |place: usize| jobs.get(place).map_or(Cell::words(""), |job| cell(known, job, at_work.find(job)));
        let cells = (0..longest.len().min(MAX_SPLITS)).map(cell);
        Some(Entry {
            key: row.name.clone(),
            cells: std::iter::once(Cell::words(&row.name)).chain(cells).collect(),
            tone: if row.text("against_best") == "leads" { Tone::Good } else { Tone::Plain },
        })
    });
    Listing {
        columns: std::iter::once(candidate).chain(splits.map(split)).collect(),
        rows: rows.collect(),
        empty: known.no_rows("No job."),
        key: format!(
            "A number is the {} in thousandths, with ! if the training left no model; ! alone is a result without a score. \
             - queued, run running, fail failed, canc cancelled, drop dropped.",
            metric_name(known.candidates.fact("metric"))
        ),
    }
}

/// `751`; `97!` of a training that left no model; else how the job stands.
fn cell(known: &Known, job: &Row, running: Option<Running<'_>>) -> Cell {
    let Some(score) = score(known, job) else {
        let words = match state(job, running) {
            "queued" => "-",
            "running" => "run",
            "failed" => "fail",
            "cancelled" => "canc",
            "dropped" => "drop",
            // a result without a score
            _ => "!",
        };
        return Cell::Number(None, words.to_owned());
    };
    let sign = if job.text("verdict") == "trained" { "" } else { "!" };
    Cell::Number(Some(score), format!("{:.0}{sign}", 1000.0 * score))
}
