//! Whole tables in every format, from rows with every state and verdict.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod golden;

use coordinator::analysis::export::{Format, render};
use coordinator::analysis::rows::{CaseRow, JobRow, MeasurementRow, ResultColumns, RowState, SweepHead};
use coordinator::analysis::table::{Cell, Table};
use coordinator::analysis::tables;
use coordinator::cli;
use coordinator::plan::{Plan, parse};
use golden::assert_golden;
use proto::ids::{Attempt, ContentHash, JobId, SplitHash};
use proto::measure::{CaseCounts, Counts, Measurement, Scores, Verdict};
use proto::spec::{Subset, Trainer};

const SWEEP: &str = "\
sweep: golden
dataset: {name: ph2, format: ph2}
grid:
  architecture: [unet]
  loss: [bce, dice, focal]
  learning_rate: [1.0e-5]
  losses.focal.gamma: [2, 0.5]
replicates: {split_seeds: [7, 3, 11], init_seeds: 0}
objective: {metric: thresholded_iou, subset: test, epoch: best}
";

fn plan() -> Plan {
    parse("sweep.yaml", SWEEP).unwrap()
}

fn head(plan: &Plan) -> SweepHead {
    SweepHead {
        sweep: plan.sweep.clone(),
        content: Some(ContentHash(0xfeed)),
        trainer: plan.candidates[0].template.trainer,
        axes: plan.axes.clone(),
        candidates: plan.candidates.iter().map(|candidate| candidate.values.clone()).collect(),
        replicates: plan.replicates.clone(),
    }
}

fn id(candidate: usize, replicate: usize) -> JobId {
    JobId(((candidate as u128 * 16 + replicate as u128) << 120) | 0xabc)
}

fn scores(thresholded_iou: f64) -> Scores {
    let share = |part: f64| Some(thresholded_iou * part);
    Scores {
        loss: Some(1.0 / 3.0),
        iou: share(0.9),
        thresholded_iou: Some(thresholded_iou),
        dice: share(0.95),
        sensitivity: share(0.99),
        specificity: share(0.5),
        accuracy: share(0.75),
    }
}

fn job(candidate: usize, replicate: usize, state: RowState) -> JobRow {
    JobRow { job: id(candidate, replicate), candidate, replicate, state, attempts: 0, message: None, result: None }
}

fn succeeded(candidate: usize, replicate: usize, verdict: Verdict, test: Scores) -> JobRow {
    let result = ResultColumns {
        verdict,
        epochs: 40,
        best_epoch: if verdict == Verdict::Diverged { 0 } else { 31 },
        validation: if verdict == Verdict::Diverged { Scores::default() } else { scores(0.75) },
        test,
        train_seconds: 123.456_789,
        parameters: 21_978_177,
        device: "cuda:0 (H200)".to_owned(),
        worker: "gpu-1, slot 0".to_owned(),
        split_hash: (candidate < 3).then_some(SplitHash(replicate as u128)),
    };
    JobRow { attempts: 1, result: Some(result), ..job(candidate, replicate, RowState::Succeeded) }
}

/// In no order: the tables make one.
fn jobs() -> Vec<JobRow> {
    let message = Some("trainer died:\n\"signal 9\" | *killed*".to_owned());
    vec![
        succeeded(1, 2, Verdict::Trivial, scores(0.1)),
        succeeded(0, 2, Verdict::Trained, scores(0.8)),
        succeeded(0, 0, Verdict::Trained, scores(0.7)),
        succeeded(0, 1, Verdict::Trained, scores(0.6)),
        succeeded(1, 0, Verdict::Diverged, Scores::default()),
        JobRow { attempts: 3, message, ..job(1, 1, RowState::Failed) },
        JobRow { attempts: 1, ..job(2, 0, RowState::Running) },
        job(2, 1, RowState::Queued),
        job(2, 2, RowState::Cancelled),
        succeeded(3, 0, Verdict::Degenerate, scores(0.5)),
    ]
}

#[track_caller]
fn assert_in_every_format(table: &Table) {
    for (format, ending) in
        [(Format::Table, "txt"), (Format::Csv, "csv"), (Format::Json, "json"), (Format::Markdown, "md")]
    {
        assert_golden(&format!("tables/{}.{ending}", table.rows_name), &render(table, format).unwrap());
    }
}

#[test]
fn candidates_summarise_their_replicates() {
    let plan = plan();
    let table = tables::candidates(&head(&plan), &plan.objective, &jobs());
    assert_in_every_format(&table);
}

#[test]
fn jobs_show_state_and_scores() {
    let plan = plan();
    assert_in_every_format(&tables::jobs(&head(&plan), &jobs()));
}

#[test]
fn cases_show_their_pixels() {
    let case = |candidate, subset, case: u32, tp, fp, fn_, tn| CaseRow {
        job: id(candidate, 0),
        subset,
        case: format!("IMD{case:03}"),
        counts: CaseCounts { case, counts: Counts { tp, fp, fn_, tn } },
    };
    let cases = [
        case(3, Subset::Test, 2, 50, 10, 4, 192),
        case(0, Subset::Test, 9, 100, 0, 0, 156),
        case(0, Subset::Test, 4, 75, 25, 0, 156),
        case(0, Subset::Validation, 8, 0, 0, 0, 256),
    ];
    assert_in_every_format(&tables::cases(&head(&plan()), &jobs(), &cases));
}

