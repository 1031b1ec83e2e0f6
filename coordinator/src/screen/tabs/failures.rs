//! Jobs that failed, attempts that failed and are tried again, and trainings that left no model.

use super::Known;
use super::jobs::{AtWork, head};
use crate::screen::list::{Cell, Column, Entry, Kind, Listing, Tone};
use crate::screen::sheet::Row;
use std::collections::BTreeSet;

pub(in crate::screen) fn listing(known: &Known) -> Listing {
    let columns = vec![
        Column::new("job", Kind::Words, 2),
        Column::new("candidate", Kind::Words, 0),
        Column::new("split", Kind::Number, 0),
        Column::new("state", Kind::Words, 0),
        Column::new("attempts", Kind::Number, 3),
        Column::new("message", Kind::Words, 1),
    ];
    let mut listed = BTreeSet::new();
    let is_trouble = |job: &&Row| !job.text("message").is_empty() || is_no_model(job) || job.text("state") == "failed";
    let troubled = known.failed.rows().iter().chain(known.jobs.rows()).filter(is_trouble);
    let at_work = AtWork::of(known);
    let rows = troubled.filter(|job| listed.insert(job.text("job"))).map(|job| {
        let more = [Cell::count(job.count("attempts")), Cell::words(job.text("message"))];
        Entry {
            key: job.text("job").to_owned(),
            cells: head(job, at_work.find(job)).into_iter().chain(more).collect(),
            tone: if job.text("state") == "failed" { Tone::Bad } else { Tone::Plain },
        }
    });
    Listing {
        columns,
        rows: rows.collect(),
        empty: known.no_rows("No attempt has failed, and every training left a model."),
        ..Listing::default()
    }
}

fn is_no_model(job: &Row) -> bool {
    !matches!(job.text("verdict"), "" | "trained")
}
