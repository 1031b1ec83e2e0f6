//! A command of the user, run by the shell.

use rustix::process::{Pid, Signal, kill_process_group};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// A command that takes longer is ended.
const PATIENCE: Duration = Duration::from_secs(600);
/// Characters of what a command said that a warning has: its last.
const MAX_SAID: usize = 400;
/// Bytes of it that are kept: no character takes more than four.
const MAX_KEPT: usize = 4 * MAX_SAID;

/// Runs the command with these variables; warns if it fails. What it prints is not the coordinator's output.
pub(super) async fn run(command: String, environment: Vec<(&'static str, String)>) {
    match attempt(&command, environment, PATIENCE).await {
        Err(problem) => tracing::warn!("`{command}` {problem}"),
        Ok(()) => tracing::debug!("`{command}` was run"),
    }
}

/// Runs the command; the error is what became of it, in words. It has a process group of its own: Ctrl-C in a terminal goes to the
/// coordinator alone.
async fn attempt(command: &str, environment: Vec<(&'static str, String)>, patience: Duration) -> Result<(), String> {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).envs(environment).process_group(0);
    shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = shell.spawn().map_err(|error| format!("was not started: {error}"))?;
    let group = Group::of(&child);
    let stderr = child.stderr.take();
    let ended = timeout(patience, async { tokio::join!(child.wait(), end_of(stderr)) }).await;
    let (status, said) = ended.map_err(|_| format!("was ended: it took longer than {} s", patience.as_secs()))?;
    group.leave();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("has failed ({status}): {}", shown(&said))),
        Err(error) => Err(format!("is lost: {error}")),
    }
}

/// The processes that a command has started, and its shell; they are killed with this.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| Pid::from_raw(id.cast_signed())))
    }

    /// Lets them run on.
    fn leave(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // one that has ended is what is wanted
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// The end of what comes, however much that is.
async fn end_of(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut kept = Vec::with_capacity(2 * MAX_KEPT);
    let Some(mut stream) = stream else { return kept };
    // what cannot be read is at its end
    while let Ok(1..) = stream.read_buf(&mut kept).await {
        if kept.len() > MAX_KEPT {
            kept.drain(..kept.len() - MAX_KEPT);
        }
    }
    kept
}

/// The last characters of what a command said, on one line.
fn shown(said: &[u8]) -> String {
    let line = crate::text::one_line(String::from_utf8_lossy(said).trim());
    let skipped = line.chars().count().saturating_sub(MAX_SAID);
    line.chars().skip(skipped).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use super::*;
    use std::fs;

    const LONG: Duration = Duration::from_secs(60);

    /// Whether a process runs; one that has ended may wait for its parent.
    fn runs(id: &str) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", id.trim())).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
    }

    #[tokio::test]
    async fn a_command_that_takes_too_long_is_ended_with_all_that_it_has_started() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("id");
        let environment = vec![("ID", path.display().to_string())];
        let ended = attempt("sleep 1000 & echo $! >\"$ID\"; wait", environment, Duration::from_secs(2)).await;
        assert_eq!(ended, Err("was ended: it took longer than 2 s".to_owned()));
        let id = fs::read_to_string(&path).unwrap();
        for _ in 0..500 {
            if !runs(&id) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{id} runs on");
    }

    #[tokio::test]
    async fn the_signals_of_the_terminal_do_not_reach_a_command() {
        attempt("test \"$(cut -d ' ' -f 5 /proc/$$/stat)\" = $$", Vec::new(), LONG).await.unwrap();
    }

    #[tokio::test]
    async fn the_end_of_what_a_command_says_is_kept() {
        let command = "head -c 3000000 /dev/zero | tr '\\0' x >&2; echo äöü >&2; exit 3";
        let problem = attempt(command, Vec::new(), LONG).await.unwrap_err();
        assert!(problem.starts_with("has failed (exit status: 3): xxx") && problem.ends_with("xäöü"), "{problem}");
        assert_eq!(problem.chars().filter(|c| *c == 'x').count(), MAX_SAID - 3 + 1, "{problem}");
    }
}
