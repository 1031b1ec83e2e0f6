//! The result table: each candidate over its replicates, then each baseline.

use super::about::Analysed;
use super::layout::{self, axis_cells, axis_columns, laid_out, names};
use super::table::{Cell, Kind, Show, Table};
use crate::analysis::answer::answer;
use crate::analysis::comparison::{Analysis, Finding, NewData, Performance};
use crate::analysis::versus_best::{self, best};
use crate::stats::Interval;
use crate::text::{measured, plural};

/// Candidates, in the order of the plan, then baselines.
///
/// `n` counts the jobs that have a score. A job without one failed or diverged, and is counted as such; so nothing is averaged
/// away unseen.
#[must_use]
pub fn candidates(of: &Analysed) -> Table {
    let Analysed { about, observations, analysis } = of;
    let values: Vec<_> = observations.candidates.iter().map(|candidate| candidate.values.clone()).collect();
    let lines = lines(analysis);
    let (columns, cells) = laid_out(fields(analysis, &lines), &lines);
    let mut all_columns = axis_columns(&observations.axes, &values);
    all_columns.extend(columns);
    let rows = cells.into_iter().zip(&lines).enumerate().map(|(index, (cells, line))| {
        let mut row = axis_cells(observations.axes.len(), values.get(index).filter(|_| !line.is_baseline));
        if let Some(first) = row.first_mut().filter(|_| line.is_baseline) {
            *first = line.row.label.as_str().into();
        }
        row.extend(cells);
        row
    });
    let mut table = about.table("candidates", all_columns, rows.collect());
    let sentences = answer(analysis).sentences();
    table.head.extend(head(analysis));
    table.head.push(("answer", sentences.first().map(String::as_str).into()));
    let order = by_score(analysis);
    let mean = table.columns.iter().position(|column| matches!(column.show, Show::Spread(_)));
    table.strong = strong_rows(&lines, &order).into_iter().zip(mean.into_iter().cycle()).collect();
    table.listed = Some(order);
    table.spare = spare(analysis);
    table.notes = notes(analysis);
    table.answer = sentences;
    table
}

/// The rows that stand out: the leader, and those not told apart from it; but none that did not always train and stands beneath one
/// that does not stand out.
fn strong_rows(lines: &[Line<'_>], by_score: &[usize]) -> Vec<usize> {
    let candidates = || by_score.iter().filter(|index| !lines[**index].is_baseline);
    let above_all = candidates().take_while(|index| lines[**index].is_strong()).count();
    let trains = |line: &Line<'_>| line.is_best || line.row.not_trained.count + line.row.far_outside == 0;
    let stands_out = |(place, index): &(usize, &usize)| {
        lines[**index].is_strong() && (*place < above_all || trains(&lines[**index]))
    };
    let mut strong: Vec<usize> = candidates().enumerate().filter(stands_out).map(|(_, index)| *index).collect();
    strong.sort_unstable();
    strong
}

/// The rows that stand out by the analysis' metric, in ascending order.
pub(super) fn strong(analysis: &Analysis) -> Vec<usize> {
    strong_rows(&lines(analysis), &by_score(analysis))
}

/// What people can do without, the first to go first: what is zero throughout, then what the sentences beneath the table say too.
fn spare(analysis: &Analysis) -> Vec<String> {
    let some_failed = analysis.candidates.iter().any(|row| row.failed.count > 0);
    let (first, later): (&[&str], &[&str]) = if some_failed { (&[], &["failed"]) } else { (&["failed"], &[]) };
    let rest: &[&str] = &["jobs", "degenerate", "diverged", "dropped", "pool_low", "trivial", "mean_if_trained"];
    names(&[first, rest, later, &["n", "new_low"]].concat())
}

/// The rows as people see them: the best adjusted mean first, those without a score last, then the baselines.
pub(super) fn by_score(analysis: &Analysis) -> Vec<usize> {
    let candidates = analysis.candidates.len();
    analysis.by_score().into_iter().chain(candidates..candidates + analysis.baselines.len()).collect()
}

type Field<'a> = layout::Field<Line<'a>>;

/// What a row is made of.
struct Line<'a> {
    row: &'a Performance,
    is_baseline: bool,
    /// What may be said of the best against it; `None` for baselines, and for the best itself.
    best_is: Option<Finding>,
    /// Whether the two were compared and not told apart.
    is_tied: bool,
    is_best: bool,
    /// Its mean less that of the best, on the splits that both have.
    difference: Option<f64>,
    rank: Option<f64>,
    p_best: Option<f64>,
}

