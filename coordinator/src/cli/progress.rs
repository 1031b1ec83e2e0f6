//! Progress for people, on the standard error: a block that redraws itself on a terminal, a line now and then elsewhere.

use super::{CliError, exit};
pub use crate::outlook::find;
use crate::outlook::{counts, of_job, of_worker, outlook, pace};
use crate::results::ResultsError;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use proto::status::{Status, SweepState, SweepStatus, WorkerStatus};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write, stderr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Without a terminal a line is written this often.
const LINE_INTERVAL: Duration = Duration::from_secs(30);
/// Workers that are listed on a terminal; the rest are counted.
const MAX_WORKERS: usize = 8;
/// Sweeps that are shown on a terminal at once.
const MAX_SWEEPS: usize = 4;

/// The block that is on the terminal, so that lines of the log go above it.
static SHOWN: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// What the log says while the whole screen is taken.
static HELD: Mutex<Option<Vec<u8>>> = Mutex::new(None);

/// Holds the log back, or lets it go on, with what it has said meanwhile.
pub(super) fn hold_log(hold: bool) {
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    let said = std::mem::replace(&mut *held, hold.then(Vec::new));
    // a terminal that is gone needs no line
    let _ = stderr().write_all(&said.unwrap_or_default());
}

/// Where the log goes: to the standard error, above the block if there is one.
pub struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(held) = HELD.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            return held.write(bytes);
        }
        let shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
        shown.map_or_else(|| stderr().write(bytes), |lines| lines.suspend(|| stderr().write(bytes)))
    }

    fn flush(&mut self) -> io::Result<()> {
        stderr().flush()
    }
}

/// Shows how sweeps come on.
pub struct Progress {
    /// On a terminal.
    block: Option<Block>,
    last_line: Option<Instant>,
    /// What was said last of each sweep.
    said: BTreeMap<String, String>,
    notices: Vec<String>,
}

struct Block {
    lines: MultiProgress,
    sweeps: Vec<ProgressBar>,
    workers: Vec<ProgressBar>,
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Progress {
    /// Progress on the standard error.
    #[must_use]
    pub fn new() -> Self {
        let plain = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let block = (stderr().is_terminal() && !plain).then(Block::new);
        Self { block, last_line: None, said: BTreeMap::new(), notices: Vec::new() }
    }

    /// Shows the view; the sweep of that name, or the one submitted last if it is empty.
    pub fn show(&mut self, view: &Status, sweep: &str) {
        if let Some(sweep) = find(view, sweep) {
            self.tell(view, &[sweep]);
        }
    }

    /// Shows the view and every sweep that is not at its end. Of one that has ended a last line is said.
    pub fn show_all(&mut self, view: &Status) {
        let is_first = self.last_line.is_none();
        for sweep in view.sweeps.iter().filter(|sweep| is_first && sweep.state.is_over()) {
            self.said.insert(sweep.sweep.clone(), line(view, sweep));
        }
        let is_told = |sweep: &SweepStatus| self.block.is_none() && self.said.contains_key(&sweep.sweep);
        let told: Vec<_> = view.sweeps.iter().filter(|sweep| !sweep.state.is_over() || is_told(sweep)).collect();
        self.tell(view, &told);
    }

    fn tell(&mut self, view: &Status, sweeps: &[&SweepStatus]) {
        let notices: Vec<_> = view
            .workers
            .iter()
            .flat_map(|worker| worker.notices.iter().map(|notice| format!("{}: {notice}", worker.named())))
            .collect();
        for notice in notices.iter().filter(|notice| !self.notices.contains(notice)) {
            self.say(&format!("warning: worker {notice}"));
        }
        self.notices = notices;
        match &mut self.block {
            Some(block) => block.show(view, sweeps),
            None if self.last_line.is_none_or(|last| last.elapsed() >= LINE_INTERVAL) => {
                self.last_line = Some(Instant::now());
                let news = self.unsaid(view, sweeps);
                news.iter().for_each(|line| self.say(line));
            }
            None => {}
        }
    }

    /// A line for each sweep; what was said already is no news.
    fn unsaid(&mut self, view: &Status, sweeps: &[&SweepStatus]) -> Vec<String> {
        let lines = sweeps.iter().map(|sweep| (sweep.sweep.clone(), line(view, sweep)));
        lines
            .filter(|(name, line)| self.said.insert(name.clone(), line.clone()).as_ref() != Some(line))
            .map(|(_, line)| line)
            .collect()
    }

    /// Says what went wrong with the sweep last, if anything did.
    pub fn explain(&self, view: &Status, sweep: &str) {
        if let Some(sweep) = find(view, sweep).filter(|sweep| !sweep.problem.is_empty()) {
            self.say(&format!("  last problem: {}", sweep.problem));
        }
    }

    /// When [`show`](Self::show) should be called again though nothing has changed.
    #[must_use]
    pub fn next_line(&self) -> Duration {
        self.last_line.map_or(LINE_INTERVAL, |last| LINE_INTERVAL.saturating_sub(last.elapsed()))
    }

    /// A line above the block.
    pub fn say(&self, text: &str) {
        match &self.block {
            // a terminal or a reader that is gone needs no line
            Some(block) => drop(block.lines.println(text)),
            None => drop(writeln!(stderr(), "{text}")),
        }
    }

    /// Takes the block away and leaves a last line.
    pub fn finish(&mut self, view: &Status, sweep: &str) {
        if let Some(block) = self.block.take() {
            *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = None;
            drop(block.lines.clear());
        }
        if let Some(sweep) = find(view, sweep) {
            self.say(&format!("{}: {}", sweep.sweep, counts(sweep)));
        }
    }
}

impl Block {
    fn new() -> Self {
        let lines = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(lines.clone());
        Self { lines, sweeps: Vec::new(), workers: Vec::new() }
    }

