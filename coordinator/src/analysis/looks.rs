//! The looks of a sweep -> a table: how every candidate that was left stood, what was decided, and on what evidence.

use super::racing::{Look, Reason, Standing};
use super::rows::SweepHead;
use super::table::{Cell, Column, Kind, Table};
use proto::spec::Trainer;

/// What stands in the column `decision` of a candidate that goes on.
const GOES_ON: &str = "goes on";

/// A row a candidate at each look, in the order of the plan.
#[must_use]
pub fn table(head: &SweepHead, looks: &[Look]) -> Table {
    let column = |name: &str, kind| Column { name: name.to_owned(), kind };
    let axes = head.axes.iter().enumerate().map(|(axis, name)| {
        let value = head.candidates.iter().find_map(|values| values.get(axis)?.as_ref());
        column(name, Kind::of(value))
    });
    let mut columns = vec![column("look", Kind::Exact)];
    columns.extend(axes);
    columns.extend([column("n", Kind::Exact), column("val_mean", Kind::Measured), column("collapses", Kind::Exact)]);
    columns.extend([column("decision", Kind::Text), column("beaten_by", Kind::Text), column("pairs", Kind::Exact)]);
    columns.extend(["difference", "p", "threshold", "half_width"].map(|name| column(name, Kind::Measured)));
    let rows = looks.iter().flat_map(|look| look.standings.iter().map(|standing| row(head, look, standing)));
    let simulated = if head.trainer == Trainer::Simulated { " (simulated: the numbers are made up)" } else { "" };
    Table {
        rows_name: "looks",
        title: format!("looks of {}{simulated}: on the validation subset", head.sweep),
        head: vec![
            ("sweep", head.sweep.as_str().into()),
            ("trainer", head.trainer.name().into()),
            ("data", head.content.map_or(Cell::Empty, |content| Cell::Text(content.to_string()))),
        ],
        columns,
        rows: rows.collect(),
    }
}

fn row(head: &SweepHead, look: &Look, standing: &Standing) -> Vec<Cell> {
    let Standing { candidate, n, mean, collapses } = *standing;
    let reason = look.stops.iter().find(|stop| stop.candidate == candidate).map(|stop| stop.reason);
    let values = head.candidates.get(candidate as usize);
    let mut row = vec![Cell::from(look.replicates)];
    row.extend((0..head.axes.len()).map(|axis| Cell::from(values.and_then(|values| values.get(axis)?.as_ref()))));
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
    let values = head.candidates.get(candidate).into_iter().flatten().flatten();
    values.map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
