//! The tables `jobs` and `measurements` -> runs, as other tools know them: settings, seeds, scores, and the numbers of
//! each epoch.
//!
//! Both tables come as JSON, from a store or from a running coordinator alike, so every number is that of `tables
//! --format json`.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::fmt;

/// The seeds of a replicate, as the table `jobs` names them.
const SEEDS: [&str; 3] = ["split_seed", "init_seed", "order_seed"];
/// What begins the name of a score.
const SUBSETS: [&str; 2] = ["val_", "test_"];

/// The jobs of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Runs {
    /// The sweep.
    pub sweep: String,
    /// Names of the axes.
    pub axes: Vec<String>,
    /// The names of the scores that some job has, in the order of the columns.
    pub scores: Vec<String>,
    /// A run per job, in the order of the plan.
    pub runs: Vec<Run>,
}

/// A job.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its id.
    pub job: String,
    /// The name of its candidate: the values of the axes that tell candidates apart.
    pub candidate: String,
    /// The name of its replicate among those of its candidate: `split-07`.
    pub replicate: String,
    /// Its value on each axis: a text, a number, or nothing.
    pub settings: Vec<Value>,
    /// The seeds, by name.
    pub seeds: Vec<(String, u64)>,
    /// Where it stands, as in the table `jobs`.
    pub state: String,
    /// Its scores at the epoch that counts, by the names of the columns.
    pub scores: Vec<(String, f64)>,
    /// The epoch that counts, if it is known.
    pub best_epoch: Option<u64>,
    /// Time of its training, seconds.
    pub train_seconds: Option<f64>,
    /// What else the table says of it, by the names of the columns.
    pub facts: Vec<(String, Value)>,
    /// The epochs of the attempt that came furthest, the latest of several.
    pub epochs: Vec<Epoch>,
}

impl Run {
    /// Whether there is anything to say of it: it was measured, or has ended.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        !self.epochs.is_empty() || matches!(self.state.as_str(), "succeeded" | "failed")
    }
}

/// An epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct Epoch {
    /// Counted from 1.
    pub epoch: u64,
    /// Time since the attempt's training began.
    pub seconds: f64,
    /// Its numbers, by the names of the columns.
    pub numbers: Vec<(String, f64)>,
}

/// A table that is not understood.
#[derive(Debug, thiserror::Error)]
#[error("the tables of the coordinator are not understood ({0}): use programs of the same version")]
pub struct NotUnderstood(String);

