//! Which column of a file means what: said by name, or guessed where a single one can be meant.

use super::error::{ImportError, listed, shown};
use super::sheet::Sheet;

/// Names that a score column has in the tables of many tools.
const SCORE_NAMES: &[&str] = &["score", "value", "metric", "test_score", "mean_test_score"];
/// Names of columns that tell splits apart.
const SPLIT_NAMES: &[&str] = &["replicate", "split_seed", "split", "fold", "repeat"];
/// Names of columns that tell runs on one split apart.
const SEED_NAMES: &[&str] = &["seed", "init_seed", "order_seed", "run"];
/// Names of columns that tell the test cases of a run apart.
const CASE_NAMES: &[&str] = &["case", "image", "sample", "subject", "case_id"];
/// Names of columns that say how a run ended.
const STATE_NAMES: &[&str] = &["state", "status"];
/// What tools write before the name of a setting: Optuna, MLflow, scikit-learn, Ray and W&B.
const SETTING_PREFIXES: &[&str] = &["params_", "params.", "param_", "config/", "config.", "hparams/", "hparams."];
/// What tools write before the name of anything else.
const OTHER_PREFIXES: &[&str] = &["user_attrs_", "metrics.", "metrics/"];
/// What tools write before the name of a metric: MLflow and TensorBoard.
const METRIC_PREFIXES: &[&str] = &["metrics.", "metrics/", "hparam/"];
/// Columns in which W&B, MLflow and TensorBoard note what is of a run and not of its settings, in lower case.
const NOTED_BY_TOOLS: &[&str] = &[
    "name",
    "notes",
    "user",
    "tags",
    "created",
    "runtime",
    "sweep",
    "group",
    "job type",
    "hostname",
    "updated",
    "end time",
    "start time",
    "duration",
    "github",
    "trial id",
    "show metrics",
    "run id",
    "source type",
    "source name",
    "_step",
    "_runtime",
    "_timestamp",
];
/// Instead of a column's name: there is no such column.
const NONE: &str = "none";

/// Which columns mean what; all are guessed where they are not named.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Columns {
    /// The columns of the scores, one per metric.
    pub score: Vec<String>,
    /// The columns that tell a candidate's runs apart: a split, a fold, a seed, or several of them.
    pub replicate: Vec<String>,
    /// The column that tells the test cases of a run apart; `none` for none.
    pub case: Option<String>,
    /// The column that says how a run ended; `none` for none.
    pub state: Option<String>,
    /// The columns that tell candidates apart; all others, if there are none.
    pub candidate: Vec<String>,
    /// Columns and the values that a line must have there to be read.
    pub filter: Vec<(String, String)>,
    /// Which of several finished lines of a run counts.
    pub retries: Retries,
}

/// Which of several finished lines of a run counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Retries {
    /// None: a run that is there twice is a mistake
    #[default]
    Refuse,
    /// The last in the file
    Last,
}

/// The place of each column in the file.
pub(super) struct Places {
    pub(super) scores: Vec<usize>,
    /// What tells splits apart; then replicates are splits.
    pub(super) splits: Vec<usize>,
    /// What tells runs on one split apart.
    pub(super) seeds: Vec<usize>,
    pub(super) case: Option<usize>,
    pub(super) state: Option<usize>,
    pub(super) candidate: Vec<usize>,
    /// The columns that mean nothing, if candidates were not named and settings have names of their own.
    pub(super) passed_over: Vec<usize>,
}

