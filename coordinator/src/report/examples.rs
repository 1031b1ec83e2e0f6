//! Segmentations to look at: the best, the median and the worst case of a job, as images within the page.

use super::lineup::Lineup;
use crate::text::signed;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};

/// What an image shows, from left to right.
const PARTS: [&str; 4] = ["image", "probabilities", "predicted mask", "true mask"];

/// A test case of a job, segmented.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Index of the candidate.
    pub candidate: usize,
    /// Name of the split.
    pub split: String,
    /// Id of the case.
    pub case: String,
    /// Its place among the test cases by IoU: 1 is the best, `of` the worst.
    pub rank: u32,
    /// Number of test cases.
    pub of: u32,
    /// Its IoU.
    pub iou: f64,
    /// PNG, side by side: image, probabilities, predicted mask, true mask.
    pub png: Vec<u8>,
}

impl Example {
    /// Its place in words.
    fn place(&self) -> String {
        match self.rank {
            1 => "the best case".to_owned(),
            rank if rank == self.of => "the worst case".to_owned(),
            rank if rank == self.of.div_ceil(2) || rank == self.of / 2 + 1 => "the median case".to_owned(),
            rank => format!("case {rank} of {}", self.of),
        }
    }
}

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

fn row(example: &Example) -> Markup {
    let alt = format!("{} of {}, {}: {}", PARTS.join(", "), example.case, example.place(), signed(example.iou, 3));
    html! {
        div class="example" {
            p { (example.place()) br; b { (example.case) } br; "IoU " (signed(example.iou, 3)) }
            div class="parted" { img src={ "data:image/png;base64," (STANDARD.encode(&example.png)) } alt=(alt); }
        }
    }
}
