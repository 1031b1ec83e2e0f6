//! What is decided between one candidate, the others, and what needs no training.

use super::names::{interval, named, number, percent};
use crate::analysis::comparison::{Analysis, Finding, Question};
use crate::analysis::versus_best::{self, Versus};
use crate::text::plural;

/// One sentence for each finding against other candidates.
pub(super) fn differences(analysis: &Analysis, one: usize, others: &[Versus<'_>]) -> Vec<String> {
    let subject = subject(analysis, one);
    let knows_cases = others.iter().any(|other| other.gain.is_some_and(|gain| gain.new_cases.is_some()));
    let mut sentences = Vec::new();
    for (finding, word) in [(Finding::Better as fn(_) -> _, "better"), (Finding::Worse as fn(_) -> _, "worse")] {
        for question in Question::ALL.into_iter().rev() {
            let is_said = |other: &&Versus<'_>| other.finding == finding(question) && !other.is_contested();
            let found: Vec<_> = others.iter().filter(is_said).collect();
            if !found.is_empty() {
                let claim = claim(question, knows_cases, &subject);
                sentences.push(format!(
                    "{claim} {word} than {}.",
                    named(&found, |other| by(analysis, other, question, word))
                ));
            }
        }
    }
    let all = analysis.pairs.count;
    if !sentences.is_empty() && all > 1 {
        let pairs = plural(all as u64, "pair");
        sentences.push(format!("These intervals hold for all {pairs} together."));
    }
    sentences.extend(equivalent(analysis, &subject, others));
    sentences.extend(identical(&subject, others));
    sentences
}

/// Who the sentences are about: `it`, or the reference.
pub(super) fn subject(analysis: &Analysis, one: usize) -> String {
    match analysis.options.against {
        Some(_) => analysis.candidates[one].label.clone(),
        None => "it".to_owned(),
    }
}

/// `For new cases, though not shown for new data, it is`.
fn claim(question: Question, knows_cases: bool, subject: &str) -> String {
    let next = match question {
        Question::NewData => None,
        Question::ThisPool if knows_cases => Some(Question::NewCases),
        Question::ThisPool | Question::NewCases => Some(Question::NewData),
    };
    let (first, rest) = question.phrase().split_at(1);
    let though = next.map(|next| format!(", though not shown {},", next.phrase())).unwrap_or_default();
    format!("{}{rest}{though} {subject} is", first.to_uppercase())
}

/// By how much, with the interval of the question.
fn by(analysis: &Analysis, other: &Versus<'_>, question: Question, word: &str) -> String {
    let Some(gain) = other.gain else { return String::new() };
    let range = gain.interval(question);
    let (mean, range) = if word == "worse" { (-gain.mean, range.negated()) } else { (gain.mean, range) };
    format!(" (by {}, {})", number(analysis, mean), interval(analysis, range))
}

/// The margin is named, and so is how sure it is.
fn equivalent(analysis: &Analysis, subject: &str, others: &[Versus<'_>]) -> Option<String> {
    let found: Vec<_> = others.iter().filter(|other| other.finding == Finding::Equivalent).collect();
    let detail = |other: &Versus<'_>| {
        let gain = other
            .gain
            .map(|gain| format!(" (difference {}, {})", number(analysis, gain.mean), percent(gain.p_equivalent)));
        gain.unwrap_or_default()
    };
    let whence = if analysis.options.rope.is_some() { "" } else { ", a quarter of the standard deviation over splits" };
    (!found.is_empty()).then(|| {
        format!(
            "For new data {subject} is practically equivalent, within \u{b1}{}{whence}, to {}.",
            number(analysis, analysis.rope),
            named(&found, detail)
        )
    })
}

fn identical(subject: &str, others: &[Versus<'_>]) -> Option<String> {
    let found: Vec<_> = others.iter().filter(|other| other.finding == Finding::Identical).collect();
    let subject = if subject == "it" { "It" } else { subject };
    (!found.is_empty()).then(|| {
        format!(
            "{subject} has the same score on every split as {}: is one a copy of the other?",
            named(&found, |_| String::new())
        )
    })
}

/// Non-inferiority, where a margin was asked for: who is shown not to be worse than the one by more than the margin.
pub(super) fn margin(analysis: &Analysis, one: usize, others: &[Versus<'_>]) -> Vec<String> {
    let Some(margin) = analysis.options.margin else { return Vec::new() };
    let label = &analysis.candidates[one].label;
    let sentence = |question: Question| {
        let found: Vec<_> = others.iter().filter(|other| other.other_not_worse == Some(question)).collect();
        let (first, rest) = question.phrase().split_at(1);
        (!found.is_empty()).then(|| {
            let names = named(&found, |_| String::new());
            format!(
                "{}{rest} not worse than {label} by more than {}: {names}.",
                first.to_uppercase(),
                number(analysis, margin)
            )
        })
    };
    let mut sentences: Vec<_> = Question::ALL.into_iter().rev().filter_map(sentence).collect();
    if sentences.is_empty() {
        sentences
            .push(format!("Nobody is shown not to be worse than {label} by more than {}.", number(analysis, margin)));
    }
    sentences
}

/// The one against each baseline: a network that a rule without training equals has learnt nothing worth having.
pub(super) fn baselines(analysis: &Analysis, one: usize) -> Vec<String> {
    let subject = subject(analysis, one);
    let others = versus_best::baselines(analysis, one);
    let mean = |other: &Versus<'_>| {
        let mean = analysis.baselines.get(other.index).and_then(|row| row.scores.mean);
        mean.map(|mean| format!(" ({})", number(analysis, mean))).unwrap_or_default()
    };
    let sentence = |claim: String, of: &dyn Fn(Finding) -> bool| {
        let found: Vec<_> = others.iter().filter(|other| of(other.finding)).collect();
        (!found.is_empty()).then(|| format!("{claim} what needs no training: {}.", named(&found, mean)))
    };
    let shown = |question: Question, word: &str| {
        let (first, rest) = question.phrase().split_at(1);
        format!("{}{rest} {subject} is {word} than", first.to_uppercase())
    };
    let mut sentences = Vec::new();
    for question in Question::ALL.into_iter().rev() {
        sentences.extend(sentence(shown(question, "better"), &|finding| finding == Finding::Better(question)));
    }
    for question in Question::ALL.into_iter().rev() {
        sentences.extend(sentence(shown(question, "worse"), &|finding| finding == Finding::Worse(question)));
    }
    let name = &analysis.candidates[one].label;
    sentences.extend(sentence(format!("{name} is not shown to differ from"), &|finding| {
        finding.is_tie() && finding != Finding::TooFewSplits
    }));
    sentences
}
