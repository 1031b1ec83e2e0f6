//! Sweeps that stop candidates, with real processes: who is dropped is shown, and is the same however the sweep is run.

use crate::harness::{Lab, Row, until};
use coordinator::scheduler::Fact;

/// Four candidates on eight replicates, made up; the last candidate is by far the best.
fn sweep(section: &str) -> String {
    format!(
        "sweep: race
dataset: {{name: blobs, format: synthetic, cases: 9, seed: 0, image_size: 32}}
split: {{scheme: random, train: 3, validation: 3, test: 3}}
grid: {{learning_rate: [1.0e-4, 2.0e-4, 3.0e-4, 4.0e-4]}}
replicates: {{split_seeds: 8}}
model: {{width: 4}}
training: {{epochs: 1}}
objective: {{metric: iou, subset: test, epoch: last}}
{section}
simulate: {{mean: [0.5, 0.55, 0.6, 0.8], split_sd: 0.04, residual_sd: 0.02}}
"
    )
}

const RACE: &str = "race: {looks: [3, 5, 8]}";

fn count(rows: &[Row], state: &str) -> usize {
    rows.iter().filter(|row| row["state"] == state).count()
}

#[test]
fn a_race_shows_whom_it_dropped_and_is_complete() {
    let lab = Lab::new();
    lab.write(&sweep(RACE));
    let arguments = ["--local-workers", "1", "--slots", "4", "--simulate", "1ms"];
    let ended = lab.sweep(&arguments).process.wait().expect(0);
    let (jobs, looks) = (lab.rows("jobs"), lab.rows("looks"));
    let dropped = count(&jobs, "dropped");
    assert!(dropped > 0, "{jobs:?}");
    assert_eq!(dropped + count(&jobs, "succeeded"), 32, "nothing else");
    assert!(ended.stderr.contains(&format!(", {dropped} dropped")) && ended.stderr.contains("complete after"));
    assert!(ended.stdout.contains("dropped"), "{}", ended.stdout);

    // every dropped candidate has its evidence, and ran to that look and no further
    let mut expected = 0;
    for beaten in looks.iter().filter(|row| row["decision"] == "beaten") {
        let number = |column: &str| beaten[column].parse::<f64>().unwrap();
        assert!(number("p") < number("threshold") && number("difference") > 0.0, "{beaten:?}");
        let own: Vec<_> = jobs.iter().filter(|job| job["learning_rate"] == beaten["learning_rate"]).cloned().collect();
        assert_eq!(count(&own, "succeeded").to_string(), beaten["look"]);
        expected += count(&own, "dropped");
    }
    assert_eq!(dropped, expected);
    assert!(looks.iter().any(|row| row["learning_rate"] == "0.0004" && row["decision"] == "goes on"));
    let status = lab.run(["status", "--json"]).expect(0).stdout;
    assert!(status.contains(&format!("\"dropped\":{dropped}")) && status.contains("\"state\":\"ended\""), "{status}");

    // the same command again trains nothing and shows the same
    let granted = lab.history().granted().len();
    let again = lab.sweep(&arguments).process.wait().expect(0);
    assert_eq!((&again.stdout, &lab.rows("looks")), (&ended.stdout, &looks));
    assert_eq!(lab.history().granted().len(), granted);
    // without the race what was dropped is trained
    lab.write(&sweep("race: none"));
    lab.sweep(&arguments).process.wait().expect(0);
    lab.check_complete(32);
    // a race over results that are there already takes the same looks
    lab.write(&sweep(RACE));
    lab.sweep(&arguments).process.wait().expect(0);
    assert_eq!(lab.rows("looks"), looks);
}

#[test]
fn a_race_decides_the_same_however_many_workers_there_are() {
    let tables = [["1", "1"], ["2", "5"]].map(|[workers, slots]| {
        let lab = Lab::new();
        lab.write(&sweep(RACE));
        lab.sweep(&["--local-workers", workers, "--slots", slots, "--simulate", "1ms"]).process.wait().expect(0);
        (lab.table("looks", "csv"), lab.table("candidates", "csv"))
    });
    assert_eq!(tables[0], tables[1]);
}

#[test]
fn a_race_whose_coordinator_was_killed_decides_the_same() {
    let [whole, lab] = [Lab::new(), Lab::new()];
    let arguments = ["--local-workers", "1", "--simulate", "150ms", "--lease", "2s"];
    whole.write(&sweep(RACE));
    whole.sweep(&arguments).process.wait().expect(0);
    lab.write(&sweep(RACE));
    let mut first = lab.sweep(&arguments);
    first.process.says("jobs done");
    let looks = || lab.history().facts.iter().filter(|fact| matches!(fact, Fact::Looked { .. })).count();
    until("the first look", || (looks() > 0).then_some(()));
    first.process.kill();
    assert!(lab.rows("jobs").iter().any(|row| row["state"] == "queued"), "it was killed in the middle");
    lab.sweep_on(first.address(), &arguments).process.wait().expect(0);
    assert_eq!(lab.table("looks", "csv"), whole.table("looks", "csv"));
    assert_eq!(lab.table("candidates", "csv"), whole.table("candidates", "csv"));
}

#[test]
fn replicates_are_added_only_where_the_mean_is_not_known_yet() {
    let lab = Lab::new();
    lab.write(&sweep("until: {half_width: 0.03, max_replicates: 12}"));
    let ended = lab.sweep(&["--local-workers", "1", "--slots", "4", "--simulate", "1ms"]).process.wait().expect(0);
    let (jobs, looks) = (lab.rows("jobs"), lab.rows("looks"));
    assert_eq!(jobs.len(), 4 * 12);
    assert!(looks.iter().all(|row| ["goes on", "settled"].contains(&row["decision"].as_str())), "{looks:?}");
    let settled: Vec<_> = looks.iter().filter(|row| row["decision"] == "settled").collect();
    let dropped: usize = settled.iter().map(|row| 12 - row["look"].parse::<usize>().unwrap()).sum();
    assert_eq!(count(&jobs, "dropped"), dropped);
    assert!(settled.iter().all(|row| row["half_width"].parse::<f64>().unwrap() <= 0.03));
    assert!(ended.stderr.contains("complete after"));
}
