//! A command of the user, run by the shell.

use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

/// A command that takes longer is ended.
const PATIENCE: Duration = Duration::from_secs(600);
/// Characters of what a command said that a warning has.
const MAX_SAID: usize = 400;

/// Runs the command with these variables; warns if it fails. What it prints is not the coordinator's output.
pub(super) async fn run(command: String, environment: Vec<(&'static str, String)>) {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(&command).envs(environment).stdin(Stdio::null()).kill_on_drop(true);
    match timeout(PATIENCE, shell.output()).await {
        Err(_) => tracing::warn!("`{command}` was ended: it took longer than {} s", PATIENCE.as_secs()),
        Ok(Err(error)) => tracing::warn!("`{command}` was not started: {error}"),
        Ok(Ok(output)) if !output.status.success() => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said: String = crate::text::one_line(said.trim()).chars().take(MAX_SAID).collect();
            tracing::warn!("`{command}` has failed ({}): {said}", output.status);
        }
        Ok(Ok(_)) => tracing::debug!("`{command}` was run"),
    }
}
