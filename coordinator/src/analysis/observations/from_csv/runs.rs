//! Lines -> what each run came to, on a grid of candidate x replicate.
//!
//! ```text
//!  lines of one candidate and replicate --the state that counts--> its lines --> Missing, Dropped, Failed
//!                                                                            \-> a score, or one per case and their mean
//! ```

use super::columns::{Places, Retries};
use super::error::{ImportError, listed, shown};
use super::grid::Grid;
use super::sheet::{Line, Sheet};
use super::state::State;
use crate::analysis::observations::{CaseScore, Ended, Observation};
use crate::text::plural;
use proto::measure::Verdict;
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

/// What tools write, in lower case, where a run has no score.
const NO_SCORE: &[&str] = &["", "na", "n/a", "nan", "null", "none", "failed"];

/// A run: the lines that count of one candidate and replicate.
pub(super) struct Run<'a> {
    /// Index of the candidate.
    pub(super) candidate: usize,
    /// Index of the replicate.
    pub(super) replicate: usize,
    state: State,
    /// At least one; a single one unless there are cases.
    lines: Vec<&'a Line>,
    /// Lines of attempts that came to less: the run was run again.
    earlier: Vec<&'a Line>,
}

impl<'a> Run<'a> {
    /// Adds a line, if no other came to more.
    fn add(&mut self, line: &'a Line, state: State) {
        match state.cmp(&self.state) {
            Ordering::Less => self.earlier.push(line),
            Ordering::Equal => self.lines.push(line),
            Ordering::Greater => {
                self.earlier.append(&mut self.lines);
                (self.state, self.lines) = (state, vec![line]);
            }
        }
    }

    /// Of several lines of the same case, or of the run where there are no cases, keeps the last.
    fn keep_the_last(&mut self, places: &Places) {
        let case = |line: &&'a Line| places.case.map_or("", |place| line.fields[place].as_str());
        let mut last = HashMap::new();
        for line in &self.lines {
            last.insert(case(line), line.number);
        }
        let (kept, earlier): (Vec<_>, Vec<_>) =
            self.lines.drain(..).partition(|line| last.get(case(line)) == Some(&line.number));
        self.lines = kept;
        self.earlier.extend(earlier);
    }

    /// The run, if nothing of it is there twice, and no case is left behind.
    fn checked(mut self, sheet: &Sheet, places: &Places, grid: &Grid) -> Result<Self, ImportError> {
        if self.state != State::Finished {
            // every attempt came to the same, and so did every case
            let more = self.lines.split_off(1);
            self.earlier.extend(more.into_iter().filter(|_| places.case.is_none()));
            return Ok(self);
        }
        let case = |line: &'a Line| places.case.map_or("", |place| line.fields[place].as_str());
        let mut first = HashMap::new();
        for line in &self.lines {
            if let Some(first) = first.insert(case(line), line.number) {
                let run = shown_run(&self, grid);
                return Err(twice(sheet, places, line.number, first, &run));
            }
        }
        // an attempt that came to nothing may name no case
        let is_left_behind = |line: &&&'a Line| !case(line).is_empty() && !first.contains_key(case(line));
        match self.earlier.iter().find(is_left_behind).filter(|_| places.case.is_some()).zip(places.state) {
            Some((line, state)) => {
                let problem = format!(
                    "is {} for case {} of {}, whose other cases are finished: {ONE_CASE_REMEDY}",
                    shown(&line.fields[state]),
                    shown(case(line)),
                    shown_run(&self, grid)
                );
                Err(ImportError::cell(line.number, &sheet.header[state], problem))
            }
            None => Ok(self),
        }
    }
}

/// What to do about a single case without a score: leaving it out would compare means over different cases.
const ONE_CASE_REMEDY: &str =
    "if the case failed, give it a score (the worst there is); if the run failed, say so of all its cases";

/// A run, as a message shows it.
fn shown_run(run: &Run, grid: &Grid) -> String {
    format!("{}, replicate {}", shown(&grid.label(run.candidate)), shown(&grid.replicates[run.replicate]))
}

