//! The paired differences: every candidate with every later one, then with every baseline.

use super::about::Analysed;
use super::layout::{self, laid_out, names};
use super::table::{Cell, Show, Table};
use crate::analysis::answer::{answer, settles};
use crate::analysis::comparison::{Analysis, Clustered, Comparison, Flips, Outlook, Pair, Simultaneous};
use crate::analysis::versus_best::best;
use crate::stats::Interval;
use crate::text::measured;

/// Maximum number of pairs that are shown to people; of more, those with the best.
const MAX_LISTED: usize = 200;

/// What people can do without, the first to go first.
const SPARE: [&str; 8] = [
    "superiority",
    "cases_low_all_pairs",
    "pool_low_all_pairs",
    "settle",
    "p_max_t",
    "n",
    "p_holm",
    "new_low_all_pairs",
];

/// Pairs of candidates, by first and second, then pairs of a candidate with a baseline.
///
/// Of more than 200 candidates only the pairs with the best are in the table; corrections are for all pairs nonetheless. The fact
/// `rows_are` above the table says so: `all` or `with_best`.
#[must_use]
pub fn pairs(of: &Analysed) -> Table {
    let analysis = &of.analysis;
    let best = best(analysis);
    let mut lines = lines(analysis);
    let all = analysis.pairs.count + analysis.against_baselines.count;
    let is_whole = analysis.pairs.is_whole();
    lines.retain(|line| is_whole || line.has(best));
    let (columns, rows) = laid_out(fields(&lines), &lines);
    let mut table = of.about.table("pairs", columns, rows);
    table.head.extend(head(analysis));
    table.head.push(("rows_are", if is_whole { "all" } else { "with_best" }.into()));
    table.notes = notes(analysis);
    table.spare = names(&SPARE);
    if all > MAX_LISTED {
        let listed: Vec<_> = (0..lines.len()).filter(|index| lines[*index].has(best)).collect();
        table.notes.push(format!("Shown are the {} pairs with the best, of {all}.", listed.len()));
        table.listed = Some(listed);
    }
    table.answer = answer(analysis).sentences();
    table
}

type Field<'a> = layout::Field<Line<'a>>;

/// What a row is made of.
struct Line<'a> {
    pair: &'a Pair,
    first: &'a str,
    second: &'a str,
    is_baseline: bool,
}

impl Line<'_> {
    /// Whether it is a pair with that candidate.
    fn has(&self, candidate: Option<usize>) -> bool {
        candidate == Some(self.pair.first) || !self.is_baseline && candidate == Some(self.pair.second)
    }

    fn family(&self) -> Cell {
        if self.is_baseline { "baselines" } else { "candidates" }.into()
    }

    /// A number of the comparison, if there is one.
    fn compared(&self, number: fn(&Comparison) -> f64) -> Cell {
        self.pair.comparison.as_ref().map(number).into()
    }

    /// An end of an interval that holds for all pairs together, if there is one.
    fn end(&self, end: fn(&Simultaneous) -> Option<f64>) -> Cell {
        self.pair.comparison.as_ref().and_then(|comparison| end(&comparison.simultaneous)).into()
    }

    /// A number of the interval for new cases, if there is one.
    fn clustered(&self, number: fn(&Clustered) -> f64) -> Cell {
        self.pair.comparison.as_ref().and_then(|comparison| comparison.new_cases.as_ref()).map(number).into()
    }
}

fn lines(analysis: &Analysis) -> Vec<Line<'_>> {
    let label = |index: usize| analysis.candidates.get(index).map_or("", |row| row.label.as_str());
    let baseline = |index: usize| analysis.baselines.get(index).map_or("", |row| row.label.as_str());
    let among = analysis.pairs.pairs.iter();
    let among = among.map(|pair| (pair, label(pair.second), false));
    let against = analysis.against_baselines.pairs.iter();
    let against = against.map(|pair| (pair, baseline(pair.second), true));
    let all = among.chain(against);
    all.map(|(pair, second, is_baseline)| Line { pair, first: label(pair.first), second, is_baseline }).collect()
}

