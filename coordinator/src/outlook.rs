//! How sweeps and workers stand, in words, and as JSON: the terminal and the live page say the same.

use crate::text::{duration, plural, signed};
use proto::status::{RunningJob, Status, SweepState, SweepStatus, WorkerStatus};
use serde_json::Value;
use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

/// The sweep of that name, or the one submitted last if it is empty.
#[must_use]
pub fn find<'a>(status: &'a Status, sweep: &str) -> Option<&'a SweepStatus> {
    match sweep {
        "" => status.sweeps.last(),
        name => status.sweeps.iter().find(|sweep| sweep.sweep == name),
    }
}

/// How many jobs are where.
#[must_use]
pub fn counts(sweep: &SweepStatus) -> String {
    let SweepStatus { succeeded, jobs, running, failed, dropped, .. } = sweep;
    let mut text = format!("{succeeded}/{jobs} jobs done, {running} running, {failed} failed");
    if *dropped > 0 {
        // writing to a string cannot fail
        let _ = write!(text, ", {dropped} dropped");
    }
    if sweep.cancelled > 0 {
        let _ = write!(text, ", {} cancelled", sweep.cancelled);
    }
    if sweep.simulated {
        text.push_str(" (simulated)");
    }
    text
}

/// The state of a sweep: `running`, `waiting for workers`.
#[must_use]
pub fn state(status: &Status, sweep: &SweepStatus) -> &'static str {
    match sweep.state {
        SweepState::WaitingForData | SweepState::Running if status.workers.is_empty() => "waiting for workers",
        SweepState::WaitingForData => "waiting for a worker that has the data set",
        SweepState::Running => "running",
        SweepState::Ended => "ended",
        SweepState::Rejected => "rejected",
    }
}

/// The time that a running sweep still takes: at the pace of the last minute, and at least as long as the slowest of its running jobs;
/// `None` if there is no pace.
#[must_use]
pub fn time_left(status: &Status, sweep: &SweepStatus) -> Option<Duration> {
    let is_at_work = sweep.state == SweepState::Running && !status.workers.is_empty() && status.epochs_per_second > 0.0;
    let all = sweep.epochs.saturating_sub(sweep.epochs_done) as f64 / status.epochs_per_second;
    let running = status.workers.iter().flat_map(|worker| &worker.running).filter(|job| job.sweep == sweep.sweep);
    let seconds = running.filter_map(|job| job.seconds_left(status.at_ms)).fold(all, f64::max);
    is_at_work.then(|| Duration::from_secs(seconds.ceil().min(1e9) as u64))
}

/// When a running sweep will have ended, by the coordinator's clock: `until 14:05:09 UTC`, with the day if that is another; `None` if there
/// is no pace or no clock.
#[must_use]
pub fn until(status: &Status, sweep: &SweepStatus) -> Option<String> {
    let left = time_left(status, sweep).filter(|_| status.at_ms > 0)?;
    let end = status.at_ms.saturating_add(left.as_millis() as u64);
    Some(format!("until {}", moment(end, status.at_ms)))
}

/// How many jobs are where, and what is to be expected.
#[must_use]
pub fn outlook(status: &Status, sweep: &SweepStatus) -> String {
    let mut text = counts(sweep);
    match (sweep.state, time_left(status, sweep)) {
        (_, Some(left)) => {
            let (pace, left) = (status.epochs_per_second, humantime::format_duration(left));
            let _ = write!(text, ", {pace:.1} epochs/s, {left} left");
            if let Some(until) = until(status, sweep) {
                let _ = write!(text, ", {until}");
            }
        }
        (SweepState::Running, None) if !status.workers.is_empty() => {}
        _ => {
            let _ = write!(text, ", {}", state(status, sweep));
        }
    }
    text
}

/// What is wrong with a worker: `silent for 25s, last seen at 10:00:00 UTC`; nothing of one that works.
#[must_use]
pub fn of_worker(status: &Status, worker: &WorkerStatus) -> Vec<String> {
    let mut words = Vec::new();
    if !worker.connected {
        words.push("not connected".to_owned());
    }
    if let (true, Some(seen)) = (worker.silent, worker.last_seen_ms) {
        let silence = humantime::format_duration(Duration::from_secs(status.at_ms.saturating_sub(seen) / 1000));
        words.push(format!("silent for {silence}, last seen at {}", clock(seen)));
    }
    // a notice that says why need not be said twice
    if worker.quarantined && !worker.notices.iter().any(|notice| notice.starts_with("quarantined")) {
        words.push("quarantined".to_owned());
    }
    words
}

