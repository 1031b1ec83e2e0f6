//! What went wrong: attempts without a result, alike ones together with the end of what their trainers said, and trainings that left no
//! model.

use super::Seen;
use crate::analyst::{Archive, Study, TableError};
use crate::report::parts::verdicts;
use crate::results::{self, Failure, JobRow, ResultsError, RowState, SweepResults};
use crate::text::plural;
use maud::{Markup, html};
use proto::ids::JobId;
use proto::measure::Verdict;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Maximum number of groups that are shown.
const MAX_GROUPS: usize = 50;
/// Maximum number of jobs that a group names.
const MAX_NAMED: usize = 12;
/// Lines of a log that are shown.
const MAX_LINES: usize = 40;

/// The attempts of a sweep's jobs that ended without a result.
pub(super) fn read(archive: &Archive, study: &Study) -> Result<Vec<Failure>, TableError> {
    // a job that succeeded at its first attempt never failed
    let is_suspect = |job: &&JobRow| job.attempts > u32::from(job.state == RowState::Succeeded);
    let suspects = study.results.jobs.iter().filter(is_suspect);
    let suspects: BTreeSet<JobId> = suspects.map(|job| job.job).collect();
    if suspects.is_empty() {
        return Ok(Vec::new());
    }
    let failures = archive.read(|reader| results::failures(reader, |job| suspects.contains(&job)));
    Ok(failures.map_err(ResultsError::from)?)
}

/// Failures of one kind whose messages differ in numbers only.
struct Group<'a> {
    kind: &'static str,
    /// The last failure.
    last: &'a Failure,
    count: usize,
    jobs: BTreeSet<JobId>,
    workers: BTreeSet<&'a str>,
}

/// The groups, the largest first.
fn grouped(failures: &[Failure]) -> Vec<Group<'_>> {
    let mut groups: BTreeMap<(&str, String), Group<'_>> = BTreeMap::new();
    for failure in failures {
        let kind = failure.kind.map_or("given up", |kind| kind.name());
        let group = groups.entry((kind, without_numbers(&failure.message))).or_insert_with(|| Group {
            kind,
            last: failure,
            count: 0,
            jobs: BTreeSet::new(),
            workers: BTreeSet::new(),
        });
        group.last = failure;
        group.count += 1;
        group.jobs.insert(failure.job);
        group.workers.extend(Some(failure.worker.as_str()).filter(|name| !name.is_empty()));
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    groups
}

/// A message with `#` in place of each number, hexadecimal ones too.
fn without_numbers(message: &str) -> String {
    let words = message.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
    let blank = |word: &str| {
        let (text, end) = match word.char_indices().last() {
            Some((at, last)) if !last.is_ascii_alphanumeric() => word.split_at(at),
            _ => (word, ""),
        };
        let is_number = text.bytes().any(|c| c.is_ascii_digit());
        if is_number { format!("#{end}") } else { word.to_owned() }
    };
    words.map(blank).collect()
}

/// The view.
pub(super) fn view(seen: &Seen, failures: &[Failure]) -> Markup {
    let (lineup, results) = (seen.lineup(), &seen.study.results);
    let groups = grouped(failures);
    let failed: BTreeSet<JobId> = failures.iter().map(|failure| failure.job).collect();
    let failed = results.jobs.iter().filter(|job| failed.contains(&job.job));
    let jobs: HashMap<JobId, &JobRow> = failed.map(|job| (job.job, job)).collect();
    let lost = results.jobs.iter().filter(|job| matches!(job.state, RowState::Failed | RowState::Cancelled)).count();
    let is_untrained =
        |job: &&JobRow| job.result.as_ref().is_some_and(|scored| scored.result.verdict != Verdict::Trained);
    let untrained = results.jobs.iter().filter(is_untrained).count();
    html! {
        section id="attempts" {
            h2 { "Attempts without a result" }
            @if groups.is_empty() {
                p { "No attempt has failed." }
            } @else {
                p class="summary" {
                    (plural(failures.len() as u64, "attempt")) " ended without a result. "
                    @if lost == 0 { "Every job that has ended has one: what failed was tried again." }
                    @else { (plural(lost as u64, "job")) " of the sweep " (if lost == 1 { "has" } else { "have" }) " none." }
                }
                @if lost > 0 {
                    p class="command" { "To try them again:" }
                    pre tabindex="0" { "coordinator retry " (results.head.sweep) " " (seen.source.named) }
                }
                @for (number, group) in groups.iter().take(MAX_GROUPS).enumerate() {
                    (shown(number, group, &jobs, results, |candidate| lineup.name(candidate)))
                }
                @if groups.len() > MAX_GROUPS { p class="note" { "\u{2026} and " (groups.len() - MAX_GROUPS) " kinds more." } }
            }
        }
        section id="verdicts" {
            h2 { "Trainings that left no model" }
            @if untrained == 0 && lost == 0 {
                p { "None: every job that ended has a trained model." }
            } @else {
                p { (plural(untrained as u64, "training")) " ended in a model that is of no use. Each counts with the score that it has." }
                (verdicts(&lineup))
                ul class="jobs" {
                    @for job in results.jobs.iter().filter(is_untrained).take(MAX_GROUPS) {
                        li { (named(job, results, lineup.name(job.candidate))) ": " (verdict(job)) }
                    }
                }
                @if untrained > MAX_GROUPS { p class="note" { "\u{2026} and " (untrained - MAX_GROUPS) " more." } }
            }
        }
    }
}

