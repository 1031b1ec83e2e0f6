//! Two candidates beside each other: split by split, and what the difference comes to.

use super::Seen;
use crate::analysis::comparison::{Comparison, Finding, MIN_SPLITS, Pair, Question};
use crate::page::frame::View;
use crate::report::Lineup;
use crate::report::parts::{Head, QUESTIONS, cell, difference, drawn, dumbbells, table};
use crate::stats::Interval;
use crate::text::{p_value, plural, range, signed, signed_or_dash};
use maud::{Markup, html};

/// Maximum number of candidates to choose from; the overview leads to every other. A browser measures each name.
const MAX_CHOICES: usize = 100;

/// The view.
pub(super) fn view(seen: &Seen) -> Markup {
    let lineup = seen.lineup();
    let Some((one, other)) = chosen(seen, &lineup) else {
        return html! { p class="notice" { "There are no two candidates to compare." } };
    };
    let pair = lineup.analysis.pairs.seen_from(one, other);
    html! {
        section id="pair" aria-label="Comparison" {
            (choice(seen, &lineup, one, other))
            p class="lead" {
                @if seen.study.answer.is_some() { (sentence(&lineup, one, other, pair.as_ref())) }
                @else { (lineup.name(one)) " and " (lineup.name(other)) " are still being compared." }
            }
            @if let Some(pair) = &pair { (reservations(pair)) }
            (side_by_side(&lineup, one, other))
        }
        @if let Some(figure) = dumbbells(&lineup, one, other) { (drawn(&figure)) }
        @if let Some(figure) = difference(&lineup, one, other) { (drawn(&figure)) }
        @if let Some(comparison) = pair.as_ref().and_then(|pair| pair.comparison.as_ref()) {
            (questions(&lineup, comparison))
        }
    }
}

/// The two that are asked for; else the leader and the next.
fn chosen(seen: &Seen, lineup: &Lineup<'_>) -> Option<(usize, usize)> {
    let known = |text: &str| text.parse::<usize>().ok().filter(|index| *index < lineup.order.len());
    let one = known(&seen.asked.a).or(lineup.best).or(lineup.order.first().copied())?;
    let next = || lineup.order.iter().copied().find(|other| *other != one);
    let other = known(&seen.asked.b).filter(|other| *other != one).or_else(next)?;
    Some((one, other))
}

fn choice(seen: &Seen, lineup: &Lineup<'_>, one: usize, other: usize) -> Markup {
    let mut choices: Vec<usize> = lineup.order.iter().copied().take(MAX_CHOICES).collect();
    choices.extend([one, other].into_iter().filter(|index| !choices.contains(index)).collect::<Vec<_>>());
    let select = |name: &str, chosen: usize| {
        html! {
            select id=(name) name=(name) {
                @for index in &choices { option value=(index) selected[*index == chosen] { (lineup.name(*index)) } }
            }
        }
    };
    html! {
        form class="choice" action=(seen.path(View::Compare)) aria-label="Which two" {
            label for="a" { "Compare" }
            (select("a", one))
            label for="b" { "with" }
            (select("b", other))
            button { "Show" }
            @if lineup.order.len() > MAX_CHOICES {
                span class="note" {
                    "The best " (MAX_CHOICES) " can be chosen here; the names in the "
                    a href=(seen.path(View::Overview)) { "overview" } " lead to all others."
                }
            }
        }
    }
}

/// What may be said of the two.
fn sentence(lineup: &Lineup<'_>, one: usize, other: usize, pair: Option<&Pair>) -> String {
    let (first, second) = (lineup.name(one), lineup.name(other));
    let Some(pair) = pair else {
        return format!(
            "{first} and {second} were not tested against each other: of so many candidates each is compared with the leader only."
        );
    };
    let Some(comparison) = &pair.comparison else {
        return format!("{first} and {second} share {}: nothing can be said yet.", plural(pair.shared as u64, "split"));
    };
    let (ahead, behind) = if is_ahead(lineup, comparison) { (first, second) } else { (second, first) };
    let size = signed(comparison.mean.abs(), 3);
    let splits = lineup.shared(pair);
    match pair.finding {
        Finding::Better(question) | Finding::Worse(question) => {
            format!(
                "{ahead} is better than {behind} by {size} on average over {splits}; that holds {}.",
                question.phrase()
            )
        }
        Finding::Equivalent => {
            format!("{first} and {second} are practically equivalent on {splits}: they differ by {size}.")
        }
        Finding::Identical => format!("{first} and {second} have the same score on each of {splits}."),
        Finding::Undecided => {
            format!(
                "{ahead} is ahead of {behind} by {size} on average over {splits}, which these splits cannot tell from chance."
            )
        }
        Finding::TooFewSplits => format!(
            "{ahead} is ahead of {behind} by {size} on {splits}; with fewer than {MIN_SPLITS} there is no verdict."
        ),
    }
}

