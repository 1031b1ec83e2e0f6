//! Runs -> CSV as W&B exports the table of runs: what it notes of a run, then its config, then its summary.

use super::runs::{Run, Runs, text};
use std::io;

/// The CSV, a line per job.
///
/// # Errors
/// None that runs can cause; those of the writer are passed on.
pub fn csv(runs: &Runs) -> io::Result<Vec<u8>> {
    let Some(first) = runs.runs.iter().max_by_key(|run| run.scores.len()) else { return Ok(Vec::new()) };
    let mut writer = csv::WriterBuilder::new().quote_style(csv::QuoteStyle::Always).from_writer(Vec::new());
    let seeds = runs.telling_seeds();
    let config = runs.axes.iter().chain(first.seeds.iter().take(seeds).map(|(name, _)| name));
    let config = config.map(|name| format!("config.{name}"));
    let scores: Vec<&String> = first.scores.iter().map(|(name, _)| name).collect();
    let notes = ["Name", "State", "Group", "Runtime"].map(str::to_owned);
    writer.write_record(notes.into_iter().chain(config).chain(scores.iter().map(|name| name.to_string())))?;
    for run in &runs.runs {
        writer.write_record(line(run, seeds, &scores))?;
    }
    writer.into_inner().map_err(|error| error.into_error())
}

fn line(run: &Run, seeds: usize, scores: &[&String]) -> Vec<String> {
    let mut line = vec![
        format!("{} {}", run.candidate, run.replicate),
        state(&run.state).to_owned(),
        run.candidate.clone(),
        run.train_seconds.map(|seconds| seconds.to_string()).unwrap_or_default(),
    ];
    line.extend(run.settings.iter().map(text));
    line.extend(run.seeds.iter().take(seeds).map(|(_, seed)| seed.to_string()));
    let score = |name: &&String| run.scores.iter().find(|(of, _)| of == *name).map(|(_, score)| score.to_string());
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
