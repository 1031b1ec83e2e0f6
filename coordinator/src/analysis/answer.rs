//! Analysis -> the answer in sentences: which candidate is best, better than which others, by how much, for this pool and for new
//! data; which comparisons are undecided and how many splits would settle them; which jobs failed. Tables and the report show the
//! same sentences.
//!
//! Every sentence says which question it answers. *This pool*: other random splits of these cases. *New data*: new cases,
//! trained and tested alike.

use super::comparison::{Analysis, Finding, Performance, Selection, Settle, Warning};
use super::versus_best::{self, VersusBest, best};
use crate::stats::Interval;
use crate::text::{interval, measured, number, plural};

/// Maximum number of candidates that a sentence names; the others are counted.
const MAX_NAMED: usize = 6;

/// The answer. Each part is a list of sentences, and may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// Which candidate is best, and better than which others and which baselines.
    pub best: Vec<String>,
    /// What is not decided, and what it would take.
    pub undecided: Vec<String>,
    /// Jobs that failed, diverged or collapsed, by candidate.
    pub failures: Vec<String>,
    /// What a reader must know before believing the numbers.
    pub caveats: Vec<String>,
}

impl Answer {
    /// All sentences, in order.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        [&self.best, &self.undecided, &self.failures, &self.caveats].into_iter().flatten().cloned().collect()
    }
}

/// Says what an analysis comes to.
#[must_use]
pub fn answer(analysis: &Analysis) -> Answer {
    let mut answer = Answer { failures: failures(analysis), caveats: caveats(analysis), ..Answer::default() };
    let Some(best) = best(analysis) else {
        answer.best.push(format!("No candidate has a score ({}) yet: nothing can be said.", analysis.metric));
        return answer;
    };
    let others = versus_best::candidates(analysis, best);
    answer.best.push(headline(analysis, best));
    answer.best.extend(selection(analysis, best));
    answer.best.extend(comparisons(&others));
    answer.best.extend(baselines(analysis, best));
    answer.undecided.extend(undecided(&others, analysis));
    answer.undecided.extend(detectable(analysis));
    answer
}

/// `unet bce is best: mean iou 0.7103 over 12 splits (95 %: 0.6937 to 0.7269 on this pool, ...)`.
fn headline(analysis: &Analysis, best: usize) -> String {
    let row = &analysis.candidates[best];
    let what = if analysis.candidates.len() > 1 { " is best" } else { "" };
    let mean = row
        .scores
        .mean
        .map_or_else(|| "no score".to_owned(), |mean| format!("mean {} {}", analysis.metric, number(mean)));
    let intervals = row.this_pool.zip(row.new_data).map(|(pool, new)| {
        format!(" ({}: {} on this pool, {} on new data)", confidence(analysis), interval(pool), interval(new.interval))
    });
    format!("{}{what}: {mean} over {}{}.", row.label, splits(row.splits), intervals.unwrap_or_default())
}

/// By what the best was picked, and how far picking flatters.
fn selection(analysis: &Analysis, best: usize) -> Vec<String> {
    let Some(selection) = analysis.selection.as_ref().filter(|_| analysis.candidates.len() > 1) else {
        return Vec::new();
    };
    let Selection { by_validation, by_test, held_out, optimism, .. } = selection;
    let flattery = held_out.zip(*optimism).map(|(held_out, optimism)| {
        let flattered =
            format!("picked on all splits but one, the best comes to {} on the one left out", number(held_out));
        // the sums behind the two are taken in different orders
        if optimism.abs() <= 1e-12 * (1.0 + held_out.abs()) {
            return format!("{flattered}: picking by the reported score does not flatter");
        }
        format!("{flattered}: picking by the reported score flatters by {}", number(optimism))
    });
    match by_validation {
        None => {
            let sentence = "It was picked by the reported score itself".to_owned();
            vec![flattery.map_or(format!("{sentence}."), |flattery| format!("{sentence}; {flattery}."))]
        }
        Some(_) if by_test.candidate == best => vec!["It was picked on the validation subset.".to_owned()],
        Some(_) => {
            let row = &analysis.candidates[by_test.candidate];
            let test = by_test.test.map(number).unwrap_or_default();
            let sentence = format!(
                "It was picked on the validation subset; by the reported score it would be {} ({test})",
                row.label
            );
            vec![flattery.map_or(format!("{sentence}."), |flattery| format!("{sentence}; {flattery}."))]
        }
    }
}