/// Whether the first of the pair has the better mean.
fn is_ahead(lineup: &Lineup<'_>, comparison: &Comparison) -> bool {
    (comparison.mean > 0.0) == lineup.analysis.higher_is_better
}

/// What the numbers leave out.
fn reservations(pair: &Pair) -> Markup {
    let mut words = Vec::new();
    if pair.without_score > 0 {
        words.push(format!(
            "On {} one of the two ended without a score.",
            plural(pair.without_score as u64, "replicate")
        ));
    }
    if pair.split_differs > 0 {
        words.push(format!(
            "{} left out: the two were tested on different cases.",
            plural(pair.split_differs as u64, "replicate")
        ));
    }
    if let Some(difference) = pair.with_failed {
        words.push(format!("With a failed score in place of those, the difference is {}.", signed(difference, 3)));
    }
    if let Some(difference) = pair.if_trained {
        words.push(format!("Where both trained, the difference is {}.", signed(difference, 3)));
    }
    html! { @if !words.is_empty() { ul { @for words in words { li { (words) } } } } }
}

/// The difference for each question, the weakest claim first.
fn questions(lineup: &Lineup<'_>, comparison: &Comparison) -> Markup {
    let pairs = plural(lineup.analysis.pairs.count as u64, "pair");
    let cases = comparison.new_cases.as_ref();
    let row = |question: Question| {
        let (alone, p) = match question {
            Question::ThisPool => (Some(comparison.this_pool), Some(comparison.p_max_t)),
            Question::NewCases => (cases.map(|cases| cases.interval), cases.map(|cases| cases.p_holm)),
            Question::NewData => (Some(comparison.new_data.interval), Some(comparison.p_holm)),
        };
        let interval = |of: Option<Interval>| cell(of.map_or("\u{2013}".to_owned(), |of| range(of, 3)));
        let among = interval(comparison.simultaneous.of(question));
        vec![cell(question.words()), interval(alone), among, cell(p.map_or("\u{2013}".to_owned(), p_value))]
    };
    let (among, p) = (format!("95 % as one of {pairs}"), format!("p as one of {pairs}"));
    let heads = [("question", false), ("95 % of this pair alone", true), (among.as_str(), true), (p.as_str(), true)];
    html! {
        section id="questions" {
            h2 { "The difference, question by question" }
            (table("Intervals of the mean difference; those of all pairs are what the verdict goes by", &heads, &Question::ALL.map(row)))
            p class="note" {
                (QUESTIONS)
                @if cases.is_none() { " The scores of single cases are not known, so nothing can be said for new cases." }
            }
        }
    }
}

const HEADS: [Head<'_>; 6] = [
    ("candidate", false),
    ("n", true),
    ("mean", true),
    ("sd", true),
    ("95 % this pool", true),
    ("95 % new data", true),
];

fn side_by_side(lineup: &Lineup<'_>, one: usize, other: usize) -> Markup {
    let row = |candidate: usize| {
        let row = lineup.row(candidate);
        vec![
            cell(lineup.name(candidate)),
            cell(row.scores.n.to_string()),
            cell(signed_or_dash(row.scores.mean, 3)),
            cell(signed_or_dash(row.scores.sd, 3)),
            cell(row.this_pool.map_or("\u{2013}".to_owned(), |pool| range(pool, 3))),
            cell(row.new_data.map_or("\u{2013}".to_owned(), |new| range(new.interval, 3))),
        ]
    };
    table(&format!("The {} of both over all their splits", lineup.analysis.metric), &HEADS, &[row(one), row(other)])
}
