//! Rows of intervals on a common axis: what candidates score, or how far they are from the best. Each row has its
//! mean, the interval for this pool (thick), that for new data (thin) and a dot for every split; a hill of them, where
//! there are too many. Knows places and words, no statistics.

use super::draw::{Anchor, Figure, Px, WIDTH, bar, dot, fitted, line, polygon, text, width_of, x_axis};
use super::hill::{MAX_DOTS, hill};
use super::scale::{BESIDE, Scale};
use crate::report::lineup::Against;
use crate::stats::Interval;
use crate::text::{plural, range, signed};
use maud::{Markup, html};

/// Height of a row.
const ROW: f64 = 28.0;
/// Where the first row begins: above it are the key and the heads of the columns.
const TOP: f64 = 58.0;
/// How much wider strong letters are, in a wide sans-serif.
const STRONG: f64 = 1.16;
/// Maximum width of the rows' names.
const MAX_LABEL: f64 = 250.0;
/// Width of a row that is drawn by itself.
const STRIP: f64 = 320.0;
/// Room between names, plot and columns.
const GAP: f64 = 18.0;
/// Maximum number of splits beyond the end of the axis that are named.
const MAX_NAMED: usize = 10;

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ForestRow {
    /// Its name.
    pub(super) label: String,
    /// Its colour's meaning.
    pub(super) against: Against,
    /// A value for each split, with the split's name.
    pub(super) splits: Vec<(String, f64)>,
    /// The mean.
    pub(super) mean: Option<f64>,
    /// The interval for this pool.
    pub(super) pool: Option<(f64, f64)>,
    /// The interval for new data.
    pub(super) new: Option<(f64, f64)>,
    /// What stands in the columns at its right.
    pub(super) cells: Vec<String>,
}

/// The marks of rows, each row a small drawing of its own, on one axis: for tables that have the names and the numbers.
pub(crate) struct Strips {
    /// What the marks mean.
    pub(crate) key: Markup,
    /// The numbers of the axis.
    pub(crate) axis: Markup,
    /// The rows, from above.
    pub(crate) rows: Vec<Markup>,
}

/// How splits are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marks {
    /// Each is a dot, with its name and value.
    Dots,
    /// Those of a row are a hill.
    Hills,
}

/// The whole plot.
pub(super) struct Forest {
    /// What the axis shows.
    pub(super) axis: String,
    /// Values that the axis need not pass, such as 0 and 1 for shares.
    pub(super) bounds: (f64, f64),
    /// The heads of the columns.
    pub(super) heads: Vec<&'static str>,
    /// The rows, from above.
    pub(super) rows: Vec<ForestRow>,
    /// A stretch of the axis that means no difference.
    pub(super) band: Option<(f64, f64)>,
    /// A value to compare with.
    pub(super) reference: Option<f64>,
}

impl Forest {
    /// How the rows show their splits.
    #[must_use]
    pub(super) fn marks(&self) -> Marks {
        let splits: usize = self.rows.iter().map(|row| row.splits.len()).sum();
        if splits > MAX_DOTS { Marks::Hills } else { Marks::Dots }
    }

    /// Draws it into a figure that has its words.
    #[must_use]
    pub(super) fn draw(&self, figure: Figure) -> Figure {
        let (columns, splits) = (self.columns(), self.marks());
        let labels = self.rows.iter().map(|row| STRONG * width_of(&row.label)).fold(60.0, f64::max).min(MAX_LABEL);
        let right = columns.first().map_or(WIDTH, |column| column.left) - GAP;
        let scale = self.scale((labels + GAP, right));
        let bottom = TOP + ROW * self.rows.len() as f64;
        let marks = html! {
            (key(labels + GAP, splits, self.band.is_some()))
            @for (column, head) in columns.iter().zip(&self.heads) {
                (text(column.right, TOP - 12.0, Anchor::End, "head", head))
            }
            @if let Some((low, high)) = self.band {
                (bar((scale.clamped(low), scale.clamped(high)), TOP, bottom - TOP, "band"))
            }
            (x_axis(&scale, TOP, bottom, &self.axis))
            @if let Some(at) = self.reference.map(|value| scale.at(value)) {
                (line((at, TOP), (at, bottom), "reference"))
            }
            @for (index, row) in self.rows.iter().enumerate() {
                (draw_row(row, splits, &scale, TOP + ROW * (index as f64 + 0.5), labels, &columns))
            }
        };
        Figure { height: bottom + 42.0, marks, ..figure }
    }

