//! Whole tables in every format, from rows with every state and verdict.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod golden;

use coordinator::analysis::answer::answer;
use coordinator::cli::commands;
use coordinator::plan::{Plan, parse};
use coordinator::results::{JobRow, MeasurementRow, RowState, ScoredResult, SweepHead, SweepResults};
use coordinator::tables::export::{self, Format};
use coordinator::tables::table::{Cell, Table};
use coordinator::tables::{self, Analysed};
use golden::assert_golden;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use proto::extras::Extras;
use proto::ids::{Attempt, ContentHash, JobId, SplitHash};
use proto::measure::{CaseCounts, Counts, Evaluation, JobResult, Measurement, Scores, Verdict};
use proto::spec::Trainer;
use std::io::Write;

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
        objective: plan.objective,
        split: plan.candidates[0].template.split,
        cases: Some(200),
    }
}

fn results(plan: &Plan, jobs: Vec<JobRow>) -> SweepResults {
    let cases = (0..200).map(|case| format!("IMD{case:03}")).collect();
    SweepResults { head: head(plan), jobs, baselines: Vec::new(), looks: Vec::new(), cases }
}

fn analysed(plan: &Plan, jobs: Vec<JobRow>) -> Analysed {
    Analysed::of(&results(plan, jobs))
}

fn render(table: &Table, format: Format) -> String {
    String::from_utf8(export::render(table, format).unwrap()).unwrap()
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
    let result = JobResult {
        verdict,
        epochs: 40,
        best_epoch: if verdict == Verdict::Diverged { 0 } else { 31 },
        validation: Evaluation::default(),
        test: Evaluation::default(),
        train_seconds: 123.456_789,
        parameters: 21_978_177,
        device: "cuda:0 (H200)".to_owned(),
        split_hash: (candidate < 3).then_some(SplitHash(replicate as u128)),
        extras: Extras::default(),
    };
    let validation = if verdict == Verdict::Diverged { Scores::default() } else { scores(0.75) };
    let result = ScoredResult { result, validation, test, worker: "gpu-1, slot 0".to_owned(), baselines: None };
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
    for (format, ending) in [
        (Format::Table, "txt"),
        (Format::Csv, "csv"),
        (Format::Json, "json"),
        (Format::Markdown, "md"),
        (Format::Latex, "tex"),
    ] {
        assert_golden(&format!("tables/{}.{ending}", table.rows_name), &render(table, format));
    }
}

#[test]
fn candidates_summarise_their_replicates() {
    let plan = plan();
    assert_in_every_format(&tables::candidates(&analysed(&plan, jobs())));
}

#[test]
fn jobs_show_state_and_scores() {
    let plan = plan();
    assert_in_every_format(&tables::jobs(&results(&plan, jobs())));
}

#[test]
fn cases_show_their_pixels() {
    let case = |case, tp, fp, fn_, tn| CaseCounts { case, counts: Counts { tp, fp, fn_, tn } };
    let mut jobs = jobs();
    for job in jobs.iter_mut().filter(|job| job.replicate == 0) {
        let Some(ScoredResult { result, .. }) = &mut job.result else { continue };
        match job.candidate {
            0 => {
                result.validation.cases = vec![case(8, 0, 0, 0, 256)];
                result.test.cases = vec![case(9, 100, 0, 0, 156), case(4, 75, 25, 0, 156)];
            }
            3 => result.test.cases = vec![case(2, 50, 10, 4, 192)],
            _ => {}
        }
    }
    assert_in_every_format(&tables::cases(&results(&plan(), jobs)));
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
    assert_in_every_format(&tables::measurements(&results(&plan(), jobs()), &rows));
}

