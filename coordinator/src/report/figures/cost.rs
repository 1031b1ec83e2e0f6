//! Score against cost: a plot for the time of training and one for the parameters. The broken line joins what nothing
//! cheaper beats. Knows points and names.

use super::draw::{Anchor, Figure, Px, WIDTH, bar, polyline, shape, text, width_of, x_axis, y_axis};
use super::scale::Scale;
use maud::{Markup, html};

/// Height of a plot.
const HEIGHT: f64 = 250.0;
/// Above the plots: the key.
const TOP: f64 = 40.0;
/// Room for the numbers at the left of a plot.
const NUMBERS: f64 = 46.0;
/// Between the two plots.
const GAP: f64 = 20.0;
/// Room at the right for half of the last number.
const MARGIN: f64 = 16.0;
/// Maximum number of points that have their names beside them.
const MAX_NAMED: usize = 12;

/// What the horizontal axis shows, and how it is read off a point.
type Plot = (&'static str, fn(&Point) -> Option<f64>);

/// A candidate.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    /// Its name.
    pub(super) label: String,
    /// Whether it is the leader, whose name comes first.
    pub(super) leads: bool,
    /// Index of its hue in the key.
    pub(super) hue: usize,
    /// Index of its shape in the key.
    pub(super) shape: usize,
    /// Its mean score.
    pub(super) score: f64,
    /// Mean duration of its trainings, seconds.
    pub(super) seconds: Option<f64>,
    /// Number of trained parameters.
    pub(super) parameters: Option<f64>,
}

/// What is drawn.
pub(super) struct Cost {
    /// The candidates.
    pub(super) points: Vec<Point>,
    /// Names of the hues, then of the shapes.
    pub(super) key: (Vec<String>, Vec<String>),
    /// What the scores are.
    pub(super) metric: String,
    /// Whether a greater score is a better one.
    pub(super) higher_is_better: bool,
}

impl Cost {
    /// Draws it into a figure that has its words.
    #[must_use]
    pub(super) fn draw(&self, figure: Figure) -> Figure {
        let width = (WIDTH - 2.0 * NUMBERS - GAP - MARGIN) / 2.0;
        let plots: [Plot; 2] =
            [("training of a job, seconds", |point| point.seconds), ("trained parameters", |point| point.parameters)];
        let is_known = |(_, cost): &Plot| self.points.iter().any(|point| cost(point).is_some_and(|cost| cost > 0.0));
        let marks = html! {
            (self.draw_key())
            (text(NUMBERS, TOP - 10.0, Anchor::Start, "head", &self.metric))
            @for (index, (title, cost)) in plots.into_iter().filter(is_known).enumerate() {
                @let left = NUMBERS + (width + NUMBERS + GAP) * index as f64;
                g transform={ "translate(" (Px(left)) " " (Px(TOP)) ")" } { (self.plot(title, cost, width)) }
            }
        };
        Figure { height: TOP + HEIGHT + 42.0, marks, ..figure }
    }

    fn plot(&self, title: &str, cost: fn(&Point) -> Option<f64>, width: f64) -> Markup {
        let points: Vec<_> =
            self.points.iter().filter_map(|point| Some((point, cost(point).filter(|cost| *cost > 0.0)?))).collect();
        let x = Scale::log(points.iter().map(|(_, cost)| *cost), (0.0, width));
        let y = self.scores();
        let places: Vec<_> = points.iter().map(|(point, cost)| (x.at(*cost), y.at(point.score))).collect();
        let frontier = frontier(&places, self.higher_is_better, width);
        html! {
            (y_axis(&y, 0.0, width))
            (x_axis(&x, 0.0, HEIGHT, title))
            (polyline(&frontier, "frontier"))
            @if points.len() <= MAX_NAMED { (names(&points, &places, &frontier, width)) }
            @for ((point, _), place) in points.iter().zip(&places) {
                g class={ "s" (point.hue % 6) } { (shape(point.shape, *place, 5.0, "mark", &point.label)) }
            }
        }
    }

    /// The axis of the scores, with room for a mark at both ends.
    fn scores(&self) -> Scale {
        let scores = self.points.iter().map(|point| point.score);
        let (low, high) =
            (scores.clone().fold(f64::INFINITY, f64::min), scores.clone().fold(f64::NEG_INFINITY, f64::max));
        let room = 0.05 * (high - low);
        Scale::linear(scores.chain([low - room, high + room]), (HEIGHT, 0.0))
    }

