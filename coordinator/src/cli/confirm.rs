//! Questions to whoever sits at the terminal.

use super::CliError;
use std::io::{IsTerminal, Write, stderr, stdin};

/// Asks whether to go on. Where nobody can be asked, or who was asked has said yes beforehand, the answer is yes.
///
/// # Errors
/// If the answer is no.
pub fn confirm(question: &str, is_agreed: bool) -> Result<(), CliError> {
    if is_agreed || !stdin().is_terminal() || !stderr().is_terminal() {
        return Ok(());
    }
    let _ = write!(stderr(), "{question} [y/N] ");
    let mut answer = String::new();
    // who has closed the terminal has not agreed
    let is_read = stdin().read_line(&mut answer).is_ok();
    let is_yes = matches!(answer.trim().to_lowercase().as_str(), "y" | "yes");
    if is_read && is_yes { Ok(()) } else { Err(CliError::Declined) }
}
