//! The same job gives the same numbers, wherever, whenever and however often it is begun.

use crate::harness::{Lab, Process, Row, tiny};

/// The rows without what says where, when and in which attempt.
fn numbers(rows: Vec<Row>, besides: &[&str]) -> Vec<Row> {
    let strip = |mut row: Row| {
        row.retain(|column, _| !besides.contains(&column.as_str()));
        row
    };
    rows.into_iter().map(strip).collect()
}

const OF_JOBS: [&str; 5] = ["train_seconds", "peak_mib", "worker", "attempts", "message"];
const OF_MEASUREMENTS: [&str; 2] = ["seconds", "attempt"];

fn results(lab: &Lab) -> [Vec<Row>; 3] {
    [numbers(lab.rows("jobs"), &OF_JOBS), lab.rows("cases"), numbers(lab.rows("measurements"), &OF_MEASUREMENTS)]
}

#[test]
fn the_same_sweep_gives_the_same_numbers() {
    let sweep = tiny("bce, dice, focal", 1, 2).replace("grid:", "grid:\n  architecture: [segnet, unet, unet2]");
    let run = |arguments: &[&str]| {
        let lab = Lab::new();
        lab.write(&sweep);
        lab.sweep(arguments).process.wait().expect(0);
        lab.check_complete(9);
        results(&lab)
    };
    let [one, two] = [run(&["--local-workers", "1"]), run(&["--local-workers", "2"])];
    let varied = one[0].iter().map(|row| row["val_loss"].as_str()).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(varied.len(), 9, "different jobs have different numbers: {varied:?}");
    assert_eq!(one, two);
}

#[test]
fn a_job_file_names_the_same_job_as_the_sweep() {
    let lab = Lab::new();
    lab.write(&(tiny("bce", 1, 1) + "objective: {metric: iou, subset: test, epoch: last}\n"));
    lab.sweep(&["--local-workers", "1"]).process.wait().expect(0);
    let row = lab.check_complete(1).remove(0);
    let job = std::fs::read_to_string(lab.path("sweep.yaml")).unwrap().replace("sweep: tiny\n", "");
    let job = job
        .replace("grid:\n  loss: [bce]\nreplicates: {split_seeds: 1}", "architecture: unet\nloss: bce\nsplit_seed: 0");
    std::fs::write(lab.path("job.yaml"), job).unwrap();
    let ended = Process::start(&mut lab.command("worker", ["train", "--job", "job.yaml"])).wait().expect(0);
    let report: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(report["job"], row["job"].as_str());
    assert_eq!(report["test"]["iou"].as_f64(), row["test_iou"].parse().ok());

    // the coordinator writes the same job file
    let told = lab.run(["job", &row["job"][..6]]).expect(0).stdout;
    std::fs::write(lab.path("told.yaml"), &told).unwrap();
    let again = Process::start(&mut lab.command("worker", ["train", "--job", "told.yaml"])).wait().expect(0);
    let again: serde_json::Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(
        (&again["job"], &again["test"], &again["objective"]),
        (&report["job"], &report["test"], &report["objective"])
    );
    let coordinator = lab.serve(&[]);
    assert_eq!(lab.run(["job", &row["job"], "--coordinator", &coordinator.url]).expect(0).stdout, told);
}

#[test]
fn a_job_that_is_begun_again_gives_the_same_numbers() {
    const EPOCHS: u32 = 240;
    let undisturbed = Lab::new();
    undisturbed.write(&tiny("bce", 1, EPOCHS));
    undisturbed.sweep(&["--local-workers", "1"]).process.wait().expect(0);

    let lab = Lab::new();
    lab.write(&tiny("bce", 1, EPOCHS));
    let coordinator = lab.serve(&["--lease", "3s"]);
    lab.submit(&coordinator.url, &[]);
    let mut first = lab.worker(&coordinator.url, "first", &[]);
    coordinator.running(&lab, "first");
    first.kill();
    let _second = lab.worker(&coordinator.url, "second", &[]);
    coordinator.ended(&lab);
    assert_eq!(lab.check_complete(1)[0]["attempts"], "2");

    let all = lab.rows("measurements");
    let of = |attempt: &str| {
        let rows = all.iter().filter(|row| row["attempt"] == attempt).cloned().collect();
        numbers(rows, &OF_MEASUREMENTS)
    };
    let [jobs, cases, measurements] = results(&undisturbed);
    assert_eq!(numbers(lab.rows("jobs"), &OF_JOBS), jobs);
    assert_eq!(lab.rows("cases"), cases);
    assert_eq!(of("2"), measurements);
    let begun = of("1");
    assert!(!begun.is_empty() && begun.len() < EPOCHS as usize, "it was killed in the middle");
    assert_eq!(begun, measurements[..begun.len()], "as far as the first attempt came");
}
