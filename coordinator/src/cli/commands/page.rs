//! `coordinator page STORE`: the live page of a store, for reading only.

use crate::analyst::Analyst;
use crate::cli::asked::Asked;
use crate::cli::interrupt::interrupted;
use crate::cli::page::{self, PageArgs};
use crate::cli::{CliError, offline};
use crate::clock::now_ms;
use crate::results;
use crate::serve::Guard;
use crate::store::{Reader, StoreError};
use proto::status::Status;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, watch};

/// The store is looked at so often.
const LOOK: Duration = Duration::from_secs(1);

/// Show the results of a store in a browser, also while a coordinator writes it; nothing is changed
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The store
    store: PathBuf,
    #[command(flatten)]
    page: PageArgs,
}

/// Runs the subcommand until somebody interrupts it.
///
/// # Errors
/// If there is no such store, it is empty, or the address cannot be used.
pub async fn run(args: Args) -> Result<(), CliError> {
    let Args { store, page } = args;
    drop(offline::look(&store)?);
    let Some(listener) = page.bind(None).await? else {
        return Err(CliError::Usage("without a page there is nothing to do: leave --page none out".to_owned()));
    };
    let mut interrupts = interrupted()?;
    let asked = Asked::hear()?;
    let (fact, first) = stored(&store)?;
    let (sender, status) = watch::channel(first);
    let analyst = Arc::new(Mutex::new(Analyst::new(store.clone())));
    asked.answer(status.clone());
    let source = page::source(status, &analyst, &store, page::named_store(&store), None);
    let _page = page::serve(listener, Guard::Open, Arc::new(|_, _| Box::pin(async { false })), source)?;
    tokio::select! {
        _ = interrupts.recv() => {}
        () = follow(store, fact, sender) => {}
    }
    Ok(())
}

/// Where everything stands by the last fact of the store, and the number of that.
fn stored(store: &Path) -> Result<(i64, Arc<Status>), StoreError> {
    let reader = Reader::open(store)?;
    let fact = reader.last_fact()?;
    Ok((fact, Arc::new(Status { at_ms: now_ms(), ..results::state(&reader)?.status() })))
}

/// Tells of what comes into the store.
async fn follow(store: PathBuf, mut known: i64, status: watch::Sender<Arc<Status>>) {
    let mut trouble = Trouble::default();
    loop {
        tokio::time::sleep(LOOK).await;
        let store = store.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let last = Reader::open(&store)?.last_fact()?;
            if last == known { Ok(None) } else { stored(&store).map(Some) }
        });
        // one whose thread died is looked at again
        let Ok(looked) = looked.await else { continue };
        if let Some(error) = trouble.news(looked.as_ref().err()) {
            tracing::warn!(%error, "the store is not read");
        }
        if let Ok(Some((fact, news))) = looked {
            known = fact;
            status.send_replace(news);
        }
    }
}

/// Why the store could not be read the last time; one that is being moved or repaired comes back.
#[derive(Default)]
struct Trouble(Option<String>);

impl Trouble {
    /// What is to be said of the last look: the error, unless it was said already.
    fn news(&mut self, error: Option<&StoreError>) -> Option<String> {
        let text = error.map(ToString::to_string);
        if self.0 == text {
            return None;
        }
        self.0.clone_from(&text);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::Trouble;
    use crate::store::StoreError;

    #[test]
    fn what_is_wrong_is_said_once_and_again_when_it_changes() {
        let mut trouble = Trouble::default();
        let [one, other] = ["a", "b"].map(|path| StoreError::Gone { path: path.into() });
        let said = [None, Some(&one), Some(&one), Some(&other), Some(&other), None, Some(&other)];
        let said = said.map(|error| trouble.news(error).is_some());
        assert_eq!(said, [false, true, false, true, false, false, true]);
    }
}
