//! The text that Prometheus reads.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use super::{Standing, Telemetry, exposition};
use proto::status::{DeviceReading, Status, SweepState, SweepStatus, WorkerStatus};
use proto::text::Line;
use std::sync::Arc;
use std::time::Duration;

const NOW_MS: u64 = 1_800_000_000_000;

fn sweep(name: &str, state: SweepState, jobs: u64) -> SweepStatus {
    SweepStatus {
        sweep: name.to_owned(),
        state,
        jobs,
        queued: jobs,
        running: 0,
        succeeded: 0,
        failed: 0,
        cancelled: 0,
        dropped: 0,
        epochs: 10 * jobs,
        epochs_done: 0,
        simulated: false,
        problem: String::new(),
    }
}

fn worker(name: &str, seen_ms: u64) -> WorkerStatus {
    WorkerStatus {
        worker: format!("alias of {name}"),
        name: name.to_owned(),
        host: "h".to_owned(),
        device: "cuda:0".to_owned(),
        slots: 2,
        running: Vec::new(),
        notices: Vec::new(),
        connected: true,
        quarantined: false,
        silent: false,
        last_seen_ms: Some(seen_ms),
        readings: vec![DeviceReading {
            device: Line::name("cuda:0"),
            memory_used_mib: 1024,
            memory_total_mib: 81_920,
            utilization: Some(0.5),
            power_watts: Some(312.5),
            energy_joules: Some(1e6),
            temperature_celsius: None,
        }],
    }
}

fn text(telemetry: &Telemetry, status: Status) -> String {
    exposition(
        telemetry,
        Standing {
            status: Arc::new(status),
            keeps: true,
            now_ms: NOW_MS,
            half_widths: [("a".to_owned(), 0.025)].into(),
        },
    )
}

#[test]
fn devices_tell_what_they_know() {
    let status = Status { workers: vec![worker("a", NOW_MS)], ..Status::default() };
    let text = text(&Telemetry::default(), status);
    let of_device: Vec<_> = series(&text).into_iter().filter(|line| line.starts_with("splitsweep_device")).collect();
    let labels = "{worker=\"alias of a\",device=\"cuda:0\"}";
    let expected = [
        format!("splitsweep_device_memory_used_bytes{labels} 1073741824.0"),
        format!("splitsweep_device_memory_total_bytes{labels} 85899345920.0"),
        format!("splitsweep_device_utilization_ratio{labels} 0.5"),
        format!("splitsweep_device_power_watts{labels} 312.5"),
        format!("splitsweep_device_energy_joules_total{labels} 1000000.0"),
    ];
    assert_eq!(of_device, expected);
    assert!(text.contains("splitsweep_sweep_interval_halfwidth{sweep=\"a\"} 0.025\n"), "{text}");
}

fn series(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with('#')).collect()
}

#[test]
fn a_fleet_of_two_thousand_workers_and_a_million_jobs_has_few_series() {
    let telemetry = Telemetry::default();
    // as if each call had failed in every way, and sweeps by the hundred had run
    for method in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r"] {
        for code in ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16"] {
            telemetry.called(method, code, Duration::from_secs(1));
        }
    }
    for number in 0..500 {
        let meter = telemetry.sweep(&format!("sweep {number}"));
        meter.went_on(NOW_MS + number);
        meter.succeeded(Duration::from_secs(1));
    }
    let sweeps = (0..500).map(|number| sweep(&format!("sweep {number}"), SweepState::Running, 1_000_000)).collect();
    let workers = (0..2000).map(|number| worker(&format!("w{number}"), NOW_MS)).collect();
    let text = text(&telemetry, Status { sweeps, workers, epochs_per_second: 1.0, at_ms: NOW_MS });
    let count = series(&text).len();
    assert!((2000..=20_000).contains(&count), "{count} series");
    let of_sweep =
        |number: u32| text.contains(&format!("splitsweep_job_duration_seconds_sum{{sweep=\"sweep {number}\"}}"));
    assert!(of_sweep(499) && of_sweep(450) && !of_sweep(449), "the sweeps that went on last");
}

