//! The jobs in the order of the plan, with the epochs of those that run.

use super::Known;
use crate::screen::list::{Cell, Column, Entry, Kind, Listing, Tone};
use crate::screen::sheet::Row;
use crate::text::{duration, metric_name, signed};
use proto::status::{RunningJob, WorkerStatus};

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
    let rows = known.jobs.rows().iter().map(|job| {
        let running = running(known, job.text("job"));
        let seconds = job.number("train_seconds");
        Entry {
            key: job.text("job").to_owned(),
            cells: vec![
                Cell::words(short(job.text("job"))),
                Cell::words(&job.name),
                Cell::Number(job.number("split_seed"), job.count("split_seed").to_string()),
                Cell::words(state(known, job)),
                Cell::words(running.map(|(_, job)| format!("{} of {}", job.epoch, job.epochs)).unwrap_or_default()),
                Cell::score(score(known, job), 3),
                Cell::Number(seconds, seconds.map(duration).unwrap_or_default()),
                Cell::words(running.map_or_else(|| job.text("worker"), |(worker, _)| &worker.name)),
            ],
            tone: tone(&state(known, job)),
        }
    });
    Listing { columns, rows: rows.collect(), empty: known.no_rows("No job.") }
}

pub(in crate::screen) fn details(known: &Known, key: &str) -> Vec<String> {
    let Some(job) = find(known, key) else { return Vec::new() };
    let mut lines = vec![format!("job {key}"), String::new(), line(known, job)];
    lines.extend(Some(job.text("message").to_owned()).filter(|message| !message.is_empty()));
    lines
}

/// A job in a line: `split 3: succeeded, 0.751, 12 s, on worker gpu1`.
pub(super) fn line(known: &Known, job: &Row) -> String {
    let running = running(known, job.text("job"));
    let mut words = vec![state(known, job)];
    words.extend(running.map(|(_, job)| format!("epoch {} of {}", job.epoch, job.epochs)));
    words.extend(score(known, job).map(|score| signed(score, 3)));
    words.extend(job.number("train_seconds").map(duration));
    let worker = running.map_or_else(|| job.text("worker"), |(worker, _)| &worker.name);
    words.extend(Some(worker).filter(|name| !name.is_empty()).map(|name| format!("on worker {name}")));
    format!("split {}: {}", job.count("split_seed"), words.join(", "))
}

/// A job of that id.
pub(super) fn find<'a>(known: &'a Known, id: &str) -> Option<&'a Row> {
    known.jobs.rows().iter().chain(known.failed.rows()).find(|job| job.text("job") == id)
}

/// The state: of one that ended in no model, its verdict; of one that runs by now, that.
pub(super) fn state(known: &Known, job: &Row) -> String {
    let is_running = running(known, job.text("job")).is_some();
    match (job.text("state"), job.text("verdict")) {
        ("queued", _) if is_running => "running",
        ("succeeded", verdict) if verdict != "trained" => verdict,
        (state, _) => state,
    }
    .to_owned()
}

pub(super) fn short(id: &str) -> &str {
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
fn score(known: &Known, job: &Row) -> Option<f64> {
    let (metric, subset) = (known.candidates.fact("metric"), known.candidates.fact("subset"));
    let prefix = if subset == "validation" { "val" } else { "test" };
    job.number(&format!("{prefix}_{metric}"))
}

fn running<'a>(known: &'a Known, id: &str) -> Option<(&'a WorkerStatus, &'a RunningJob)> {
    let workers = known.status.as_ref().map_or(&[][..], |status| &status.workers);
    workers
        .iter()
        .flat_map(|worker| worker.running.iter().map(move |job| (worker, job)))
        .find(|(_, job)| job.job.to_string() == id)
}
