//! Where the live page is served, and what is said of it.

use super::CliError;
use super::progress::Log;
use crate::analyst::Analyst;
use crate::page::{DEFAULT_ADDRESS, Keys, Live, Page, Readers, Source};
use proto::status::Status;
use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};

/// The live page.
#[derive(Debug, Clone, clap::Args)]
pub struct PageArgs {
    /// Address of the live page in a browser on this machine, or `none` [default: 127.0.0.1:7071, or another port if that is taken]
    #[arg(long = "page", value_name = "ADDR|none", env = "SPLITSWEEP_PAGE", hide_env_values = true, value_parser = choice)]
    page: Option<Choice>,
}

/// What was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    None,
    At(SocketAddr),
}

fn choice(text: &str) -> Result<Choice, String> {
    match text {
        "none" => Ok(Choice::None),
        text => super::server::listen_address(text).map(Choice::At),
    }
}

impl PageArgs {
    /// The page's listener; `None` if no page is wanted.
    ///
    /// # Errors
    /// If the address is taken, or other machines would reach it.
    pub(super) async fn bind(&self) -> Result<Option<(TcpListener, Keys)>, CliError> {
        let (address, is_chosen) = match self.page {
            Some(Choice::None) => return Ok(None),
            Some(Choice::At(address)) => (address, true),
            None => (DEFAULT_ADDRESS, false),
        };
        if !address.ip().is_loopback() {
            return Err(CliError::PageExposed { port: address.port() });
        }
        match TcpListener::bind(address).await {
            // a port that the system chooses is another one the next time
            Ok(listener) if address.port() == 0 => Ok(Some((listener, Keys::fresh()))),
            Ok(listener) => Ok(Some((listener, Keys::kept(address)))),
            Err(error) if error.kind() == ErrorKind::AddrInUse && !is_chosen => {
                let other = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
                let listener = TcpListener::bind(other).await;
                let listener = listener.map_err(|source| CliError::PageListen { address: other, source })?;
                Ok(Some((listener, Keys::fresh())))
            }
            Err(source) => Err(CliError::PageListen { address, source }),
        }
    }
}

/// Serves the page, and its metrics to `readers`; says by which address a browser is let in; after each that was used, the next.
///
/// # Errors
/// If the listener has no address.
pub(super) fn serve((listener, keys): (TcpListener, Keys), readers: Readers, source: Source) -> Result<Page, CliError> {
    let failed = |error| CliError::Internal(format!("the live page cannot be served: {error}"));
    let page = Page::start(listener, keys, readers, source).map_err(failed)?;
    let mut links = page.links();
    say(&format!("live page: {}", *links.borrow_and_update()));
    tokio::spawn(async move {
        while links.changed().await.is_ok() {
            say(&format!("live page: {} (for one more browser)", *links.borrow_and_update()));
        }
    });
    Ok(page)
}

/// Where a page's numbers come from.
pub(super) fn source(
    status: watch::Receiver<Arc<Status>>,
    analyst: &Arc<Mutex<Analyst>>,
    named: String,
    live: Option<Live>,
) -> Source {
    Source { status, analyst: Arc::clone(analyst), named, live }
}

/// The option that names a store, as a shell takes it.
pub(super) fn named_store(store: &Path) -> String {
    format!("--store {}", crate::publish::quoted(store))
}

/// A line above the progress. A terminal that is gone needs none.
fn say(line: &str) {
    let _ = writeln!(Log, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_an_address_or_none() {
        assert_eq!(choice("none"), Ok(Choice::None));
        assert_eq!(choice("127.0.0.1:0"), Ok(Choice::At(SocketAddr::from(([127, 0, 0, 1], 0)))));
        assert!(choice("nowhere").is_err_and(|error| error.contains("HOST:PORT")));
    }
}