/// How fast a worker is: `12 s per epoch`. Workers that run the same kind of job can be compared by it.
#[must_use]
pub fn pace(worker: &WorkerStatus) -> Option<String> {
    worker.seconds_per_epoch().map(|seconds| format!("{} per epoch", an_epoch(seconds)))
}

/// How long an epoch takes: `84 ms`, `12 s`.
#[must_use]
pub fn an_epoch(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.0} ms", 1000.0 * seconds) } else { duration(seconds) }
}

/// How far a job has come: `epoch 6 of 40, 12m 5s, loss 0.2312`.
#[must_use]
pub fn of_job(status: &Status, job: &RunningJob) -> String {
    let mut text = format!("epoch {} of {}", job.epoch, job.epochs);
    if let Some(elapsed) = job.elapsed(status.at_ms) {
        // writing to a string cannot fail
        let _ = write!(text, ", {}", humantime::format_duration(Duration::from_secs(elapsed.as_secs())));
    }
    if let Some(loss) = job.loss {
        let _ = write!(text, ", loss {}", signed(loss, 4));
    }
    text
}

/// Slots that have a job, of all slots of the workers that are connected: `3 of 4 slots busy`.
#[must_use]
pub fn slots(status: &Status) -> String {
    let busy: usize = status.workers.iter().map(|worker| worker.running.len()).sum();
    format!("{busy} of {} busy", plural(all_slots(status), "slot"))
}

/// Number of slots of the workers that are connected.
#[must_use]
pub fn all_slots(status: &Status) -> u64 {
    let connected = status.workers.iter().filter(|worker| worker.connected);
    connected.map(|worker| u64::from(worker.slots)).sum()
}

/// The status for programs, under its schema, which docs/status.md describes: what is computed of it for people is there too.
///
/// # Errors
/// If it cannot be serialised.
pub fn document(status: &Status) -> serde_json::Result<Value> {
    let mut document = serde_json::to_value(status)?;
    document["schema"] = "splitsweep.status/1".into();
    for (at, sweep) in status.sweeps.iter().enumerate() {
        document["sweeps"][at]["seconds_left"] = time_left(status, sweep).map(|left| left.as_secs()).into();
    }
    for (at, worker) in status.workers.iter().enumerate() {
        document["workers"][at]["seconds_per_epoch"] = worker.seconds_per_epoch().into();
    }
    Ok(document)
}

/// The time of the day, in UTC, of so many milliseconds since 1970.
#[must_use]
pub fn clock(ms: u64) -> String {
    let [hours, minutes, seconds] = [ms / 3_600_000 % 24, ms / 60_000 % 60, ms / 1000 % 60];
    format!("{hours:02}:{minutes:02}:{seconds:02} UTC")
}

/// A time of the day, in UTC, with the day where that of `beside` is another.
#[must_use]
pub fn moment(ms: u64, beside: u64) -> String {
    if day(ms) == day(beside) { clock(ms) } else { format!("{} {}", day(ms), clock(ms)) }
}