/// What is decided between the best and the others, one sentence a finding.
fn comparisons(others: &[VersusBest<'_>]) -> Vec<String> {
    let sentence = |finding, claim: &str| {
        let found: Vec<_> = others.iter().filter(|other| other.finding == finding).collect();
        (!found.is_empty()).then(|| format!("{claim} {}.", named(&found, |other| by(other, finding))))
    };
    [
        sentence(Finding::Better, "On new data it is better than"),
        sentence(Finding::BetterOnThisPool, "On this pool, though not shown for new data, it is better than"),
        sentence(Finding::PracticallyEquivalent, "It is practically equivalent to"),
        sentence(Finding::WorseOnThisPool, "On this pool it is worse than"),
        sentence(Finding::Worse, "On new data it is worse than"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// By how much, with the interval of the question that the finding answers.
fn by(other: &VersusBest<'_>, finding: Finding) -> String {
    let Some(gain) = other.gain else { return String::new() };
    let is_worse = matches!(finding, Finding::Worse | Finding::WorseOnThisPool);
    let turned = |interval: Interval| if is_worse { interval.negated() } else { interval };
    let mean = number(if is_worse { -gain.mean } else { gain.mean });
    match finding {
        Finding::Better | Finding::Worse => {
            format!(" (by {mean}, {}, p {} after Holm)", interval(turned(gain.new_data)), measured(gain.p_holm))
        }
        Finding::BetterOnThisPool | Finding::WorseOnThisPool => {
            let (pool, new) = (interval(turned(gain.this_pool)), interval(turned(gain.new_data)));
            format!(" (by {mean}, {pool}; new data {new})")
        }
        Finding::PracticallyEquivalent | Finding::Undecided => {
            format!(" (difference {mean}, new data {})", interval(gain.new_data))
        }
    }
}

/// The best against each baseline: a network that a rule without training equals has learnt nothing worth having.
fn baselines(analysis: &Analysis, best: usize) -> Vec<String> {
    let others = versus_best::baselines(analysis, best);
    let mean = |other: &VersusBest<'_>| {
        let mean = analysis.baselines.get(other.index).and_then(|row| row.scores.mean);
        mean.map(|mean| format!(" ({})", number(mean))).unwrap_or_default()
    };
    let sentence = |claim: &str, of: &dyn Fn(Finding) -> bool| {
        let found: Vec<_> = others.iter().filter(|other| of(other.finding)).collect();
        (!found.is_empty()).then(|| format!("{claim} {}.", named(&found, mean)))
    };
    [
        sentence("It beats, without training,", &|finding| finding == Finding::Better),
        sentence("On this pool it beats, without training,", &|finding| finding == Finding::BetterOnThisPool),
        sentence("On new data it is worse than what needs no training:", &|finding| finding == Finding::Worse),
        sentence("On this pool it is worse than what needs no training:", &|finding| {
            finding == Finding::WorseOnThisPool
        }),
        sentence("It is not shown to beat what needs no training:", &|finding| {
            matches!(finding, Finding::Undecided | Finding::PracticallyEquivalent)
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Who is not told apart from the best, and how many splits would tell.
fn undecided(others: &[VersusBest<'_>], analysis: &Analysis) -> Vec<String> {
    let undecided: Vec<_> = others.iter().filter(|other| other.finding == Finding::Undecided).collect();
    if undecided.is_empty() {
        return Vec::new();
    }
    let never = |other: &VersusBest<'_>| other.settle == Some(Settle::NeverWithThisRatio);
    let settle = |other: &VersusBest<'_>| {
        let settle = match other.settle {
            Some(Settle::MoreSplits(more)) => format!("; {} likely to settle it", plural(more, "more split")),
            _ => String::new(),
        };
        let gain = other.gain.map_or_else(
            || "fewer than two splits in common".to_owned(),
            |gain| format!("difference {}, new data {}", number(gain.mean), interval(gain.new_data)),
        );
        format!(" ({gain}{settle})")
    };
    let mut sentences = vec![format!("Undecided against {}.", named(&undecided, settle))];
    let lost = undecided.iter().filter(|other| never(other)).count();
    if lost > 0 {
        let whom = if lost == undecided.len() { "this".to_owned() } else { format!("{lost} of these") };
        sentences.push(format!(
            "However many splits there are, it is unlikely that a sweep settles {whom} for new data with a ratio of test to training cases of {}: test fewer cases a split, or add cases.",
            number(analysis.ratio)
        ));
    }
    sentences
}

/// What it takes to settle a difference, in words; what happens in four sweeps of five is likely.
#[must_use]
pub fn settles(settle: Settle) -> String {
    match settle {
        Settle::MoreSplits(more) => format!("likely with {}", plural(more, "more split")),
        Settle::NeverWithThisRatio => "unlikely with this ratio".to_owned(),
    }
}

/// How large a difference must be to be seen at all.
fn detectable(analysis: &Analysis) -> Option<String> {
    let power = &analysis.power;
    let sd = power.typical_sd?;
    let now = power.detectable.iter().find(|detectable| detectable.splits == analysis.splits)?;
    Some(format!(
        "With {} a pair by itself must differ by {} on this pool and by {} on new data to be told apart four times out of five, {}on new data by {} even with ever more splits.",
        splits(now.splits),
        number(now.this_pool * sd),
        number(now.new_data * sd),
        if power.pairs > 1 {
            format!("as one of {} pairs by {}; ", power.pairs, number(now.new_data_all_pairs * sd))
        } else {
            String::new()
        },
        number(power.floor * sd)
    ))
}

/// Every candidate with a job that left no model, and what its mean is made of.
fn failures(analysis: &Analysis) -> Vec<String> {
    let troubled: Vec<_> = analysis.candidates.iter().filter(|row| row.not_trained.count > 0).collect();
    let mut sentences: Vec<_> = troubled.iter().take(MAX_NAMED).map(|row| failure(row)).collect();
    if troubled.len() > MAX_NAMED {
        let jobs: usize = troubled[MAX_NAMED..].iter().map(|row| row.not_trained.count).sum();
        let (candidates, jobs) =
            (plural((troubled.len() - MAX_NAMED) as u64, "more candidate"), plural(jobs as u64, "job"));
        sentences.push(format!("{candidates}: {jobs} left no trained model; the table has them all."));
    }
    sentences
}

/// `segnet dice: of 12 jobs 1 failed, 2 diverged; the mean is of the 10 with a score, and 0.41 with the worst for the others`.
fn failure(row: &Performance) -> String {
    let verdicts = row.verdicts;
    let kinds = [
        (row.failed.count, "failed"),
        (verdicts.diverged, "diverged"),
        (verdicts.trivial, "collapsed to a trivial mask"),
        (verdicts.degenerate, "collapsed to nearly empty or full masks"),
    ];
    let kinds: Vec<_> =
        kinds.iter().filter(|(count, _)| *count > 0).map(|(count, kind)| format!("{count} {kind}")).collect();
    let mut sentence = format!("{}: of {} {}", row.label, plural(row.not_trained.of as u64, "job"), kinds.join(", "));
    if row.without_score > 0 {
        let worst =
            row.mean_at_worst.map(|mean| format!(", and {} with the sweep's worst score for the others", number(mean)));
        sentence.push_str(&match row.scores.mean {
            None => "; it has no mean".to_owned(),
            Some(mean) => {
                let worst = worst.unwrap_or_default();
                format!("; its mean {} is of the {} with a score{worst}", number(mean), row.scores.n)
            }
        });
    } else if let Some(mean) = row.scores.mean {
        sentence.push_str(&format!("; its mean {} counts them with the score they have", number(mean)));
    }
    if let Some(trained) = row.mean_if_trained {
        let models = plural(row.trained as u64, "trained model");
        sentence.push_str(&format!("; the mean of its {models} is {}", number(trained)));
    }
    sentence + "."
}

/// The warnings that `failures` does not say better.
fn caveats(analysis: &Analysis) -> Vec<String> {
    let said = |warning: &&Warning| !matches!(warning, Warning::WithoutScore { .. } | Warning::Collapsed { .. });
    analysis.warnings.iter().filter(said).map(|warning| sentence(&warning.to_string())).collect()
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

/// The names, each with its detail; the closest first, and no more than can be read.
fn named(others: &[&VersusBest<'_>], detail: impl Fn(&VersusBest<'_>) -> String) -> String {
    let mut others = others.to_vec();
    let size = |other: &VersusBest<'_>| other.gain.map_or(0.0, |gain| gain.mean.abs());
    others.sort_by(|a, b| size(a).total_cmp(&size(b)));
    let shown = others.iter().take(MAX_NAMED).map(|other| format!("{}{}", other.label, detail(other)));
    let mut names: Vec<_> = shown.collect();
    if others.len() > MAX_NAMED {
        names.push(plural((others.len() - MAX_NAMED) as u64, "other"));
    }
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, names)) => format!("{} and {last}", names.join(", ")),
        None => String::new(),
    }
}

fn confidence(analysis: &Analysis) -> String {
    format!("{} %", (100.0 * (1.0 - analysis.options.alpha)).round())
}

fn splits(count: usize) -> String {
    plural(count as u64, "split")
}