#[test]
fn what_the_status_says_is_there() {
    let mut running = sweep("s \"1\"", SweepState::Running, 100);
    (running.queued, running.running, running.succeeded) = (60, 3, 37);
    let silent = WorkerStatus { silent: true, ..worker("gone", NOW_MS - 600_000) };
    let forgotten = WorkerStatus { silent: true, ..worker("long gone", NOW_MS - 600_001) };
    let absent = WorkerStatus { connected: false, last_seen_ms: None, ..worker("absent", 0) };
    let workers = vec![worker("w", NOW_MS - 1500), silent, forgotten, absent];
    let status = Status { sweeps: vec![running], workers, epochs_per_second: 2.0, at_ms: NOW_MS };
    let text = text(&Telemetry::default(), status);
    for line in [
        "splitsweep_jobs{sweep=\"s \\\"1\\\"\",state=\"queued\"} 60",
        "splitsweep_jobs{sweep=\"s \\\"1\\\"\",state=\"succeeded\"} 37",
        "splitsweep_sweep_remaining_seconds{sweep=\"s \\\"1\\\"\"} 500",
        "splitsweep_workers{state=\"idle\"} 1",
        "splitsweep_workers{state=\"silent\"} 2",
        "splitsweep_workers{state=\"absent\"} 1",
        "splitsweep_slots{state=\"free\"} 2",
        "splitsweep_worker_last_seen_timestamp_seconds{worker=\"alias of w\",name=\"w\"} 1799999998.5",
        "splitsweep_store_ok 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
    assert!(
        text.contains("name=\"gone\"") && !text.contains("name=\"long gone\"") && !text.contains("name=\"absent\"")
    );
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn sweeps_at_work_come_before_those_that_have_ended() {
    let old = sweep("old", SweepState::Running, 1);
    let ended = (0..100).map(|number| sweep(&format!("ended {number}"), SweepState::Ended, 1));
    let sweeps = std::iter::once(old).chain(ended).collect();
    let text = text(&Telemetry::default(), Status { sweeps, ..Status::default() });
    let has = |name: &str| text.contains(&format!("splitsweep_jobs{{sweep=\"{name}\",state=\"queued\"}}"));
    assert!(has("old") && has("ended 99") && has("ended 51") && !has("ended 50"));
}

#[test]
fn what_is_counted_is_there() {
    let telemetry = Telemetry::default();
    telemetry.ended("failed", "crashed");
    telemetry.ended("failed", "crashed");
    telemetry.ended("succeeded", "");
    telemetry.committed(3, Duration::from_millis(2));
    telemetry.refused();
    telemetry.leased(Duration::from_millis(7));
    telemetry.called("sweep.v1.Fleet/Complete", "OK", Duration::from_millis(7));
    let meter = telemetry.sweep("s");
    meter.went_on(1500);
    telemetry.sweep("s").succeeded(Duration::from_secs(20));
    telemetry.sweep("deleted").went_on(1);
    telemetry.forget("deleted");
    let text = text(&telemetry, Status::default());
    for line in [
        "splitsweep_attempts_total{outcome=\"failed\",kind=\"crashed\"} 2",
        "splitsweep_attempts_total{outcome=\"succeeded\",kind=\"\"} 1",
        "splitsweep_store_commit_seconds_bucket{le=\"0.001\"} 0",
        "splitsweep_store_commit_seconds_bucket{le=\"0.0025\"} 1",
        "splitsweep_store_commit_facts_bucket{le=\"5.0\"} 1",
        "splitsweep_store_refusals_total 1",
        "splitsweep_lease_wait_seconds_count 1",
        "splitsweep_rpc_duration_seconds_bucket{le=\"0.025\",method=\"sweep.v1.Fleet/Complete\",code=\"OK\"} 1",
        "splitsweep_job_duration_seconds_bucket{le=\"10.0\",sweep=\"s\"} 0",
        "splitsweep_job_duration_seconds_bucket{le=\"30.0\",sweep=\"s\"} 1",
        "splitsweep_sweep_progress_timestamp_seconds{sweep=\"s\"} 1.5",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
    assert!(!text.contains("deleted"));
}
