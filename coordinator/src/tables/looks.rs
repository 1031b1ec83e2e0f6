//! The looks of a sweep -> a table: how every candidate that was left stood, the decision, and its evidence.

use super::about::About;
use super::layout::{axis_cells, axis_columns, exact, measured, names, scores, text};
use super::table::{Cell, Table};
use crate::analysis::observations;
use crate::race::{Look, Reason, Standing};
use crate::results::{SweepHead, SweepResults};

/// What stands in the column `decision` of a candidate that goes on.
const GOES_ON: &str = "goes on";

/// One row per candidate at each look, in the order of the plan.
#[must_use]
pub fn looks(results: &SweepResults) -> Table {
    let SweepResults { head, looks, .. } = results;
    let mut columns = exact(&["look"]);
    columns.extend(axis_columns(&head.axes, &head.candidates));
    columns.extend(exact(&["n"]));
    columns.extend(scores(&["val_mean"]));
    columns.extend(exact(&["collapses"]));
    columns.extend(text(&["decision", "beaten_by"]));
    columns.extend(exact(&["pairs"]));
    columns.extend(scores(&["difference"]));
    columns.extend(measured(&["p", "threshold"]));
    columns.extend(scores(&["half_width"]));
    let rows = looks.iter().flat_map(|look| look.standings.iter().map(|standing| row(head, look, standing)));
    let mut table = About::sweep(head).table("looks", columns, rows.collect());
    table.spare = names(&["half_width", "threshold", "pairs", "collapses", "difference"]);
    table
}

fn row(head: &SweepHead, look: &Look, standing: &Standing) -> Vec<Cell> {
    let Standing { candidate, n, mean, collapses } = *standing;
    let reason = look.stops.iter().find(|stop| stop.candidate == candidate).map(|stop| stop.reason);
    let mut row = vec![Cell::from(look.replicates)];
    row.extend(axis_cells(head.axes.len(), head.candidates.get(candidate as usize)));
    row.extend([n.into(), mean.into(), collapses.into()]);
    row.push(reason.map_or(GOES_ON, |reason| reason.name()).into());
    row.extend(evidence(head, look, reason));
    row
}

/// By whom, in how many pairs, by how much, p, its threshold, and half of the interval's width.
fn evidence(head: &SweepHead, look: &Look, reason: Option<Reason>) -> [Cell; 6] {
    match reason {
        Some(Reason::Beaten { by, pairs, difference, p }) => {
            let by = Cell::Text(label(head, by as usize));
            [by, pairs.into(), difference.into(), p.into(), look.threshold.into(), Cell::Empty]
        }
        Some(Reason::Settled { half_width }) => {
            [Cell::Empty, Cell::Empty, Cell::Empty, Cell::Empty, Cell::Empty, half_width.into()]
        }
        Some(Reason::Unreliable { .. }) | None => {
            [Cell::Empty, Cell::Empty, Cell::Empty, Cell::Empty, look.threshold.into(), Cell::Empty]
        }
    }
}

/// A candidate in one cell: its values, in the order of the axes.
fn label(head: &SweepHead, candidate: usize) -> String {
    head.candidates.get(candidate).map(|values| observations::label(values)).unwrap_or_default()
}
