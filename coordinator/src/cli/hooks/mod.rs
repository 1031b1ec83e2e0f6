//! What a coordinator starts when a sweep ends or a job fails finally: a command, a call of a webhook. A task beside the driver reads the
//! published status and tells them; it never keeps the driver waiting, and what goes wrong here is a warning.
//!
//! ```text
//!  driver --status--> occasion (what is new?) --> command   --on-end, --on-failure
//!                                             '-> webhook   --webhook
//! ```

mod command;
mod failures;
mod occasion;
mod webhook;

use super::CliError;
use super::progress::Progress;
use failures::Told;
use occasion::{Kind, Occasion, Occasions};
use proto::ids::JobId;
use proto::status::Status;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{sleep, timeout, timeout_at};
use webhook::Webhook;

/// Failures are told no more often; those of the meantime are told together.
const FAILURE_INTERVAL: Duration = Duration::from_secs(10);
/// Calls that are under way when the coordinator ends have this long; commands have the time that they always have.
const FAREWELL: Duration = Duration::from_secs(30);
/// A wait longer than this is announced.
const SILENT_WAIT: Duration = Duration::from_secs(1);

/// What is started when something happens.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "When something happens")]
pub(super) struct HookArgs {
    /// Shell command to run when a sweep ends; docs/hooks.md has its environment
    #[arg(long, value_name = "CMD")]
    on_end: Option<String>,
    /// Shell command to run when a job fails finally; failures that follow within 10 s are told together
    #[arg(long, value_name = "CMD")]
    on_failure: Option<String>,
    /// Address that gets both as JSON in a POST
    #[arg(long, value_name = "URL", value_parser = webhook::address)]
    webhook: Option<ureq::http::Uri>,
    /// File with the key that signs each POST (HMAC-SHA256)
    #[arg(long, value_name = "FILE", requires = "webhook")]
    webhook_key: Option<PathBuf>,
}

/// The task that tells. It ends with the driver.
#[derive(Debug)]
pub(super) struct Hooks(JoinHandle<()>);

/// What is told, and how.
struct Teller {
    store: PathBuf,
    on_end: Option<String>,
    on_failure: Option<String>,
    webhook: Option<Webhook>,
    told: Told,
    commands: Vec<JoinHandle<()>>,
    calls: Vec<JoinHandle<()>>,
}

impl HookArgs {
    /// Reads the options and the key, and which jobs have failed by now, before the coordinator starts: that is no news.
    ///
    /// # Errors
    /// If the key cannot be read.
    pub(super) fn prepare(&self, store: &Path) -> Result<Prepared, CliError> {
        let HookArgs { on_end, on_failure, webhook, webhook_key } = self.clone();
        let webhook = webhook.map(|url| Webhook::new(url, webhook_key.as_deref())).transpose()?;
        let tells_failures = on_failure.is_some() || webhook.is_some();
        // whoever opens the store says what is wrong with it
        let failed = tells_failures.then(|| failures::failed(store).ok()).flatten();
        Ok(Prepared(Teller {
            store: store.to_owned(),
            on_end,
            on_failure,
            webhook,
            told: Told::new(failed.unwrap_or_default()),
            commands: Vec::new(),
            calls: Vec::new(),
        }))
    }
}

/// What tells, once there is something to tell of.
pub(super) struct Prepared(Teller);

impl Prepared {
    /// Begins to look at what the driver publishes. What it is now is no news.
    pub(super) fn start(self, status: watch::Receiver<Arc<Status>>) -> Hooks {
        Hooks(tokio::spawn(self.0.follow(status)))
    }
}

impl Hooks {
    /// Waits for what is under way once the driver has ended, unless somebody interrupts it; says so if that takes a while.
    pub(super) async fn finish(mut self, interrupts: &mut mpsc::UnboundedReceiver<()>, progress: &Progress) {
        if timeout(SILENT_WAIT, &mut self.0).await.is_ok() {
            return;
        }
        progress.say("waiting for what --on-end, --on-failure and --webhook have begun; Ctrl-C does not wait");
        tokio::select! {
            // one that died has said so
            _ = &mut self.0 => {}
            _ = interrupts.recv() => self.0.abort(),
        }
    }
}

impl Teller {
    async fn follow(mut self, mut status: watch::Receiver<Arc<Status>>) {
        if self.on_end.is_none() && self.on_failure.is_none() && self.webhook.is_none() {
            return;
        }
        let mut occasions = Occasions::new(&status.borrow_and_update());
        let mut last_failure: Option<Instant> = None;
        let mut is_open = true;
        while is_open {
            let rest = last_failure.map_or(Duration::ZERO, |last| FAILURE_INTERVAL.saturating_sub(last.elapsed()));
            tokio::select! {
                changed = status.changed() => is_open = changed.is_ok(),
                () = sleep(rest), if occasions.has_failures() => {}
            }
            let now = status.borrow_and_update().clone();
            occasions.look(&now);
            self.told.retain(&now);
            let is_rested = last_failure.is_none_or(|last| last.elapsed() >= FAILURE_INTERVAL);
            // before the end of a sweep its failures are told, however soon
            if occasions.has_failures() && (is_rested || !is_open || occasions.has_ends()) {
                last_failure = Some(Instant::now());
                self.tell_failures(occasions.failures()).await;
            }
            for occasion in occasions.ends() {
                self.tell(occasion, Vec::new());
            }
        }
        let until = tokio::time::Instant::now() + FAREWELL;
        for call in self.calls {
            if timeout_at(until, call).await.is_err() {
                tracing::warn!("the webhook was not reached within {} s", FAREWELL.as_secs());
            }
        }
        for command in self.commands {
            // one that died has said so
            let _ = command.await;
        }
    }

    /// Tells of the jobs of these sweeps that have failed since the last time.
    async fn tell_failures(&mut self, occasions: Vec<Occasion>) {
        let store = self.store.clone();
        let failed = match spawn_blocking(move || failures::failed(&store)).await {
            Ok(Ok(failed)) => failed,
            Ok(Err(error)) => return tracing::warn!(%error, "the jobs that failed are not known"),
            Err(_) => return,
        };
        for occasion in occasions {
            let new = self.told.news(&occasion.sweep, &failed);
            if !new.is_empty() {
                self.tell(occasion, new);
            }
        }
    }

    fn tell(&mut self, occasion: Occasion, jobs: Vec<JobId>) {
        let command = match occasion.kind {
            Kind::Ended => self.on_end.clone(),
            Kind::Failed => self.on_failure.clone(),
        };
        for under_way in [&mut self.commands, &mut self.calls] {
            under_way.retain(|told| !told.is_finished());
        }
        if let Some(command) = command {
            let environment = occasion.environment(&self.store, &jobs);
            self.commands.push(tokio::spawn(command::run(command, environment)));
        }
        if let Some(webhook) = self.webhook.clone() {
            let body = occasion.json(&self.store, &jobs);
            self.calls.push(tokio::spawn(async move { webhook.call(body).await }));
        }
    }
}
