//! SIGINT, SIGTERM and SIGHUP, as messages.

use super::CliError;
use proto::hangup;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// Receives at each SIGINT, SIGTERM and, unless the program was started by `nohup`, SIGHUP: the terminal is gone.
///
/// # Errors
/// If the process cannot catch signals.
pub(super) fn interrupted() -> Result<mpsc::UnboundedReceiver<()>, CliError> {
    let failed = |error: std::io::Error| CliError::Internal(format!("cannot catch signals: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    // to listen for it would undo `nohup`
    let mut hangup = match hangup::is_ignored() {
        true => None,
        false => Some(signal(SignalKind::hangup()).map_err(failed)?),
    };
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                () = hung_up(&mut hangup) => {}
            }
            if sender.send(()).is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}

/// The next SIGHUP; there is none if it is ignored.
async fn hung_up(hangup: &mut Option<Signal>) {
    match hangup {
        Some(hangup) => drop(hangup.recv().await),
        None => std::future::pending().await,
    }
}