fn shown<'a>(
    number: usize,
    group: &Group<'_>,
    jobs: &HashMap<JobId, &JobRow>,
    results: &SweepResults,
    name: impl Fn(usize) -> &'a str,
) -> Markup {
    let last = group.last;
    let known: Vec<&&JobRow> = group.jobs.iter().filter_map(|job| jobs.get(job)).collect();
    let candidates: BTreeSet<usize> = known.iter().map(|job| job.candidate).collect();
    let skipped = last.log.lines().count().saturating_sub(MAX_LINES);
    let log: Vec<&str> = last.log.lines().skip(skipped).collect();
    html! {
        article class="failure" id={ "failure-" (number) } {
            h3 { span class="count" { (group.count) " \u{d7} " } (group.kind.replace('_', " ")) ": " (last.message) }
            p class="where" { (where_it_happens(group, &candidates, &name)) }
            ul class="jobs" {
                @for job in known.iter().take(MAX_NAMED) { li { (named(job, results, name(job.candidate))) (since_then(job)) } }
                @if known.len() > MAX_NAMED { li { "\u{2026} and " (known.len() - MAX_NAMED) " more" } }
            }
            @if !log.is_empty() {
                details id={ "log-" (number) } {
                    summary { "The end of what the trainer said, last time (" (last.at) ")" }
                    pre tabindex="0" { (log.join("\n")) }
                }
            }
        }
    }
}

/// A job by its candidate and its split, as people look for it.
fn named(job: &JobRow, results: &SweepResults, candidate: &str) -> Markup {
    let seeds = results.head.replicates.get(job.replicate);
    html! {
        a href={ "/job/" (job.job) } {
            (candidate) @if let Some(seeds) = seeds { ", split " (seeds.split_seed) }
        }
    }
}

/// What has become of a job of which an attempt has failed.
fn since_then(job: &JobRow) -> &'static str {
    match job.state {
        RowState::Succeeded => ": a later attempt succeeded",
        RowState::Failed => ": no attempt is left",
        _ => "",
    }
}

/// What a training is that left no model.
fn verdict(job: &JobRow) -> &'static str {
    match job.result.as_ref().map(|scored| scored.result.verdict) {
        Some(Verdict::Trivial) => "trivial, no better than a mask that does not look at the image",
        Some(Verdict::Degenerate) => "degenerate, the same mask or nearly none for all images",
        Some(Verdict::Diverged) => "diverged, its loss was no number",
        Some(Verdict::Trained) | None => "",
    }
}

/// What the failures of a group have in common.
fn where_it_happens<'a>(group: &Group<'_>, candidates: &BTreeSet<usize>, name: &impl Fn(usize) -> &'a str) -> String {
    let jobs = plural(group.jobs.len() as u64, "job");
    let workers = match group.workers.len() {
        0 => String::new(),
        1 if group.count > 1 => format!(", all on worker {}", group.workers.first().copied().unwrap_or_default()),
        1 => format!(", on worker {}", group.workers.first().copied().unwrap_or_default()),
        many => format!(", on {many} workers"),
    };
    let of = match (candidates.first(), candidates.len()) {
        (Some(only), 1) if group.jobs.len() > 1 => format!(", all of candidate {}", name(*only)),
        (Some(only), 1) => format!(", of candidate {}", name(*only)),
        (_, 0) => String::new(),
        (_, many) => format!(", of {many} candidates"),
    };
    format!("{jobs}{of}{workers}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::ids::Attempt;
    use proto::measure::FailureKind;

    fn failure(job: u128, message: &str, worker: &str) -> Failure {
        Failure {
            at: String::new(),
            job: JobId(job),
            attempt: Attempt(1),
            kind: Some(FailureKind::OutOfMemory),
            message: message.to_owned(),
            worker: worker.to_owned(),
            log: String::new(),
        }
    }

    #[test]
    fn failures_that_differ_in_numbers_only_are_one_group() {
        let failures = [
            failure(1, "cannot allocate 512 MiB at 0x7f3a", "a"),
            failure(2, "cannot allocate 64 MiB at 0x1234", "a"),
            failure(3, "no such file", "b"),
        ];
        let groups = grouped(&failures);
        assert_eq!(groups.iter().map(|group| group.count).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(groups[0].last.message, "cannot allocate 64 MiB at 0x1234", "the last one speaks for all");
        let both: BTreeSet<usize> = [0, 1].into();
        assert_eq!(where_it_happens(&groups[0], &both, &|_| "x"), "2 jobs, of 2 candidates, all on worker a");
        assert_eq!(where_it_happens(&groups[1], &[1].into(), &|_| "unet"), "1 job, of candidate unet, on worker b");
    }

    #[test]
    fn numbers_are_blanked_and_words_are_not() {
        assert_eq!(without_numbers("epoch 3: loss=0.25 in job 0a1f"), "epoch #: loss=#.# in job #");
        assert_eq!(without_numbers("kein Speicher für dich"), "kein Speicher für dich");
        assert_eq!(without_numbers(""), "");
    }
}
