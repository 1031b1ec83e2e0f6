//! Where a command looks: a running coordinator, or a store.

use super::CliError;
use crate::publish::quoted;
use crate::results::{self, NoSweep};
use crate::store::Reader;
use proto::bearer::Bearer;
use proto::credential::{Credential, Secret};
use proto::error_chain;
use proto::status::Status;
use proto::stranger;
use proto::target::Target;
use proto::tls::{Connector, TlsError};
use proto::wire::StatusRequest;
use proto::wire::sweeps_client::SweepsClient;
use std::error::Error;
use std::io::{Write, stderr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tonic::Code;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

/// The store, unless another is named.
pub const DEFAULT_STORE: &str = "sweeps.db";
/// The variable that names a running coordinator.
const COORDINATOR: &str = "SPLITSWEEP_COORDINATOR";
/// A coordinator that is silent for so long does not answer. One that is at work on a table answers the pings of the connection.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest call: a table of a million jobs takes a minute, and others may be made before.
const MAX_CALL: Duration = Duration::from_secs(3600);

/// Where to look.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Where to look")]
pub struct Source {
    /// Store to use, if no coordinator is asked [default: sweeps.db]
    #[arg(long, value_name = "FILE", conflicts_with = "coordinator")]
    store: Option<PathBuf>,
    /// Address of a running coordinator to use instead of a store [env: SPLITSWEEP_COORDINATOR]
    // not clap's environment: a store that is named must win over it
    #[arg(long, value_name = "URL")]
    coordinator: Option<String>,
    /// File with a token for the coordinator [default: the one that it made for programs of the same user]
    /// [env: SPLITSWEEP_TOKEN_FILE]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// What a command asks.
#[derive(Debug)]
pub enum Found {
    /// A store that no coordinator serves, or none that answers.
    Store(PathBuf),
    /// A running coordinator.
    Coordinator(Box<Coordinator>),
}

impl Found {
    /// The options that name it, as a shell takes them.
    #[must_use]
    pub fn named(&self) -> String {
        match self {
            Self::Store(store) => format!("--store {}", quoted(store)),
            Self::Coordinator(coordinator) => format!("--coordinator {}", quoted(Path::new(coordinator.url()))),
        }
    }
}

/// A running coordinator.
#[derive(Debug, Clone)]
pub struct Coordinator {
    url: String,
    /// What it can be asked. Each call bears the token, if there is one.
    pub calls: SweepsClient<InterceptedService<Channel, Bearer>>,
}

impl Coordinator {
    /// Where it is called.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What the coordinator answers.
    ///
    /// # Errors
    /// If it refuses, or does not answer.
    pub fn answer<T>(&self, answer: Result<T, tonic::Status>) -> Result<T, CliError> {
        answer.map_err(|status| self.failed(&status))
    }

    /// What a call that failed means for the user.
    fn failed(&self, status: &tonic::Status) -> CliError {
        let (url, message) = (&self.url, status.message());
        match (status.code(), status.source().map(error_chain::line)) {
            (Code::InvalidArgument | Code::NotFound, _) => CliError::Refused(message.to_owned()),
            (Code::DeadlineExceeded, _) => CliError::NotReached(silent(url, MAX_CALL)),
            // what has a source is not the coordinator's word, but that of the connection
            (_, Some(cause)) if cause.contains("timed out") => CliError::NotReached(silent(url, PATIENCE)),
            (_, Some(_)) if let Some(stranger) = stranger::behind(url) => {
                CliError::NotReached(format!("{url} {stranger}"))
            }
            (_, Some(cause)) => {
                // it may have taken the first bytes for those of TLS
                let hint = if url.starts_with("http://") { "; one with certificates is at https://" } else { "" };
                CliError::NotReached(format!("the connection to the coordinator at {url} is lost: {cause}{hint}"))
            }
            (_, None) => CliError::NotReached(format!("the coordinator refuses: {message}")),
        }
    }
}

fn silent(url: &str, time: Duration) -> String {
    format!("the coordinator at {url} does not answer ({} s)", time.as_secs())
}

/// A store or a running coordinator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The store's file.
    Store(PathBuf),
    /// The coordinator's address.
    Coordinator(String),
}

impl Source {
    /// Where to look: what was named, else what the environment names, else the store of the usual name.
    #[must_use]
    pub fn place(&self) -> Place {
        let environment = || std::env::var(COORDINATOR).ok().filter(|url| !url.is_empty());
        match (&self.store, &self.coordinator) {
            (Some(store), _) => Place::Store(store.clone()),
            (None, Some(url)) => Place::Coordinator(url.clone()),
            (None, None) => environment().map_or_else(|| Place::Store(DEFAULT_STORE.into()), Place::Coordinator),
        }
    }

    /// What to ask: the coordinator that was named, or the one that has the store open, or else the store. A coordinator that does not let
    /// this caller in leaves the store to be read.
    ///
    /// # Errors
    /// If a coordinator was named and is not reached.
    pub async fn find(&self) -> Result<Found, CliError> {
        let store = match self.place() {
            Place::Coordinator(url) => return Ok(Found::Coordinator(Box::new(self.connect(&url).await?))),
            Place::Store(store) => store,
        };
        let url = Reader::open(&store).ok().and_then(|reader| reader.served_at());
        let Some(url) = url else { return Ok(Found::Store(store)) };
        match self.admitted(&url).await {
            Ok(coordinator) => Ok(Found::Coordinator(Box::new(coordinator))),
            Err(error) => {
                let store_name = store.display();
                // for people: a reader that is gone needs no line
                let _ = writeln!(
                    stderr(),
                    "{store_name} is in use by the coordinator at {url}, which could not be asked: {error}"
                );
                Ok(Found::Store(store))
            }
        }
    }

    /// A coordinator that has let this caller in.
    async fn admitted(&self, url: &str) -> Result<Coordinator, CliError> {
        let mut coordinator = self.connect(url).await?;
        // a name that no sweep has, so that the answer is short
        let answer = coordinator.calls.status(StatusRequest { sweep: "?".to_owned() }).await;
        coordinator.answer(answer)?;
        Ok(coordinator)
    }

    /// A connection to the coordinator at `url`.
    ///
    /// # Errors
    /// If the address or the token is not valid, or the coordinator is not reached.
    pub async fn connect(&self, url: &str) -> Result<Coordinator, CliError> {
        let refused = |error: &dyn Error| CliError::Refused(error.to_string());
        let named = self.token_file.clone().or_else(Credential::file_of_environment);
        let credential = named.as_deref().map(Credential::read).transpose()?;
        let Target { endpoint, secret, ca } =
            Target::of(url, credential, "--token-file").map_err(|error| refused(&error))?;
        let bearer = Bearer::new(secret.as_ref().map(Secret::reveal)).map_err(|error| refused(&error))?;
        let endpoint = endpoint
            .connect_timeout(PATIENCE)
            .http2_keep_alive_interval(PATIENCE / 2)
            .keep_alive_timeout(PATIENCE / 2)
            .keep_alive_while_idle(true)
            .timeout(MAX_CALL)
            .tcp_nodelay(true);
        let connected = match ca {
            Some(ca) => {
                let connector = Connector::new(ca, None).map_err(|error| CliError::Internal(error.to_string()))?;
                endpoint.connect_with_connector(connector).await
            }
            None => endpoint.connect().await,
        };
        let channel = connected.map_err(|error| {
            let cause = match TlsError::among(&error) {
                Some(tls) => tls.to_string(),
                None => error.source().map_or_else(|| error.to_string(), error_chain::line),
            };
            CliError::NotReached(format!("the coordinator at {url} is not reached: {cause}"))
        })?;
        let calls = SweepsClient::with_interceptor(channel, bearer).max_decoding_message_size(proto::MAX_MESSAGE_BYTES);
        Ok(Coordinator { url: url.to_owned(), calls })
    }
}

/// Where everything stands on the disk, as far as the journal says. What workers do meanwhile is known to the coordinator alone.
///
/// # Errors
/// If the store cannot be read.
pub fn stored(store: &Path) -> Result<Status, CliError> {
    let reader = Reader::open(store)?;
    let state = results::state(&reader)?;
    NoSweep::check(&reader, &state)?;
    let view = state.status();
    if reader.holder().is_none() && view.sweeps.iter().any(|sweep| sweep.running > 0) {
        let store = store.display();
        // for people: a reader that is gone needs no line
        let _ =
            writeln!(stderr(), "no coordinator serves {store}: what was running when the last one ended may still run");
    }
    Ok(view)
}
