//! Small plots of learning curves: a row of two for each group (the loss, the metric), a colour for each series.
//! Lines are means over splits, bands their middle part. Knows points, not what made them.

use super::draw::{
    Anchor, Figure, Px, WIDTH, bar, evenly, fitted, line, polygon, polyline, spread, text, width_of, y_axis,
};
use super::scale::{Scale, Tick};
use crate::text::amount;
use maud::{Markup, html};

/// Height of one plot.
const HEIGHT: f64 = 168.0;
/// From one row of plots to the next.
const ROW: f64 = HEIGHT + 62.0;
/// Above the first plot: the key, then the heads.
const TOP: f64 = 62.0;
/// Room for the numbers at the left of a plot.
const NUMBERS: f64 = 46.0;
/// The most room for the names at the right.
const LABEL: f64 = 160.0;
/// Between the two plots of a row.
const GAP: f64 = 26.0;
/// Maximum number of points in all plots, and the number that each curve may have in any case.
const MAX_POINTS: usize = 8000;
const MIN_POINTS: usize = 40;

/// One epoch of a curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    /// The epoch.
    pub(super) epoch: f64,
    /// The mean over splits.
    pub(super) mean: f64,
    /// The lower end of the band.
    pub(super) low: f64,
    /// The upper end of the band.
    pub(super) high: f64,
}

/// A curve of one series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Curve {
    /// Index of the series: its colour and its name.
    pub(super) series: usize,
    /// Whether it is of the training cases, and so drawn dashed.
    pub(super) is_training: bool,
    /// Its points, by epoch.
    pub(super) points: Vec<Point>,
}

/// What lines and bands are of many jobs.
pub(super) const OVER_SPLITS: [&str; 3] =
    ["validation, mean over splits", "training, mean over splits", "validation, mean \u{b1} sd over splits"];
/// What lines are of one job.
pub(super) const OF_ONE_JOB: [&str; 2] = ["validation", "training"];

/// The plots of one group.
pub(super) struct Group {
    /// Its name.
    pub(super) name: String,
    /// The losses.
    pub(super) losses: Vec<Curve>,
    /// The metric.
    pub(super) scores: Vec<Curve>,
}

/// Draws the groups into a figure that has its words.
#[must_use]
pub(super) fn draw(groups: &[Group], series: &[String], metric: &str, words: &[&str], figure: Figure) -> Figure {
    let labels = series.iter().map(|name| width_of(name)).fold(0.0, f64::max).min(LABEL) + 12.0;
    let width = (WIDTH - labels - 2.0 * NUMBERS - GAP) / 2.0;
    let left = [NUMBERS, 2.0 * NUMBERS + width + GAP];
    let scores = groups.iter().flat_map(|group| &group.scores);
    let common = Scale::linear(
        scores.flat_map(|curve| curve.points.iter().flat_map(|point| [point.low, point.high])),
        (HEIGHT, 0.0),
    );
    let curves = groups.iter().map(|group| group.losses.len() + group.scores.len()).sum::<usize>();
    let most = (MAX_POINTS / curves.max(1)).max(MIN_POINTS);
    let thinned = |curves: &[Curve]| curves.iter().map(|curve| thinned(curve, most)).collect::<Vec<_>>();
    let marks = html! {
        (key(NUMBERS, words))
        (text(left[0], TOP - 26.0, Anchor::Start, "head", "loss, mean over cases"))
        (text(left[1], TOP - 26.0, Anchor::Start, "head", metric))
        @for (index, group) in groups.iter().enumerate() {
            @let top = TOP + ROW * index as f64;
            (text(left[0], top - 6.0, Anchor::Start, "strong", &group.name))
            g transform={ "translate(" (Px(left[0])) " " (Px(top + 8.0)) ")" } {
                (plot(&thinned(&group.losses), &loss_scale(&group.losses), width, None, &format!("{}-{index}-loss", figure.name)))
            }
            g transform={ "translate(" (Px(left[1])) " " (Px(top + 8.0)) ")" } {
                (plot(&thinned(&group.scores), &common, width, Some(series), &format!("{}-{index}-score", figure.name)))
            }
        }
    };
    Figure { height: TOP + ROW * groups.len() as f64 - 12.0, marks, ..figure }
}

/// The curve with so many points at most, evenly spaced, the first and the last among them.
fn thinned(curve: &Curve, most: usize) -> Curve {
    let points = evenly(curve.points.len(), most).map(|place| curve.points[place]);
    Curve { points: points.collect(), ..*curve }
}

/// The axis of losses reaches over all curves and bands, but for the outliers of the first epochs, which would hide
/// the rest.
fn loss_scale(curves: &[Curve]) -> Scale {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let mut highs: Vec<f64> = points().map(|point| point.high).collect();
    highs.sort_by(f64::total_cmp);
    let most = highs.get(highs.len().saturating_sub(1) * 49 / 50).copied().unwrap_or(1.0);
    Scale::linear(
        points().flat_map(|point| [point.low, point.mean, point.high]).map(|loss| loss.min(most)),
        (HEIGHT, 0.0),
    )
}