impl Places {
    pub(super) fn find(sheet: &Sheet, columns: &Columns) -> Result<Self, ImportError> {
        let header = &sheet.header[..];
        let scores = match &columns.score[..] {
            [] => vec![the_score(header)?],
            names => named(header, "--score", names)?,
        };
        let mut replicate = named(header, "--replicate", &columns.replicate)?;
        if replicate.is_empty() {
            replicate = guessed_replicate(sheet)?;
        }
        let is_seed = |place: &usize| SEED_NAMES.contains(&&*bare(&header[*place]));
        let (seeds, splits): (Vec<_>, Vec<_>) = replicate.iter().copied().partition(is_seed);
        let special = |name: &Option<String>, option, usual| match name.as_deref() {
            Some(NONE) => Ok(None),
            Some(name) => named(header, option, &[name.to_owned()]).map(|places| places.first().copied()),
            None => at_most_one(header, option, usual),
        };
        let case = special(&columns.case, "--case", CASE_NAMES)?;
        let state = special(&columns.state, "--state", STATE_NAMES)?;
        let mut places = Self { scores, splits, seeds, case, state, candidate: Vec::new(), passed_over: Vec::new() };
        places.check(header)?;
        (places.candidate, places.passed_over) = places.candidate(header, &columns.candidate)?;
        Ok(places)
    }

    /// The columns that tell a candidate's runs apart.
    pub(super) fn replicate(&self) -> impl Iterator<Item = usize> + Clone {
        self.splits.iter().chain(&self.seeds).copied()
    }

    /// Takes the columns that differ in every line, such as a run's id, and those in which tools note when and where a run was, from
    /// those that tell candidates apart; says whether that left any, and fewer.
    pub(super) fn pass_over_what_tools_note(&mut self, sheet: &Sheet) -> bool {
        let is_noted =
            |place: &usize| sheet.all_differ(*place) || NOTED_BY_TOOLS.contains(&&*sheet.header[*place].to_lowercase());
        let (noted, rest): (Vec<usize>, Vec<usize>) = self.candidate.iter().partition(|place| is_noted(place));
        if noted.is_empty() || rest.is_empty() {
            return false;
        }
        self.candidate = rest;
        self.passed_over.extend(noted);
        true
    }

    /// What a column means already, in words.
    fn meaning(&self, place: usize) -> Vec<&'static str> {
        let meanings = [
            (self.scores.contains(&place), "the score"),
            (self.replicate().any(|taken| taken == place), "the replicate"),
            (self.case == Some(place), "the case"),
            (self.state == Some(place), "the state"),
        ];
        meanings.into_iter().filter(|(holds, _)| *holds).map(|(_, meaning)| meaning).collect()
    }

    fn check(&self, header: &[String]) -> Result<(), ImportError> {
        for (place, name) in header.iter().enumerate() {
            if let [first, second, ..] = self.meaning(place)[..] {
                return Err(ImportError::cell(1, name, format!("cannot be both {first} and {second}")));
            }
        }
        Ok(())
    }

    /// The candidate columns, and the other columns that mean nothing.
    fn candidate(&self, header: &[String], names: &[String]) -> Result<(Vec<usize>, Vec<usize>), ImportError> {
        let free = |place: &usize| self.meaning(*place).is_empty();
        let named = named(header, "--candidate", names)?;
        if let Some(taken) = named.iter().find(|place| !free(place)) {
            let problem = format!("is a candidate column and {}: leave it out of --candidate", self.meaning(*taken)[0]);
            return Err(ImportError::cell(1, &header[*taken], problem));
        }
        if !named.is_empty() {
            return Ok((named, Vec::new()));
        }
        let is_setting = |place: &usize| {
            let name = header[*place].to_lowercase();
            SETTING_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        };
        let (settings, others): (Vec<_>, Vec<_>) = (0..header.len()).filter(free).partition(is_setting);
        match (&settings[..], &others[..]) {
            ([], []) => {
                let none = |taken: Option<usize>, option| {
                    taken.map(|place| format!(", or give {option} none if it is {}", shown(&header[place])))
                };
                let remedies = [none(self.state, "--state"), none(self.case, "--case")].into_iter().flatten();
                let problem = "there is no candidate column: add one that names what is compared";
                Err(ImportError::line(1, remedies.fold(problem.to_owned(), |text, remedy| text + &remedy)))
            }
            ([], _) => Ok((others, settings)),
            _ => Ok((settings, others)),
        }
    }
}

