//! SIGINT and SIGTERM, as messages.

use super::CliError;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Receives at each SIGINT and SIGTERM.
///
/// # Errors
/// If the process cannot catch signals.
pub(super) fn interrupted() -> Result<mpsc::UnboundedReceiver<()>, CliError> {
    let failed = |error: std::io::Error| CliError::Internal(format!("cannot catch signals: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if sender.send(()).is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}