#[test]
fn measurements_show_every_attempt() {
    let row = |candidate, attempt, epoch, train_loss| MeasurementRow {
        job: id(candidate, 1),
        attempt: Attempt(attempt),
        measurement: Measurement {
            epoch,
            train_loss,
            validation: train_loss.map_or_else(Scores::default, scores),
            seconds: f64::from(epoch) * 3.25,
        },
    };
    let rows = [row(1, 2, 1, Some(0.5)), row(1, 1, 2, None), row(1, 1, 1, Some(0.25)), row(0, 1, 1, Some(1e-9))];
    assert_in_every_format(&tables::measurements(&head(&plan()), &jobs(), &rows));
}

#[test]
fn simulated_sweeps_say_so() {
    let plan = plan().simulated();
    let head = head(&plan);
    let table = tables::jobs(&head, &jobs());
    assert_eq!(table.title, "jobs of golden (simulated: the numbers are made up)");
    let device = table.columns.iter().position(|column| column.name == "device").unwrap();
    let devices: Vec<_> = table.rows.iter().map(|row| row[device].clone()).collect();
    assert_eq!(devices.iter().filter(|cell| **cell == Cell::from("simulated")).count(), 6);
    assert!(devices.iter().all(|cell| matches!(cell, Cell::Empty) || *cell == Cell::from("simulated")));
    let candidates = render(&tables::candidates(&head, &plan.objective, &jobs()), Format::Json).unwrap();
    assert!(candidates.starts_with(r#"{"schema":"splitsweep.candidates/1","sweep":"golden","trainer":"simulated""#));
    assert_eq!(head.trainer, Trainer::Simulated);
}

/// What programs read is what the rows hold, to the last digit.
#[test]
fn csv_and_json_keep_every_digit() {
    let plan = plan();
    let table = tables::jobs(&head(&plan), &jobs());
    let json: serde_json::Value = serde_json::from_str(&render(&table, Format::Json).unwrap()).unwrap();
    let csv = render(&table, Format::Csv).unwrap();
    let mut records = csv::Reader::from_reader(csv.as_bytes());
    let names = records.headers().unwrap().clone();
    assert_eq!(names.len(), table.columns.len());
    for ((record, json), row) in records.records().zip(json["rows"].as_array().unwrap()).zip(&table.rows) {
        for ((name, text), cell) in names.iter().zip(record.unwrap().iter()).zip(row) {
            match cell {
                Cell::Empty => assert!(text.is_empty() && json[name].is_null(), "{name}"),
                Cell::Real(number) => {
                    assert_eq!(text.parse::<f64>().unwrap().to_bits(), number.to_bits(), "{name}");
                    assert_eq!(json[name].as_f64().unwrap().to_bits(), number.to_bits(), "{name}");
                }
                Cell::Integer(number) => assert_eq!((text.parse(), json[name].as_u64()), (Ok(*number), Some(*number))),
                Cell::Text(expected) => assert_eq!((text, json[name].as_str()), (&**expected, Some(&**expected))),
                Cell::Id(id) => assert_eq!((text, json[name].as_str()), (&*id.to_string(), Some(&*id.to_string()))),
            }
        }
    }
}

#[test]
fn an_empty_sweep_has_tables_too() {
    let plan = plan();
    let head = head(&plan);
    for table in [tables::jobs(&head, &[]), tables::cases(&head, &[], &[]), tables::measurements(&head, &[], &[])] {
        assert!(table.rows.is_empty());
        let json: serde_json::Value = serde_json::from_str(&render(&table, Format::Json).unwrap()).unwrap();
        assert_eq!(json["rows"], serde_json::json!([]));
    }
    let table = tables::candidates(&head, &plan.objective, &[]);
    assert_eq!(table.rows.len(), plan.candidates.len());
}

#[track_caller]
fn shown(name: &str, text: &str, format: cli::plan::Format) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    std::fs::write(&file, text).unwrap();
    let mut out = Vec::new();
    cli::plan::run(cli::plan::Args { file, format }, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn plans_are_shown() {
    assert_golden("plan/golden.txt", &shown("golden.yaml", SWEEP, cli::plan::Format::Table));
    assert_golden("plan/golden.json", &shown("golden.yaml", SWEEP, cli::plan::Format::Json));
    for (name, text) in [
        ("quick", include_str!("../../configs/quick.yaml")),
        ("ph2-small", include_str!("../../configs/ph2-small.yaml")),
        ("full", include_str!("../../configs/full.yaml")),
    ] {
        assert_golden(&format!("plan/{name}.txt"), &shown(name, text, cli::plan::Format::Table));
    }
}

#[test]
fn a_plan_of_a_million_jobs_lists_fifty_candidates() {
    let rates: Vec<_> = (1..=1000).map(|rate| rate.to_string()).collect();
    let text = format!(
        "sweep: s\ndataset: {{name: ph2, format: ph2}}\ngrid: {{learning_rate: [{}]}}\nreplicates: {{split_seeds: 1000}}",
        rates.join(", ")
    );
    let shown = shown("million.yaml", &text, cli::plan::Format::Table);
    assert!(shown.starts_with("s: 1000000 jobs = 1000 candidates x 1000 replicates\n"), "{shown}");
    assert!(shown.contains("... and 950 more\n"), "{shown}");
    assert!(shown.lines().count() < 70, "{shown}");
}

#[test]
fn a_missing_file_and_a_wrong_one_are_the_users() {
    let args = |file: &std::path::Path| cli::plan::Args { file: file.to_owned(), format: cli::plan::Format::Table };
    let folder = tempfile::tempdir().unwrap();
    let mut out = Vec::new();
    let missing = cli::plan::run(args(&folder.path().join("none.yaml")), &mut out).unwrap_err();
    let wrong = folder.path().join("wrong.yaml");
    std::fs::write(&wrong, "sweep: s").unwrap();
    let wrong = cli::plan::run(args(&wrong), &mut out).unwrap_err();
    assert_eq!((missing.exit_code(), wrong.exit_code(), out.len()), (2, 2, 0));
}
