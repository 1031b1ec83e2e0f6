//! The mean score at each level of each axis, with the candidates that it is the mean of. Knows places and words, no statistics.

use super::draw::{Anchor, Figure, WIDTH, dot, evenly, fitted, text, width_of, x_axis};
use super::hill::{MAX_DOTS, hill};
use super::scale::Scale;
use crate::analysis::comparison::LevelMean;
use crate::report::lineup::Lineup;
use crate::text::signed;
use maud::{Markup, html};
use std::collections::HashMap;

/// Height of a row.
const ROW: f64 = 22.0;
/// Room above an axis' name.
const SPACE: f64 = 12.0;
/// Maximum width of the names of levels.
const MAX_LABEL: f64 = 240.0;
/// Maximum number of levels of an axis: of more, these are drawn, evenly spaced.
const MAX_LEVELS: usize = 24;

/// Levels of an axis.
struct Axis<'a> {
    name: &'a str,
    /// Number of levels that it has.
    all: usize,
    /// Those that are drawn.
    rows: Vec<Row<'a>>,
}

/// A level with the means and the names of its candidates.
struct Row<'a> {
    level: &'a LevelMean,
    members: Vec<(f64, &'a str)>,
}

/// Means by level; `None` if the candidates are no full grid.
#[must_use]
pub(crate) fn levels(lineup: &Lineup<'_>) -> Option<Figure> {
    let levels = &lineup.analysis.effects.as_ref()?.all.levels;
    let axes: Vec<Axis<'_>> = levels.chunk_by(|a, b| a.axis == b.axis).filter_map(|of| axis(lineup, of)).collect();
    let rows = || axes.iter().flat_map(|axis| &axis.rows);
    let is_hilly = rows().map(|row| row.members.len()).sum::<usize>() > MAX_DOTS;
    // levels are often numbers, whose digits are wider than other letters
    let labels = rows().map(|row| 1.1 * width_of(&row.level.level)).fold(60.0, f64::max).min(MAX_LABEL);
    let means = rows().flat_map(|row| row.members.iter().map(|(mean, _)| *mean).chain([row.level.mean]));
    let scale = Scale::linear(means, (labels + 18.0, WIDTH - 70.0));
    let bottom = (ROW + SPACE) * axes.len() as f64 + ROW * rows().count() as f64;
    let mut y = 0.0;
    let mut place = |height: f64| {
        y += height;
        y - ROW / 2.0
    };
    let marks = html! {
        (x_axis(&scale, 0.0, bottom, &format!("mean {}", lineup.analysis.metric)))
        @for axis in &axes {
            (text(0.0, place(ROW + SPACE), Anchor::Start, "strong", &title(axis)))
            @for row in &axis.rows { (drawn(row, is_hilly, &scale, place(ROW), labels)) }
        }
    };
    let see = format!(
        "The mean {} at each level of each axis, over all other axes and splits (ring), and the mean of every candidate \
         with that level ({}).",
        lineup.analysis.metric,
        if is_hilly { "hills, the higher the more candidates have that mean" } else { "dots" },
    );
    let caution = "An axis on which the rings lie close together may still matter for some of its candidates, whose \
                   means show how much the other axes move them. The table below says how much is more than chance.";
    Some(Figure {
        height: bottom + 42.0,
        marks,
        ..Figure::worded("levels", "What each setting is worth", see, caution)
    })
}

/// The levels of an axis that are drawn; `None` if it has none.
fn axis<'a>(lineup: &Lineup<'a>, levels: &'a [LevelMean]) -> Option<Axis<'a>> {
    let (name, all) = (levels.first()?.axis.as_str(), levels.len());
    let mut members = members(lineup, name);
    let rows = evenly(all, MAX_LEVELS).map(|place| {
        let level = &levels[place];
        Row { level, members: members.remove(&level.level).unwrap_or_default() }
    });
    Some(Axis { name, all, rows: rows.collect() })
}

/// The name of an axis; and how many of its levels are drawn, if not all.
fn title(axis: &Axis<'_>) -> String {
    let name = axis.name.replace('_', " ");
    if axis.rows.len() == axis.all { name } else { format!("{name} ({} of {} levels)", axis.rows.len(), axis.all) }
}

fn drawn(row: &Row<'_>, is_hilly: bool, scale: &Scale, y: f64, labels: f64) -> Markup {
    let Row { level, members } = row;
    html! {
        (text(labels, y, Anchor::End, "", &fitted(&level.level, labels)))
        g class="behind" {
            @if is_hilly { (hill(members.iter().map(|(mean, _)| scale.at(*mean)), scale.range(), y + 9.0, 16.0)) }
            @else {
                @for (mean, name) in members {
                    (dot((scale.at(*mean), y), 3.0, "dot", &format!("{name}: {}", signed(*mean, 4))))
                }
            }
        }
        g class="best" { (dot((scale.at(level.mean), y), 5.0, "mean", &signed(level.mean, 4))) }
        (text(WIDTH - 2.0, y, Anchor::End, "", &signed(level.mean, 3)))
    }
}

/// The means and names of the candidates by their level. Axes that only make sense together are one, and their levels are read together.
fn members<'a>(lineup: &Lineup<'a>, axis: &str) -> HashMap<String, Vec<(f64, &'a str)>> {
    let place = |name: &str| lineup.observations.axes.iter().position(|axis| axis == name);
    let places: Vec<_> = axis.split(" + ").filter_map(place).collect();
    let mut members: HashMap<String, Vec<(f64, &'a str)>> = HashMap::new();
    for &candidate in &lineup.order {
        let Some(mean) = lineup.row(candidate).scores.mean else { continue };
        let values = &lineup.observations.candidates[candidate].values;
        let level: Vec<_> =
            places.iter().filter_map(|axis| values.get(*axis)?.as_ref().map(ToString::to_string)).collect();
        members.entry(level.join(" ")).or_default().push((mean, lineup.name(candidate)));
    }
    members
}