    fn show(&mut self, view: &Status, sweeps: &[&SweepStatus]) {
        let sweeps = &sweeps[..sweeps.len().min(MAX_SWEEPS)];
        while self.sweeps.len() < sweeps.len() {
            let bar = self.lines.insert(self.sweeps.len(), ProgressBar::new(0));
            let style = ProgressStyle::with_template("{prefix} [{bar:30}] {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
            self.sweeps.push(bar);
        }
        for bar in self.sweeps.split_off(sweeps.len()) {
            self.lines.remove(&bar);
        }
        for (bar, sweep) in self.sweeps.iter().zip(sweeps) {
            bar.set_length(sweep.epochs.max(1));
            bar.set_position(sweep.epochs_done);
            bar.set_prefix(sweep.sweep.clone());
            bar.set_message(outlook(view, sweep));
        }
        let mut texts: Vec<_> = view.workers.iter().take(MAX_WORKERS).map(|worker| worker_line(view, worker)).collect();
        if view.workers.len() > MAX_WORKERS {
            texts.push(format!("  ... and {} more workers", view.workers.len() - MAX_WORKERS));
        }
        while self.workers.len() < texts.len() {
            let bar = self.lines.add(ProgressBar::new_spinner());
            bar.set_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
            self.workers.push(bar);
        }
        for bar in self.workers.split_off(texts.len()) {
            self.lines.remove(&bar);
        }
        for (bar, text) in self.workers.iter().zip(texts) {
            bar.set_message(text);
        }
    }
}

/// Checks that there is a sweep of that name; none means any.
///
/// # Errors
/// If there is none, with those that there are.
pub fn known(view: &Status, sweep: &str) -> Result<(), CliError> {
    if sweep.is_empty() || find(view, sweep).is_some() {
        return Ok(());
    }
    let known = view.sweeps.iter().map(|view| view.sweep.as_str()).collect::<Vec<_>>().join(", ");
    Err(ResultsError::UnknownSweep { name: sweep.to_owned(), known }.into())
}

/// How the sweep stands, as an exit code.
#[must_use]
pub fn exit_code(sweep: &SweepStatus) -> u8 {
    match sweep.state {
        SweepState::Rejected => exit::USERS_MISTAKE,
        SweepState::WaitingForData | SweepState::Running => exit::INTERRUPTED,
        SweepState::Ended if sweep.failed + sweep.cancelled > 0 => exit::FAILED_JOBS,
        SweepState::Ended => exit::COMPLETE,
    }
}

/// Everything, in lines.
#[must_use]
pub fn describe(view: &Status) -> String {
    let mut text = String::new();
    for sweep in &view.sweeps {
        text.push_str(&line(view, sweep));
        if !sweep.problem.is_empty() {
            // writing to a string cannot fail
            let _ = write!(text, "\n  last problem: {}", sweep.problem);
        }
        text.push('\n');
    }
    for worker in &view.workers {
        text.push_str(&worker_line(view, worker));
        for reading in &worker.readings {
            let _ = write!(text, "\n    {reading}");
        }
        for notice in &worker.notices {
            let _ = write!(text, "\n    {notice}");
        }
        text.push('\n');
    }
    text
}

fn line(view: &Status, sweep: &SweepStatus) -> String {
    format!("{}: {}", sweep.sweep, outlook(view, sweep))
}

fn worker_line(view: &Status, worker: &WorkerStatus) -> String {
    let mut text = format!("  {}", worker.name);
    for words in of_worker(view, worker).into_iter().chain(pace(worker)) {
        // writing to a string cannot fail
        let _ = write!(text, " ({words})");
    }
    if worker.running.is_empty() && !worker.silent {
        text.push_str("  idle");
    }
    for job in &worker.running {
        let _ = write!(text, "  {}: {}", job.label, of_job(view, job));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(name: &str, succeeded: u64) -> SweepStatus {
        SweepStatus {
            sweep: name.to_owned(),
            state: if succeeded == 2 { SweepState::Ended } else { SweepState::Running },
            jobs: 2,
            queued: 2 - succeeded,
            succeeded,
            epochs: 2,
            epochs_done: succeeded,
            ..SweepStatus::default()
        }
    }

    #[test]
    fn a_line_is_said_again_only_with_news() {
        let mut progress = Progress { block: None, last_line: None, said: BTreeMap::new(), notices: Vec::new() };
        let view = Status { sweeps: vec![sweep("a", 2), sweep("b", 0)], ..Status::default() };
        let all: Vec<_> = view.sweeps.iter().collect();
        assert_eq!(progress.unsaid(&view, &all).len(), 2);
        assert_eq!(progress.unsaid(&view, &all), Vec::<String>::new());
        let later = [sweep("a", 2), sweep("b", 1)];
        assert_eq!(
            progress.unsaid(&view, &later.iter().collect::<Vec<_>>()),
            ["b: 1/2 jobs done, 0 running, 0 failed, waiting for workers"]
        );
    }
}
