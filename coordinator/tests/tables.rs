//! Whole tables in every format, from rows with every state and verdict.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod golden;

use coordinator::analysis::answer::answer;
use coordinator::plan::{Plan, parse};
use coordinator::results::{
    BaselineRow, JobRow, MeasurementRow, RowState, ScoredResult, SplitsAre, SweepHead, SweepResults,
};
use coordinator::tables::export::{self, Format};
use coordinator::tables::table::{Cell, Table};
use coordinator::tables::{self, Analysed};
use golden::assert_golden;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use proto::extras::{Baseline, Extras};
use proto::ids::{Attempt, ContentHash, JobId, SplitHash};
use proto::measure::{CaseCounts, Counts, Evaluation, JobResult, Measurement, Scores, Verdict};
use proto::spec::{EpochChoice, Metric, Trainer};
use std::io::Write;

const SWEEP: &str = include_str!("golden/golden.yaml");

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
        measured: Vec::new(),
        metric: plan.objective.metric,
        split: plan.candidates[0].template.split,
        cases: Some(200),
        groups: Vec::new(),
        splits_are: SplitsAre::Drawn,
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

/// Twenty cases, of which that share is found: with that as mean thresholded IoU, and other means by every other metric.
fn evaluation(found: f64) -> Evaluation {
    let good = Counts { tp: 96, fp: 1, fn_: 2, tn: 101 };
    let bad = Counts { tp: 0, fp: 40, fn_: 60, tn: 100 };
    let count = (20.0 * found).round() as u32;
    let cases = (0..20).map(|case| CaseCounts { case, counts: if case < count { good } else { bad } });
    Evaluation::of(1.0 / 3.0, cases.collect())
}

/// Scores of an epoch.
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

/// No epoch was finite.
fn nothing() -> Evaluation {
    Evaluation::of(f64::NAN, Vec::new())
}

fn job(candidate: usize, replicate: usize, state: RowState) -> JobRow {
    JobRow { job: id(candidate, replicate), candidate, replicate, state, attempts: 0, message: None, result: None }
}

fn succeeded(candidate: usize, replicate: usize, verdict: Verdict, test: Evaluation) -> JobRow {
    let result = JobResult {
        verdict,
        epochs: 40,
        best_epoch: if verdict == Verdict::Diverged { 0 } else { 31 },
        validation: if verdict == Verdict::Diverged { nothing() } else { evaluation(0.75) },
        test,
        train_seconds: 123.456_789,
        parameters: 21_978_177,
        device: "cuda:0 (H200)".to_owned(),
        split_hash: (candidate < 3).then_some(SplitHash(replicate as u128)),
        extras: Extras {
            peak_mib: (candidate == 0).then_some(1_836),
            energy_joules: (candidate == 0).then_some(48_210.5),
            ..Extras::default()
        },
    };
    let result = ScoredResult { result, worker: "gpu-1, slot 0".to_owned(), baselines: None };
    JobRow { attempts: 1, result: Some(result), ..job(candidate, replicate, RowState::Succeeded) }
}

