//! A store that no coordinator serves, changed by a command: it is its coordinator for a moment.

use super::CliError;
use crate::driver::{self, Handle, Refusal};
use crate::scheduler::Limits;
use crate::store::Store;
use std::path::Path;

/// Has a driver of the store do what `ask` asks, and ends it. The store is made if it is not there.
///
/// # Errors
/// If the store cannot be used, or the driver refuses.
pub async fn ask<T>(store: &Path, ask: impl AsyncFnOnce(&Handle) -> Result<T, Refusal>) -> Result<T, CliError> {
    let (handle, driver) = driver::start(Store::open(store)?, Limits::default())?;
    let answer = ask(&handle).await;
    handle.stop();
    driver.join().map_err(|_| CliError::Internal("the driver died".to_owned()))??;
    Ok(answer?)
}