impl Line<'_> {
    /// Whether it is the best, or tied with it.
    fn is_strong(&self) -> bool {
        self.is_best || self.is_tied
    }

    fn against_best(&self) -> Cell {
        if self.is_best { "leads".into() } else { self.best_is.map(|finding| finding.swapped().words()).into() }
    }

    fn kind(&self) -> Cell {
        if self.is_baseline { "baseline" } else { "candidate" }.into()
    }

    fn sensitivity(&self, index: usize) -> Option<Interval> {
        self.row.sensitivity.get(index).map(|new_data| new_data.interval)
    }
}

fn lines(analysis: &Analysis) -> Vec<Line<'_>> {
    let best = best(analysis);
    let mut findings = vec![(None, false, None); analysis.candidates.len()];
    for other in best.map(|best| versus_best::candidates(analysis, best)).unwrap_or_default() {
        let is_tied = other.gain.is_some() && other.finding.is_tie();
        let difference = other.gain.map(|gain| if analysis.higher_is_better { -gain.mean } else { gain.mean });
        findings[other.index] = (Some(other.finding), is_tied, difference);
    }
    let ranks = analysis.ranks.as_ref();
    let candidate = |(index, row): (usize, _)| Line {
        row,
        is_baseline: false,
        best_is: findings[index].0,
        is_tied: findings[index].1,
        is_best: best == Some(index),
        difference: findings[index].2,
        rank: ranks.and_then(|ranks| ranks.mean.get(index).copied()),
        p_best: ranks.and_then(|ranks| ranks.p_best.get(index).copied()),
    };
    let baseline = |row| Line {
        row,
        is_baseline: true,
        best_is: None,
        is_tied: false,
        is_best: false,
        difference: None,
        rank: None,
        p_best: None,
    };
    analysis.candidates.iter().enumerate().map(candidate).chain(analysis.baselines.iter().map(baseline)).collect()
}

/// The columns: those that were first, at their places; then the others.
fn fields<'a>(analysis: &Analysis, lines: &[Line<'a>]) -> Vec<Field<'a>> {
    // people are spared columns of zeros, and a second mean that is the first
    let some = |field: Field<'a>| {
        let nothing = |line: &Line<'a>| matches!((field.cell)(line), Cell::Integer(0) | Cell::Empty);
        if lines.iter().all(nothing) { field.hidden() } else { field }
    };
    let some_not_trained = lines.iter().any(|line| !line.is_baseline && line.row.not_trained.count > 0);
    let if_trained = Field::score("mean_if_trained", |line| line.row.mean_if_trained.into());
    let mut fields = vec![
        Field::exact("n", |line| line.row.scores.n.into()),
        Field::exact("jobs", |line| line.row.jobs.into()),
        Field::exact("failed", |line| line.row.failed.count.into()),
        Field::score("mean", |line| line.row.scores.mean.into()).shown(Show::Spread("mean ± sd")),
        Field::score("sd", |line| line.row.scores.sd.into()),
        Field::score("min", |line| line.row.scores.min.into()).hidden(),
        Field::score("max", |line| line.row.scores.max.into()).hidden(),
        some(Field::exact("trivial", |line| line.row.verdicts.trivial.into())),
        some(Field::exact("degenerate", |line| line.row.verdicts.degenerate.into())),
        some(Field::exact("diverged", |line| line.row.verdicts.diverged.into())),
        if some_not_trained { if_trained.shown(Show::As("if trained")) } else { if_trained.hidden() },
        Field::score("pool_low", |line| low(line.row.this_pool)).shown(Show::Interval("this pool")),
        Field::score("pool_high", |line| high(line.row.this_pool)),
        Field::score("new_low", |line| low(new_data(line.row))).shown(Show::Interval("new data")),
        Field::score("new_high", |line| high(new_data(line.row))),
    ];
    fields.extend(for_programs().into_iter().map(Field::hidden));
    fields.extend(sensitivity(analysis).into_iter().map(Field::hidden));
    fields.push(Field::text("against_best", Line::against_best).shown(Show::As("against the leader")));
    fields.push(Field::text("row", Line::kind).hidden());
    fields.push(some(Field::exact("dropped", |line| line.row.dropped.into())));
    fields.push(Field::score("difference", |line| line.difference.into()).hidden());
    fields
}