fn plot(curves: &[Curve], y: &Scale, width: f64, names: Option<&[String]>, id: &str) -> Markup {
    let epochs = curves.iter().flat_map(|curve| curve.points.iter().map(|point| point.epoch));
    let last = epochs.fold(2.0, f64::max);
    let x = Scale::exact((1.0, last), (0.0, width));
    html! {
        clipPath id=(id) { rect x="0" y="-2" width=(Px(width)) height=(Px(HEIGHT + 4.0)) {} }
        (y_axis(y, 0.0, width))
        (line((0.0, HEIGHT), (width, HEIGHT), "axis"))
        @for Tick { at, label } in epoch_ticks(&x, last) { (text(at, HEIGHT + 12.0, Anchor::Middle, "tick", &label)) }
        (text(width / 2.0, HEIGHT + 27.0, Anchor::Middle, "axis-title", "epoch"))
        g clip-path={ "url(#" (id) ")" } {
            @for curve in curves.iter().filter(|curve| !curve.is_training) { (ribbon(curve, &x, y)) }
            @for curve in curves { (drawn(curve, &x, y)) }
        }
        @if let Some(names) = names { (labels(curves, y, width, names)) }
    }
}

/// Whole epochs only: 1, and round numbers of them.
fn epoch_ticks(x: &Scale, last: f64) -> Vec<Tick> {
    let step = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0]
        .into_iter()
        .find(|step| last / step <= 6.0)
        .unwrap_or(last);
    let round =
        (1..).map(|index| f64::from(index) * step).take_while(|epoch| *epoch <= last).filter(|epoch| *epoch > 1.0);
    std::iter::once(1.0).chain(round).map(|epoch| Tick { at: x.at(epoch), label: amount(epoch) }).collect()
}

fn hue(series: usize) -> String {
    format!("s{}", series % 6)
}

fn ribbon(curve: &Curve, x: &Scale, y: &Scale) -> Markup {
    let upper = curve.points.iter().map(|point| (x.at(point.epoch), y.clamped(point.high)));
    let lower = curve.points.iter().rev().map(|point| (x.at(point.epoch), y.clamped(point.low)));
    html! { g class=(hue(curve.series)) { (polygon(&upper.chain(lower).collect::<Vec<_>>(), "ribbon")) } }
}

fn drawn(curve: &Curve, x: &Scale, y: &Scale) -> Markup {
    let points: Vec<_> = curve.points.iter().map(|point| (x.at(point.epoch), y.at(point.mean))).collect();
    let class = if curve.is_training { "curve dashed" } else { "curve" };
    html! { g class=(hue(curve.series)) { (polyline(&points, class)) } }
}

/// The names stand where their curves end.
fn labels(curves: &[Curve], y: &Scale, width: f64, names: &[String]) -> Markup {
    let ends: Vec<_> =
        curves.iter().filter_map(|curve| Some((curve.series, y.clamped(curve.points.last()?.mean)))).collect();
    let places = spread(&ends.iter().map(|(_, end)| *end).collect::<Vec<_>>(), 14.0, (0.0, HEIGHT));
    html! {
        @for ((series, end), place) in ends.iter().zip(places) {
            g class=(hue(*series)) {
                (line((width + 2.0, *end), (width + 7.0, place), "new"))
                @if let Some(name) = names.get(*series) {
                    (text(width + 10.0, place, Anchor::Start, "hued", &fitted(name, LABEL)))
                }
            }
        }
    }
}

/// The key: a line, a dashed line, and a band if there is one.
fn key(left: f64, words: &[&str]) -> Markup {
    let y = 10.0;
    let mark = |index: usize, x: f64| match index {
        0 => polyline(&[(x, y), (x + 24.0, y)], "curve"),
        1 => polyline(&[(x, y), (x + 24.0, y)], "curve dashed"),
        _ => bar((x, x + 24.0), y - 6.0, 12.0, "ribbon"),
    };
    let mut x = left;
    html! {
        g class="behind" {
            @for (index, words) in words.iter().enumerate() {
                (mark(index, x))
                (text(x + 30.0, y, Anchor::Start, "key", words))
                @let () = x += 30.0 + width_of(words) + 18.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_curve_keeps_its_ends() {
        let point = |epoch: u32| Point { epoch: epoch.into(), mean: 0.5, low: 0.4, high: 0.6 };
        let curve = |epochs: u32| Curve { series: 0, is_training: false, points: (1..=epochs).map(point).collect() };
        let epochs = |curve: Curve| curve.points.iter().map(|point| point.epoch).collect::<Vec<_>>();
        assert_eq!(epochs(thinned(&curve(9), 5)), [1.0, 3.0, 5.0, 7.0, 9.0]);
        assert_eq!(epochs(thinned(&curve(3), 5)), [1.0, 2.0, 3.0], "a short one stays as it is");
        assert_eq!(epochs(thinned(&curve(1), 5)), [1.0]);
        assert_eq!(epochs(thinned(&curve(0), 5)), Vec::<f64>::new());
    }
}
