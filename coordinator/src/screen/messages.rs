//! What has happened between two statuses, and how things stood at first, in words: the tab of messages.

use crate::outlook;
use crate::text::plural;
use proto::status::{Status, SweepState, SweepStatus, WorkerStatus};

/// A message, and when it came: milliseconds since 1970, UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) at_ms: u64,
    pub(super) text: String,
    pub(super) is_bad: bool,
}

/// How things stand when the screen is opened: what has gone wrong by then, and who is there.
pub(super) fn at_first(status: &Status) -> Vec<Message> {
    let mut messages = Vec::new();
    let mut say = |is_bad, text| messages.push(Message { at_ms: status.at_ms, text, is_bad });
    for worker in &status.workers {
        say(false, format!("worker {}: {}", worker.name, place(worker)));
        troubles(worker, status, &mut say);
    }
    for sweep in &status.sweeps {
        say(false, format!("{}: {}", sweep.sweep, outlook::outlook(status, sweep)));
        if !sweep.problem.is_empty() {
            say(true, format!("{}: {}", sweep.sweep, sweep.problem));
        }
    }
    say(false, "below: how things stood when the screen was opened".to_owned());
    messages
}

/// What has changed.
pub(super) fn between(before: &Status, after: &Status) -> Vec<Message> {
    let mut messages = Vec::new();
    let mut say = |is_bad, text| messages.push(Message { at_ms: after.at_ms, text, is_bad });
    for sweep in &after.sweeps {
        match before.sweeps.iter().find(|known| known.sweep == sweep.sweep) {
            None => say(false, format!("{}: {}", sweep.sweep, outlook::outlook(after, sweep))),
            Some(known) => of_sweep(known, sweep, after, &mut say),
        }
    }
    for gone in before.sweeps.iter().filter(|known| after.sweeps.iter().all(|sweep| sweep.sweep != known.sweep)) {
        say(false, format!("{} was deleted", gone.sweep));
    }
    for worker in &after.workers {
        match before.workers.iter().find(|known| known.worker == worker.worker) {
            None => {
                say(false, format!("worker {} has joined: {}", worker.name, place(worker)));
                troubles(worker, after, &mut say);
            }
            Some(known) => of_worker(known, worker, after, &mut say),
        }
    }
    for gone in before.workers.iter().filter(|known| after.workers.iter().all(|worker| worker.worker != known.worker)) {
        say(false, format!("worker {} has left", gone.name));
    }
    messages
}

/// Where a worker computes.
pub(super) fn place(worker: &WorkerStatus) -> String {
    format!("{}, {}, {}", worker.host, worker.device, plural(worker.slots.into(), "slot"))
}

/// What is wrong with a worker.
fn troubles(worker: &WorkerStatus, status: &Status, say: &mut impl FnMut(bool, String)) {
    let wrong = outlook::of_worker(status, worker).into_iter().chain(worker.notices.iter().cloned());
    wrong.for_each(|words| say(true, format!("worker {}: {words}", worker.name)));
}

fn of_sweep(before: &SweepStatus, after: &SweepStatus, status: &Status, say: &mut impl FnMut(bool, String)) {
    let name = &after.sweep;
    if after.succeeded > before.succeeded {
        say(false, format!("{name}: {} of {} jobs done", after.succeeded, after.jobs));
    }
    match after.failed.saturating_sub(before.failed) {
        0 => {}
        1 => say(true, format!("{name}: a job has failed finally")),
        more => say(true, format!("{name}: {more} jobs have failed finally")),
    }
    if after.problem != before.problem && !after.problem.is_empty() {
        say(true, format!("{name}: {}", after.problem));
    }
    if after.state.is_over() != before.state.is_over() {
        say(after.state == SweepState::Rejected, format!("{name}: {}", outlook::outlook(status, after)));
    }
}

fn of_worker(before: &WorkerStatus, after: &WorkerStatus, status: &Status, say: &mut impl FnMut(bool, String)) {
    let was_well = !before.silent && !before.quarantined && before.connected;
    let is_well = !after.silent && !after.quarantined && after.connected;
    if was_well && !is_well {
        say(true, format!("worker {}: {}", after.name, outlook::of_worker(status, after).join(", ")));
    } else if !was_well && is_well {
        say(false, format!("worker {} is back", after.name));
    }
    for notice in after.notices.iter().filter(|notice| !before.notices.contains(notice)) {
        say(true, format!("worker {}: {notice}", after.name));
    }
}
