//! The figures of a report.
//!
//! ```text
//!  Lineup --content, learning--> numbers and captions --forest, critical, curves, cost, ...--> marks --draw--> SVG
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
mod dumbbells;
mod forest;
mod learning;
mod levels;
mod scale;

pub(super) use content::{cost, differences, ranks, scores, variance};
pub(crate) use content::{difference, strips};
pub(crate) use draw::{Figure, STYLE};
pub(crate) use dumbbells::dumbbells;
pub(crate) use learning::{course, learning};
pub(crate) use levels::levels;
