//! Parallel coordinates: a line per candidate, through its value on each axis to its mean score. Knows places and words, no statistics.

use super::draw::{Anchor, Figure, WIDTH, fitted, line, polyline, text, width_of};
use super::scale::{ABOVE, Scale, Tick};
use crate::report::lineup::Lineup;
use crate::text::{plural, signed};
use maud::{Markup, html};

/// Maximum number of lines.
const MAX_LINES: usize = 200;
/// Maximum number of values that are named on an axis; of more the first and the last are.
const MAX_NAMED: usize = 12;
/// Maximum width of the values' names.
const MAX_LABEL: f64 = 150.0;
/// Where axes begin, and how long they are.
const TOP: f64 = 34.0;
const HEIGHT: f64 = 280.0;
/// Room at the right, for the scores.
const RIGHT: f64 = 70.0;

/// The candidates with the best means; `None` without two axes that tell candidates apart, or without scores.
#[must_use]
pub(crate) fn parallel(lineup: &Lineup<'_>) -> Option<Figure> {
    let axes: Vec<(&str, Vec<String>)> =
        lineup.telling_names().enumerate().map(|(axis, name)| (name, lineup.levels(axis, usize::MAX))).collect();
    let scored: Vec<(usize, f64)> =
        lineup.order.iter().filter_map(|candidate| Some((*candidate, lineup.row(*candidate).scores.mean?))).collect();
    if axes.len() < 2 || scored.len() < 2 {
        return None;
    }
    let shown = &scored[..scored.len().min(MAX_LINES)];
    let (bottom, scores) = (TOP + HEIGHT, shown.iter().map(|(_, mean)| *mean));
    let scale = Scale::linear(scores, (bottom, TOP));
    let labels = axes[0].1.iter().map(|level| width_of(level)).fold(40.0, f64::max).min(MAX_LABEL) + 8.0;
    let x = |axis: usize| labels + (WIDTH - RIGHT - labels) * axis as f64 / axes.len() as f64;
    let through = |candidate: usize, mean: f64| -> Vec<(f64, f64)> {
        let on = |(axis, (_, levels)): (usize, &(&str, Vec<String>))| {
            let value = lineup.value(axis, candidate)?;
            let place = levels.iter().position(|level| *level == value)?;
            Some((x(axis), at(place, levels.len())))
        };
        // an axis that does not concern it is passed by
        axes.iter().enumerate().filter_map(on).chain([(x(axes.len()), scale.at(mean))]).collect()
    };
    let marks = html! {
        // the best lie on top
        @for (candidate, mean) in shown.iter().rev() {
            g class=(lineup.against(*candidate).class()) {
                title { (lineup.name(*candidate)) ": " (signed(*mean, 4)) }
                (polyline(&through(*candidate, *mean), "thread"))
            }
        }
        @for (axis, (name, levels)) in axes.iter().enumerate() {
            (line((x(axis), TOP), (x(axis), bottom), "axis"))
            (text(x(axis), TOP - 20.0, Anchor::Middle, "head", &fitted(&name.replace('_', " "), MAX_LABEL)))
            (names(name, levels, x(axis)))
        }
        (line((x(axes.len()), TOP), (x(axes.len()), bottom), "axis"))
        (text(x(axes.len()), TOP - 20.0, Anchor::Middle, "head", &format!("mean {}", lineup.analysis.metric)))
        @for Tick { at, label } in scale.ticks(ABOVE) { (text(x(axes.len()) + 7.0, at, Anchor::Start, "tick", &label)) }
    };
    let left = scored.len() - shown.len();
    let left = match left {
        0 => String::new(),
        left => format!(" Left out: {} of lower rank.", plural(left as u64, "candidate")),
    };
    let see = format!(
        "A line per candidate: through its value on each axis, to its mean {} at the right. The leader's line is blue; \
         green ones are practically equal; orange ones may be as good; grey ones are worse.{left}",
        lineup.analysis.metric
    );
    // there is such a figure of a full grid only
    let above = if lineup.analysis.effects.is_some() { " The figure above averages over them." } else { "" };
    let caution = format!(
        "Lines that meet at a value do not show that the value is good or bad: the axes at its side may be what matters.{above}"
    );
    Some(Figure { height: bottom + 14.0, marks, ..Figure::worded("parallel", "Every candidate", see, &caution) })
}

/// The place of a value among so many.
fn at(place: usize, levels: usize) -> f64 {
    TOP + HEIGHT * (place as f64 + 0.5) / levels.max(1) as f64
}

/// A value of an axis without the name of that, which stands above already: some begin with its last part.
fn bare<'a>(axis: &str, level: &'a str) -> &'a str {
    let name = axis.rsplit('.').next().unwrap_or(axis).replace('_', " ");
    level.strip_prefix(&name).and_then(|rest| rest.strip_prefix(' ')).unwrap_or(level)
}

/// The values of an axis at its places.
fn names(axis: &str, levels: &[String], x: f64) -> Markup {
    let is_named = |place: usize| levels.len() <= MAX_NAMED || place == 0 || place + 1 == levels.len();
    html! {
        @for (place, level) in levels.iter().enumerate().filter(|(place, _)| is_named(*place)) {
            (text(x - 6.0, at(place, levels.len()), Anchor::End, "level", &fitted(bare(axis, level), MAX_LABEL)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::bare;

    #[test]
    fn values_do_not_repeat_the_name_of_their_axis() {
        for (axis, value, expected) in [
            ("losses.focal.gamma", "gamma 2", "2"),
            ("learning_rate", "learning rate 0.001", "0.001"),
            ("loss", "focal", "focal"),
            ("loss", "lossless", "lossless"),
            ("augmentation", "none", "none"),
        ] {
            assert_eq!(bare(axis, value), expected, "{axis}");
        }
    }
}
