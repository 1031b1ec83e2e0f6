//! Segmentations to look at: the best, the median and the worst case of a job, as images within the page.

use super::lineup::Lineup;
use super::outlines::with_outlines;
use crate::results::Example;
use crate::text::signed;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};

/// What a worker's image shows, from left to right.
const PARTS: [&str; 4] = ["image", "probabilities", "predicted mask", "true mask"];
/// The same with the outlines of both masks.
const OUTLINED: [&str; 5] = ["image", "outlines", "probabilities", "predicted mask", "true mask"];

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
                        @let pictures: Vec<Option<Vec<u8>>> = job.iter().map(|example| with_outlines(&example.png)).collect();
                        @let outlined = pictures.iter().all(Option::is_some);
                        @let parts = if outlined { &OUTLINED[..] } else { &PARTS[..] };
                        div class="examples" {
                            div class="example" {
                                p {}
                                div class={ "parts of" (parts.len()) } { @for part in parts { span { (part) } } }
                            }
                            @for (example, picture) in job.iter().zip(pictures) {
                                (row(example, picture.filter(|_| outlined).as_ref().unwrap_or(&example.png), parts))
                            }
                        }
                    }
                }
                div class="figcaption" {
                    p {
                        b { "See: " } "test cases of one job of the leader, of the next candidate and of the last, by their IoU. "
                        "Probabilities go from black (0) to white (1). Outlines: "
                        span class="true" { "true" } ", " span class="predicted" { "predicted" } "."
                    }
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

fn row(example: &Example, png: &[u8], parts: &[&str]) -> Markup {
    let alt = format!("{} of {}, {}: {}", parts.join(", "), example.case, place(example), signed(example.iou, 3));
    html! {
        div class="example" {
            p { (place(example)) br; b { (example.case) } br; "IoU " (signed(example.iou, 3)) }
            div class={ "parted of" (parts.len()) } { img src={ "data:image/png;base64," (STANDARD.encode(png)) } alt=(alt); }
        }
    }
}
