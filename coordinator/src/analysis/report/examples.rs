//! Segmentations to look at: the best, the median and the worst case of a candidate, as images within the page.

use super::lineup::Lineup;
use super::scale::signed;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};

/// Where a case stands among the test cases of its job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The greatest score.
    Best,
    /// The middle one.
    Median,
    /// The least.
    Worst,
}

impl Place {
    fn name(self) -> &'static str {
        match self {
            Self::Best => "best",
            Self::Median => "median",
            Self::Worst => "worst",
        }
    }
}

/// One image of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panel {
    /// What it shows: image, probabilities, mask, truth.
    pub name: String,
    /// The file: PNG.
    pub png: Vec<u8>,
}

/// A case of a candidate, segmented.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Index of the candidate.
    pub candidate: usize,
    /// Name of the split.
    pub split: String,
    /// Where the case stands.
    pub place: Place,
    /// Id of the case.
    pub case: String,
    /// Its IoU.
    pub score: f64,
    /// Its images, from left to right.
    pub panels: Vec<Panel>,
}

/// The section of examples; nothing without any.
pub(super) fn section(examples: &[Example], lineup: &Lineup<'_>) -> Markup {
    let groups: Vec<&[Example]> =
        examples.chunk_by(|a, b| (a.candidate, &a.split) == (b.candidate, &b.split)).collect();
    html! {
        @if !groups.is_empty() {
            section id="examples" {
                h2 { "What it looks like" }
                @for group in groups { @if let Some(first) = group.first() {
                    figure {
                        h3 { (lineup.name(first.candidate)) ", split " (first.split) }
                        div class="examples" { @for example in group { (row(example)) } }
                        figcaption {
                            p { b { "See: " } "the best, the median and the worst test case of one job, by IoU." }
                            p { b { "Do not conclude: " } "three cases show how a network fails, not how often." }
                        }
                    }
                } }
            }
        }
    }
}

fn row(example: &Example) -> Markup {
    html! {
        div class="example" {
            p { (example.place.name()) br; b { (example.case) } br; "IoU " (signed(example.score, 3)) }
            @for panel in &example.panels {
                div {
                    img src={ "data:image/png;base64," (STANDARD.encode(&panel.png)) }
                        alt={ (panel.name) " of the " (example.place.name()) " case, " (example.case) };
                    span { (panel.name) }
                }
            }
        }
    }
}