/// All runs of a file.
pub(super) struct Runs<'a> {
    pub(super) runs: Vec<Run<'a>>,
    /// The cases, by their names; empty without a column of cases.
    pub(super) cases: HashMap<&'a str, u32>,
}

impl<'a> Runs<'a> {
    /// Gathers the lines of each run.
    ///
    /// # Errors
    /// If a state is not known, a run or one of its cases is there twice, or some cases of a run are not finished.
    pub(super) fn of(sheet: &'a Sheet, places: &Places, grid: &Grid, retries: Retries) -> Result<Self, ImportError> {
        let mut found: BTreeMap<(usize, usize), Run<'a>> = BTreeMap::new();
        for (line, (candidate, replicate)) in sheet.lines.iter().zip(&grid.of_lines) {
            let state = places.state.map_or(Ok(State::Finished), |place| {
                let of_word = State::of(&line.fields[place]);
                of_word.map_err(|problem| ImportError::cell(line.number, &sheet.header[place], problem))
            })?;
            let (candidate, replicate) = (*candidate, *replicate);
            let new = Run { candidate, replicate, state, lines: Vec::new(), earlier: Vec::new() };
            found.entry((candidate, replicate)).or_insert(new).add(line, state);
        }
        let cases = places.case.map(|place| numbered(sheet, place)).unwrap_or_default();
        if retries == Retries::Last {
            found.values_mut().for_each(|run| run.keep_the_last(places));
        }
        let runs: Vec<_> = found.into_values().map(|run| run.checked(sheet, places, grid)).collect::<Result<_, _>>()?;
        Ok(Self { runs, cases })
    }

    /// What is said about how runs ended.
    pub(super) fn notes(&self, sheet: &Sheet, places: &Places) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(place) = places.state {
            let count = |state| self.runs.iter().filter(|run| run.state == state).count() as u64;
            let is = |count: u64| if count == 1 { "is" } else { "are" };
            let counts =
                [(State::Failed, "marked failed"), (State::Running, "not finished"), (State::Pruned, "pruned")];
            let counts = counts.map(|(state, what)| (count(state), what)).into_iter().filter(|(count, _)| *count > 0);
            let mut said: Vec<String> =
                counts.map(|(count, what)| format!("{} {} {what}", plural(count, "run"), is(count))).collect();
            said.extend(self.run_again());
            if !said.is_empty() {
                notes.push(format!("column {}: {}", shown(&sheet.header[place]), said.join(", ")));
            }
        }
        if places.state.is_none() {
            notes.extend(self.run_again());
        }
        if let Some(place) = places.case {
            let cases = plural(self.cases.len() as u64, "case");
            notes.push(format!(
                "column {}: the score of a run is the mean over its cases ({cases} in all)",
                shown(&sheet.header[place])
            ));
        }
        notes
    }

    /// How many lines do not count, because their run was run again.
    fn run_again(&self) -> Option<String> {
        match self.runs.iter().map(|run| run.earlier.len()).sum::<usize>() {
            0 => None,
            1 => Some("1 line is of a run that was run again".to_owned()),
            lines => Some(format!("{lines} lines are of runs that were run again")),
        }
    }

    /// What each run came to in one metric.
    ///
    /// # Errors
    /// If a score is not a number, its case has no name, or another case of the same run has no score.
    pub(super) fn observations(
        &self,
        sheet: &Sheet,
        places: &Places,
        score: usize,
        grid: &Grid,
    ) -> Result<Vec<Observation>, ImportError> {
        let mut lists = HashMap::new();
        let mut observation = |run: &Run| match run.state {
            State::Running => Ok(Observation::Missing),
            State::Pruned => Ok(Observation::Dropped),
            State::Failed => Ok(Observation::Failed),
            State::Finished => match places.case {
                None => Ok(read_score(sheet, score, run.lines[0])?.map_or(Observation::Failed, of_score)),
                Some(case) => self.of_cases(sheet, (score, case), run, grid, &mut lists),
            },
        };
        self.runs.iter().map(&mut observation).collect()
    }

    /// A run that has one line per case. Runs whose cases differ are of different splits: `lists` numbers them.
    fn of_cases(
        &self,
        sheet: &Sheet,
        (score, case): (usize, usize),
        run: &Run,
        grid: &Grid,
        lists: &mut HashMap<Vec<u32>, usize>,
    ) -> Result<Observation, ImportError> {
        let mut cases = Vec::with_capacity(run.lines.len());
        let mut without = None;
        for line in &run.lines {
            match read_score(sheet, score, line)? {
                Some(_) if line.fields[case].is_empty() => {
                    let problem = "is empty: write which case the score is of";
                    return Err(ImportError::cell(line.number, &sheet.header[case], problem));
                }
                Some(score) => cases.push(CaseScore { case: self.cases[&*line.fields[case]], score }),
                None => without = Some(line),
            }
        }
        if cases.is_empty() {
            return Ok(Observation::Failed);
        }
        if let Some(line) = without {
            let (case, run) = (shown(&line.fields[case]), shown_run(run, grid));
            let problem =
                format!("is empty for case {case} of {run}, whose other cases have scores: {ONE_CASE_REMEDY}");
            return Err(ImportError::cell(line.number, &sheet.header[score], problem));
        }
        cases.sort_by_key(|case| case.case);
        let mean = cases.iter().map(|case| case.score).sum::<f64>() / cases.len() as f64;
        let new = lists.len();
        let list = *lists.entry(cases.iter().map(|case| case.case).collect()).or_insert(new);
        Ok(match of_score(mean) {
            Observation::Ended(ended) if ended.score.is_some() => {
                Observation::Ended(Ended { cases, split_hash: Some(list.to_string()), ..ended })
            }
            diverged => diverged,
        })
    }
}

