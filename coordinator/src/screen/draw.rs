//! The state as a frame: how the sweep stands, the tabs, the list or the details, what keys there are.

use super::list::Tone;
use super::state::{Mode, Screen};
use super::table;
use super::tabs::Tab;
use crate::outlook;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

/// With fewer rows the list gets those of the bar and the answer.
const ROOMY: u16 = 16;

/// Maximum number of lines of the answer.
const MAX_ANSWER: usize = 3;

/// A list has so many times the lines of its key.
const LEAST_SHARE: usize = 3;

/// With fewer columns what a key does stands after it.
const MIN_COLUMNS: u16 = 60;
/// The width of the column of keys.
const KEYS_WIDTH: usize = 37;

const KEYS: [(&str, &str); 8] = [
    ("1 to 6, Tab", "turn to a tab"),
    ("arrows, PageUp, PageDown, Home, End", "move"),
    ("Enter", "the details of a row; of a job also its log"),
    ("/", "show only rows that have these words; Esc shows all"),
    ("s, r", "sort by the next column; the other way round"),
    ("Esc", "back"),
    ("?", "these keys"),
    ("q, Ctrl-C", "leave; the sweep goes on"),
];

impl Screen {
    /// Draws all of it. Details that were turned beyond their end are turned back.
    pub fn draw(&mut self, frame: &mut Frame<'_>) {
        let is_roomy = frame.area().height >= ROOMY;
        let mut answer = wrapped(self.known.candidates.fact("answer"), frame.area().width);
        answer.truncate(if is_roomy { MAX_ANSWER } else { 0 });
        let more = u16::from(is_roomy);
        let rows = [1, 1, more, answer.len() as u16, more, 1].map(Constraint::Length);
        let constraints = rows.into_iter().chain([Constraint::Min(0), Constraint::Length(1)]);
        let areas = Layout::vertical(constraints).split(frame.area());
        let &[title, standing, bar, said, _, tabs, body, foot] = &areas[..] else { return };
        frame.render_widget(self.title(title.width), title);
        frame.render_widget(Line::raw(self.standing(standing.width)), standing);
        frame.render_widget(self.bar(bar.width), bar);
        frame.render_widget(Paragraph::new(answer), said);
        frame.render_widget(self.tabs(tabs.width), tabs);
        self.draw_body(frame, body);
        frame.render_widget(self.foot(), foot);
        if self.look.ascii {
            to_ascii(frame.buffer_mut());
        }
    }