    fn draw_key(&self) -> Markup {
        let (hues, shapes) = &self.key;
        let mut x = NUMBERS;
        let y = 10.0;
        let entries = hues.iter().enumerate().map(|(index, name)| (name, Some(index), 0));
        let entries: Vec<_> =
            entries.chain(shapes.iter().enumerate().map(|(index, name)| (name, None, index))).collect();
        html! {
            @for (name, hue, number) in entries {
                g class=(hue.map_or("behind".to_owned(), |hue| format!("s{}", hue % 6))) {
                    @if hue.is_some() { rect x=(Px(x)) y=(Px(y - 5.0)) width="16" height="10" rx="3" class="column" {} }
                    @else { (shape(number, (x + 8.0, y), 4.5, "mark", "")) }
                    (text(x + 22.0, y, Anchor::Start, "key", name))
                }
                @let () = x += width_of(name) + 40.0;
            }
        }
    }
}

/// The steps through the points that no cheaper point reaches, from the cheapest to the right edge.
fn frontier(places: &[(f64, f64)], higher_is_better: bool, width: f64) -> Vec<(f64, f64)> {
    let mut sorted = places.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut steps: Vec<(f64, f64)> = Vec::new();
    for (x, y) in sorted {
        match steps.last() {
            // drawings grow downwards: a better score is a smaller y where higher is better
            Some((_, best)) if (y >= *best) == higher_is_better => {}
            Some((_, best)) => steps.extend([(x, *best), (x, y)]),
            None => steps.push((x, y)),
        }
    }
    if let Some((_, y)) = steps.last().copied() {
        steps.push((width, y));
    }
    steps
}

/// A stretch of the drawing: left, right, above, below.
#[derive(Debug, Clone, Copy)]
struct Area(f64, f64, f64, f64);

impl Area {
    fn touches(&self, other: &Self) -> bool {
        self.0 <= other.1 && other.0 <= self.1 && self.2 <= other.3 && other.2 <= self.3
    }
}

/// The places that a name can take, from the best: beside its point, then above and below it, then reaching to one side.
fn sides(long: f64, (x, y): (f64, f64)) -> [(f64, f64); 8] {
    let (right, left, middle) = (x + 9.0, x - 9.0 - long, x - long / 2.0);
    let (above, below, from, to) = (y - 14.0, y + 14.0, x - 6.0, x + 6.0 - long);
    [(right, y), (left, y), (middle, above), (middle, below), (from, above), (from, below), (to, above), (to, below)]
}

/// The names at their points, the leader's first, where they lie on no other name or point; on the broken line only where there is no
/// other place. What is behind them shines through faintly.
fn names(points: &[(&Point, f64)], places: &[(f64, f64)], frontier: &[(f64, f64)], width: f64) -> Markup {
    let mut taken: Vec<Area> = places.iter().map(|(x, y)| Area(x - 6.0, x + 6.0, y - 5.0, y + 5.0)).collect();
    let steps: Vec<Area> = frontier
        .windows(2)
        .map(|ends| {
            let ((a, b), (c, d)) = (ends[0], ends[1]);
            Area(a.min(c), a.max(c), b.min(d), b.max(d))
        })
        .collect();
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by_key(|index| !points[*index].0.leads);
    let mut shown = Vec::new();
    for index in order {
        let label = &points[index].0.label;
        let long = width_of(label);
        let area = |(left, y): (f64, f64)| Area(left, left + long, y - 6.5, y + 6.5);
        let is_free = |place: &(f64, f64)| {
            let area = area(*place);
            let is_inside = area.0 >= 0.0 && area.1 <= width && area.2 >= -8.0 && area.3 <= HEIGHT;
            is_inside && !taken.iter().any(|other| area.touches(other))
        };
        let free: Vec<_> = sides(long, places[index]).into_iter().filter(is_free).collect();
        let is_clear = |place: &&(f64, f64)| !steps.iter().any(|step| area(**place).touches(step));
        if let Some(place) = free.iter().find(is_clear).or(free.first()).copied() {
            taken.push(area(place));
            shown.push((place, long, label));
        }
    }
    html! {
        @for ((left, y), long, label) in shown {
            (bar((left, left + long), y - 7.0, 14.0, "veil"))
            (text(left, y, Anchor::Start, "quiet", label))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_leader_has_its_name_though_another_lies_on_its_point() {
        let point = |label: &str, leads, score, seconds| Point {
            label: label.to_owned(),
            leads,
            hue: 0,
            shape: 0,
            score,
            seconds: Some(seconds),
            parameters: Some(86_277.0),
        };
        let points = vec![
            point("dice · learning rate 0.01", false, 0.7, 3.8),
            point("bce · learning rate 0.001", true, 0.7, 3.75),
            point("dice · learning rate 0.001", false, 0.7, 8.2),
            point("bce · learning rate 0.01", false, 0.5, 5.3),
        ];
        let cost = Cost { points, key: (Vec::new(), Vec::new()), metric: "IoU".to_owned(), higher_is_better: true };
        let drawn = cost.draw(Figure::worded("cost", "", String::new(), "")).file();
        assert_eq!(drawn.matches("class=\"quiet\">bce · learning rate 0.001<").count(), 2, "in both plots");
        assert_eq!(drawn.matches("class=\"quiet\">bce · learning rate 0.01<").count(), 2);
    }
}
