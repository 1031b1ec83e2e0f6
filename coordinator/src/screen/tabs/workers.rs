//! The workers: where each computes, what it runs, what is wrong with it.

use super::Known;
use crate::outlook;
use crate::screen::list::{Cell, Column, Entry, Kind, Listing, Tone};
use proto::status::{RunningJob, Status, WorkerStatus};

pub(in crate::screen) fn listing(known: &Known) -> Listing {
    let columns = vec![
        Column::new("worker", Kind::Words, 0),
        Column::new("host", Kind::Words, 3),
        Column::new("device", Kind::Words, 2),
        Column::new("busy", Kind::Number, 0),
        Column::new("per epoch", Kind::Number, 0),
        Column::new("what it does", Kind::Words, 1),
    ];
    let Some(status) = &known.status else { return Listing { columns, ..Listing::default() } };
    let rows = status.workers.iter().map(|worker| {
        let (wrong, seconds) = (wrong(status, worker), worker.seconds_per_epoch());
        Entry {
            key: worker.worker.clone(),
            cells: vec![
                Cell::words(&worker.name),
                Cell::words(&worker.host),
                Cell::words(&worker.device),
                Cell::Number(
                    Some(worker.running.len() as f64),
                    format!("{} of {}", worker.running.len(), worker.slots),
                ),
                Cell::Number(seconds, seconds.map(outlook::an_epoch).unwrap_or_default()),
                Cell::words([wrong.clone(), at_work(worker)].concat().join(", ")),
            ],
            tone: if !wrong.is_empty() {
                Tone::Bad
            } else if worker.running.is_empty() {
                Tone::Faint
            } else {
                Tone::Plain
            },
        }
    });
    let empty = "No worker is known; a store without a coordinator knows of none.".to_owned();
    Listing { columns, rows: rows.collect(), empty, ..Listing::default() }
}

pub(in crate::screen) fn details(known: &Known, key: &str) -> Vec<String> {
    let Some(status) = &known.status else { return Vec::new() };
    let Some(worker) = status.workers.iter().find(|worker| worker.worker == key) else { return Vec::new() };
    let mut lines = vec![format!("worker {}", worker.name), crate::screen::messages::place(worker), String::new()];
    lines.extend(wrong(status, worker));
    lines.extend(worker.last_seen_ms.map(|seen| format!("last call at {}", outlook::clock(seen))));
    lines.extend(outlook::pace(worker));
    lines.extend(worker.readings.iter().map(ToString::to_string));
    lines.extend(at_work(worker));
    lines
}

fn wrong(status: &Status, worker: &WorkerStatus) -> Vec<String> {
    outlook::of_worker(status, worker).into_iter().chain(worker.notices.iter().cloned()).collect()
}

/// What it runs, as in the lines of `status`.
fn at_work(worker: &WorkerStatus) -> Vec<String> {
    let line = |job: &RunningJob| format!("{} epoch {}/{}", job.label, job.epoch, job.epochs);
    match &worker.running[..] {
        [] if !worker.silent => vec!["idle".to_owned()],
        running => running.iter().map(line).collect(),
    }
}
