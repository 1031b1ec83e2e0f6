//! One worker, several devices: jobs are shared out, and packed by the memory that they take. The devices are emulated.

use crate::harness::{Coordinator, Lab, Process, Row, Signal, simulated, until};
use coordinator::store::Reader;
use std::collections::BTreeMap;
use std::time::Instant;

/// A sweep for simulated workers: networks of these widths at 256 pixels, `jobs` jobs of each.
fn of_widths(widths: &str, jobs: u32) -> String {
    let sweep = simulated(jobs, 2).replace("image_size: 32", "image_size: 256");
    sweep.replace("model: {width: 4}\n", &format!("grid:\n  model.width: [{widths}]\n"))
}

/// A coordinator with the sweep, and no worker yet.
fn submitted(lab: &Lab, sweep: &str) -> Coordinator {
    lab.write(sweep);
    let coordinator = lab.serve(&[]);
    lab.submit(&coordinator.url, &["--simulated"]);
    coordinator
}

/// A worker with emulated devices, which makes each result up in two seconds: long enough for its trainers to start.
fn worker(lab: &Lab, coordinator: &Coordinator, name: &str, memory: &str, arguments: &[&str]) -> Process {
    let emulated = ["--simulate", "2s", "--emulate", memory, "--device", "all"];
    lab.worker(&coordinator.url, name, &[&emulated, arguments].concat())
}

/// How many jobs each device has trained.
fn devices(lab: &Lab, rows: &[Row]) -> BTreeMap<String, usize> {
    let reader = Reader::open(&lab.store()).unwrap();
    let mut devices = BTreeMap::new();
    for row in rows {
        let stored = reader.result(row["job"].parse().unwrap()).unwrap().unwrap();
        *devices.entry(stored.result.device).or_default() += 1;
    }
    devices
}

/// What a job of that width takes, MiB.
fn needed(width: &str) -> u32 {
    let lab = Lab::new();
    let coordinator = submitted(&lab, &of_widths(width, 1));
    let _worker = worker(&lab, &coordinator, "w", "1024GiB", &[]);
    coordinator.ended(&lab);
    lab.check_complete(1)[0]["peak_mib"].parse().unwrap()
}

#[test]
fn every_device_gets_its_share_of_the_jobs() {
    let lab = Lab::new();
    let coordinator = submitted(&lab, &of_widths("4", 4));
    let _worker = worker(&lab, &coordinator, "w", "64GiB,64GiB", &["--slots", "2"]);
    let entry = until("four jobs at once", || {
        let worker = coordinator.status(&lab)["workers"].as_array()?.first()?.clone();
        (worker["running"].as_array()?.len() == 4).then_some(worker)
    });
    assert_eq!((entry["device"].as_str(), entry["slots"].as_u64()), (Some("sim:0, sim:1 (65536 MiB)"), Some(4)));
    coordinator.ended(&lab);
    let rows = lab.check_complete(4);
    let shares = [("simulated on sim:0".to_owned(), 2), ("simulated on sim:1".to_owned(), 2)];
    assert_eq!(devices(&lab, &rows), shares.into());
    assert!(rows.iter().all(|row| row["attempts"] == "1"), "{rows:?}");
}

#[test]
fn jobs_share_the_energy_of_their_device() {
    let lab = Lab::new();
    let coordinator = submitted(&lab, &of_widths("4", 4));
    let began = Instant::now();
    let _worker = worker(&lab, &coordinator, "w", "64GiB,64GiB", &["--slots", "2"]);
    coordinator.ended(&lab);
    let most = 2.0 * 100.0 * began.elapsed().as_secs_f64();
    let rows = lab.check_complete(4);
    // an emulated device takes 100 W, and a job two seconds at least
    let reading = |device: usize| coordinator.status(&lab)["workers"][0]["readings"][device].clone();
    let jobs: Vec<f64> = rows.iter().map(|row| row["energy_joules"].parse().unwrap()).collect();
    let sum: f64 = jobs.iter().sum();
    assert!(sum >= 400.0 && jobs.iter().all(|joules| *joules > 50.0), "{jobs:?}");
    assert!(sum <= most, "{jobs:?} of {most} J that two devices can have taken");
    assert_eq!(reading(0)["power_watts"].as_f64(), Some(100.0));
    assert_eq!(reading(1)["memory_total_mib"].as_u64(), Some(64 << 10));
}