fn fields<'a>(lines: &[Line<'a>]) -> Vec<Field<'a>> {
    // people are spared the interval for new cases where the scores of cases are not known
    let knows_cases = lines.iter().any(|line| line.clustered(|c| c.p) != Cell::Empty);
    let cases_low = Field::score("cases_low_all_pairs", |line| line.end(|s| s.new_cases.map(low)));
    let cases_high = Field::score("cases_high_all_pairs", |line| line.end(|s| s.new_cases.map(high)));
    let (cases_low, cases_high) = match knows_cases {
        true => (cases_low.shown(Show::Interval("new cases")), cases_high),
        false => (cases_low.hidden(), cases_high.hidden()),
    };
    vec![
        Field::text("first", |line| line.first.into()),
        Field::text("second", |line| line.second.into()),
        Field::exact("n", |line| line.pair.shared.into()),
        Field::score("difference", |line| line.compared(|c| c.mean)).shown(Show::Spread("difference ± sd")),
        Field::score("sd", |line| line.compared(|c| c.sd)),
        Field::score("pool_low", |line| line.compared(|c| c.this_pool.low)).hidden(),
        Field::score("pool_high", |line| line.compared(|c| c.this_pool.high)).hidden(),
        Field::score("new_low", |line| line.compared(|c| c.new_data.interval.low)).hidden(),
        Field::score("new_high", |line| line.compared(|c| c.new_data.interval.high)).hidden(),
        Field::measured("p_pool", |line| line.compared(|c| c.p_this_pool)).hidden(),
        Field::measured("p_new", |line| line.compared(|c| c.p_new_data)).hidden(),
        Field::measured("p_holm", |line| line.compared(|c| c.p_holm)).shown(Show::As("p (Holm)")),
        Field::measured("p_bh", |line| line.compared(|c| c.p_bh)).hidden(),
        Field::measured("p_flip", |line| line.compared(|c| c.p_flip)).hidden(),
        Field::measured("p_max_t", |line| line.compared(|c| c.p_max_t)).shown(Show::As("p (max-T)")),
        Field::measured("p_wilcoxon", |line| line.compared(|c| c.p_wilcoxon)).hidden(),
        Field::measured("superiority", |line| line.compared(|c| c.superiority.share))
            .shown(Show::As("P(first better)")),
        Field::measured("superiority_low", |line| line.compared(|c| c.superiority.interval.low)).hidden(),
        Field::measured("superiority_high", |line| line.compared(|c| c.superiority.interval.high)).hidden(),
        Field::measured("p_worse", |line| line.compared(|c| c.posterior.worse)).hidden(),
        Field::measured("p_equivalent", |line| line.compared(|c| c.posterior.equivalent)).hidden(),
        Field::measured("p_better", |line| line.compared(|c| c.posterior.better)).hidden(),
        Field::score("cases_difference", |line| line.clustered(|c| c.mean)).hidden(),
        Field::score("cases_low", |line| line.clustered(|c| c.interval.low)).hidden(),
        Field::score("cases_high", |line| line.clustered(|c| c.interval.high)).hidden(),
        Field::measured("cases_p", |line| line.clustered(|c| c.p)).hidden(),
        Field::exact("without_score", |line| line.pair.without_score.into()).hidden(),
        Field::exact("split_differs", |line| line.pair.split_differs.into()).hidden(),
        Field::text("finding", |line| line.pair.finding.words().into()),
        Field::text("settle", |line| line.pair.settle.map(settles).as_deref().into()).shown(Show::As("to settle it")),
        Field::exact("more_splits", |line| line.pair.settle.and_then(more).into()).hidden(),
        Field::text("family", Line::family).hidden(),
        Field::score("pool_low_all_pairs", |line| line.end(|s| Some(s.this_pool.low)))
            .shown(Show::Interval("this pool")),
        Field::score("pool_high_all_pairs", |line| line.end(|s| Some(s.this_pool.high))),
        cases_low,
        cases_high,
        Field::score("new_low_all_pairs", |line| line.end(|s| Some(s.new_data.low))).shown(Show::Interval("new data")),
        Field::score("new_high_all_pairs", |line| line.end(|s| Some(s.new_data.high))),
        Field::measured("cases_p_holm", |line| line.clustered(|c| c.p_holm)).hidden(),
        Field::measured("settle_probability", |line| line.pair.settle.and_then(probability).into()).hidden(),
        Field::score("with_failed", |line| line.pair.with_failed.into()).hidden(),
        Field::score("if_trained", |line| line.pair.if_trained.into()).hidden(),
    ]
}

fn low(interval: Interval) -> f64 {
    interval.low
}

fn high(interval: Interval) -> f64 {
    interval.high
}

fn more(settle: Outlook) -> Option<u32> {
    match settle {
        Outlook::Likely { splits, .. } | Outlook::Even { splits, .. } => Some(splits),
        Outlook::Unlikely | Outlook::Never { .. } => None,
    }
}

fn probability(settle: Outlook) -> Option<f64> {
    match settle {
        Outlook::Likely { probability, .. } | Outlook::Even { probability, .. } => Some(probability),
        Outlook::Unlikely | Outlook::Never { .. } => None,
    }
}

fn head(analysis: &Analysis) -> Vec<(&'static str, Cell)> {
    let Flips { count, exact } = analysis.pairs.flips;
    vec![
        ("alpha", analysis.options.alpha.into()),
        ("ratio", analysis.ratio.into()),
        ("rope", analysis.rope.into()),
        ("flips", count.into()),
        ("flips_are", if exact { "all" } else { "random" }.into()),
        ("seed", analysis.options.seed.into()),
    ]
}

fn notes(analysis: &Analysis) -> Vec<String> {
    let direction =
        if analysis.higher_is_better { "positive: the first is better" } else { "negative: the first is better" };
    vec![
        format!("Differences of {}, first - second, on the n splits that both have ({direction}).", analysis.metric),
        format!(
            "Intervals and p hold for all pairs together. p (Holm): new data (Nadeau and Bengio, ratio {}); p (max-T): this pool, sign flips. Practically equivalent: within ± {}.",
            super::candidates::ratio(analysis),
            measured(analysis.rope)
        ),
    ]
}
