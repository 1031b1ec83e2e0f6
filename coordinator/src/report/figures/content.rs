//! From the analysis to each figure: which numbers are drawn, and what the caption says of them. Knows no places.

use super::bars;
use super::cost::{Cost, Point};
use super::critical::Critical;
use super::draw::Figure;
use super::forest::{Forest, ForestRow, Marks, Strips};
use crate::analysis::comparison;
use crate::report::lineup::{Against, Lineup, ends};
use crate::results::JobRow;
use crate::text::{p_value, signed, signed_or_dash};
use std::collections::HashMap;

/// Maximum number of candidates in a diagram of ranks: the lines of more could not be followed.
const MAX_RANKED: usize = 20;

/// Scores by candidate: means, both intervals, every split.
#[must_use]
pub(crate) fn scores(lineup: &Lineup<'_>) -> Figure {
    let analysis = lineup.analysis;
    let forest = scores_of(lineup, &lineup.shown());
    let see = format!(
        "Mean {} of each candidate, its score on every split ({}), and two 95 % intervals of the mean: the thick \
         one is where the mean over other random splits of these same cases would lie, the thin one where the mean \
         for new cases and new training sets would (Nadeau and Bengio, ratio {}).{}",
        analysis.metric,
        match forest.marks() {
            Marks::Dots => "dots",
            Marks::Hills => "hills, the higher the more splits have that score",
        },
        signed(analysis.ratio, 2),
        lineup.left_out(),
    );
    let caution = "Intervals that overlap do not mean that two candidates are equal, nor do separate ones settle it: \
                   all candidates ran on the same splits, so compare them by their differences, in the next figure. \
                   The thick interval says nothing about new data.";
    forest.draw(Figure::worded("scores", "Scores", see, caution))
}

/// The scores of some candidates, then of the baselines, each row drawn by itself.
#[must_use]
pub(crate) fn strips(lineup: &Lineup<'_>, candidates: &[usize]) -> Strips {
    scores_of(lineup, candidates).strips()
}

fn scores_of(lineup: &Lineup<'_>, candidates: &[usize]) -> Forest {
    let analysis = lineup.analysis;
    let candidates = candidates.iter().map(|&candidate| ForestRow {
        label: lineup.name(candidate).to_owned(),
        against: lineup.against(candidate),
        splits: lineup.by_split(candidate),
        cells: cells(lineup.row(candidate), lineup.verdict(candidate)),
        ..intervals(lineup.row(candidate))
    });
    let baselines = lineup.baselines().into_iter();
    let baselines = baselines.map(|index| (&analysis.baselines[index], &lineup.observations.baselines[index]));
    let baselines = baselines.map(|(row, baseline)| ForestRow {
        label: row.label.clone(),
        against: Against::Baseline,
        splits: lineup.split_means(&baseline.observations, |_| true),
        cells: cells(row, "no training".to_owned()),
        ..intervals(row)
    });
    let better = if analysis.higher_is_better { "further right is better" } else { "further left is better" };
    Forest {
        axis: format!("{} \u{2014} {better}", analysis.metric),
        bounds: if analysis.metric == "loss" { (f64::NEG_INFINITY, f64::INFINITY) } else { (0.0, 1.0) },
        heads: vec!["mean", "sd", "n", "against the leader"],
        rows: candidates.chain(baselines).collect(),
        band: None,
        reference: None,
    }
}

fn intervals(row: &comparison::Performance) -> ForestRow {
    ForestRow {
        label: String::new(),
        against: Against::Open,
        splits: Vec::new(),
        mean: row.scores.mean,
        pool: row.this_pool.map(ends),
        new: row.new_data.map(|new| ends(new.interval)),
        cells: Vec::new(),
    }
}

fn cells(row: &comparison::Performance, verdict: String) -> Vec<String> {
    let n = if row.scores.n == row.jobs { row.jobs.to_string() } else { format!("{} of {}", row.scores.n, row.jobs) };
    vec![signed_or_dash(row.scores.mean, 3), signed_or_dash(row.scores.sd, 3), n, verdict]
}

