//! A store that no coordinator serves, changed by a command: it is its coordinator for a moment.

use super::CliError;
use crate::driver::{self, Handle, Refusal};
use crate::results::{self, NoSweep};
use crate::scheduler::{Limits, State};
use crate::store::{Reader, Store};
use std::path::Path;

/// A store that has a sweep, and where everything in it stands. Commands look before they [`ask`]: to open a store for writing may make
/// one, and changes the one that is there.
///
/// # Errors
/// If the store cannot be read, or is empty.
pub fn look(store: &Path) -> Result<(Reader, State), CliError> {
    let reader = Reader::open(store)?;
    let state = results::state(&reader)?;
    NoSweep::check(&reader, &state)?;
    Ok((reader, state))
}

/// Has a driver of the store do what `ask` asks, and ends it. The store is made if it is not there.
///
/// # Errors
/// If the store cannot be used, or the driver refuses.
pub async fn ask<T>(store: &Path, ask: impl AsyncFnOnce(&Handle) -> Result<T, Refusal>) -> Result<T, CliError> {
    let (handle, driver) = driver::start(Store::open(store)?, Limits::default(), None)?;
    let answer = ask(&handle).await;
    handle.stop();
    driver.join().map_err(|_| CliError::Internal("the driver died".to_owned()))??;
    Ok(answer?)
}
