//! The figures of a report.
//!
//! ```text
//!  Lineup --content, learning--> numbers and captions --forest, critical, curves, cost, ...--> marks --draw--> SVG --pdf--> PDF
//!                                                                         scale: numbers -> places
//! ```
//!
//! What chooses numbers knows no places; what draws knows no statistics. `figure.css` says what marks look like, and `style.rs` reads it where no
//! browser does.

mod bars;
mod content;
mod cost;
mod critical;
mod curves;
mod draw;
mod dumbbells;
mod forest;
mod helvetica;
mod hill;
mod learning;
mod levels;
mod parallel;
mod pdf;
mod scale;
mod style;
mod timeline;
mod times;

pub(super) use content::{cost, differences, ranks, scores, variance};
pub(crate) use content::{difference, strips};
pub(crate) use draw::{Figure, STYLE};
pub(crate) use dumbbells::dumbbells;
#[cfg(test)]
pub(super) use helvetica::has;
pub(crate) use learning::{course, learning};
pub(crate) use levels::levels;
pub(crate) use parallel::parallel;
pub(crate) use timeline::timeline;