    /// Draws each row by itself.
    #[must_use]
    pub(super) fn strips(&self) -> Strips {
        let (splits, scale) = (self.marks(), self.scale((6.0, STRIP - 6.0)));
        let strip = |height: f64, words: &str, marks: Markup| {
            html! {
                svg class="figure strip" viewBox={ "0 0 " (Px(STRIP)) " " (Px(height)) } role="img" aria-label=(words) { (marks) }
            }
        };
        let ticks = scale.ticks(BESIDE);
        let row = |row: &ForestRow| {
            html! {
                @for tick in &ticks { (line((tick.at, 0.0), (tick.at, ROW), "grid")) }
                (draw_marks(row, splits, &scale, ROW / 2.0))
            }
        };
        let axis = html! { @for tick in &ticks { (text(tick.at, 8.0, Anchor::Middle, "tick", &tick.label)) } };
        Strips {
            key: html! { svg class="figure key" viewBox="0 0 500 20" aria-hidden="true" { (key(2.0, splits, self.band.is_some())) } },
            axis: strip(16.0, "95 % intervals", axis),
            rows: self.rows.iter().map(|one| strip(ROW, &both_intervals(one), row(one))).collect(),
        }
    }

    fn columns(&self) -> Vec<Column> {
        let mut right = WIDTH - 2.0;
        let columns = self.heads.iter().enumerate().rev().map(|(index, head)| {
            let cells = self.rows.iter().filter_map(|row| row.cells.get(index));
            let width = cells.map(|cell| STRONG * width_of(cell)).fold(width_of(head), f64::max);
            let column = Column { left: right - width, right };
            right = column.left - 12.0;
            column
        });
        let mut columns: Vec<_> = columns.collect();
        columns.reverse();
        columns
    }

    /// The axis shows every mean and the usual splits: a collapsed training far away from its row would press all
    /// others together, and becomes an arrow at the axis' end. So do the ends of intervals that would make the axis
    /// more than half as long again at one side.
    fn scale(&self, range: (f64, f64)) -> Scale {
        let dots = self.rows.iter().flat_map(|row| usual(&row.splits));
        let values: Vec<f64> = dots.chain(self.rows.iter().filter_map(|row| row.mean)).chain(self.reference).collect();
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let room = 0.5 * (high - low);
        let cut = |value: f64| value.clamp((low - room).max(self.bounds.0), (high + room).min(self.bounds.1));
        let intervals = self.rows.iter().flat_map(|row| [row.pool, row.new]).flatten();
        let ends = intervals.flat_map(|(low, high)| [low, high]).filter(|_| low <= high).map(cut);
        Scale::linear(values.iter().copied().chain(ends), range)
    }
}

/// A column of texts that end at its right edge.
struct Column {
    left: f64,
    right: f64,
}

fn draw_row(row: &ForestRow, splits: Marks, scale: &Scale, y: f64, labels: f64, columns: &[Column]) -> Markup {
    let weight = if row.against == Against::Best { "strong" } else { "" };
    html! {
        (text(labels, y, Anchor::End, weight, &fitted(&row.label, labels / STRONG + 0.5)))
        (draw_marks(row, splits, scale, y))
        @for (column, cell) in columns.iter().zip(&row.cells) { (text(column.right, y, Anchor::End, weight, cell)) }
    }
}

/// The interval above, the splits below.
fn draw_marks(row: &ForestRow, splits: Marks, scale: &Scale, y: f64) -> Markup {
    let (above, below) = (y - 3.5, y + 7.0);
    let (within, beyond): (Vec<_>, Vec<_>) = row.splits.iter().partition(|(_, value)| scale.shows(*value));
    let (left, right) = scale.range();
    let (under, over): (Vec<_>, Vec<_>) = beyond.into_iter().partition(|(_, value)| scale.at(*value) < left);
    html! {
        g class=(row.against.class()) {
            @match splits {
                Marks::Dots => {
                    @for split in within { (dot((scale.at(split.1), below), 2.3, "dot", &words(split))) }
                }
                Marks::Hills => {
                    @if !within.is_empty() {
                        g {
                            title { (summary(&row.splits)) }
                            (hill(within.iter().map(|(_, value)| scale.at(*value)), (left, right), y + 12.0, 9.5))
                        }
                    }
                }
            }
            @if !under.is_empty() { (arrow(&under, (left, below), -1.0)) }
            @if !over.is_empty() { (arrow(&over, (right, below), 1.0)) }
            @if let Some(new) = row.new { (interval(new, scale, above)) }
            @if let Some((low, high)) = row.pool {
                (bar((scale.clamped(low), scale.clamped(high)), above - 2.5, 5.0, "pool"))
            }
            @if let Some(mean) = row.mean { (dot((scale.at(mean), above), 4.2, "mean", "")) }
        }
    }
}

