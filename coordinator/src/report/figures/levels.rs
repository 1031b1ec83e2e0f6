//! The mean score at each level of each axis, with the candidates that it is the mean of. Knows places and words, no statistics.

use super::draw::{Anchor, Figure, WIDTH, dot, fitted, text, width_of, x_axis};
use super::scale::Scale;
use crate::analysis::comparison::LevelMean;
use crate::report::lineup::Lineup;
use crate::text::signed;
use maud::{Markup, html};

/// Height of a row.
const ROW: f64 = 22.0;
/// Room above an axis' name.
const SPACE: f64 = 12.0;
/// Maximum width of the names of levels.
const MAX_LABEL: f64 = 240.0;

/// Means by level; `None` if the candidates are no full grid.
#[must_use]
pub(crate) fn levels(lineup: &Lineup<'_>) -> Option<Figure> {
    let levels = &lineup.analysis.effects.as_ref()?.all.levels;
    let rows: Vec<(&LevelMean, Vec<(f64, &str)>)> =
        levels.iter().map(|level| (level, members(lineup, level))).collect();
    let labels = levels.iter().map(|level| width_of(&level.level)).fold(60.0, f64::max).min(MAX_LABEL);
    let values = rows.iter().flat_map(|(level, members)| {
        members.iter().map(|(mean, _)| *mean).chain(std::iter::once(level.mean)).collect::<Vec<_>>()
    });
    let scale = Scale::linear(values, (labels + 18.0, WIDTH - 70.0));
    let axes = levels.chunk_by(|a, b| a.axis == b.axis).count() as f64;
    let bottom = (ROW + SPACE) * axes + ROW * rows.len() as f64;
    let mut y = 0.0;
    let mut place = |height: f64| {
        y += height;
        y - ROW / 2.0
    };
    let marks = html! {
        (x_axis(&scale, 0.0, bottom, &format!("mean {}", lineup.analysis.metric)))
        @for axis in rows.chunk_by(|a, b| a.0.axis == b.0.axis) {
            @if let Some((first, _)) = axis.first() {
                (text(0.0, place(ROW + SPACE), Anchor::Start, "strong", &first.axis.replace('_', " ")))
            }
            @for (level, members) in axis { (row(level, members, &scale, place(ROW), labels)) }
        }
    };
    let see = format!(
        "The mean {} at each level of each axis, over all other axes and splits (ring), and the mean of every candidate \
         with that level (dots).",
        lineup.analysis.metric
    );
    let caution = "An axis on which the rings lie close together may still matter for some of its candidates: the dots \
                   show how much the other axes move them. The table below says how much is more than chance.";
    Some(Figure {
        height: bottom + 42.0,
        marks,
        ..Figure::worded("levels", "What each setting is worth", see, caution)
    })
}

fn row(level: &LevelMean, members: &[(f64, &str)], scale: &Scale, y: f64, labels: f64) -> Markup {
    html! {
        (text(labels, y, Anchor::End, "", &fitted(&level.level, labels)))
        g class="behind" {
            @for (mean, name) in members {
                (dot((scale.at(*mean), y), 3.0, "dot", &format!("{name}: {}", signed(*mean, 4))))
            }
        }
        g class="best" { (dot((scale.at(level.mean), y), 5.0, "mean", &signed(level.mean, 4))) }
        (text(WIDTH - 2.0, y, Anchor::End, "", &signed(level.mean, 3)))
    }
}

/// The means of the candidates that have the level. Axes that only make sense together are one, and their levels are read together.
fn members<'a>(lineup: &Lineup<'a>, level: &LevelMean) -> Vec<(f64, &'a str)> {
    let axes: Vec<_> = level.axis.split(" + ").collect();
    let place = |name: &&str| lineup.observations.axes.iter().position(|axis| axis == name);
    let places: Vec<_> = axes.iter().filter_map(place).collect();
    let has_level = |candidate: &usize| {
        let values = &lineup.observations.candidates[*candidate].values;
        let values = places.iter().filter_map(|axis| values.get(*axis)?.as_ref().map(ToString::to_string));
        values.collect::<Vec<_>>().join(" ") == level.level
    };
    let candidates = lineup.order.iter().copied().filter(has_level);
    candidates.filter_map(|candidate| Some((lineup.row(candidate).scores.mean?, lineup.name(candidate)))).collect()
}
