//! The parts of a report that the live page shows too, so that the figures, the tables and the words of both are the same.

pub(crate) use super::failures::{signs, verdicts};
pub(crate) use super::figures::{
    STYLE as FIGURE_STYLE, course, difference, dumbbells, learning, levels, parallel, strips, timeline,
};
pub(crate) use super::html::{Head, cell, table};
pub(crate) use super::lineup::name_for_people;
pub(crate) use super::page::{QUESTIONS, STYLE as PAGE_STYLE, captioned, drawn, effects, further, lead};