/// The cases by their names, numbered in ascending order: of numbers, if all are numbers, else of names.
fn numbered(sheet: &Sheet, place: usize) -> HashMap<&str, u32> {
    let number = |name: &str| name.parse().ok().filter(|number: &f64| number.is_finite());
    let mut names: Vec<&str> = sheet.column(place).filter(|name| !name.is_empty()).collect();
    let are_numbers = names.iter().all(|name| number(name).is_some());
    let key = |name: &str| if are_numbers { number(name).unwrap_or_default() } else { 0.0 };
    names.sort_by(|a, b| key(a).total_cmp(&key(b)).then(a.cmp(b)));
    names.dedup();
    names.into_iter().zip(0..).collect()
}

fn twice(sheet: &Sheet, places: &Places, line: u64, first: u64, run: &str) -> ImportError {
    let replicate = listed(&places.replicate().map(|place| &*sheet.header[place]).collect::<Vec<_>>());
    match places.case {
        None => {
            let remedy = "name the column that tells the two apart in --candidate, --replicate or --case, or let the last count with --retries last";
            ImportError::cell(line, &replicate, format!("{run} is on line {first} already: {remedy}"))
        }
        Some(place) => {
            let remedy =
                "name the column that tells the two apart in --candidate or --replicate, or take one of them out";
            ImportError::cell(
                line,
                &sheet.header[place],
                format!("this case of {run} is on line {first} already: {remedy}"),
            )
        }
    }
}

/// A run with an infinite score diverged. Whether the others are models is not known.
fn of_score(score: f64) -> Observation {
    if score.is_finite() {
        return Observation::scored(score);
    }
    Observation::Ended(Ended { verdict: Some(Verdict::Diverged), ..Ended::default() })
}

/// The score of a line; `None` for a run that failed.
fn read_score(sheet: &Sheet, place: usize, line: &Line) -> Result<Option<f64>, ImportError> {
    let text = &line.fields[place];
    if NO_SCORE.contains(&&*text.to_lowercase()) {
        return Ok(None);
    }
    let remedy = "write a number with a decimal point, or nothing for a run that failed";
    let problem = || format!("{} is not a number: {remedy}", shown(text));
    text.parse().map(Some).map_err(|_| ImportError::cell(line.number, &sheet.header[place], problem()))
}
