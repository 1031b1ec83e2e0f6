//! Where the live page is served, and what is said of it.

use super::CliError;
use super::progress::Log;
use crate::analyst::{Analyst, Archive};
use crate::identity::{Keeper, Role};
use crate::page::{Actions, DEFAULT_ADDRESS, Deed, Keys, Live, Page, Reach, Readers, Right, Roles, Source, Tokens};
use crate::serve::{Deeds, Guard, browsers};
use proto::status::Status;
use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};

/// The live page.
#[derive(Debug, Clone, clap::Args)]
pub struct PageArgs {
    /// Address of the live page in a browser on this machine, or `none`; with --certs also one that other machines reach, over https
    /// [default: 127.0.0.1:7071, or another port if that is taken]
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

/// What a page is served on.
pub(super) struct Door {
    listener: TcpListener,
    keys: Keys,
    /// What protects it, if other machines reach it.
    keeper: Option<Arc<Keeper>>,
}

impl PageArgs {
    /// Listens for the page; `None` if no page is wanted. `keeper` has the coordinator's certificate, if there is one.
    ///
    /// # Errors
    /// If the address is taken, or other machines would reach it and there is no certificate.
    pub(super) async fn bind(&self, keeper: Option<&Arc<Keeper>>) -> Result<Option<Door>, CliError> {
        let (address, is_chosen) = match self.page {
            Some(Choice::None) => return Ok(None),
            Some(Choice::At(address)) => (address, true),
            None => (DEFAULT_ADDRESS, false),
        };
        let keeper = match keeper {
            _ if address.ip().is_loopback() => None,
            Some(keeper) => Some(Arc::clone(keeper)),
            None => return Err(CliError::PageExposed { port: address.port() }),
        };
        let door = |listener, keys| Ok(Some(Door { listener, keys, keeper }));
        match TcpListener::bind(address).await {
            // a port that the system chooses is another one the next time
            Ok(listener) if address.port() == 0 => door(listener, Keys::fresh()),
            Ok(listener) => door(listener, Keys::kept(address)),
            Err(error) if error.kind() == ErrorKind::AddrInUse && !is_chosen => {
                let other = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
                let listener = TcpListener::bind(other).await;
                let listener = listener.map_err(|source| CliError::PageListen { address: other, source })?;
                door(listener, Keys::fresh())
            }
            Err(source) => Err(CliError::PageListen { address, source }),
        }
    }
}

/// Serves the page, and its metrics to `readers`; says by which address a browser is let in; after each that was used, the next. Browsers
/// stay in while the tokens of `guard` are the same.
///
/// # Errors
/// If the listener has no address.
pub(super) fn serve(door: Door, guard: Guard, readers: Readers, source: Source) -> Result<Page, CliError> {
    let failed = |error| CliError::Internal(format!("the live page cannot be served: {error}"));
    let Door { listener, keys, keeper } = door;
    let keys = keys.until(tokens(guard));
    let page = match keeper {
        None => Page::start(listener, keys, readers, source).map_err(failed)?,
        Some(keeper) => {
            let reach = reach(listener.local_addr().map_err(failed)?, &keeper);
            Page::start_at(reach, browsers(listener, &keeper).map_err(failed)?, keys, readers, source)
        }
    };
    let mut links = page.links();
    say(&format!("live page: {}", *links.borrow_and_update()));
    tokio::spawn(async move {
        while links.changed().await.is_ok() {
            say(&format!("live page: {} (for one more browser)", *links.borrow_and_update()));
        }
    });
    Ok(page)
}

/// The tokens with which cookies end. The code lets in as the token of a submitter does.
fn tokens(guard: Guard) -> Tokens {
    Arc::new(move |right| {
        let role = match right {
            Right::Look => Role::Reader,
            Right::Act => Role::Submitter,
        };
        guard.token(role).map_or_else(String::new, |hash| hash.to_string())
    })
}

/// Where other machines reach a page: at its address, or by another name if the certificate is not for that.
fn reach(address: SocketAddr, keeper: &Arc<Keeper>) -> Reach {
    let guard = Guard::Certificates(Arc::clone(keeper));
    let roles: Roles = Arc::new(move |headers| {
        let right = if guard.lets_cancel(headers) { Right::Act } else { Right::Look };
        guard.lets_read(headers).then_some(right)
    });
    let keeper = Arc::clone(keeper);
    let own = address.ip().to_string();
    let name = if keeper.is_named(&own) { own } else { keeper.name().unwrap_or(own) };
    Reach::network(&name, address.port(), Arc::new(move |name| keeper.is_named(name)), roles)
}

/// Where a page's numbers come from.
pub(super) fn source(
    status: watch::Receiver<Arc<Status>>,
    analyst: &Arc<Mutex<Analyst>>,
    store: &Path,
    named: String,
    live: Option<Live>,
) -> Source {
    Source { status, analyst: Arc::clone(analyst), archive: Archive::new(store.to_owned()), named, live }
}

/// What viewers may have done to sweeps.
pub(super) fn actions(deeds: &Deeds) -> Actions {
    Actions {
        cancel: deed(deeds, |deeds, sweep| async move { deeds.cancel(sweep).await }),
        retry: deed(deeds, |deeds, sweep| async move { deeds.retry(sweep).await }),
        add_splits: deed(deeds, |deeds, (sweep, splits)| async move { deeds.add_splits(sweep, splits).await }),
    }
}

fn deed<A: 'static, R: 'static, E: Display, F: Future<Output = Result<R, E>> + Send + 'static>(
    deeds: &Deeds,
    ask: impl Fn(Deeds, A) -> F + Send + Sync + 'static,
) -> Deed<A, R> {
    let deeds = deeds.clone();
    Arc::new(move |asked| {
        let asking = ask(deeds.clone(), asked);
        Box::pin(async move { asking.await.map_err(|error| error.to_string()) })
    })
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
