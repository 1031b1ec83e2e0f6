//! The report of a sweep: one page that leads with the answer in words, and its figures as files. Pure: data -> text.
//!
//! ```text
//!  Material --lineup--> candidates in order --figures--> Figure --+--> page.rs      one HTML file
//!                                                                  +--> figures/*.svg
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
    /// The stems of the figures' files, and their SVG.
    pub figures: Vec<(&'static str, String)>,
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
        figures: figures.iter().map(|figure| (figure.name, figure.file())).collect(),
    }
}

#[cfg(test)]
mod tests;
