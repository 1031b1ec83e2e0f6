//! The live page: where sweeps and workers stand and what the results come to, for browsers on this machine; beside it what monitoring
//! reads. It reads what the driver publishes and counts and what the analyst makes, and changes nothing.
//!
//! ```text
//!  browser --GET--> access --> views <--desk-- status (the driver publishes), studies (the analyst makes, kept by version)
//!     ^   '--fetches again, replaces what has changed (page.js)
//!     '----------- events: version n exists
//! ```
//!
//! Pages are whole without a script: the script only keeps them up to date. A view is a function of what the desk gives it.

mod access;
mod api;
mod assets;
mod desk;
mod events;
mod frame;
mod monitor;
mod precision;
mod views;

pub use access::{Keys, Readers};
pub use desk::{Live, Source};

use access::Access;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use desk::Desk;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A page that is served. It ends when this is dropped.
#[derive(Debug)]
pub struct Page {
    links: watch::Receiver<String>,
    serving: JoinHandle<io::Result<()>>,
}

impl Page {
    /// Serves the page on `listener` to browsers that show one of the `keys`, and its metrics to `readers` too.
    ///
    /// # Errors
    /// If the listener has no address.
    pub fn start(listener: TcpListener, keys: Keys, readers: Readers, source: Source) -> io::Result<Self> {
        let (access, links) = Access::new(listener.local_addr()?, keys, readers);
        let desk = Arc::new(Desk::new(source));
        let serving = tokio::spawn(axum::serve(listener, router(desk, Arc::new(access))).into_future());
        Ok(Self { links, serving })
    }

    /// The address that lets one browser in, and after that the next.
    #[must_use]
    pub fn links(&self) -> watch::Receiver<String> {
        self.links.clone()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn router(desk: Arc<Desk>, access: Arc<Access>) -> Router {
    Router::new()
        .route("/", get(views::sweeps))
        .route("/workers", get(views::workers))
        .route("/job/{job}", get(views::job))
        .route("/sweep/{sweep}", get(views::overview))
        .route("/sweep/{sweep}/cells", get(views::cells))
        .route("/sweep/{sweep}/compare", get(views::compare))
        .route("/sweep/{sweep}/effects", get(views::effects))
        .route("/sweep/{sweep}/curves", get(views::curves))
        .route("/sweep/{sweep}/failures", get(views::failures))
        .route("/events", get(events::events))
        .route("/api/v1/status", get(api::status))
        .route("/api/v1/sweep/{sweep}/answer", get(api::answer))
        .route("/api/v1/sweep/{sweep}/{rows}", get(api::table))
        .route("/api/{*rest}", get(api::nothing))
        .route(monitor::METRICS, get(monitor::metrics))
        .route(monitor::HEALTH, get(monitor::health))
        .route(monitor::READY, get(monitor::ready))
        .fallback(views::nothing)
        .with_state(desk)
        .route("/page.css", get(assets::css))
        .route("/page.js", get(assets::js))
        .layer(from_fn_with_state(access, access::check))
}

/// Where the page listens, unless it is told otherwise.
pub const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7071);
