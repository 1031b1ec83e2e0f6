//! Two candidates, split by split: a line between both scores, sorted by their difference. Knows places and words, no statistics.

use super::draw::{Anchor, Figure, Px, WIDTH, dot, line, shape, text, width_of, x_axis};
use super::scale::Scale;
use crate::report::lineup::Lineup;
use crate::text::signed;
use maud::{Markup, html};

/// Height of a row.
const ROW: f64 = 20.0;
/// Where the first row begins: above it are the key and the heads of the columns.
const TOP: f64 = 48.0;
/// Maximum number of splits that are drawn: of more, those with the greatest differences either way.
const MAX_ROWS: usize = 40;

/// One split: its name, and both scores.
type Row = (String, f64, f64);

/// The scores of two candidates on the splits that both have; `None` without any.
#[must_use]
pub(crate) fn dumbbells(lineup: &Lineup<'_>, one: usize, other: usize) -> Option<Figure> {
    let mut rows = lineup.paired(one, other);
    rows.sort_by(|a, b| (b.1 - b.2).total_cmp(&(a.1 - a.2)));
    let all = rows.len();
    if all > MAX_ROWS {
        rows.drain(MAX_ROWS / 2..all - MAX_ROWS / 2);
    }
    if rows.is_empty() {
        return None;
    }
    let (first, second) = (lineup.name(one), lineup.name(other));
    let metric = &lineup.analysis.metric;
    let left_out = match all - rows.len() {
        0 => String::new(),
        left => format!(" The {left} splits in the middle are left out."),
    };
    let see = format!(
        "The {metric} of {first} (disc) and of {second} (square) on each split that both were tested on, the split with \
         the greatest difference at the top.{left_out}"
    );
    let caution = "A split on which the one is far ahead may be one on which the other failed to train. How far the \
                   mean difference can be trusted is in the next figure.";
    let marks = drawn(&rows, [first, second], metric);
    let height = TOP + ROW * rows.len() as f64 + 42.0;
    Some(Figure { height, marks, ..Figure::worded("splits", "Split by split", see, caution) })
}

fn drawn(rows: &[Row], names: [&str; 2], metric: &str) -> Markup {
    let label = |row: &Row| format!("split {}", row.0);
    let labels = rows.iter().map(|row| width_of(&label(row))).fold(50.0, f64::max) + 16.0;
    let right = WIDTH - 90.0;
    let bottom = TOP + ROW * rows.len() as f64;
    let scale = Scale::linear(rows.iter().flat_map(|(_, one, other)| [*one, *other]), (labels, right));
    html! {
        (key(labels, names))
        (text(WIDTH - 2.0, TOP - 12.0, Anchor::End, "head", "difference"))
        (x_axis(&scale, TOP, bottom, metric))
        @for (index, row) in rows.iter().enumerate() {
            @let y = TOP + ROW * (index as f64 + 0.5);
            @let (from, to) = (scale.at(row.1), scale.at(row.2));
            @let words = |name: &str, score: f64| format!("{name}, {}: {}", label(row), signed(score, 4));
            (text(labels - 14.0, y, Anchor::End, "quiet", &label(row)))
            (line((from, y), (to, y), "bond"))
            g class="open" { (shape(1, (to, y), 5.6, "mark", &words(names[1], row.2))) }
            g class="best" { (shape(0, (from, y), 4.2, "mark", &words(names[0], row.1))) }
            (text(WIDTH - 2.0, y, Anchor::End, "", &plus(row.1 - row.2)))
        }
    }
}

/// A difference, with its sign.
fn plus(difference: f64) -> String {
    let text = signed(difference, 3);
    if difference > 0.0 { format!("+{text}") } else { text }
}

fn key(left: f64, [first, second]: [&str; 2]) -> Markup {
    let y = 10.0;
    let next = 14.0 + width_of(first) + 22.0;
    html! {
        g transform={ "translate(" (Px(left)) " 0)" } {
            g class="best" { (dot((4.0, y), 4.2, "mark", "")) }
            (text(14.0, y, Anchor::Start, "key", first))
            g class="open" { (shape(1, (next, y), 5.6, "mark", "")) }
            (text(next + 10.0, y, Anchor::Start, "key", second))
        }
    }
}
