//! The live page: where sweeps and workers stand and what the results come to, for browsers on this machine, and inside TLS on others;
//! beside it what monitoring reads. It reads what the driver publishes and counts and what the analyst makes, and changes nothing,
//! unless the coordinator was started with --page-actions: then it asks for what `actions` lists.
//!
//! ```text
//!  browser --GET--> access --> copies --> views <--desk-- status (the driver publishes), studies (the analyst makes, kept by version)
//!     ^   '--fetches again, replaces what has changed (page.js)
//!     '----------- events: version n exists
//! ```
//!
//! Pages are whole without a script: the script only keeps them up to date. A view is a function of what the desk gives it.

mod access;
mod actions;
mod api;
mod assets;
mod copies;
mod desk;
mod events;
mod frame;
mod keys;
mod login;
mod monitor;
mod precision;
mod reach;
mod studies;
mod timelines;
mod views;
mod visitor;

pub use access::Readers;
pub use actions::{Actions, Deed};
pub use desk::{Live, Source};
pub use keys::{Keys, Right, Tokens};
pub use reach::{Names, Reach, Roles};
pub use visitor::Visitor;

use access::Access;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use axum::serve::Listener;
use copies::Copies;
use desk::Desk;
use login::{LOGIN, Login};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use visitor::{Door, ThisMachine};

/// Bytes of a form that is sent: a token file has 4 KB at most.
const MAX_BODY: usize = 16 << 10;

/// A page that is served. It ends when this is dropped.
#[derive(Debug)]
pub struct Page {
    links: watch::Receiver<String>,
    serving: JoinHandle<io::Result<()>>,
}

impl Page {
    /// Serves the page on `listener` to browsers of this machine that show one of the `keys`, and its metrics to `readers` too.
    ///
    /// # Errors
    /// If the listener has no address.
    pub fn start(listener: TcpListener, keys: Keys, readers: Readers, source: Source) -> io::Result<Self> {
        let reach = Reach::this_machine(listener.local_addr()?);
        Ok(Self::start_at(reach, ThisMachine(listener), keys, readers, source))
    }

    /// The same to whoever comes to `listener`, where `reach` says.
    pub fn start_at(
        reach: Reach,
        listener: impl Listener<Addr = Visitor>,
        keys: Keys,
        readers: Readers,
        source: Source,
    ) -> Self {
        let is_network = reach.is_network();
        let has_actions = source.live.as_ref().is_some_and(|live| live.actions.is_some());
        let (access, links) = Access::new(reach, keys, readers, has_actions);
        let router = router(Arc::new(Desk::new(source)), Arc::new(access), is_network);
        let service = router.into_make_service_with_connect_info::<Visitor>();
        let serving = tokio::spawn(axum::serve(Door(listener), service).into_future());
        Self { links, serving }
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

fn router(desk: Arc<Desk>, access: Arc<Access>, is_network: bool) -> Router {
    let login = Arc::new(Login::new(Arc::clone(&access)));
    let login = Router::new().route(LOGIN, get(login::welcome).post(login::enter)).with_state(login);
    let has_actions = access.has_actions();
    let views = Router::new()
        .route("/", get(views::sweeps))
        .route("/workers", get(views::workers))
        .route("/job/{job}", get(views::job))
        .route("/sweep/{sweep}", get(views::overview))
        .route("/sweep/{sweep}/cells", get(views::cells))
        .route("/sweep/{sweep}/compare", get(views::compare))
        .route("/sweep/{sweep}/effects", get(views::effects))
        .route("/sweep/{sweep}/curves", get(views::curves))
        .route("/sweep/{sweep}/failures", get(views::failures))
        .route_layer(from_fn_with_state((Arc::clone(&desk), Arc::<Copies>::default()), copies::share));
    let router = views
        .route("/events", get(events::events))
        .route("/api/v1/status", get(api::status))
        .route("/api/v1/sweep/{sweep}/answer", get(api::answer))
        .route("/api/v1/sweep/{sweep}/{rows}", get(api::table))
        .route("/api/{*rest}", get(api::nothing))
        .route(monitor::METRICS, get(monitor::metrics))
        .route(monitor::HEALTH, get(monitor::health))
        .route(monitor::READY, get(monitor::ready))
        .fallback(views::nothing);
    let router = match has_actions {
        true => router
            .route(actions::CANCEL, post(actions::cancel))
            .route(actions::RETRY, post(actions::retry))
            .route(actions::SPLITS, post(actions::splits)),
        false => router,
    };
    router
        .with_state(desk)
        .route(assets::STYLE, get(assets::css))
        .route("/page.js", get(assets::js))
        .merge(if is_network { login } else { Router::new() })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(access, access::check))
}

/// Where the page listens, unless it is told otherwise.
pub const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7071);