/// The intervals of a row, for who does not see them.
fn both_intervals(row: &ForestRow) -> String {
    let words = |name: &str, (low, high): (f64, f64)| format!("{name} {}", range(Interval { low, high }, 3));
    let intervals = [row.pool.map(|pool| words("this pool", pool)), row.new.map(|new| words("new data", new))];
    let intervals: Vec<String> = intervals.into_iter().flatten().collect();
    if intervals.is_empty() { "no interval".to_owned() } else { intervals.join(", ") }
}

/// A split and its value.
fn words((split, value): &(String, f64)) -> String {
    format!("split {split}: {}", signed(*value, 4))
}

/// Where the splits of a row lie.
fn summary(splits: &[(String, f64)]) -> String {
    let values = sorted(splits);
    let [low, first, third, high] = [0, 1, 3, 4].map(|share| signed(quartile(&values, share), 4));
    format!("{}: {low} to {high}, the middle half {first} to {third}", plural(values.len() as u64, "split"))
}

fn sorted(splits: &[(String, f64)]) -> Vec<f64> {
    let mut values: Vec<f64> = splits.iter().map(|(_, value)| *value).collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The value below which so many quarters of the sorted values lie.
fn quartile(values: &[f64], share: usize) -> f64 {
    values.get(values.len().saturating_sub(1) * share / 4).copied().unwrap_or(0.0)
}

/// The values without those that lie more than three interquartile ranges away from the quartiles.
fn usual(splits: &[(String, f64)]) -> Vec<f64> {
    let mut values = sorted(splits);
    let (low, high) = (quartile(&values, 1), quartile(&values, 3));
    let room = 3.0 * (high - low).max(0.01);
    values.retain(|value| (low - room..=high + room).contains(value));
    values
}

/// An arrow at the end of the axis beyond which splits lie: with the value of one, or how many there are.
fn arrow(splits: &[&(String, f64)], (x, y): (f64, f64), towards: f64) -> Markup {
    let anchor = if towards < 0.0 { Anchor::Start } else { Anchor::End };
    let named: Vec<_> = splits.iter().take(MAX_NAMED).map(|split| words(split)).collect();
    let more =
        if splits.len() > MAX_NAMED { format!(", and {} more", splits.len() - MAX_NAMED) } else { String::new() };
    let label = match splits {
        [(_, value)] => signed(*value, 3),
        several => plural(several.len() as u64, "split"),
    };
    html! {
        g {
            title { (named.join(", ")) (more) }
            (polygon(&[(x, y), (x - 5.0 * towards, y - 3.5), (x - 5.0 * towards, y + 3.5)], "dot"))
            (text(x - 8.0 * towards, y, anchor, "small", &label))
        }
    }
}

/// A line with ends; with arrow heads where it goes on beyond the axis.
fn interval((low, high): (f64, f64), scale: &Scale, y: f64) -> Markup {
    let end = |value: f64, towards: f64| {
        let x = scale.clamped(value);
        if scale.shows(value) {
            return line((x, y - 4.0), (x, y + 4.0), "new");
        }
        polygon(&[(x + 6.0 * towards, y), (x, y - 4.0), (x, y + 4.0)], "arrow")
    };
    html! {
        (line((scale.clamped(low), y), (scale.clamped(high), y), "new"))
        (end(low, -1.0))
        (end(high, 1.0))
    }
}

/// The key, in the order in which a row is read.
fn key(left: f64, splits: Marks, has_band: bool) -> Markup {
    let y = 10.0;
    let splits = match splits {
        Marks::Dots => ("a split", 12.0, html! { (dot((3.0, y), 2.3, "dot", "")) (dot((9.0, y), 2.3, "dot", "")) }),
        Marks::Hills => ("splits", 24.0, hill([8.0, 11.0, 12.0, 13.0, 16.0], (4.0, 20.0), y + 5.0, 10.0)),
    };
    let entries: [(&str, f64, Markup); 5] = [
        ("mean", 10.0, dot((5.0, y), 4.2, "mean", "")),
        ("95 % for this pool", 24.0, bar((0.0, 22.0), y - 2.5, 5.0, "pool")),
        (
            "95 % for new data",
            24.0,
            html! {
                (line((0.0, y), (22.0, y), "new"))
                (line((0.0, y - 4.0), (0.0, y + 4.0), "new"))
                (line((22.0, y - 4.0), (22.0, y + 4.0), "new"))
            },
        ),
        splits,
        ("practically no difference", 18.0, bar((0.0, 16.0), y - 6.0, 12.0, "band")),
    ];
    let shown = if has_band { 5 } else { 4 };
    let mut x = left;
    html! {
        @for (words, width, mark) in entries.into_iter().take(shown) {
            g class="behind" transform={ "translate(" (Px(x)) " 0)" } {
                (mark)
                (text(width + 5.0, y, Anchor::Start, "key", words))
            }
            @let () = x += width + width_of(words) + 18.0;
        }
    }
}
