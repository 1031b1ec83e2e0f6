//! `coordinator watch --full`: the loop around the screen. It brings news and keys to it, draws it on the terminal, and does what it wishes.
//!
//! ```text
//!  coordinator or store --feed--> News --.
//!  terminal --keys--> Key ---------------+--> Screen --at most ten times a second--> terminal
//!  SIGTERM, SIGHUP --> end --------------'
//! ```

mod feed;
mod terminal;

use super::client::{Found, Source};
use super::interrupt::interrupted;
use super::{CliError, exit, progress};
use crate::outlook;
use crate::screen::{Screen, Wish};
use feed::Feed;
use std::time::Duration;
use terminal::{Input, Terminal};
use tokio::time::{Instant, sleep_until};

/// The screen is not drawn more often.
const FRAME: Duration = Duration::from_millis(100);

/// Shows the screen until somebody leaves it; the exit code says how the sweep stands, if it has ended.
///
/// # Errors
/// If there is no terminal that can draw, no such sweep, or the store cannot be read or the coordinator asked at first.
pub(super) async fn run(sweep: &str, source: Source, found: Found) -> Result<u8, CliError> {
    terminal::check()?;
    let (feed, mut news) = Feed::start(sweep, source, found).await?;
    let mut interrupts = interrupted()?;
    let mut screen = Screen::new(sweep, &feed.source(), terminal::look());
    let mut terminal = Terminal::enter()?;
    let mut keys = terminal::keys();
    let mut drawn = None;
    let mut is_stale = true;
    loop {
        let next = drawn.map_or_else(Instant::now, |drawn| drawn + FRAME);
        let wish = tokio::select! {
            biased;
            _ = interrupts.recv() => Wish::Quit,
            () = sleep_until(next), if is_stale => {
                terminal.draw(&mut screen)?;
                (drawn, is_stale) = (Some(Instant::now()), false);
                continue;
            }
            input = keys.recv() => match input {
                Some(Input::Key(key)) => screen.press(key),
                Some(Input::Resized) => Wish::Nothing,
                // Ctrl-C, or a terminal that is gone
                Some(Input::Leave) | None => Wish::Quit,
            },
            heard = news.recv() => match heard {
                Some(heard) => {
                    screen.hear(heard);
                    Wish::Nothing
                }
                None => return Err(CliError::Internal("a part of the program died; see the messages above".to_owned())),
            },
        };
        is_stale = true;
        match wish {
            Wish::Nothing => {}
            Wish::Log(job) => feed.log(job),
            Wish::Quit => break,
        }
    }
    terminal.leave(&mut screen)?;
    let ended = screen.status().and_then(|status| outlook::find(status, sweep));
    let ended = ended.filter(|sweep| sweep.state.is_over());
    Ok(ended.map_or(exit::COMPLETE, progress::exit_code))
}
