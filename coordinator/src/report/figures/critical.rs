//! The critical-difference diagram: mean ranks on a line, and bars that join candidates whose ranks do not differ.
//! Knows ranks and names.

use super::draw::{Anchor, Figure, WIDTH, dot, fitted, line, polyline, text, width_of};
use super::scale::Scale;
use crate::text::signed;
use maud::{Markup, html};

/// Height of the axis, below its numbers and the bar of the critical difference.
const AXIS: f64 = 58.0;
/// Height of a name.
const ROW: f64 = 20.0;
/// Least room between two numbers of the axis.
const BETWEEN: f64 = 8.0;
/// Distance of the bars that join.
const BAR: f64 = 9.0;

/// What is drawn: names with their mean ranks, the best (least) first.
pub(super) struct Critical {
    /// Names and mean ranks.
    pub(super) ranks: Vec<(String, f64)>,
    /// First and last of each group of neighbours whose ranks do not differ.
    pub(super) cliques: Vec<(usize, usize)>,
    /// By how much mean ranks must differ at least.
    pub(super) difference: Option<f64>,
}

impl Critical {
    /// Draws it into a figure that has its words.
    #[must_use]
    pub(super) fn draw(&self, figure: Figure) -> Figure {
        let side = self.ranks.iter().map(|(name, _)| width_of(name)).fold(80.0, f64::max).min(240.0) + 56.0;
        let least = self.ranks.first().map_or(1.0, |(_, rank)| rank.floor());
        let most = self.ranks.last().map_or(2.0, |(_, rank)| rank.ceil()).max(least + 1.0);
        let scale = Scale::exact((least, most), (side + 16.0, WIDTH - side - 16.0));
        let levels = self.levels();
        let bars = levels.iter().max().map_or(0, |most| most + 1) as f64;
        let names = AXIS + 18.0 + BAR * bars;
        let left = self.ranks.len().div_ceil(2);
        let right = self.ranks.len() - left;
        let marks = html! {
            (text(WIDTH - 2.0, 10.0, Anchor::End, "key", "within-pool, splits are not independent datasets"))
            (axis(&scale, least, most))
            (self.bar_of_the_difference(&scale, least))
            @for (index, (name, rank)) in self.ranks.iter().enumerate() {
                @let is_left = index < left;
                @let row = if is_left { index } else { self.ranks.len() - 1 - index };
                (entry(name, *rank, &scale, names + ROW * row as f64, is_left, side))
            }
            @for ((first, last), level) in self.cliques.iter().zip(&levels) {
                @let y = AXIS + 13.0 + BAR * *level as f64;
                @let at = |index: usize| scale.at(self.ranks.get(index).map_or(least, |(_, rank)| *rank));
                (line((at(*first) - 3.0, y), (at(*last) + 3.0, y), "clique"))
            }
        };
        Figure { height: names + ROW * left.max(right) as f64, marks, ..figure }
    }

    /// The level of each bar: the highest on which it does not touch another.
    fn levels(&self) -> Vec<usize> {
        let mut ends: Vec<usize> = Vec::new();
        let mut levels = Vec::with_capacity(self.cliques.len());
        for (first, last) in &self.cliques {
            let level = ends.iter().position(|end| end < first).unwrap_or(ends.len());
            if level == ends.len() {
                ends.push(*last);
            }
            ends[level] = *last;
            levels.push(level);
        }
        levels
    }

    fn bar_of_the_difference(&self, scale: &Scale, least: f64) -> Markup {
        let Some(difference) = self.difference.filter(|difference| scale.shows(least + difference)) else {
            return html! {};
        };
        let (from, to, y) = (scale.at(least), scale.at(least + difference), 24.0);
        let words = format!("critical difference (Nemenyi) {}", signed(difference, 2));
        html! {
            (line((from, y), (to, y), "span"))
            (line((from, y - 4.0), (from, y + 4.0), "span"))
            (line((to, y - 4.0), (to, y + 4.0), "span"))
            (text(from - 3.0, y - 14.0, Anchor::Start, "key", &words))
        }
    }
}

fn axis(scale: &Scale, least: f64, most: f64) -> Markup {
    let widest = width_of(&signed(most, 0)) + BETWEEN;
    let room = (scale.at(most) - scale.at(least)) / (most - least);
    let step = [1_u32, 2, 5, 10, 20, 50, 100].into_iter().find(|step| f64::from(*step) * room >= widest).unwrap_or(200);
    let first = (least as u32).next_multiple_of(step);
    html! {
        (line((scale.at(least), AXIS), (scale.at(most), AXIS), "axis"))
        @for rank in (first..=most as u32).step_by(step as usize).map(f64::from) {
            (line((scale.at(rank), AXIS), (scale.at(rank), AXIS - 5.0), "axis"))
            (text(scale.at(rank), AXIS - 13.0, Anchor::Middle, "tick", &signed(rank, 0)))
        }
        (text(scale.at(least) - 14.0, AXIS, Anchor::End, "key", "better"))
        (text(scale.at(most) + 14.0, AXIS, Anchor::Start, "key", "worse"))
    }
}

/// A name at its side, joined to its rank on the axis.
fn entry(name: &str, rank: f64, scale: &Scale, y: f64, is_left: bool, side: f64) -> Markup {
    let inner = if is_left { Anchor::Start } else { Anchor::End };
    let (edge, anchor, outwards) = if is_left { (side, Anchor::End, -1.0) } else { (WIDTH - side, Anchor::Start, 1.0) };
    let (x, number, width) = (scale.at(rank), 38.0, side - 54.0);
    html! {
        (polyline(&[(x, AXIS), (x, y), (edge, y)], "leader"))
        (dot((x, AXIS), 2.6, "dot", ""))
        (text(edge + number * outwards, y, inner, "quiet", &signed(rank, 2)))
        (text(edge + (number + 8.0) * outwards, y, anchor, "", &fitted(name, width)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_the_axis_do_not_run_together() {
        let ranks = (0..20).map(|rank| (format!("a candidate with quite a long name {rank}"), 2.4 + f64::from(rank)));
        let critical = Critical { ranks: ranks.collect(), cliques: Vec::new(), difference: None };
        let drawn = critical.draw(Figure::worded("ranks", "", String::new(), "")).file();
        let place = |tick: &str| tick.rsplit("x=\"").next()?.split('"').next()?.parse::<f64>().ok();
        let ticks: Vec<&str> = drawn.split("class=\"tick\"").collect();
        let places: Vec<f64> = ticks[..ticks.len() - 1].iter().filter_map(|tick| place(tick)).collect();
        assert!(places.len() > 3 && places.array_windows().all(|[a, b]| b - a >= width_of("22") + 4.0), "{places:?}");
    }
}
