//! A drawing: SVG without colours or fonts of its own. What a mark looks like is said by its class in `figure.css`,
//! so that one drawing serves light, dark and paper. Knows no statistics.

use super::pdf;
use super::scale::{ABOVE, BESIDE, Scale, Tick};
use maud::{Markup, PreEscaped, Render, html};
use std::fmt::Write;

/// Width of every figure, in units that are pixels where the page is wide enough.
pub(super) const WIDTH: f64 = 860.0;
/// The margin of a drawing that is a file of its own.
const MARGIN: f64 = 16.0;
/// Size of the letters, as `figure.css` has it.
const LETTERS: f64 = 12.0;
/// The styles of all marks.
pub(crate) const STYLE: &str = include_str!("figure.css");

/// A figure with what must be said about it.
pub(crate) struct Figure {
    /// The stem of its file.
    pub(crate) name: &'static str,
    /// A heading.
    pub(crate) title: String,
    /// What can be seen.
    pub(crate) see: String,
    /// What must not be concluded.
    pub(crate) caution: String,
    /// The height, in the units of [`WIDTH`].
    pub(super) height: f64,
    /// The marks.
    pub(super) marks: Markup,
}

impl Figure {
    /// A figure that has its words and no marks yet.
    pub(super) fn worded(name: &'static str, title: &str, see: String, caution: &str) -> Self {
        Self { name, title: title.to_owned(), see, caution: caution.to_owned(), height: 0.0, marks: html! {} }
    }

    /// The drawing as a part of the page, which has the styles.
    #[must_use]
    pub(crate) fn inline(&self) -> Markup {
        self.svg(None, 0.0)
    }

    /// The drawing as a file of its own.
    #[must_use]
    pub(crate) fn file(&self) -> String {
        self.svg(Some("http://www.w3.org/2000/svg"), MARGIN).into_string()
    }

    /// The drawing as PDF.
    #[must_use]
    pub(crate) fn pdf(&self) -> Vec<u8> {
        pdf::file(&self.title, &self.svg(None, MARGIN).into_string())
    }

    fn svg(&self, namespace: Option<&str>, margin: f64) -> Markup {
        let id = |part: &str| format!("{}-{part}", self.name);
        let (left, width, height) = (Px(-margin), Px(WIDTH + 2.0 * margin), Px(self.height + 2.0 * margin));
        html! {
            svg xmlns=[namespace] class="figure" viewBox={ (left) " " (left) " " (width) " " (height) } role="img"
                aria-labelledby={ (id("title")) " " (id("see")) } {
                title id=(id("title")) { (self.title) }
                desc id=(id("see")) { (self.see) }
                @if namespace.is_some() {
                    style { (PreEscaped(STYLE)) }
                    rect class="paper" x=(left) y=(left) width=(width) height=(height) {}
                }
                (self.marks)
            }
        }
    }
}

/// A length, with one decimal at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Px(pub(super) f64);

impl Render for Px {
    fn render_to(&self, buffer: &mut String) {
        let tenths = (self.0 * 10.0).round() / 10.0;
        // writing to a string does not fail; adding 0 makes -0 a 0
        let _ = write!(buffer, "{}", tenths + 0.0);
    }
}

/// The side of a point on which its text lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    /// The text begins there.
    Start,
    /// The text is centred there.
    Middle,
    /// The text ends there.
    End,
}

/// A text whose letters are centred at the height `y`.
#[must_use]
pub(super) fn text(x: f64, y: f64, anchor: Anchor, class: &str, text: &str) -> Markup {
    let anchor = match anchor {
        Anchor::Start => None,
        Anchor::Middle => Some("middle"),
        Anchor::End => Some("end"),
    };
    html! { text x=(Px(x)) y=(Px(y + 0.36 * LETTERS)) text-anchor=[anchor] class=(class) { (text) } }
}

/// A straight line.
#[must_use]
pub(super) fn line(from: (f64, f64), to: (f64, f64), class: &str) -> Markup {
    html! { line x1=(Px(from.0)) y1=(Px(from.1)) x2=(Px(to.0)) y2=(Px(to.1)) class=(class) {} }
}

/// A rectangle between two values of x.
#[must_use]
pub(super) fn bar(x: (f64, f64), y: f64, height: f64, class: &str) -> Markup {
    let (left, width) = (x.0.min(x.1), (x.1 - x.0).abs());
    html! { rect x=(Px(left)) y=(Px(y)) width=(Px(width)) height=(Px(height)) class=(class) {} }
}

/// A disc, with a tooltip.
#[must_use]
pub(super) fn dot(at: (f64, f64), radius: f64, class: &str, words: &str) -> Markup {
    html! {
        circle cx=(Px(at.0)) cy=(Px(at.1)) r=(Px(radius)) class=(class) {
            @if !words.is_empty() { title { (words) } }
        }
    }
}

/// A line through points.
#[must_use]
pub(super) fn polyline(points: &[(f64, f64)], class: &str) -> Markup {
    html! { polyline points=(Points(points)) class=(class) {} }
}

/// A closed shape.
#[must_use]
pub(super) fn polygon(points: &[(f64, f64)], class: &str) -> Markup {
    html! { polygon points=(Points(points)) class=(class) {} }
}

struct Points<'a>(&'a [(f64, f64)]);

impl Render for Points<'_> {
    fn render_to(&self, buffer: &mut String) {
        for (index, (x, y)) in self.0.iter().enumerate() {
            if index > 0 {
                buffer.push(' ');
            }
            Px(*x).render_to(buffer);
            buffer.push(',');
            Px(*y).render_to(buffer);
        }
    }
}

