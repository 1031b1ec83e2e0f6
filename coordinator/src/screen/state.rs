//! The state of the screen: news and keys in, a wish out.

use super::list::{Listing, View};
use super::messages::{self, Message};
use super::news::{Key, News, Wish};
use super::tabs::{Known, Tab};
use proto::status::Status;

/// Rows of a page that a key turns.
const PAGE: isize = 10;
/// More rows than there are.
const ALL: isize = isize::MAX / 2;
/// Maximum number of messages that are kept.
const MAX_MESSAGES: usize = 500;

/// What the terminal can show.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Whether only ASCII is drawn.
    pub ascii: bool,
    /// Whether colours are.
    pub colours: bool,
}

/// The screen.
#[derive(Debug)]
pub struct Screen {
    pub(super) look: Look,
    /// Where the news come from, for people.
    pub(super) source: String,
    pub(super) known: Known,
    /// Since when the coordinator is gone, and why.
    pub(super) lost: Option<(u64, String)>,
    pub(super) tab: Tab,
    views: [View; Tab::ALL.len()],
    pub(super) mode: Mode,
}

/// What the keys are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mode {
    /// Moving in the list.
    List,
    /// Writing the filter.
    Filter,
    /// Reading the details of a row, from a line on.
    Details { key: String, log: Option<String>, from: usize },
    /// Reading what the keys are, from a line on.
    Keys { from: usize },
}

impl Screen {
    /// A screen that waits for its first news: of one sweep, or of the one submitted last if the name is empty.
    #[must_use]
    pub fn new(sweep: &str, source: &str, look: Look) -> Self {
        let known = Known { sweep: sweep.to_owned(), ..Known::default() };
        Self {
            look,
            source: source.to_owned(),
            known,
            lost: None,
            tab: Tab::Results,
            views: Default::default(),
            mode: Mode::List,
        }
    }

    /// Where everything stands, as far as it is known.
    #[must_use]
    pub fn status(&self) -> Option<&Status> {
        self.known.status.as_ref()
    }

    /// Takes news in.
    pub fn hear(&mut self, news: News) {
        match news {
            News::Status(status) => self.hear_status(status),
            News::Tables { candidates, jobs, failed } => {
                (self.known.candidates, self.known.jobs, self.known.failed) = (candidates, jobs, failed);
                self.known.tables = Some(Ok(()));
            }
            News::NoTables(why) => self.known.tables = Some(Err(why)),
            News::Log { job, text } => {
                if let Mode::Details { key, log, .. } = &mut self.mode
                    && *key == job
                {
                    *log = Some(text);
                }
            }
            News::Moved { at_ms, source } => {
                self.lost = None;
                self.say(at_ms, format!("the news come from {source} now"), false);
                self.source = source;
            }
            News::Lost { at_ms, why } => {
                if self.lost.is_none() {
                    self.say(at_ms, format!("the connection is lost: {why}"), true);
                }
                let since = self.lost.as_ref().map_or(at_ms, |(since, _)| *since);
                self.lost = Some((since, why));
            }
        }
    }

    fn hear_status(&mut self, status: Status) {
        if self.lost.take().is_some() {
            self.say(status.at_ms, "the connection is back".to_owned(), false);
        }
        self.known.messages.extend(match &self.known.status {
            Some(before) => messages::between(before, &status),
            None => messages::at_first(&status),
        });
        let surplus = self.known.messages.len().saturating_sub(MAX_MESSAGES);
        self.known.messages.drain(..surplus);
        self.known.forgotten += surplus;
        self.known.status = Some(status);
    }

    fn say(&mut self, at_ms: u64, text: String, is_bad: bool) {
        self.known.messages.push(Message { at_ms, text, is_bad });
    }

    /// Takes a key in.
    pub fn press(&mut self, key: Key) -> Wish {
        match &mut self.mode {
            Mode::Filter => self.write_filter(key),
            Mode::Details { from, .. } | Mode::Keys { from } if let Some(by) = lines_on(key) => {
                *from = from.saturating_add_signed(by);
            }
            Mode::Details { .. } | Mode::Keys { .. } if matches!(key, Key::Escape | Key::Enter | Key::Char('?')) => {
                self.mode = Mode::List;
            }
            _ => return self.command(key),
        }
        Wish::Nothing
    }

    fn write_filter(&mut self, key: Key) {
        let view = &mut self.views[self.tab as usize];
        match key {
            Key::Char(c) => view.filter.push(c),
            Key::Backspace => drop(view.filter.pop()),
            Key::Escape => view.filter.clear(),
            _ => {}
        }
        if matches!(key, Key::Escape | Key::Enter) {
            self.mode = Mode::List;
        }
        self.step(0);
    }

    fn command(&mut self, key: Key) -> Wish {
        match key {
            Key::Char('q') => return Wish::Quit,
            Key::Char('?') => self.mode = Mode::Keys { from: 0 },
            Key::Char('/') => self.mode = Mode::Filter,
            Key::Char(digit @ '1'..='6') => self.turn_to(Tab::ALL[digit as usize - '1' as usize]),
            Key::Next => self.turn_to(Tab::ALL[(self.tab as usize + 1) % Tab::ALL.len()]),
            Key::Before => self.turn_to(Tab::ALL[(self.tab as usize + Tab::ALL.len() - 1) % Tab::ALL.len()]),
            Key::Char('s') => {
                let listing = self.listing();
                self.views[self.tab as usize].sort_by_next(&listing);
            }
            Key::Char('r') => self.views[self.tab as usize].falls ^= true,
            Key::Escape => self.views[self.tab as usize].filter.clear(),
            Key::Enter => return self.open(),
            key => self.step(lines_on(key).unwrap_or(0)),
        }
        Wish::Nothing
    }

    fn turn_to(&mut self, tab: Tab) {
        (self.tab, self.mode) = (tab, Mode::List);
    }

    fn step(&mut self, by: isize) {
        let listing = self.listing();
        self.views[self.tab as usize].step(&listing, by);
    }

    /// The details of the row that is chosen.
    fn open(&mut self) -> Wish {
        let listing = self.listing();
        let shown = self.view().shown(&listing);
        let Some(entry) = shown.get(self.view().chosen(&shown)) else { return Wish::Nothing };
        let key = entry.key.clone();
        self.mode = Mode::Details { key: key.clone(), log: None, from: 0 };
        if self.tab.lists_jobs() { Wish::Log(key) } else { Wish::Nothing }
    }

    /// The list of the tab.
    pub(super) fn listing(&self) -> Listing {
        self.tab.listing(&self.known)
    }

    /// What of it is shown.
    pub(super) fn view(&self) -> &View {
        &self.views[self.tab as usize]
    }
}

/// How many rows a key moves.
fn lines_on(key: Key) -> Option<isize> {
    match key {
        Key::Up | Key::Char('k') => Some(-1),
        Key::Down | Key::Char('j') => Some(1),
        Key::PageUp => Some(-PAGE),
        Key::PageDown => Some(PAGE),
        Key::Home => Some(-ALL),
        Key::End => Some(ALL),
        _ => None,
    }
}
