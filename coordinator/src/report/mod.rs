//! The report of a sweep: one page that leads with the answer in words, and its figures as files. Pure: data -> text.
//!
//! ```text
//!  Material --lineup--> candidates in order --figures--> Figure --+--> page.rs      one HTML file
//!                                                                  +--> figures/*.svg, *.pdf
//! ```
//!
//! `parts.rs` lists what the live page shows of it. Nothing in a page is fetched: styles and drawings are in it, images are data in it, and it has no script.

mod examples;
mod failures;
mod figures;
mod html;
mod lineup;
mod looks;
mod material;
mod outlines;
mod page;
pub(crate) mod parts;
mod provenance;

pub use lineup::{Lineup, MAX_SHOWN};
pub use material::{Material, Provenance};

use crate::analysis::answer::answer;
use crate::tables::Analysed;
use figures::Figure;

/// The stems of all figures that a report may have.
pub const FIGURES: [&str; 6] = ["scores", "differences", "ranks", "variance", "curves", "cost"];

/// A report.
pub struct Report {
    /// The page.
    pub page: String,
    /// The figures as files.
    pub figures: Vec<Drawing>,
}

/// A figure as files.
pub struct Drawing {
    /// The stem of their names.
    pub stem: &'static str,
    /// As SVG.
    pub svg: String,
    /// As PDF.
    pub pdf: Vec<u8>,
}

/// Makes a report.
#[must_use]
pub fn report(mut material: Material<'_>) -> Report {
    lineup::name_for_people(&mut material.analysed);
    let Analysed { observations, analysis, .. } = &material.analysed;
    let answer = answer(analysis);
    let metric = material.results.head.metric;
    let lineup = Lineup::new(observations, analysis);
    let figures: Vec<Figure> = [
        Some(figures::scores(&lineup)),
        figures::differences(&lineup),
        figures::ranks(&lineup),
        figures::variance(&lineup),
        figures::learning(&lineup, metric, &material.results.jobs, material.measurements),
        figures::cost(&lineup, &material.results.jobs),
    ]
    .into_iter()
    .flatten()
    .collect();
    Report {
        page: page::page(&material, &answer, &lineup, &figures).into_string(),
        figures: figures
            .iter()
            .map(|figure| Drawing { stem: figure.name, svg: figure.file(), pdf: figure.pdf() })
            .collect(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