/// In no order: the tables make one.
fn jobs() -> Vec<JobRow> {
    let message = Some("trainer died:\n\"signal 9\" | *killed*".to_owned());
    vec![
        succeeded(1, 2, Verdict::Trivial, evaluation(0.1)),
        succeeded(0, 2, Verdict::Trained, evaluation(0.8)),
        succeeded(0, 0, Verdict::Trained, evaluation(0.7)),
        succeeded(0, 1, Verdict::Trained, evaluation(0.6)),
        succeeded(1, 0, Verdict::Diverged, nothing()),
        JobRow { attempts: 3, message, ..job(1, 1, RowState::Failed) },
        JobRow { attempts: 1, ..job(2, 0, RowState::Running) },
        job(2, 1, RowState::Queued),
        job(2, 2, RowState::Cancelled),
        succeeded(3, 0, Verdict::Degenerate, evaluation(0.5)),
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
    for job in &mut jobs {
        let Some(ScoredResult { result, .. }) = &mut job.result else { continue };
        (result.validation, result.test) = (nothing(), nothing());
        match job.candidate {
            _ if job.replicate > 0 => {}
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

/// The verdict is by IoU; by another metric the network may be better than the mask.
#[test]
fn a_trivial_verdict_names_only_numbers_that_agree_with_it() {
    let words = |of_mask: f64| {
        let mut results = results(&plan(), jobs());
        let (validation, test) = (Vec::new(), evaluation(of_mask).cases);
        results.baselines = vec![BaselineRow { replicate: 2, baseline: Baseline::AllForeground, validation, test }];
        answer(&Analysed::of(&results).analysis).failures.join(" ")
    };
    let (lost, won) = (words(0.5), words(0.0));
    assert!(lost.contains("no better than a mask that does not look at the image (0.1000 against 0.5000)"), "{lost}");
    assert!(won.contains("no better than a mask that does not look at the image;"), "{won}");
}

/// The same results by another metric, and by several: the means are those of that metric, and the words say who chose the epochs.
#[test]
fn a_sweep_is_shown_by_any_metric() {
    let plan = plan();
    let of = |metric| Analysed::of(&results(&plan, jobs()).shown_by(metric).unwrap());
    let dice = of(Metric::Dice);
    assert_eq!(dice.about.scores, "dice of the test subset, epoch of the best validation thresholded_iou");
    let close = |found: Option<f64>, expected: f64| assert!((found.unwrap() - expected).abs() < 1e-12);
    let of_found = |found: f64| evaluation(found).score(Metric::Dice).unwrap();
    close(dice.analysis.candidates[0].scores.mean, of_found(0.7));
    close(dice.analysis.candidates[0].validation_mean, of_found(0.75));
    let chosen = "Each job's epoch was chosen by the thresholded_iou of the validation cases; by their dice it might have been others.";
    assert_eq!(answer(&dice.analysis).caveats.iter().filter(|caveat| *caveat == chosen).count(), 1);
    assert!(!answer(&of(Metric::ThresholdedIou).analysis).caveats.iter().any(|caveat| caveat.contains("chosen")));
    let mut last = results(&plan, jobs());
    last.head.objective.epoch = EpochChoice::Last;
    let last = Analysed::of(&last.shown_by(Metric::Dice).unwrap());
    assert_eq!(last.about.scores, "dice of the test subset, last epoch, as by every metric");
    assert!(!answer(&last.analysis).caveats.iter().any(|caveat| caveat.contains("chosen")));
    let loss = of(Metric::Loss).analysis;
    assert!(!loss.higher_is_better);

    let several = [Metric::Iou, Metric::Dice, Metric::Sensitivity].map(of);
    let table = Table { rows_name: "metrics", ..tables::side_by_side(&several) };
    assert_in_every_format(&table);
    let place = |name: &str| table.columns.iter().position(|column| column.name == name).unwrap();
    for (name, of) in ["iou", "dice", "sensitivity"].iter().zip(&several) {
        let cell =
            |row: usize| (table.rows[row][place(name)].clone(), table.rows[row][place(&format!("{name}_sd"))].clone());
        let scores = &of.analysis.candidates[0].scores;
        assert_eq!(cell(0), (scores.mean.into(), scores.sd.into()), "{name}");
    }
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

/// What programs read is what the rows hold, to the last digit, but for the rounding of sums.
#[test]
fn csv_and_json_keep_every_digit_that_is_known() {
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
                    let read: f64 = text.parse().unwrap();
                    assert!((read - number).abs() <= 1e-15 * number.abs(), "{name}: {read} and {number}");
                    assert_eq!(json[name].as_f64().unwrap().to_bits(), read.to_bits(), "{name}");
                    assert!(read.to_bits() == number.to_bits() || text.len() < 16, "{name}: {text}");
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
