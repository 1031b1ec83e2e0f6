//! A list as lines of a width: columns as wide as what they hold, the spare ones left out where there is no room.

use super::list::{Cell, Entry, Kind, Listing, Tone, View};
use super::strip::Scale;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

/// Between two columns.
const GAP: usize = 2;
/// Columns of words are not cut below this.
const MIN_WORDS: usize = 10;
/// The width of a drawn interval.
const STRIP: std::ops::RangeInclusive<usize> = 16..=60;

/// The title, and the rows from `first` on, as many as there is room for.
pub(super) fn lines<'a>(
    listing: &Listing,
    view: &View,
    shown: &[&Entry],
    (first, rows): (usize, usize),
    width: usize,
    style: impl Fn(Tone) -> Style,
) -> Vec<Line<'a>> {
    let page = &shown[first.min(shown.len())..shown.len().min(first + rows)];
    let (columns, scale) = columns(listing, page, width);
    let title = |(column, width): &(usize, usize)| {
        let column_kind = listing.columns[*column].kind;
        let title = match (column_kind, &scale) {
            (Kind::Strip, Some(scale)) => scale.title(),
            _ => listing.columns[*column].title.clone(),
        };
        let arrow = match view.sort {
            Some(sorted) if sorted == *column => {
                if view.falls {
                    "\u{25bc}"
                } else {
                    "\u{25b2}"
                }
            }
            _ => "",
        };
        fitted(&format!("{title}{arrow}"), column_kind, *width)
    };
    let titles: Vec<String> = columns.iter().map(title).collect();
    let head = Line::styled(titles.join("  "), Style::new().add_modifier(Modifier::DIM));
    let chosen = view.chosen(shown);
    let row = |(place, entry): (usize, &&Entry)| {
        let cell = |(column, width): &(usize, usize)| match (&entry.cells[*column], &scale) {
            (Cell::Strip(score, interval), Some(scale)) => scale.line(*score, *interval),
            (Cell::Strip(..), None) => " ".repeat(*width),
            (Cell::Words(text) | Cell::Number(_, text), _) => fitted(text, listing.columns[*column].kind, *width),
        };
        let text = columns.iter().map(cell).collect::<Vec<_>>().join("  ");
        let style = style(entry.tone);
        let is_chosen = first + place == chosen;
        Line::styled(
            fitted(&text, Kind::Words, width),
            if is_chosen { style.add_modifier(Modifier::REVERSED) } else { style },
        )
    };
    std::iter::once(head).chain(page.iter().enumerate().map(row)).collect()
}

/// The columns that are shown, with their widths; and the scale of the strips.
fn columns(listing: &Listing, page: &[&Entry], width: usize) -> (Vec<(usize, usize)>, Option<Scale>) {
    let wanted = |column: usize| {
        let title = columns_of(&listing.columns[column].title) + 1;
        page.iter()
            .map(|entry| match &entry.cells[column] {
                Cell::Words(text) | Cell::Number(_, text) => columns_of(text),
                Cell::Strip(..) => *STRIP.start(),
            })
            .chain([title])
            .max()
            .unwrap_or(title)
    };
    let mut shown: Vec<(usize, usize)> = (0..listing.columns.len()).map(|column| (column, wanted(column))).collect();
    let sum = |shown: &[(usize, usize)]| shown.iter().map(|(_, width)| width + GAP).sum::<usize>().saturating_sub(GAP);
    let least = |shown: &[(usize, usize)]| {
        let least = |(column, width): &(usize, usize)| match listing.columns[*column].kind {
            Kind::Words => (*column, (*width).min(MIN_WORDS)),
            _ => (*column, *width),
        };
        sum(&shown.iter().map(least).collect::<Vec<_>>())
    };
    // what people can do without, until words can be cut
    while least(&shown) > width {
        let spare = |place: &usize| listing.columns[shown[*place].0].spare;
        let Some(place) = (0..shown.len()).max_by_key(spare).filter(|place| spare(place) > 0) else { break };
        shown.remove(place);
    }
    // the widest words are cut first
    while sum(&shown) > width {
        let is_words =
            |(column, width): &&mut (usize, usize)| listing.columns[*column].kind == Kind::Words && *width > 1;
        let Some((_, widest)) = shown.iter_mut().filter(is_words).max_by_key(|(_, width)| *width) else { break };
        *widest -= 1;
    }
    let left = width.saturating_sub(sum(&shown));
    let mut scale = None;
    if let Some((column, wide)) = shown.iter_mut().find(|(column, _)| listing.columns[*column].kind == Kind::Strip) {
        *wide = (*wide + left).min(*STRIP.end());
        // rows of every page have the same scale
        let strips = listing.rows.iter().filter_map(|entry| match &entry.cells[*column] {
            Cell::Strip(score, interval) => Some((score, interval)),
            _ => None,
        });
        scale = Scale::of(strips, *wide);
    }
    (shown, scale)
}

/// The text at that width: cut with an ellipsis, or filled.
fn fitted(text: &str, kind: Kind, width: usize) -> String {
    let wide = columns_of(text);
    let fill = " ".repeat(width.saturating_sub(wide));
    match kind {
        Kind::Number if wide <= width => format!("{fill}{text}"),
        _ if wide <= width => format!("{text}{fill}"),
        _ => {
            let mut cut = String::new();
            for c in text.chars() {
                if columns_of(&cut) + columns_of(c.encode_utf8(&mut [0; 4])) + 1 > width {
                    break;
                }
                cut.push(c);
            }
            let fill = " ".repeat(width.saturating_sub(columns_of(&cut) + 1));
            if width == 0 { String::new() } else { format!("{cut}\u{2026}{fill}") }
        }
    }
}

/// How many columns of a terminal a text takes.
fn columns_of(text: &str) -> usize {
    Span::raw(text).width()
}