/// Differences to the best candidate, paired by split; `None` without a pair.
#[must_use]
pub(crate) fn differences(lineup: &Lineup<'_>) -> Option<Figure> {
    let (analysis, best) = (lineup.analysis, lineup.best?);
    let others = lineup.shown().into_iter().filter(|candidate| *candidate != best);
    let rows: Vec<ForestRow> = others
        .filter_map(|candidate| {
            let comparison = lineup.against_best(candidate)?.comparison?;
            Some(ForestRow {
                label: lineup.name(candidate).to_owned(),
                against: lineup.against(candidate),
                splits: lineup.differences_by_split(candidate),
                mean: Some(comparison.mean),
                pool: Some(ends(comparison.simultaneous.this_pool)),
                new: Some(ends(comparison.simultaneous.new_data)),
                cells: vec![signed(comparison.mean, 3), p_value(comparison.p_holm), lineup.verdict(candidate)],
            })
        })
        .collect();
    if rows.is_empty() {
        return None;
    }
    let rope = analysis.rope;
    let forest = Forest {
        axis: format!("{} minus that of {}, on the same split", analysis.metric, lineup.name(best)),
        bounds: (f64::NEG_INFINITY, f64::INFINITY),
        heads: vec!["difference", "p (Holm)", "against the leader"],
        rows,
        band: Some((-rope, rope)),
        reference: Some(0.0),
    };
    let see = format!(
        "Each candidate's {} minus that of the leader, {}, on the splits that both have. A thin interval that stays clear of zero \
         is a difference that new data would show too; intervals and p (Nadeau and Bengio, Holm) hold for all {} pairs \
         together. \
         The band is the region of practical equivalence, \u{b1}{}.{}",
        analysis.metric,
        lineup.name(best),
        analysis.pairs.count,
        signed(rope, 3),
        lineup.left_out(),
    );
    let caution = "\u{201c}Undecided\u{201d} is not \u{201c}equal\u{201d}: it says that these splits cannot tell.";
    Some(forest.draw(Figure::worded("differences", "Differences to the leader", see, caution)))
}

/// The difference of any two candidates that were compared, paired by split; `None` if there are too few splits.
#[must_use]
pub(crate) fn difference(lineup: &Lineup<'_>, one: usize, other: usize) -> Option<Figure> {
    let pair = lineup.analysis.pairs.seen_from(one, other)?;
    let comparison = pair.comparison.as_ref()?;
    let splits = lineup.paired(one, other).into_iter().map(|(split, of, to)| (split, of - to));
    let rope = lineup.analysis.rope;
    let row = |label: &str, pool, new, splits| ForestRow {
        label: label.to_owned(),
        against: Against::Best,
        splits,
        mean: Some(comparison.mean),
        pool: Some(ends(pool)),
        new: Some(ends(new)),
        cells: vec![signed(comparison.mean, 3)],
    };
    let alone = row("this pair alone", comparison.this_pool, comparison.new_data.interval, splits.collect());
    let among = comparison.simultaneous;
    let among =
        row(&format!("one of {} pairs", lineup.analysis.pairs.count), among.this_pool, among.new_data, Vec::new());
    let forest = Forest {
        axis: format!("{} of {} minus that of {}", lineup.analysis.metric, lineup.name(one), lineup.name(other)),
        bounds: (f64::NEG_INFINITY, f64::INFINITY),
        heads: vec!["difference"],
        rows: if lineup.analysis.pairs.count > 1 { vec![alone, among] } else { vec![alone] },
        band: Some((-rope, rope)),
        reference: Some(0.0),
    };
    let see = format!(
        "The mean difference over {}, and its 95 % intervals: of this pair alone, and as one of all pairs of the \
         sweep, which is what verdicts go by. The band is the region of practical equivalence, \u{b1}{}.",
        lineup.shared(&pair),
        signed(rope, 3)
    );
    let caution = "Whoever looks at many pairs finds one that differs by chance: of a pair that was chosen because it \
                   stands out, trust the second row.";
    Some(forest.draw(Figure::worded("difference", "The difference", see, caution)))
}

/// The critical-difference diagram; `None` without ranks.
#[must_use]
pub(crate) fn ranks(lineup: &Lineup<'_>) -> Option<Figure> {
    let ranks = lineup.analysis.ranks.as_ref()?;
    let shown = ranks.order.len().min(MAX_RANKED);
    let named = ranks
        .order
        .iter()
        .take(shown)
        .map(|&candidate| Some((lineup.name(candidate).to_owned(), *ranks.mean.get(candidate)?)));
    let cliques = lineup.analysis.cliques(lineup.observations).iter();
    let cliques = cliques.filter(|(first, _)| *first < shown).map(|(first, last)| (*first, (*last).min(shown - 1)));
    let critical = Critical {
        ranks: named.collect::<Option<_>>()?,
        cliques: cliques.filter(|(first, last)| first < last).collect(),
        difference: Some(ranks.critical_difference),
    };
    let more = if shown < ranks.order.len() {
        format!(" Only the first {shown} of {} are drawn.", ranks.order.len())
    } else {
        String::new()
    };
    let see = format!(
        "Within-pool: splits are not independent datasets. Mean rank of each candidate over {} splits, best at the \
         left. A bar joins neighbours that Wilcoxon's signed-rank test, corrected by Holm, cannot tell apart on this \
         pool; Nemenyi's critical difference is drawn for comparison. Friedman's test of equal ranks: p {}; \
         agreement of the splits (Kendall's W): {}.{more}",
        ranks.splits,
        &p_value(ranks.friedman.p),
        signed(ranks.kendall_w, 2),
    );
    let caution = "Ranks forget how large a difference is, and a candidate's rank depends on which others are in the \
                   sweep. Nothing here holds for new data: all splits are drawn from one pool of cases.";
    Some(critical.draw(Figure::worded("ranks", "Ranks within the pool", see, caution)))
}

