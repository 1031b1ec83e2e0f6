//! The jobs in the order of the plan, with the epochs of those that run.

use super::Known;
use crate::screen::list::{Cell, Column, Entry, Kind, Listing, Tone};
use crate::screen::sheet::Row;
use crate::text::{duration, metric_name, signed};
use proto::ids::JobId;
use proto::status::{RunningJob, WorkerStatus};
use std::collections::BTreeMap;

/// Characters of an id that tell jobs apart.
const SHORT: usize = 12;

pub(in crate::screen) fn listing(known: &Known) -> Listing {
    let columns = vec![
        Column::new("job", Kind::Words, 5),
        Column::new("candidate", Kind::Words, 0),
        Column::new("split", Kind::Number, 0),
        Column::new("state", Kind::Words, 0),
        Column::new("epoch", Kind::Words, 2),
        Column::new(metric_name(known.candidates.fact("metric")), Kind::Number, 1),
        Column::new("took", Kind::Number, 4),
        Column::new("worker", Kind::Words, 3),
    ];
    let at_work = AtWork::of(known);
    let rows = known.jobs.rows().iter().map(|job| {
        let running = at_work.find(job);
        let (epoch, seconds) = (running.map(epoch).unwrap_or_default(), job.number("train_seconds"));
        let more = [
            Cell::words(epoch),
            Cell::score(score(known, job), 3),
            Cell::Number(seconds, seconds.map(duration).unwrap_or_default()),
            Cell::words(worker(job, running)),
        ];
        Entry {
            key: job.text("job").to_owned(),
            cells: head(job, running).into_iter().chain(more).collect(),
            tone: tone(state(job, running)),
        }
    });
    Listing { columns, rows: rows.collect(), empty: known.no_rows("No job."), ..Listing::default() }
}

pub(in crate::screen) fn details(known: &Known, key: &str) -> Vec<String> {
    let Some(job) = find(known, key) else { return Vec::new() };
    let mut lines = vec![format!("job {key}"), String::new(), line(known, &AtWork::of(known), job)];
    lines.extend(Some(job.text("message").to_owned()).filter(|message| !message.is_empty()));
    lines
}

/// The first cells of a job in every list: its id, its candidate, its split and its state.
pub(super) fn head(job: &Row, running: Option<Running<'_>>) -> [Cell; 4] {
    [
        Cell::words(short(job.text("job"))),
        Cell::words(&job.name),
        Cell::Number(job.number("split_seed"), job.count("split_seed").to_string()),
        Cell::words(state(job, running)),
    ]
}

/// A job in a line: `split 3: succeeded, 0.751, 12 s, on worker gpu1`.
pub(super) fn line(known: &Known, at_work: &AtWork<'_>, job: &Row) -> String {
    let running = at_work.find(job);
    let mut words = vec![state(job, running).to_owned()];
    words.extend(running.map(|running| format!("epoch {}", epoch(running))));
    words.extend(score(known, job).map(|score| signed(score, 3)));
    words.extend(job.number("train_seconds").map(duration));
    words.extend(Some(worker(job, running)).filter(|name| !name.is_empty()).map(|name| format!("on worker {name}")));
    format!("split {}: {}", job.count("split_seed"), words.join(", "))
}

/// A job of that id.
pub(super) fn find<'a>(known: &'a Known, id: &str) -> Option<&'a Row> {
    known.jobs.rows().iter().chain(known.failed.rows()).find(|job| job.text("job") == id)
}

/// The state: of one that ended in no model, its verdict; of one that runs by now, that.
pub(super) fn state<'a>(job: &'a Row, running: Option<Running<'_>>) -> &'a str {
    match (job.text("state"), job.text("verdict")) {
        ("queued", _) if running.is_some() => "running",
        ("succeeded", verdict) if verdict != "trained" => verdict,
        (state, _) => state,
    }
}

fn epoch((_, job): Running<'_>) -> String {
    format!("{} of {}", job.epoch, job.epochs)
}

/// The worker that has the job, or had it; empty if none is known.
fn worker<'a>(job: &'a Row, running: Option<Running<'a>>) -> &'a str {
    running.map_or_else(|| job.text("worker"), |(worker, _)| &worker.name)
}

fn short(id: &str) -> &str {
    id.get(..SHORT).unwrap_or(id)
}

fn tone(state: &str) -> Tone {
    match state {
        "running" => Tone::Good,
        "succeeded" => Tone::Plain,
        "queued" | "dropped" => Tone::Faint,
        _ => Tone::Bad,
    }
}

/// By the metric and on the subset of the table of candidates.
pub(super) fn score(known: &Known, job: &Row) -> Option<f64> {
    let (metric, subset) = (known.candidates.fact("metric"), known.candidates.fact("subset"));
    let prefix = if subset == "validation" { "val" } else { "test" };
    job.number(&format!("{prefix}_{metric}"))
}

/// A running attempt and its worker.
pub(super) type Running<'a> = (&'a WorkerStatus, &'a RunningJob);

/// The attempts that run, by their jobs: there may be thousands of both, and each list looks for every row.
pub(super) struct AtWork<'a>(BTreeMap<JobId, Running<'a>>);

impl<'a> AtWork<'a> {
    pub(super) fn of(known: &'a Known) -> Self {
        let workers = known.status.as_ref().map_or(&[][..], |status| &status.workers);
        let running = workers.iter().flat_map(|worker| worker.running.iter().map(move |job| (job.job, (worker, job))));
        Self(running.collect())
    }

    pub(super) fn find(&self, job: &Row) -> Option<Running<'a>> {
        self.0.get(&job.text("job").parse().ok()?).copied()
    }
}
