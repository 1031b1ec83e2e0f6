//! The terminal: entered and left whole, whatever happens; its keys; what it can show.

use crate::cli::CliError;
use crate::cli::output::tell;
use crate::cli::progress::hold_log;
use crate::screen::{Key, Look, Screen};
use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::DefaultTerminal;
use ratatui::buffer::Buffer;
use std::env::var_os;
use std::io::{self, IsTerminal};
use tokio::sync::mpsc;

/// Refuses what cannot show a screen.
///
/// # Errors
/// If there is no terminal, or one without cursor movements.
pub(super) fn check() -> Result<(), CliError> {
    let refused = |why| Err(CliError::Usage(format!("--full needs {why}: leave --full out, or give --json")));
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return refused("a terminal as its input and its output");
    }
    if var_os("TERM").is_none_or(|term| term == "dumb" || term.is_empty()) {
        return refused("a terminal that can draw, and TERM says that this one cannot");
    }
    Ok(())
}

/// What the environment says that the terminal can show.
pub(super) fn look() -> Look {
    let said = |name: &str| var_os(name).filter(|value| !value.is_empty());
    // as the C library decides: the first that is set counts
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| said(name));
    let locale = locale.map(|locale| locale.to_string_lossy().to_lowercase()).unwrap_or_default();
    Look { ascii: !locale.contains("utf-8") && !locale.contains("utf8"), colours: said("NO_COLOR").is_none() }
}

/// The terminal while the screen is on it. It is restored when this is dropped, and by a panic.
pub(super) struct Terminal(DefaultTerminal);

impl Terminal {
    /// Takes the terminal over; the log waits until it is left.
    ///
    /// # Errors
    /// If the terminal does not allow it; it is then as it was.
    pub(super) fn enter() -> Result<Self, CliError> {
        hold_log(true);
        ratatui::try_init().map(Self).map_err(|error| {
            restore();
            CliError::Output(error)
        })
    }

    /// Draws what has changed.
    pub(super) fn draw(&mut self, screen: &mut Screen) -> Result<(), CliError> {
        self.0.draw(|frame| screen.draw(frame)).map(drop).map_err(CliError::Output)
    }

    /// Restores the terminal and leaves the text of the last screen on it.
    pub(super) fn leave(mut self, screen: &mut Screen) -> Result<(), CliError> {
        let drawn = self.0.draw(|frame| screen.draw(frame)).map(|frame| text(frame.buffer));
        drop(self);
        // a terminal that is gone needs no text
        drawn.map_or(Ok(true), |text| tell(&text)).map(drop)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.0.show_cursor();
        restore();
    }
}

/// Gives the terminal back, as far as it is still there.
fn restore() {
    let _ = ratatui::try_restore();
    hold_log(false);
}

/// A frame as lines, without the empty ones at its end.
fn text(buffer: &Buffer) -> String {
    let rows = buffer.content.chunks(usize::from(buffer.area.width).max(1));
    let lines = rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned());
    format!("{}\n", lines.collect::<Vec<_>>().join("\n").trim_end())
}

/// What comes from the terminal.
pub(super) enum Input {
    Key(Key),
    /// It has another size now.
    Resized,
    /// Ctrl-C.
    Leave,
}

/// Reads the keys, on a thread that lives as long as the program. Ends with the terminal.
pub(super) fn keys() -> mpsc::Receiver<Input> {
    let (sender, keys) = mpsc::channel(64);
    std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            if let Some(input) = input(&event)
                && sender.blocking_send(input).is_err()
            {
                return;
            }
        }
    });
    keys
}

fn input(event: &Event) -> Option<Input> {
    let KeyEvent { code, modifiers, kind, .. } = match event {
        Event::Resize(..) => return Some(Input::Resized),
        Event::Key(key) => key,
        _ => return None,
    };
    if *kind == KeyEventKind::Release {
        return None;
    }
    let key = match code {
        KeyCode::Char('c' | 'd') if modifiers.contains(KeyModifiers::CONTROL) => return Some(Input::Leave),
        KeyCode::Char(c) if !modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) => Key::Char(*c),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Tab => Key::Next,
        KeyCode::BackTab => Key::Before,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        _ => return None,
    };
    Some(Input::Key(key))
}
