//! A line that says what a long command does and for how long, on a terminal; nothing elsewhere.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::{Write, stderr};
use std::time::Duration;

/// The time that passes is shown so often.
const TICK: Duration = Duration::from_millis(200);

/// The line. It goes when this is dropped.
pub(super) struct Working(ProgressBar);

impl Working {
    /// Says what is done, until something else is, or nothing more.
    pub(super) fn on(what: &str) -> Self {
        let style = ProgressStyle::with_template("{spinner} {msg}  {elapsed}");
        let line = ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        let line = line.with_message(what.to_owned());
        line.enable_steady_tick(TICK);
        Self(line)
    }

    /// Says what is done now.
    pub(super) fn at(&self, what: &str) {
        self.0.set_message(what.to_owned());
    }

    /// Says what is done now, and leaves a line where there is no terminal.
    pub(super) fn say(&self, what: &str) {
        if self.0.is_hidden() {
            // a reader that is gone needs no line
            let _ = writeln!(stderr(), "{what}");
        }
        self.at(what);
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