/// A mark that is told apart by its shape too, not by colour alone. Each has about the same area.
#[must_use]
pub(super) fn shape(number: usize, (x, y): (f64, f64), size: f64, class: &str, words: &str) -> Markup {
    let around = |corners: &[(f64, f64)]| -> Vec<(f64, f64)> {
        corners.iter().map(|(dx, dy)| (x + dx * size, y + dy * size)).collect()
    };
    let titled = |mark: Markup| html! { g { @if !words.is_empty() { title { (words) } } (mark) } };
    match number % 5 {
        0 => dot((x, y), size, class, words),
        1 => titled(polygon(&around(&[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]), class)),
        2 => titled(polygon(&around(&[(0.0, -1.2), (1.15, 0.85), (-1.15, 0.85)]), class)),
        3 => titled(polygon(&around(&[(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)]), class)),
        _ => titled(polygon(&around(&[(0.0, 1.2), (1.15, -0.85), (-1.15, -0.85)]), class)),
    }
}

/// A horizontal axis below a plot of rows: light lines through it, numbers under it, and what they are.
#[must_use]
pub(super) fn x_axis(scale: &Scale, top: f64, bottom: f64, title: &str) -> Markup {
    let (left, right) = scale.range();
    html! {
        @for Tick { at, label } in scale.ticks(BESIDE) {
            (line((at, top), (at, bottom), "grid"))
            (text(at, bottom + 12.0, Anchor::Middle, "tick", &label))
        }
        (line((left, bottom), (right, bottom), "axis"))
        (text((left + right) / 2.0, bottom + 31.0, Anchor::Middle, "axis-title", title))
    }
}

/// A vertical axis: light lines through the plot and numbers at its left.
#[must_use]
pub(super) fn y_axis(scale: &Scale, left: f64, right: f64) -> Markup {
    html! {
        @for Tick { at, label } in scale.ticks(ABOVE) {
            (line((left, at), (right, at), "grid"))
            (text(left - 7.0, at, Anchor::End, "tick", &label))
        }
    }
}

/// About how wide a text is. There are no fonts to ask: the estimate is that of a wide sans-serif, so that texts have
/// room in any.
#[must_use]
pub(super) fn width_of(text: &str) -> f64 {
    let width = |c: char| match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | '(' | ')' | 't' | 'f' | 'r' | ' ' | '\u{b7}' => {
            0.38
        }
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.95,
        'A'..='Z' | '\u{2212}' | '+' | '=' | '<' | '>' => 0.72,
        _ => 0.61,
    };
    text.chars().map(width).sum::<f64>() * LETTERS
}

/// The text, its middle left out if it is wider than that.
#[must_use]
pub(super) fn fitted(text: &str, width: f64) -> String {
    if width_of(text) <= width {
        return text.to_owned();
    }
    let letters: Vec<char> = text.chars().collect();
    let mut keep = letters.len();
    loop {
        keep = keep.saturating_sub(1);
        let (head, tail) = (keep.div_ceil(2), keep / 2);
        let short: String =
            letters[..head].iter().chain(&['\u{2026}']).chain(&letters[letters.len() - tail..]).collect();
        if keep == 0 || width_of(&short) <= width {
            return short;
        }
    }
}

/// Places for labels near the wanted ones, in their order and at least `gap` apart, within `range` where it is long
/// enough.
#[must_use]
pub(super) fn spread(wanted: &[f64], gap: f64, range: (f64, f64)) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].total_cmp(&wanted[*b]));
    let mut places = vec![0.0; wanted.len()];
    let mut least = range.0;
    for &index in &order {
        places[index] = wanted[index].max(least);
        least = places[index] + gap;
    }
    let mut most = range.1;
    for &index in order.iter().rev() {
        places[index] = places[index].min(most);
        most = places[index] - gap;
    }
    places
}

/// Places among `all`, at most so many: evenly spaced, the first and the last among them.
pub(super) fn evenly(all: usize, most: usize) -> impl Iterator<Item = usize> {
    let shown = all.min(most);
    (0..shown).map(move |index| index * (all - 1) / (shown - 1).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_users_write_is_text() {
        let mark = text(1.0, 2.0, Anchor::End, "tick", "<script>\"&");
        assert_eq!(
            mark.into_string(),
            "<text x=\"1\" y=\"6.3\" text-anchor=\"end\" class=\"tick\">&lt;script&gt;&quot;&amp;</text>"
        );
    }

    #[test]
    fn long_texts_lose_their_middle() {
        let short = fitted("architecture=unet2, loss=focal, gamma=0.5", 120.0);
        assert!(short.starts_with("arch") && short.ends_with("0.5") && width_of(&short) <= 120.0, "{short}");
        assert_eq!(fitted("unet", 120.0), "unet");
    }

    #[test]
    fn labels_keep_their_distance() {
        let places = spread(&[50.0, 49.0, 51.0, 10.0], 12.0, (0.0, 70.0));
        let mut sorted = places.clone();
        sorted.sort_by(f64::total_cmp);
        assert!(sorted.windows(2).all(|pair| pair[1] - pair[0] >= 12.0 - 1e-9), "{places:?}");
        assert!(places[3] < places[1] && places[1] < places[0] && places[0] < places[2] && places[2] <= 70.0);
    }

    #[test]
    fn a_file_says_what_it_is_and_a_part_of_a_page_asks_for_nothing() {
        let figure = Figure {
            name: "dots",
            title: "Dots".to_owned(),
            see: "one".to_owned(),
            caution: String::new(),
            height: 10.0,
            marks: dot((1.0, 1.04), 3.0, "dot", ""),
        };
        assert!(figure.file().starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
        assert!(figure.file().contains("prefers-color-scheme: dark"));
        assert!(!figure.inline().into_string().contains("http"));
        assert!(figure.inline().into_string().contains("<circle cx=\"1\" cy=\"1\" r=\"3\" class=\"dot\"></circle>"));
    }
}