/// The columns that usually name a replicate: a split, a seed, or one of each. A `run` that differs in every line is a run's id.
fn guessed_replicate(sheet: &Sheet) -> Result<Vec<usize>, ImportError> {
    let header = &sheet.header[..];
    let is_usual = |place: &usize| bare(&header[*place]) != "run" || !sheet.all_differ(*place);
    let of = |usual| usually(header, usual).into_iter().filter(is_usual).collect::<Vec<_>>();
    match (&of(SPLIT_NAMES)[..], &of(SEED_NAMES)[..]) {
        ([], []) => Err(none_is_meant(header, "--replicate")),
        (splits @ ([] | [_]), seeds @ ([] | [_])) => Ok([splits, seeds].concat()),
        (several @ [first, second, ..], _) | (_, several @ [first, second, ..]) => {
            let both = several.iter().map(|place| header[*place].as_str()).collect::<Vec<_>>().join(",");
            let [first, second] = [first, second].map(|place| shown(&header[*place]));
            let problem = format!("--replicate can be {first} or {second}: say which, or --replicate {both} for both");
            Err(ImportError::line(1, problem))
        }
    }
}

/// The place of each named column.
fn named(header: &[String], option: &str, names: &[String]) -> Result<Vec<usize>, ImportError> {
    let place = |name: &String| {
        header.iter().position(|column| column == name).ok_or_else(|| {
            let there_are = listed(header);
            ImportError::line(1, format!("{option}: no column is named {}; there are: {there_are}", shown(name)))
        })
    };
    let places: Vec<usize> = names.iter().map(place).collect::<Result<_, _>>()?;
    match (1..places.len()).find(|index| places[..*index].contains(&places[*index])) {
        Some(again) => Err(ImportError::cell(1, &names[again], format!("is named twice in {option}: once is enough"))),
        None => Ok(places),
    }
}

/// The place of the only column that has the name of a score, or else of the only one that a tool calls a metric.
fn the_score(header: &[String]) -> Result<usize, ImportError> {
    if let Some(place) = at_most_one(header, "--score", SCORE_NAMES)? {
        return Ok(place);
    }
    let is_metric = |place: &usize| {
        let name = header[*place].to_lowercase();
        METRIC_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    };
    match (0..header.len()).filter(is_metric).collect::<Vec<_>>()[..] {
        [only] => Ok(only),
        _ => Err(none_is_meant(header, "--score")),
    }
}

fn at_most_one(header: &[String], option: &str, usual: &[&str]) -> Result<Option<usize>, ImportError> {
    match usually(header, usual)[..] {
        [first, second, ..] => {
            let [first, second] = [first, second].map(|place| shown(&header[place]));
            Err(ImportError::line(1, format!("{option} can be {first} or {second}: say which")))
        }
        ref few => Ok(few.first().copied()),
    }
}

/// The places of the columns that have one of the usual names.
fn usually(header: &[String], usual: &[&str]) -> Vec<usize> {
    (0..header.len()).filter(|place| usual.contains(&&*bare(&header[*place]))).collect()
}

/// A column's name in lower case, without what a tool writes before it.
fn bare(name: &str) -> String {
    let name = name.to_lowercase();
    let prefixes = SETTING_PREFIXES.iter().chain(OTHER_PREFIXES);
    let bare = prefixes.filter_map(|prefix| name.strip_prefix(prefix)).next().map(str::to_owned);
    bare.unwrap_or(name)
}

/// No column can be guessed. In a wide file each replicate has a column of its own.
fn none_is_meant(header: &[String], option: &str) -> ImportError {
    let without_digits = |name: &str| name.replace(|c: char| c.is_ascii_digit(), "");
    let alike = |first: &String| -> Vec<&String> {
        let kind = without_digits(first);
        header.iter().filter(|name| *name != &kind && without_digits(name) == kind).collect()
    };
    let problem = match header.iter().map(alike).find(|names| names.len() > 1) {
        Some(names) => {
            format!(
                "{} have one replicate each: write one line per run, with a column `split` (or `seed`) and a column `score`",
                listed(&names)
            )
        }
        None => format!("which column is meant? give {option} one of: {}", listed(header)),
    };
    ImportError::line(1, problem)
}
