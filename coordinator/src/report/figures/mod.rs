//! The figures of a report.
//!
//! ```text
//!  Lineup --content, learning--> numbers and captions --forest, critical, curves, cost, bars--> marks --draw--> SVG
//!                                                                         scale: numbers -> places
//! ```
//!
//! What chooses numbers knows no places; what draws knows no statistics. `figure.css` says what marks look like.

mod bars;
mod content;
mod cost;
mod critical;
mod curves;
mod draw;
mod forest;
mod learning;
mod scale;

pub(super) use content::{cost, differences, ranks, scores, variance};
pub(super) use draw::{Figure, STYLE};
pub(super) use learning::learning;
