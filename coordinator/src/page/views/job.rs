//! One job: what became of it, its curve, its pictures, what its trainer said, and how to train it again.

use super::Seen;
use crate::analyst::Archive;
use crate::page::frame::View;
use crate::report::parts;
use crate::results::{self, JobError, JobEvent, JobHistory, JobRow, MeasurementRow};
use crate::text::{duration, metric_name, signed, signed_or_dash};
use maud::{Markup, html};
use proto::extras::Artifact;
use proto::ids::Attempt;
use proto::measure::Measurement;
use proto::spec::{Metric, Trainer};

/// What the store has of a job.
pub(super) struct KeptJob {
    pub(super) history: JobHistory,
    measurements: Vec<MeasurementRow>,
    pictures: Vec<Artifact>,
    /// The job file; `None` of a simulated job.
    file: Option<String>,
}

/// Reads the only job whose id begins with `prefix`.
pub(super) fn read(archive: &Archive, prefix: &str) -> Result<KeptJob, JobError> {
    archive.read(|reader| {
        let (history, file) = results::job(reader, prefix)?;
        let measurements = results::epochs(reader, history.job)?;
        Ok(KeptJob { measurements, pictures: reader.artifacts(history.job)?, file, history })
    })
}

/// The view.
pub(super) fn view(seen: &Seen, kept: &KeptJob) -> Markup {
    let (history, results) = (&kept.history, &seen.study.results);
    let row = results.jobs.iter().find(|row| row.job == history.job);
    let last = kept.measurements.iter().map(|row| row.attempt).max().unwrap_or(Attempt(0));
    let epochs: Vec<Measurement> =
        kept.measurements.iter().filter(|row| row.attempt == last).map(|row| row.measurement).collect();
    html! {
        div class="heading" {
            h1 { "Job " (history.job.short()) }
            p class="summary" {
                @if let Some(row) = row { (seen.lineup().name(row.candidate)) ", split " (results.split_seed(row.replicate)) }
                @else { (history.label) }
                " of " a href=(View::Overview.path(&history.sweep)) { (history.sweep) }
            }
        }
        @if let Some(row) = row { (facts(seen, row)) }
        section id="events" {
            h2 { "What happened" }
            @if history.events.is_empty() { p { "No worker has had it yet." } }
            ol class="events" { @for (number, event) in history.events.iter().enumerate() { (told(number, event)) } }
        }
        @if let Some(figure) = parts::course(results.head.metric, &epochs) { (parts::drawn(&figure)) }
        @if let Some(row) = row { (scores(seen, row)) }
        @if !kept.pictures.is_empty() { (pictures(seen, &kept.pictures)) }
        (again(seen, kept))
    }
}

fn facts(seen: &Seen, row: &JobRow) -> Markup {
    let seeds = seen.study.results.head.replicates.get(row.replicate);
    html! {
        dl class="facts" {
            dt { "State" } dd { (row.state.name()) ", " (row.attempts) @if row.attempts == 1 { " attempt" } @else { " attempts" } }
            @if let Some(scored) = &row.result {
                @let result = &scored.result;
                dt { "Verdict" }
                dd {
                    (result.verdict.name())
                    @if result.verdict.name() != "trained" { " \u{2013} " (parts::signs(scored)) }
                }
                dt { "Epochs" } dd { (result.epochs) " trained, the weights of epoch " (result.best_epoch) " were tested" }
                dt { "Trained for" } dd { (duration(result.train_seconds)) " by " (scored.worker) ", on " (result.device) }
                @if let Some(kept) = &result.extras.weights {
                    dt { "Weights" }
                    dd {
                        code { (kept.name(row.job)) } ", " (mebibytes(kept.bytes)) ", at " (kept.place) "; "
                        code { "coordinator weights " (seen.name()) " " (seen.source.named) " --out weights" } " fetches them"
                    }
                }
                @if let Some(split) = result.split_hash { dt { "Split" } dd { code { (split) } } }
            }
            @if let Some(message) = &row.message { dt { "Last failure" } dd { (message) } }
            @if let Some(seeds) = seeds {
                dt { "Seeds" }
                dd { "split " (seeds.split_seed) ", initialisation " (seeds.init_seed) ", order " (seeds.order_seed) }
            }
            dt { "Id" } dd { code { (row.job) } }
        }
    }
}

/// A size: `1.9 MiB`.
fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

fn told(number: usize, event: &JobEvent) -> Markup {
    html! {
        li {
            time datetime=(event.at) { (event.at) }
            " " (event.what)
            @if !event.log.is_empty() {
                details id={ "event-" (number) } open {
                    summary { "The end of what the trainer said" }
                    pre tabindex="0" { (event.log) }
                }
            }
        }
    }
}

/// The score of the job, against all others of its split.
fn scores(seen: &Seen, row: &JobRow) -> Markup {
    let lineup = seen.lineup();
    let of = |candidate: usize| lineup.observations.candidates.get(candidate)?.observations.get(row.replicate)?.score();
    let Some(own) = of(row.candidate) else { return html! {} };
    let others: Vec<f64> = lineup.order.iter().filter_map(|candidate| of(*candidate)).collect();
    let is_better = |other: &&f64| (**other > own) == lineup.analysis.higher_is_better && **other != own;
    let place = others.iter().filter(is_better).count() + 1;
    let mean = others.iter().sum::<f64>() / others.len() as f64;
    html! {
        section id="score" {
            h2 { "Its score" }
            p {
                (metric_name(seen.study.results.head.metric.name())) " " b { (signed(own, 4)) } ", number " (place) " of the "
                (others.len()) " candidates that have a score on this split, whose mean is " (signed_or_dash(Some(mean), 4)) "."
            }
        }
    }
}

fn pictures(seen: &Seen, pictures: &[Artifact]) -> Markup {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    html! {
        section id="examples" {
            h2 { "What it looks like" }
            p class="note" { "From left to right: image, probabilities, predicted mask, true mask." }
            div class="examples" {
                @for picture in pictures {
                    div class="example" {
                        p {
                            "case " b { (seen.study.results.case(picture.case)) } br;
                            (Metric::Iou.name().to_uppercase()) " " (signed(picture.iou, 3)) br;
                            "number " (picture.rank) " of " (picture.of)
                        }
                        div class="parted of4" {
                            img src={ "data:image/png;base64," (STANDARD.encode(&picture.png)) }
                                alt={ "image, probabilities, predicted mask and true mask of case " (seen.study.results.case(picture.case)) };
                        }
                    }
                }
            }
        }
    }
}

/// How to train the job again.
fn again(seen: &Seen, kept: &KeptJob) -> Markup {
    let (id, named) = (kept.history.job.short(), &seen.source.named);
    html! {
        section id="again" {
            h2 { "Once more, by itself" }
            @if let Some(file) = &kept.file {
                p class="command" { "Train this job alone, without a coordinator:" }
                pre tabindex="0" { "coordinator job " (named) " " (id) " > job.yaml && worker train --job job.yaml" }
                details id="file" {
                    summary { "The job file" }
                    pre tabindex="0" { (file) }
                }
            } @else if seen.study.results.head.trainer == Trainer::Simulated {
                p { "The job is simulated: its numbers are made up." }
            }
        }
    }
}