#[test]
fn simulated_sweeps_say_so() {
    let plan = plan().simulated();
    let table = tables::jobs(&results(&plan, jobs()));
    assert_eq!(table.title, "jobs of golden (simulated: the numbers are made up)");
    let device = table.columns.iter().position(|column| column.name == "device").unwrap();
    let devices: Vec<_> = table.rows.iter().map(|row| row[device].clone()).collect();
    assert_eq!(devices.iter().filter(|cell| **cell == Cell::from("simulated")).count(), 6);
    assert!(devices.iter().all(|cell| matches!(cell, Cell::Empty) || *cell == Cell::from("simulated")));
    let candidates = render(&tables::candidates(&analysed(&plan, jobs())), Format::Json);
    assert!(candidates.starts_with(r#"{"schema":"splitsweep.candidates/1","sweep":"golden","trainer":"simulated""#));
    assert_eq!(head(&plan).trainer, Trainer::Simulated);
}

/// What programs read is what the rows hold, to the last digit.
#[test]
fn csv_and_json_keep_every_digit() {
    let plan = plan();
    let table = tables::jobs(&results(&plan, jobs()));
    let json: serde_json::Value = serde_json::from_str(&render(&table, Format::Json)).unwrap();
    let csv = render(&table, Format::Csv);
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

/// A sweep in which everything went wrong that can: each of it is counted, and said in words.
#[test]
fn nothing_is_averaged_away() {
    let of = analysed(&plan(), jobs());
    let table = tables::candidates(&of);
    let cell = |row: usize, name: &str| {
        let column = table.columns.iter().position(|column| column.name == name).unwrap();
        table.rows[row][column].clone()
    };
    let counted = ["n", "failed", "trivial", "degenerate", "diverged", "without_score", "not_trained"];
    let counts = |row| counted.map(|name| cell(row, name));
    assert_eq!(counts(0), [3, 0, 0, 0, 0, 0, 0].map(Cell::Integer));
    assert_eq!(counts(1), [1, 1, 1, 0, 1, 2, 3].map(Cell::Integer));
    assert_eq!(counts(3), [1, 0, 0, 1, 0, 0, 1].map(Cell::Integer));
    assert_eq!(cell(1, "mean_if_trained"), Cell::Empty);
    let Cell::Real(at_worst) = cell(1, "mean_at_worst") else { panic!("no mean at worst") };
    assert!((at_worst - 0.1).abs() < 1e-15);
    let failures = answer(&of.analysis).failures;
    for words in [
        &["unet dice", "of 3 jobs", "1 failed", "1 diverged", "1 no better than a mask", "of the 1 with a score"][..],
        &["unet focal 1e-5 0.5", "of 1 job ", "1 gave nearly empty or full masks", "with the score they have"],
    ] {
        let says = |sentence: &&String| words.iter().all(|word| sentence.contains(word));
        assert_eq!(failures.iter().filter(says).count(), 1, "{words:?} in {failures:#?}");
    }
    assert_eq!(failures.len(), 2);
}

/// What is read back from Parquet is what the cells hold, column by column, to the last bit.
#[test]
fn parquet_is_read_back() {
    let plan = plan();
    let mut big = jobs();
    big[0].replicate = 0;
    let mut big = results(&plan, big);
    big.head.replicates[0].init_seed = u64::MAX;
    let none = SweepResults { jobs: Vec::new(), ..big.clone() };
    for table in [tables::jobs(&big), tables::candidates(&analysed(&plan, jobs())), tables::jobs(&none)] {
        let bytes = export::render(&table, Format::Parquet).unwrap();
        assert!(bytes == export::render(&table, Format::Parquet).unwrap(), "bytes change");
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        let file = reader.metadata().file_metadata();
        let names: Vec<_> = file.schema().get_fields().iter().map(|field| field.name().to_owned()).collect();
        assert_eq!(names, table.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>());
        let metadata = file.key_value_metadata().unwrap();
        let value = |key: &str| metadata.iter().find(|pair| pair.key == key).unwrap().value.clone();
        assert_eq!(value("schema"), Some(format!("splitsweep.{}/1", table.rows_name)));
        assert_eq!(value("sweep").as_deref(), Some("golden"));
        let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        assert_eq!(rows.len(), table.rows.len());
        for (row, cells) in rows.iter().zip(&table.rows) {
            for ((name, field), cell) in row.get_column_iter().zip(cells) {
                let same = match (cell, field) {
                    (Cell::Empty, Field::Null) => true,
                    (Cell::Integer(number), Field::ULong(found)) => number == found,
                    (Cell::Integer(number), Field::Double(found)) => *number as f64 == *found,
                    (Cell::Real(number), Field::Double(found)) => number.to_bits() == found.to_bits(),
                    (Cell::Text(_) | Cell::Id(_), Field::Str(found)) => cell.exact() == *found,
                    _ => false,
                };
                assert!(same, "{name}: {cell:?} and {field:?}");
            }
        }
    }
}

#[test]
fn an_empty_sweep_has_tables_too() {
    let plan = plan();
    let none = results(&plan, Vec::new());
    for table in [tables::jobs(&none), tables::cases(&none), tables::measurements(&none, &[])] {
        assert!(table.rows.is_empty());
        let json: serde_json::Value = serde_json::from_str(&render(&table, Format::Json)).unwrap();
        assert_eq!(json["rows"], serde_json::json!([]));
    }
    let nothing = analysed(&plan, Vec::new());
    assert_eq!(tables::candidates(&nothing).rows.len(), plan.candidates.len());
    for table in tables::all(&nothing) {
        for format in [Format::Table, Format::Csv, Format::Json, Format::Markdown, Format::Latex, Format::Parquet] {
            assert!(!export::render(&table, format).unwrap().is_empty(), "{}", table.rows_name);
        }
    }
    let words = answer(&nothing.analysis).best;
    assert_eq!(words, ["No candidate has a score (thresholded_iou) yet: nothing can be said."]);
}

fn plan_args(file: &std::path::Path, format: commands::plan::Format) -> commands::plan::Args {
    commands::plan::Args {
        file: file.to_owned(),
        format,
        resolved: false,
        power: false,
        sd: None,
        pilot: None,
        pilot_sweep: String::new(),
        data: Vec::new(),
    }
}

#[track_caller]
fn shown(name: &str, text: &str, format: commands::plan::Format) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    std::fs::write(&file, text).unwrap();
    let mut out = Vec::new();
    commands::plan::run(plan_args(&file, format), None, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn plans_are_shown() {
    assert_golden("plan/golden.txt", &shown("golden.yaml", SWEEP, commands::plan::Format::Table));
    assert_golden("plan/golden.json", &shown("golden.yaml", SWEEP, commands::plan::Format::Json));
    for (name, text) in [
        ("quick", include_str!("../../configs/quick.yaml")),
        ("ph2-small", include_str!("../../configs/ph2-small.yaml")),
        ("full", include_str!("../../configs/full.yaml")),
    ] {
        assert_golden(&format!("plan/{name}.txt"), &shown(name, text, commands::plan::Format::Table));
    }
}

#[test]
fn a_plan_of_a_million_jobs_lists_fifty_candidates() {
    let rates: Vec<_> = (1..=1000).map(|rate| rate.to_string()).collect();
    let text = format!(
        "sweep: s\ndataset: {{name: ph2, format: ph2}}\ngrid: {{learning_rate: [{}]}}\nreplicates: {{split_seeds: 1000}}",
        rates.join(", ")
    );
    let shown = shown("million.yaml", &text, commands::plan::Format::Table);
    assert!(shown.starts_with("s: 1000000 jobs = 1000 candidates x 1000 replicates\n"), "{shown}");
    assert!(shown.contains("... and 950 more\n"), "{shown}");
    assert!(shown.lines().count() < 75, "{shown}");
}

#[test]
fn a_plan_says_which_differences_it_will_show() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.yaml");
    std::fs::write(&file, include_str!("../../configs/quick.yaml")).unwrap();
    let run = |args: commands::plan::Args| {
        let mut out = Vec::new();
        commands::plan::run(args, None, &mut out).map(|()| String::from_utf8(out).unwrap())
    };
    let json = |args: commands::plan::Args| -> serde_json::Value {
        let args = commands::plan::Args { format: commands::plan::Format::Json, ..args };
        serde_json::from_str::<serde_json::Value>(&run(args).unwrap()).unwrap()["power"].clone()
    };
    let plain = || plan_args(&file, commands::plan::Format::Table);
    // 20 of 100 cases are test cases
    assert_eq!((&json(plain())["ratio"], &json(plain())["sd"]), (&(20.0 / 80.0).into(), &serde_json::Value::Null));
    let text = run(commands::plan::Args { sd: Some(0.02), power: true, ..plain() }).unwrap();
    assert!(text.contains("sd = 0.0200 (given)") && text.contains("this pool, all pairs"), "{text}");
    // the differences of a and b are 0.1, 0.1 and 0.4
    let pilot = folder.path().join("pilot.csv");
    std::fs::write(&pilot, "c,seed,score\na,0,0.6\na,1,0.6\na,2,0.9\nb,0,0.5\nb,1,0.5\nb,2,0.5\n").unwrap();
    let args = commands::plan::Args { pilot: Some(pilot.clone()), ..plain() };
    assert!((json(args)["sd"].as_f64().unwrap() - 0.03_f64.sqrt()).abs() < 1e-12);
    std::fs::write(&pilot, "c,seed,score\na,0,0.6\nb,0,0.5\n").unwrap();
    let error = run(commands::plan::Args { pilot: Some(pilot), ..plain() }).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("give it with --sd"), "{error}");
}

#[test]
fn a_missing_file_and_a_wrong_one_are_the_users() {
    let format = commands::plan::Format::Table;
    let args = |file: &std::path::Path| plan_args(file, format);
    let folder = tempfile::tempdir().unwrap();
    let mut out = Vec::new();
    let missing = commands::plan::run(args(&folder.path().join("none.yaml")), None, &mut out).unwrap_err();
    let wrong = folder.path().join("wrong.yaml");
    std::fs::write(&wrong, "sweep: s").unwrap();
    let wrong = commands::plan::run(args(&wrong), None, &mut out).unwrap_err();
    assert_eq!((missing.exit_code(), wrong.exit_code(), out.len()), (2, 2, 0));
}