/// Components of variance: over all candidates, or of those with crossed seeds; `None` without any.
#[must_use]
pub(crate) fn variance(lineup: &Lineup<'_>) -> Option<Figure> {
    let variance = &lineup.analysis.variance;
    let mean = variance.crossed.iter().find(|crossed| crossed.candidate.is_none()).or(variance.crossed.first());
    let (components, of) = match (mean, &variance.two_way) {
        (Some(crossed), _) => {
            let [splits, inits, orders] = crossed.levels;
            let whose = crossed
                .candidate
                .map_or("the candidates with crossed seeds".to_owned(), |one| lineup.name(one).to_owned());
            (
                &crossed.components,
                format!("{whose}: {splits} splits \u{d7} {inits} initialisations \u{d7} {orders} orders"),
            )
        }
        (None, Some(two_way)) => (
            &two_way.components,
            format!(
                "{} candidates \u{d7} {} splits; \u{201c}the rest\u{201d} holds the interaction of both and the \
                 randomness of training",
                two_way.candidates, two_way.splits,
            ),
        ),
        (None, None) => return None,
    };
    let sampling = variance.test_sampling.as_ref();
    let sources = components.iter().enumerate().map(|(index, component)| bars::Source {
        name: source_name(&component.name),
        hue: ["s0", "s1", "s2", "s3", "s4", "s5"][index % 6],
        variance: component.raw,
        interval: component.interval.map(ends),
        expected: sampling.filter(|_| component.name == "split").map(|sampling| sampling.split_sd.powi(2)),
    });
    let expected = sampling.map_or_else(String::new, |sampling| {
        format!(
            " The diamond is what a predictor that never changes would show over splits, from drawing {} of {} test \
         cases alone (sd {}).",
            signed(sampling.test_cases, 0),
            sampling.pool,
            signed(sampling.split_sd, 4),
        )
    });
    let see = format!(
        "Where the spread of the scores comes from, as estimated components of variance of {of}. Lines are 95 % \
         intervals (modified large-sample); candidates are chosen, not drawn, and have none.{expected}"
    );
    let caution = "Components from few splits are rough, and one that comes out below zero is drawn as zero. A large \
                   share of the split says that the cases differ, not that training is unstable.";
    let sources: Vec<_> = sources.collect();
    Some(bars::draw(&sources, Figure::worded("variance", "Where the spread comes from", see, caution)))
}

fn source_name(name: &str) -> String {
    match name {
        "residual" => "the rest".to_owned(),
        "init" => "initialisation".to_owned(),
        name => name.replace("init", "initialisation"),
    }
}

/// Score against the time of training and the number of parameters; `None` without either.
#[must_use]
pub(crate) fn cost(lineup: &Lineup<'_>, jobs: &[JobRow]) -> Option<Figure> {
    let analysis = lineup.analysis;
    let parameters: HashMap<usize, u64> =
        jobs.iter().filter_map(|job| Some((job.candidate, job.result.as_ref()?.result.parameters))).collect();
    let (hues, shapes) = (lineup.levels(0, 6), lineup.levels(1, 5));
    let level = |levels: &[String], axis: usize, candidate: usize| {
        let value = lineup.value(axis, candidate)?;
        levels.iter().position(|level| *level == value)
    };
    let points = lineup.shown().into_iter().filter_map(|candidate| {
        let row = lineup.row(candidate);
        Some(Point {
            label: lineup.name(candidate).to_owned(),
            leads: lineup.best == Some(candidate),
            hue: level(&hues, 0, candidate).unwrap_or(0),
            shape: level(&shapes, 1, candidate).unwrap_or(0),
            score: row.scores.mean?,
            seconds: row.mean_seconds,
            parameters: parameters.get(&candidate).map(|count| *count as f64).filter(|count| *count > 0.0),
        })
    });
    let points: Vec<_> = points.collect();
    if points.iter().all(|point| point.seconds.is_none() && point.parameters.is_none()) {
        return None;
    }
    let see = format!(
        "Mean {} of each candidate against the mean time that training one job took (left) and its number of trained \
         parameters (right), both on scales where equal factors have equal lengths. The broken line joins the \
         candidates that nothing cheaper beats.{}",
        analysis.metric,
        lineup.left_out(),
    );
    let caution = "Times depend on the machine and on what else ran there; compare them only where all jobs ran on \
                   the same kind of device. A point above another need not be better: see the differences.";
    let cost = Cost {
        points,
        key: (hues, shapes),
        metric: format!("mean {}", analysis.metric),
        higher_is_better: analysis.higher_is_better,
    };
    Some(cost.draw(Figure::worded("cost", "Score against cost", see, caution)))
}