impl From<serde_json::Error> for NotUnderstood {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

/// A table in JSON.
#[derive(Deserialize)]
struct Json {
    sweep: String,
    rows: Vec<Row>,
}

/// A row: names and values, in the order of the columns.
struct Row(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Row;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Row(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

impl Row {
    fn take(&mut self, name: &str) -> Result<Value, NotUnderstood> {
        let place = self.0.iter().position(|(column, _)| column == name);
        let place = place.ok_or_else(|| NotUnderstood(format!("no column `{name}`")))?;
        Ok(self.0.remove(place).1)
    }

    fn text(&mut self, name: &str) -> Result<String, NotUnderstood> {
        match self.take(name)? {
            Value::String(text) => Ok(text),
            other => Err(NotUnderstood(format!("{name}: {other}"))),
        }
    }

    fn integer(&mut self, name: &str) -> Result<u64, NotUnderstood> {
        let value = self.take(name)?;
        value.as_u64().ok_or_else(|| NotUnderstood(format!("{name}: {value}")))
    }

    /// The entries whose names are such, taken out.
    fn split(&mut self, is_such: impl Fn(&str) -> bool) -> Vec<(String, Value)> {
        let (such, others) = std::mem::take(&mut self.0).into_iter().partition(|(name, _)| is_such(name));
        self.0 = others;
        such
    }

    /// What stands before the column.
    fn before(&mut self, column: &str) -> Vec<(String, Value)> {
        let place = self.0.iter().position(|(name, _)| name == column).unwrap_or(0);
        self.0.drain(..place).collect()
    }
}

/// Those that are numbers.
fn numbers(entries: Vec<(String, Value)>) -> Vec<(String, f64)> {
    entries.into_iter().filter_map(|(name, value)| Some((name, value.as_f64()?))).collect()
}

impl Runs {
    /// Reads the two tables, both in JSON.
    ///
    /// # Errors
    /// If they are of another version.
    pub fn read(jobs: &[u8], measurements: &[u8]) -> Result<Self, NotUnderstood> {
        let Json { sweep, rows } = serde_json::from_slice(jobs)?;
        let mut epochs = epochs(serde_json::from_slice(measurements)?)?;
        let (mut axes, mut runs) = (Vec::new(), Vec::with_capacity(rows.len()));
        // by name, and whether some job has it; every row has every column
        let mut scores: Vec<(String, bool)> = Vec::new();
        for mut row in rows {
            let job = row.text("job")?;
            let settings = row.before(SEEDS[0]);
            axes = settings.iter().map(|(axis, _)| axis.clone()).collect();
            let entries = row.split(|name| SUBSETS.iter().any(|subset| name.starts_with(subset)));
            if scores.is_empty() {
                scores = entries.iter().map(|(name, _)| (name.clone(), false)).collect();
            }
            scores.iter_mut().zip(&entries).for_each(|((_, is_had), (_, value))| *is_had |= value.is_number());
            let seeds = SEEDS.iter().map(|name| Ok(((*name).to_owned(), row.integer(name)?)));
            runs.push(Run {
                candidate: String::new(),
                replicate: String::new(),
                settings: settings.into_iter().map(|(_, value)| value).collect(),
                seeds: seeds.collect::<Result<_, NotUnderstood>>()?,
                state: row.text("state")?,
                scores: numbers(entries),
                best_epoch: row.take("best_epoch")?.as_u64(),
                train_seconds: row.take("train_seconds")?.as_f64(),
                facts: row.0,
                epochs: epochs.remove(&job).unwrap_or_default(),
                job,
            });
        }
        name_candidates(&sweep, &axes, &mut runs);
        name_replicates(&mut runs);
        let scores = scores.into_iter().filter(|(_, is_had)| *is_had).map(|(name, _)| name).collect();
        Ok(Self { sweep, axes, scores, runs })
    }

    /// The numbers of each candidate, of the table `candidates` in JSON; its rows stand in the same order, then those
    /// of the baselines.
    ///
    /// # Errors
    /// If it is of another version.
    pub fn candidates(&self, candidates: &[u8]) -> Result<Vec<Vec<(String, f64)>>, NotUnderstood> {
        let Json { rows, .. } = serde_json::from_slice(candidates)?;
        let numbers = |mut row: Row| {
            row.split(|name| self.axes.iter().any(|axis| axis == name));
            numbers(row.0)
        };
        Ok(rows.into_iter().take(self.by_candidate().count()).map(numbers).collect())
    }

    /// How many of the seeds tell the replicates of a candidate apart: the split seed alone, or all of them.
    #[must_use]
    pub fn telling_seeds(&self) -> usize {
        telling_seeds(&self.runs)
    }

    /// The runs of each candidate, in the order of the plan.
    pub fn by_candidate(&self) -> impl Iterator<Item = &[Run]> {
        self.runs.chunk_by(|one, next| one.settings == next.settings)
    }
}

/// Names candidates by the axes that tell them apart: names as they are, numbers with their axis.
fn name_candidates(sweep: &str, axes: &[String], runs: &mut [Run]) {
    let differs = |axis: usize| runs.windows(2).any(|pair| pair[0].settings.get(axis) != pair[1].settings.get(axis));
    let telling: Vec<usize> = (0..axes.len()).filter(|axis| differs(*axis)).collect();
    for run in runs {
        let words = telling.iter().filter_map(|axis| match run.settings.get(*axis)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            number => Some(format!("{}={number}", axes[*axis])),
        });
        let words: Vec<_> = words.collect();
        run.candidate = if words.is_empty() { sweep.to_owned() } else { words.join(" ") };
    }
}

/// A setting or a fact as a text; nothing for none.
#[must_use]
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// How many of the seeds tell the replicates of a candidate apart: the split seed alone, or all of them.
fn telling_seeds(runs: &[Run]) -> usize {
    let of_first = || runs.iter().take_while(|run| run.settings == runs[0].settings).map(|run| run.seeds[0].1);
    if of_first().collect::<BTreeSet<_>>().len() == of_first().count() { 1 } else { SEEDS.len() }
}

/// Names replicates by their seeds, each as wide as the greatest.
fn name_replicates(runs: &mut [Run]) {
    let width = |seed: usize| runs.iter().map(|run| run.seeds[seed].1.to_string().len()).max().unwrap_or(1).max(2);
    let (widths, shown) = ([width(0), width(1), width(2)], telling_seeds(runs));
    for run in runs {
        let named = run.seeds.iter().zip(widths).take(shown);
        let parts = named.map(|((name, seed), width)| format!("{}-{seed:0width$}", name.trim_end_matches("_seed")));
        run.replicate = parts.collect::<Vec<_>>().join("-");
    }
}

/// The epochs of each job.
fn epochs(Json { rows, .. }: Json) -> Result<HashMap<String, Vec<Epoch>>, NotUnderstood> {
    let mut attempts: HashMap<String, Vec<(u64, Vec<Epoch>)>> = HashMap::new();
    for mut row in rows {
        let (job, attempt, epoch) = (row.text("job")?, row.integer("attempt")?, row.integer("epoch")?);
        let seconds = row.take("seconds")?.as_f64().unwrap_or(0.0);
        let numbers = numbers(row.split(|name| name == "train_loss" || name.starts_with(SUBSETS[0])));
        let attempts = attempts.entry(job).or_default();
        if attempts.last().is_none_or(|(last, _)| *last != attempt) {
            attempts.push((attempt, Vec::new()));
        }
        if let Some((_, epochs)) = attempts.last_mut() {
            epochs.push(Epoch { epoch, seconds, numbers });
        }
    }
    let furthest = |attempts: Vec<(u64, Vec<Epoch>)>| {
        attempts.into_iter().max_by_key(|(attempt, epochs)| (epochs.len(), *attempt))
    };
    let jobs = attempts.into_iter().filter_map(|(job, attempts)| Some((job, furthest(attempts)?.1)));
    Ok(jobs.collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use super::*;

    const JOBS: &str = r#"{"schema":"splitsweep.jobs/1","sweep":"s","rows":[
{"job":"a","loss":"bce","learning_rate":0.01,"split_seed":3,"init_seed":1,"order_seed":1,"state":"succeeded","best_epoch":2,
 "val_iou":0.5,"test_iou":0.25,"test_loss":null,"train_seconds":1.5,"device":"cpu"},
{"job":"b","loss":"bce","learning_rate":0.01,"split_seed":3,"init_seed":2,"order_seed":2,"state":"failed","best_epoch":null,
 "val_iou":null,"test_iou":null,"test_loss":null,"train_seconds":null,"device":null},
{"job":"c","loss":"bce","learning_rate":0.1,"split_seed":3,"init_seed":1,"order_seed":1,"state":"queued","best_epoch":null,
 "val_iou":null,"test_iou":null,"test_loss":null,"train_seconds":null,"device":null}]}"#;

    fn measured(attempt: u64, epoch: u64, iou: f64) -> String {
        format!(
            r#"{{"job":"a","loss":"bce","learning_rate":0.01,"split_seed":3,"attempt":{attempt},"epoch":{epoch},"train_loss":null,"val_iou":{iou},"seconds":0.5}}"#
        )
    }

    #[test]
    fn a_run_has_the_epochs_of_the_attempt_that_came_furthest() {
        let rows =
            [measured(1, 1, 0.1), measured(1, 2, 0.2), measured(2, 1, 0.3), measured(2, 2, 0.4), measured(3, 1, 0.5)];
        let runs =
            Runs::read(JOBS.as_bytes(), format!(r#"{{"sweep":"s","rows":[{}]}}"#, rows.join(",")).as_bytes()).unwrap();
        let first = &runs.runs[0];
        let ious: Vec<_> = first.epochs.iter().map(|epoch| (epoch.epoch, epoch.numbers[0].1)).collect();
        assert_eq!(ious, [(1, 0.3), (2, 0.4)]);
        assert_eq!(first.epochs[0].numbers.len(), 1, "a loss that is not finite is no number");
        assert_eq!(runs.axes, ["loss", "learning_rate"]);
        assert_eq!(runs.scores, ["val_iou", "test_iou"]);
        assert_eq!((first.candidate.as_str(), runs.by_candidate().count()), ("learning_rate=0.01", 2));
        let names: Vec<_> = runs.runs[..2].iter().map(|run| run.replicate.as_str()).collect();
        assert_eq!(names, ["split-03-init-01-order-01", "split-03-init-02-order-02"], "one split, two trainings");
        assert_eq!(first.scores, [("val_iou".to_owned(), 0.5), ("test_iou".to_owned(), 0.25)]);
        assert_eq!(first.facts, [("device".to_owned(), Value::from("cpu"))]);
    }

    #[test]
    fn a_table_of_another_version_is_refused() {
        let error =
            Runs::read(JOBS.replace("order_seed", "other").as_bytes(), br#"{"sweep":"s","rows":[]}"#).unwrap_err();
        assert!(error.to_string().contains("no column `order_seed`"), "{error}");
        assert!(Runs::read(b"{}", b"{}").is_err());
    }
}