/// The day, in UTC, of so many milliseconds since 1970: `2026-11-29`.
#[must_use]
pub fn day(ms: u64) -> String {
    /// The end of the year 9999: later days have another form.
    const LAST: u64 = 253_402_300_799_000;
    let time = UNIX_EPOCH + Duration::from_millis(ms.min(LAST));
    humantime::format_rfc3339_seconds(time).to_string().chars().take(10).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use super::*;

    fn sweep(state: SweepState) -> SweepStatus {
        SweepStatus {
            sweep: "a".to_owned(),
            state,
            jobs: 4,
            queued: 3,
            succeeded: 1,
            epochs: 40,
            epochs_done: 10,
            ..SweepStatus::default()
        }
    }

    fn worker() -> WorkerStatus {
        WorkerStatus {
            worker: "0123456789ab".to_owned(),
            name: "w".to_owned(),
            host: "h".to_owned(),
            device: "cpu".to_owned(),
            slots: 2,
            connected: true,
            silent: true,
            last_seen_ms: Some(1_000_000_000_000),
            ..WorkerStatus::default()
        }
    }

    #[test]
    fn what_is_to_be_expected_needs_workers_and_a_pace() {
        let alone = Status::default();
        assert_eq!(
            outlook(&alone, &sweep(SweepState::Running)),
            "1/4 jobs done, 0 running, 0 failed, waiting for workers"
        );
        let manned = Status { workers: vec![worker()], ..Status::default() };
        assert_eq!(outlook(&manned, &sweep(SweepState::Running)), "1/4 jobs done, 0 running, 0 failed");
        let at_work = Status { epochs_per_second: 0.25, ..manned };
        let running = outlook(&at_work, &sweep(SweepState::Running));
        assert_eq!(running, "1/4 jobs done, 0 running, 0 failed, 0.2 epochs/s, 2m left");
        let timed = Status { at_ms: 1_000_000_000_000, sweeps: vec![sweep(SweepState::Running)], ..at_work.clone() };
        assert_eq!(outlook(&timed, &timed.sweeps[0]), format!("{running}, until 01:48:40 UTC"));
        let document = document(&timed).unwrap();
        assert_eq!(document["sweeps"][0]["seconds_left"].as_u64(), Some(120));
        assert_eq!(outlook(&at_work, &sweep(SweepState::Ended)), "1/4 jobs done, 0 running, 0 failed, ended");
        assert_eq!(slots(&at_work), "0 of 2 slots busy");
    }

    #[test]
    fn of_a_running_job_what_is_known_is_said() {
        let job = RunningJob {
            sweep: "a".to_owned(),
            job: proto::ids::JobId(1),
            attempt: proto::ids::Attempt(1),
            label: "unet split 3".to_owned(),
            epoch: 6,
            epochs: 40,
            loss: Some(0.231_24),
            seconds: 700.0,
            measured_ms: Some(1_000_000_000_000),
        };
        let status = Status { at_ms: 1_000_000_025_900, ..Status::default() };
        assert_eq!(of_job(&status, &job), "epoch 6 of 40, 12m 5s, loss 0.2312");
        // 34 epochs of 116.7 s, 25.9 s of which are over
        assert_eq!(job.seconds_left(status.at_ms).map(f64::round), Some(3941.0));
        let fast = Status { epochs_per_second: 1.0, workers: vec![worker()], ..status.clone() };
        let slow = Status { workers: vec![WorkerStatus { running: vec![job.clone()], ..worker() }], ..fast.clone() };
        let left = |status| time_left(status, &sweep(SweepState::Running)).unwrap().as_secs();
        assert_eq!((left(&fast), left(&slow)), (30, 3941), "a sweep does not end before its slowest job");
        let unknown = RunningJob { epoch: 0, loss: None, measured_ms: None, ..job.clone() };
        assert_eq!(unknown.seconds_left(status.at_ms), None);
        assert_eq!(of_job(&status, &unknown), "epoch 0 of 40");
        let with = |job| WorkerStatus { running: vec![job], ..worker() };
        assert_eq!(pace(&with(RunningJob { seconds: 0.504, ..job.clone() })).as_deref(), Some("84 ms per epoch"));
        assert_eq!((pace(&with(unknown)), pace(&worker())), (None, None));
        let status = Status { workers: vec![worker(), with(job)], ..status };
        assert_eq!(pace(&status.workers[1]).as_deref(), Some("1.9 min per epoch"));
        let document = document(&status).unwrap();
        assert_eq!(document["schema"], "splitsweep.status/1");
        let seconds = |at: usize| document["workers"][at]["seconds_per_epoch"].as_f64();
        assert_eq!((seconds(0), seconds(1)), (None, status.workers[1].seconds_per_epoch()));
    }

    #[test]
    fn days_and_times_are_those_of_utc() {
        assert_eq!(clock(1_000_000_000_000), "01:46:40 UTC");
        assert_eq!([1_000_000_000_000, u64::MAX].map(day), ["2001-09-09", "9999-12-31"]);
        let moments = [1_000_000_000_000, 1_000_090_000_000].map(|ms| moment(ms, 1_000_000_000_000));
        assert_eq!(moments, ["01:46:40 UTC", "2001-09-10 02:46:40 UTC"]);
        let status = Status { at_ms: 1_000_000_025_000, ..Status::default() };
        assert_eq!(of_worker(&status, &worker()), ["silent for 25s, last seen at 01:46:40 UTC"]);
    }
}