fn for_programs<'a>() -> Vec<Field<'a>> {
    vec![
        Field::exact("missing", |line| line.row.missing.into()),
        Field::measured("failed_low", |line| low(Some(line.row.failed.interval))),
        Field::measured("failed_high", |line| high(Some(line.row.failed.interval))),
        Field::exact("not_trained", |line| line.row.not_trained.count.into()),
        Field::measured("not_trained_low", |line| low(Some(line.row.not_trained.interval))),
        Field::measured("not_trained_high", |line| high(Some(line.row.not_trained.interval))),
        Field::exact("without_score", |line| line.row.without_score.into()),
        Field::exact("splits", |line| line.row.splits.into()),
        Field::score("median", |line| line.row.scores.median.into()),
        Field::score("iqm", |line| line.row.scores.iqm.into()),
        Field::exact("trained", |line| line.row.trained.into()),
        Field::score("mean_at_worst", |line| line.row.mean_at_worst.into()),
        Field::score("adjusted_mean", |line| line.row.adjusted_mean.into()),
        Field::score("validation_mean", |line| line.row.validation_mean.into()),
        Field::measured("mean_rank", |line| line.rank.into()),
        Field::measured("p_best", |line| line.p_best.into()),
        Field::seconds("seconds", |line| line.row.seconds.into()),
        Field::seconds("mean_seconds", |line| line.row.mean_seconds.into()),
    ]
}

/// The interval for new data under other ratios of test to training cases.
fn sensitivity<'a>(analysis: &Analysis) -> Vec<Field<'a>> {
    type Ends<'a> = [fn(&Line<'a>) -> Cell; 2];
    let cells: [Ends<'a>; 3] = [
        [|line| low(line.sensitivity(0)), |line| high(line.sensitivity(0))],
        [|line| low(line.sensitivity(1)), |line| high(line.sensitivity(1))],
        [|line| low(line.sensitivity(2)), |line| high(line.sensitivity(2))],
    ];
    let fields = analysis.options.sensitivity.iter().zip(cells).flat_map(|(ratio, [low, high])| {
        let name = |end: &str| format!("new_{end}_at_ratio_{ratio:.2}");
        [Field::new(name("low"), Kind::Measured, low), Field::new(name("high"), Kind::Measured, high)]
    });
    fields.collect()
}

fn new_data(row: &Performance) -> Option<Interval> {
    row.new_data.map(|NewData { interval, .. }| interval)
}

fn low(interval: Option<Interval>) -> Cell {
    interval.map(|interval| interval.low).into()
}

fn high(interval: Option<Interval>) -> Cell {
    interval.map(|interval| interval.high).into()
}

/// What holds of the whole analysis, for programs.
fn head(analysis: &Analysis) -> Vec<(&'static str, Cell)> {
    let label = |candidate: usize| analysis.candidates.get(candidate).map(|row| row.label.as_str()).into();
    let selection = analysis.selection.as_ref();
    let by_validation = selection.and_then(|selection| selection.by_validation);
    vec![
        ("alpha", analysis.options.alpha.into()),
        ("ratio", analysis.ratio.into()),
        ("best", best(analysis).map_or(Cell::Empty, label)),
        ("best_by_validation", by_validation.map_or(Cell::Empty, |pick| label(pick.candidate))),
        ("best_by_test", selection.map_or(Cell::Empty, |selection| label(selection.by_test.candidate))),
        ("held_out", selection.and_then(|selection| selection.held_out).into()),
        ("optimism", selection.and_then(|selection| selection.optimism).into()),
        ("optimism_of_one_split", selection.and_then(|selection| selection.optimism_of_one_split).into()),
        ("flattery", selection.and_then(|selection| selection.flattery).into()),
    ]
}

/// `n = 8 runs on 8 random splits`.
pub(super) fn runs(analysis: &Analysis) -> String {
    let ns = analysis.candidates.iter().map(|row| row.scores.n);
    let n = match (ns.clone().min(), ns.max()) {
        (Some(least), Some(most)) if least < most => format!("{least} to {most}"),
        (_, most) => most.unwrap_or(0).to_string(),
    };
    let runs = if n == "1" { "run" } else { "runs" };
    format!("n = {n} {runs} on {}", plural(analysis.splits as u64, "random split"))
}

/// The ratio of the correction for new data, for people.
pub(super) fn ratio(analysis: &Analysis) -> String {
    format!("{}{}", measured(analysis.ratio), if analysis.ratio_is_known { "" } else { ", which is assumed" })
}

fn notes(analysis: &Analysis) -> Vec<String> {
    let confidence = 100.0 * (1.0 - analysis.options.alpha);
    vec![
        format!("Mean ± standard deviation of {} over {}.", analysis.metric, runs(analysis)),
        format!(
            "Intervals of {confidence:.0} %, of each mean by itself. This pool: other random splits of these cases (t). New cases: new cases for the networks trained on these. New data: new cases and training sets (Nadeau and Bengio, ratio {}).",
            ratio(analysis)
        ),
    ]
}
