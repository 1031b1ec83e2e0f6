//! Segmentations to look at: the best, the median and the worst case of a job, as images within the page.

use super::lineup::Lineup;
use crate::results::Example;
use crate::text::signed;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};

/// What an image shows, from left to right.
const PARTS: [&str; 4] = ["image", "probabilities", "predicted mask", "true mask"];

/// The section of examples; nothing without any.
pub(super) fn section(examples: &[Example], lineup: &Lineup<'_>) -> Markup {
    let jobs = examples.chunk_by(|a, b| (a.candidate, &a.split) == (b.candidate, &b.split));
    let jobs: Vec<_> = jobs.filter_map(|job| Some((job.first()?, job))).collect();
    html! {
        @if !jobs.is_empty() {
            section id="examples" {
                h2 { "What it looks like" }
                @for (first, job) in jobs {
                    figure {
                        h3 { (lineup.name(first.candidate)) ", split " (first.split) }
                        div class="examples" {
                            div class="example" { p {} div class="parts" { @for part in PARTS { span { (part) } } } }
                            @for example in job { (row(example)) }
                        }
                    }
                }
                div class="figcaption" {
                    p { b { "See: " } "test cases of one job, by their IoU. The lighter, the more probably foreground." }
                    p { b { "Do not conclude: " } "a few cases show how a network fails, not how often." }
                }
            }
        }
    }
}

/// The place of a case in words.
fn place(example: &Example) -> String {
    match example.rank {
        1 => "the best case".to_owned(),
        rank if rank == example.of => "the worst case".to_owned(),
        rank if rank == example.of.div_ceil(2) || rank == example.of / 2 + 1 => "the median case".to_owned(),
        rank => format!("case {rank} of {}", example.of),
    }
}

fn row(example: &Example) -> Markup {
    let alt = format!("{} of {}, {}: {}", PARTS.join(", "), example.case, place(example), signed(example.iou, 3));
    html! {
        div class="example" {
            p { (place(example)) br; b { (example.case) } br; "IoU " (signed(example.iou, 3)) }
            div class="parted" { img src={ "data:image/png;base64," (STANDARD.encode(&example.png)) } alt=(alt); }
        }
    }
}