#[test]
fn two_jobs_that_do_not_fit_together_run_one_after_the_other() {
    let lab = Lab::new();
    let room = 2 * needed("64") - 1;
    let coordinator = submitted(&lab, &of_widths("64", 3));
    let worker = worker(&lab, &coordinator, "w", &format!("{room}MiB"), &["--slots", "2"]);
    coordinator.ended(&lab);
    let rows = lab.check_complete(3);
    assert_eq!(devices(&lab, &rows), [("simulated on sim:0".to_owned(), 3)].into());
    let history = lab.history();
    assert_eq!((history.released().len(), history.failed().len()), (1, 0), "it was tried once");
    let said = worker.stderr();
    assert_eq!(said.matches("out of memory on sim:0").count(), 1, "{said}");
}

#[test]
fn large_jobs_go_to_the_device_that_can_hold_them() {
    let lab = Lab::new();
    let large = needed("64");
    let coordinator = submitted(&lab, &of_widths("4, 64", 3));
    let mut worker = worker(&lab, &coordinator, "w", &format!("{}MiB,{large}MiB", large / 2), &["--slots", "2"]);
    coordinator.ended(&lab);
    let rows = lab.check_complete(6);
    let (large, small): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| row["model.width"] == "64");
    assert_eq!(devices(&lab, &large), [("simulated on sim:1".to_owned(), 3)].into());
    assert!(devices(&lab, &small).contains_key("simulated on sim:0"), "small jobs take the small device");
    assert_eq!(lab.history().failed(), []);
    assert!(!worker.has_ended());
}

#[test]
fn a_job_that_one_worker_cannot_hold_goes_to_another_and_fails_only_without_one() {
    let lab = Lab::new();
    let large = needed("64");
    let coordinator = submitted(&lab, &simulated(1, 1));
    let small = worker(&lab, &coordinator, "small", &format!("{}MiB", large - 1), &[]);
    coordinator.ended(&lab);
    let mut able = worker(&lab, &coordinator, "able", &format!("{large}MiB"), &["--slots", "2"]);
    until("two workers", || (coordinator.status(&lab)["workers"].as_array()?.len() == 2).then_some(()));
    lab.write(&of_widths("64", 4).replace("sweep: simulated", "sweep: large"));
    lab.submit(&coordinator.url, &["--simulated"]);
    coordinator.ended(&lab);
    let rows = lab.rows("jobs");
    assert!(rows.iter().all(|row| row["state"] == "succeeded" && row["worker"] == "able"), "{rows:?}");
    assert_eq!(lab.history().failed(), []);
    able.signal(Signal::TERM);
    able.wait().expect(0);
    lab.write(&of_widths("64", 5).replace("sweep: simulated", "sweep: large"));
    lab.submit(&coordinator.url, &["--simulated", "--yes"]);
    coordinator.ended(&lab);
    let failed = lab.history().failed();
    let [(_, _, reason)] = &failed[..] else { panic!("it is tried once: {failed:?}") };
    let expected = ["TooLarge", "does not fit into the memory of worker small", "smaller batch_size or width"];
    assert!(expected.iter().all(|words| reason.contains(words)), "{reason}");
    let said = small.stderr();
    assert_eq!(said.matches("no more such jobs").count(), 1, "{said}");
}

#[test]
fn devices_that_cannot_be_are_refused_with_a_remedy() {
    let lab = Lab::new();
    let refused = |arguments: &[&str]| {
        let command = ["--coordinator", "http://127.0.0.1:1"].into_iter().chain(arguments.iter().copied());
        Process::start(&mut lab.command("worker", command)).wait().expect(2).stderr
    };
    for (arguments, words) in [
        (&["--device", "cuda:1,cuda:1"][..], &["cuda:1 is listed twice", "--slots"][..]),
        (&["--device", "cuda:0,cpu"], &["cpu cannot be listed", "start a worker for it"]),
        (&["--device", "cuda:98,cuda:99"], &["--device cuda:98,cuda:99", "cuda:98"]),
        (&["--simulate", "1ms", "--emulate", "1GiB", "--device", "sim:1"], &["there is no sim:1", "makes sim:0"]),
        (&["--simulate", "1ms", "--emulate", "1GB"], &["--emulate", "8GiB"]),
        (&["--emulate", "1GiB"], &["--simulate"]),
        (
            &["--simulate", "1ms", "--emulate", "1GiB,1GiB", "--device", "all", "--slots", "600"],
            &["--slots 600", "1024"],
        ),
    ] {
        let said = refused(arguments);
        assert!(words.iter().all(|word| said.contains(word)), "{arguments:?}: {said}");
    }
}