    /// The sweep and its state, and at the right where the news come from.
    fn title(&self, width: u16) -> Line<'_> {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let mut spans = match (self.known.sweep(), self.status()) {
            (Some(sweep), Some(status)) => {
                let simulated = if sweep.simulated { ", simulated" } else { "" };
                vec![
                    Span::styled(sweep.sweep.clone(), bold),
                    Span::raw(format!("  {}{simulated}", outlook::state(status, sweep))),
                ]
            }
            _ => vec![Span::styled("no sweep yet", bold)],
        };
        let taken = spans.iter().map(Span::width).sum::<usize>() + self.source.chars().count();
        if let Some(gap) = usize::from(width).checked_sub(taken).filter(|gap| *gap > 1) {
            spans.push(Span::styled(format!("{}{}", " ".repeat(gap), self.source), self.style(Tone::Faint)));
        }
        Line::from(spans)
    }

    /// How far the sweep is: as much as there is room for.
    fn standing(&self, width: u16) -> String {
        let (Some(sweep), Some(status)) = (self.known.sweep(), self.status()) else { return String::new() };
        let left = outlook::time_left(status, sweep);
        let mut words = vec![outlook::counts(sweep).trim_end_matches(" (simulated)").to_owned()];
        words.extend(left.map(|left| format!("{} left", humantime::format_duration(left))));
        words.extend(outlook::until(status, sweep));
        words.extend((!status.workers.is_empty()).then(|| outlook::slots(status)));
        let mut text = words.remove(0);
        for more in words {
            if text.chars().count() + more.chars().count() + 2 <= usize::from(width) {
                text = format!("{text}, {more}");
            }
        }
        text
    }

    /// The epochs that are done, of all.
    fn bar(&self, width: u16) -> Line<'static> {
        let Some(sweep) = self.known.sweep() else { return Line::default() };
        let all = usize::from(width.saturating_sub(6));
        let share = sweep.epochs_done as f64 / sweep.epochs.max(1) as f64;
        let done = (share * all as f64).floor().clamp(0.0, all as f64) as usize;
        let text =
            format!("{}{} {:3.0} %", "\u{2588}".repeat(done), "\u{2591}".repeat(all - done), (100.0 * share).floor());
        Line::styled(text, self.style(Tone::Good))
    }

    /// The tabs; where there is no room, only the name of the one that is open.
    fn tabs(&self, width: u16) -> Line<'static> {
        let line = |is_short: bool| {
            let span = |tab: Tab| {
                let number = tab as usize + 1;
                let is_open = tab == self.tab;
                let text =
                    if is_short && !is_open { format!(" {number} ") } else { format!(" {number} {} ", tab.title()) };
                Span::styled(text, if is_open { Style::new().add_modifier(Modifier::REVERSED) } else { Style::new() })
            };
            Line::from(Tab::ALL.map(span).to_vec())
        };
        let long = line(false);
        if long.width() <= usize::from(width) { long } else { line(true) }
    }

    fn draw_body(&mut self, frame: &mut Frame<'_>, area: Rect) {
        let from = match &self.mode {
            Mode::Details { from, .. } | Mode::Keys { from } => *from,
            Mode::List | Mode::Filter => 0,
        };
        let mut lines = match &self.mode {
            Mode::Keys { .. } => KEYS.iter().flat_map(|(keys, what)| of_key(keys, what, area.width)).collect(),
            Mode::Details { key, log, .. } => self.details(key, log.as_deref(), area.width),
            Mode::List | Mode::Filter => return frame.render_widget(Paragraph::new(self.list(area)), area),
        };
        // the last lines stay in sight
        let most = lines.len().saturating_sub(usize::from(area.height));
        frame.render_widget(Paragraph::new(lines.split_off(from.min(most))), area);
        if let Mode::Details { from, .. } | Mode::Keys { from } = &mut self.mode {
            *from = (*from).min(most);
        }
    }

    fn details(&self, key: &str, log: Option<&str>, width: u16) -> Vec<Line<'static>> {
        let mut details = self.tab.details(&self.known, key);
        if self.tab.lists_jobs() {
            details.push(String::new());
            details.extend(log.unwrap_or("The log is being read.").lines().map(str::to_owned));
        }
        details.iter().flat_map(|line| wrapped(line, width)).collect()
    }

    fn list(&self, area: Rect) -> Vec<Line<'static>> {
        let listing = self.listing();
        let shown = self.view().shown(&listing);
        if shown.is_empty() {
            let empty = if listing.rows.is_empty() { listing.empty } else { "No row has these words.".to_owned() };
            return vec![Line::styled(empty, self.style(Tone::Faint))];
        }
        let key = self.key(&listing.key, area);
        let rows = usize::from(area.height).saturating_sub(1 + key.len()).max(1);
        let first = self.view().chosen(&shown) / rows * rows;
        let style = |tone| self.style(tone);
        let mut lines = table::lines(&listing, self.view(), &shown, (first, rows), area.width.into(), style);
        lines.extend(key);
        lines
    }

    /// What the signs of a list mean, beneath it and apart; nothing where it would take the room of the rows.
    fn key(&self, key: &str, area: Rect) -> Vec<Line<'static>> {
        let words = wrapped(key, area.width).into_iter().map(|line| line.style(self.style(Tone::Faint)));
        let lines: Vec<_> = std::iter::once(Line::default()).chain(words).collect();
        let is_needed = !key.is_empty() && lines.len() * LEAST_SHARE <= usize::from(area.height);
        if is_needed { lines } else { Vec::new() }
    }

    /// The last line: what is wrong, else what the keys are.
    fn foot(&self) -> Line<'_> {
        if let Some((since, why)) = &self.lost {
            let text = format!("not connected since {}, trying again: {why}", outlook::clock(*since));
            return Line::styled(text, self.style(Tone::Bad).add_modifier(Modifier::BOLD));
        }
        let filter = &self.view().filter;
        match &self.mode {
            Mode::Filter => Line::raw(format!("/{filter}_   Enter keeps it, Esc shows all")),
            Mode::List if !filter.is_empty() => Line::raw(format!("only rows with: {filter}   Esc shows all")),
            Mode::List => Line::styled("Enter details  / filter  s sort  ? keys  q quit", self.style(Tone::Faint)),
            Mode::Details { .. } | Mode::Keys { .. } => Line::styled("Esc back  q quit", self.style(Tone::Faint)),
        }
    }

    fn style(&self, tone: Tone) -> Style {
        let style = Style::new();
        match tone {
            Tone::Plain => style,
            Tone::Faint => style.add_modifier(Modifier::DIM),
            Tone::Good if self.look.colours => style.fg(Color::Green),
            Tone::Bad if self.look.colours => style.fg(Color::Red),
            Tone::Good | Tone::Bad => style.add_modifier(Modifier::BOLD),
        }
    }
}

/// A text as lines of a width; none of an empty text but one.
fn wrapped(text: &str, width: u16) -> Vec<Line<'static>> {
    textwrap::wrap(text, usize::from(width.max(1))).into_iter().map(|line| Line::raw(line.into_owned())).collect()
}

/// What a key does, as lines of a width: in a column of its own where there is room.
fn of_key(keys: &str, what: &str, width: u16) -> Vec<Line<'static>> {
    let (text, indent) = if width >= MIN_COLUMNS {
        (format!("{keys:<KEYS_WIDTH$}{what}"), KEYS_WIDTH)
    } else {
        (format!("{keys}: {what}"), 2)
    };
    let indent = " ".repeat(indent);
    let options = textwrap::Options::new(usize::from(width.max(1))).subsequent_indent(&indent);
    textwrap::wrap(&text, options).into_iter().map(|line| Line::raw(line.into_owned())).collect()
}

/// Puts what every terminal has in place of what some have not.
fn to_ascii(buffer: &mut Buffer) {
    for cell in buffer.content.iter_mut().filter(|cell| !cell.symbol().is_ascii()) {
        let plain = match cell.symbol() {
            "\u{b7}" => ".",
            "\u{2026}" => "~",
            "\u{2212}" | "\u{2013}" | "\u{2014}" | "\u{2500}" => "-",
            "\u{251c}" | "\u{2524}" => "|",
            "\u{25cf}" => "o",
            "\u{2588}" => "#",
            "\u{2591}" => ".",
            "\u{25b2}" => "^",
            "\u{25bc}" => "v",
            "\u{d7}" => "x",
            "\u{394}" => "D",
            _ => "?",
        };
        cell.set_symbol(plain);
    }
}
