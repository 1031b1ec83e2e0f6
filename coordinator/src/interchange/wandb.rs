//! Runs -> CSV as W&B exports the table of runs: what it notes of a run, then its config, then its summary.

use super::runs::{Run, Runs, text};
use std::io;

/// The CSV, a line per job.
///
/// # Errors
/// None that runs can cause; those of the writer are passed on.
pub fn csv(runs: &Runs) -> io::Result<Vec<u8>> {
    let Some(first) = runs.runs.first() else { return Ok(Vec::new()) };
    let mut writer = csv::WriterBuilder::new().quote_style(csv::QuoteStyle::Always).from_writer(Vec::new());
    let seeds = runs.telling_seeds();
    let config = runs.axes.iter().chain(first.seeds.iter().take(seeds).map(|(name, _)| name));
    let config = config.map(|name| format!("config.{name}"));
    let notes = ["Name", "State", "Group", "Runtime"].map(str::to_owned);
    writer.write_record(notes.into_iter().chain(config).chain(runs.scores.iter().cloned()))?;
    for run in &runs.runs {
        writer.write_record(line(run, seeds, &runs.scores))?;
    }
    writer.into_inner().map_err(|error| error.into_error())
}

fn line(run: &Run, seeds: usize, scores: &[String]) -> Vec<String> {
    let mut line = vec![
        format!("{} {}", run.candidate, run.replicate),
        state(&run.state).to_owned(),
        run.candidate.clone(),
        run.train_seconds.map(|seconds| seconds.to_string()).unwrap_or_default(),
    ];
    line.extend(run.settings.iter().map(text));
    line.extend(run.seeds.iter().take(seeds).map(|(_, seed)| seed.to_string()));
    let score = |name: &String| run.scores.iter().find(|(of, _)| of == name).map(|(_, score)| score.to_string());
    line.extend(scores.iter().map(|name| score(name).unwrap_or_default()));
    line
}

/// The word of W&B; it has none for a job that is not needed any more.
fn state(state: &str) -> &str {
    match state {
        "succeeded" => "finished",
        "queued" => "pending",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use super::*;

    #[test]
    fn a_score_that_only_one_run_has_has_its_column() {
        let row = |job: &str, state: &str, scores: &str| {
            format!(
                r#"{{"job":"{job}","loss":"bce","split_seed":{job},"init_seed":1,"order_seed":1,"state":"{state}","best_epoch":1,{scores},"train_seconds":1.5}}"#
            )
        };
        let rows = [
            row("1", "succeeded", r#""val_dice":0.75,"val_hd95":null,"val_iou":0.5,"test_hd95":null,"test_iou":0.25"#),
            row("2", "succeeded", r#""val_dice":null,"val_hd95":3.5,"val_iou":null,"test_hd95":4.5,"test_iou":null"#),
            row("3", "queued", r#""val_dice":null,"val_hd95":null,"val_iou":null,"test_hd95":null,"test_iou":null"#),
        ];
        let jobs = format!(r#"{{"sweep":"s","rows":[{}]}}"#, rows.join(","));
        let runs = Runs::read(jobs.as_bytes(), br#"{"sweep":"s","rows":[]}"#).unwrap();
        let csv = String::from_utf8(csv(&runs).unwrap()).unwrap();
        let lines: Vec<_> = csv.lines().map(|line| line.replace('"', "")).collect();
        assert_eq!(
            lines,
            [
                "Name,State,Group,Runtime,config.loss,config.split_seed,val_dice,val_hd95,val_iou,test_hd95,test_iou",
                "s split-01,finished,s,1.5,bce,1,0.75,,0.5,,0.25",
                "s split-02,finished,s,1.5,bce,2,,3.5,,4.5,",
                "s split-03,pending,s,1.5,bce,3,,,,,",
            ]
        );
    }
}
