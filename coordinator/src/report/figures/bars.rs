//! Bars of variance: how much of the scores' spread each source makes. Knows shares and names.

use super::draw::{Anchor, Figure, WIDTH, bar, line, polygon, text, width_of, x_axis};
use super::scale::Scale;
use crate::text::signed;
use maud::{Markup, html};

/// Height of a row.
const ROW: f64 = 34.0;
/// Where the first row begins.
const TOP: f64 = 30.0;

/// A source of variance.
pub(super) struct Source {
    /// Its name.
    pub(super) name: String,
    /// The class of its colour.
    pub(super) hue: &'static str,
    /// Its variance as it was estimated: it may come out below 0.
    pub(super) variance: f64,
    /// The interval of its variance.
    pub(super) interval: Option<(f64, f64)>,
    /// The variance that is expected of it for another reason, which the caption names.
    pub(super) expected: Option<f64>,
}

/// Draws the sources, as shares of their sum, into a figure that has its words.
#[must_use]
pub(super) fn draw(sources: &[Source], figure: Figure) -> Figure {
    let total: f64 = sources.iter().map(|source| source.variance.max(0.0)).sum();
    let share = |variance: f64| if total > 0.0 { 100.0 * variance.max(0.0) / total } else { 0.0 };
    let labels = sources.iter().map(|source| width_of(&source.name)).fold(60.0, f64::max);
    let most = sources
        .iter()
        .flat_map(|source| [Some(source.variance), source.expected, source.interval.map(|(_, high)| high)]);
    let most = most.flatten().map(share).fold(10.0, f64::max).min(100.0);
    let scale = Scale::exact((0.0, most), (labels + 16.0, WIDTH - 190.0));
    let bottom = TOP + ROW * sources.len() as f64;
    let marks = html! {
        (text(WIDTH - 92.0, TOP - 12.0, Anchor::End, "head", "sd"))
        (text(WIDTH - 2.0, TOP - 12.0, Anchor::End, "head", "share"))
        (x_axis(&scale, TOP, bottom, "share of the sum of the components, %"))
        @for (index, source) in sources.iter().enumerate() {
            (row(source, &scale, TOP + ROW * (index as f64 + 0.5), labels, share))
        }
    };
    Figure { height: bottom + 42.0, marks, ..figure }
}

fn row(source: &Source, scale: &Scale, y: f64, labels: f64, share: impl Fn(f64) -> f64) -> Markup {
    let at = |variance: f64| scale.clamped(share(variance));
    let sd = if source.variance < 0.0 {
        format!("0 (raw {:.1e})", source.variance).replace('-', "\u{2212}")
    } else {
        signed(source.variance.sqrt(), 4)
    };
    html! {
        (text(labels, y, Anchor::End, "", &source.name))
        g class=(source.hue) { (bar((at(0.0), at(source.variance)), y - 8.0, 16.0, "column")) }
        @if let Some((low, high)) = source.interval {
            (line((at(low), y), (at(high), y), "whisker"))
            (line((at(low), y - 4.0), (at(low), y + 4.0), "whisker"))
            @if scale.shows(share(high)) { (line((at(high), y - 4.0), (at(high), y + 4.0), "whisker")) }
            @else { (polygon(&[(at(high) + 6.0, y), (at(high), y - 4.0), (at(high), y + 4.0)], "arrow")) }
        }
        @if let Some(x) = source.expected.filter(|variance| scale.shows(share(*variance))).map(at) {
            (polygon(&[(x, y - 6.0), (x + 6.0, y), (x, y + 6.0), (x - 6.0, y)], "hollow"))
        }
        (text(WIDTH - 92.0, y, Anchor::End, "", &sd))
        (text(WIDTH - 2.0, y, Anchor::End, "quiet", &format!("{} %", signed(share(source.variance), 0))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_end_at_a_hundred_and_an_interval_that_goes_on_has_an_arrow() {
        let source = |name: &str, variance, high| Source {
            name: name.to_owned(),
            hue: "s0",
            variance,
            interval: Some((0.1, high)),
            expected: None,
        };
        let figure = || Figure::worded("variance", "", String::new(), "");
        let drawn = draw(&[source("split", 3.0, 9.0), source("the rest", 1.0, 2.0)], figure()).file();
        assert_eq!(drawn.matches("class=\"arrow\"").count(), 1, "9 of 4");
        assert!(drawn.contains("class=\"tick\">100<") && !drawn.contains("class=\"tick\">120<"));
    }
}
