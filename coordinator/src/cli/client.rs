//! Where a command looks: a running coordinator, or a store.

use super::CliError;
use proto::address;
use proto::bearer::Bearer;
use proto::wire::sweeps_client::SweepsClient;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};

/// The store, unless another is named.
pub const DEFAULT_STORE: &str = "sweeps.db";
/// The variable that names a running coordinator.
const COORDINATOR: &str = "SPLITSWEEP_COORDINATOR";

/// Where to look.
#[derive(Debug, Clone, clap::Args)]
pub struct Source {
    /// Store to read, if no coordinator is asked [default: sweeps.db]
    #[arg(long, value_name = "FILE", conflicts_with = "coordinator")]
    store: Option<PathBuf>,
    /// Address of a running coordinator to ask instead [env: SPLITSWEEP_COORDINATOR]
    // not clap's environment: a store that is named must win over it
    #[arg(long, value_name = "URL")]
    coordinator: Option<String>,
    /// File with the token that the coordinator asks for
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// A client that bears the token, if there is one.
pub type Client = SweepsClient<InterceptedService<Channel, Bearer>>;

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

    /// A connection to the coordinator at `url`.
    ///
    /// # Errors
    /// If the address or the token is none, or the coordinator is not reached.
    pub async fn connect(&self, url: &str) -> Result<Client, CliError> {
        let endpoint = address::endpoint(url).map_err(|error| CliError::Refused(error.to_string()))?;
        let channel = endpoint.connect_timeout(Duration::from_secs(5)).connect().await.map_err(|error| {
            let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            CliError::NotReached(format!("the coordinator at {url} is not reached: {cause}"))
        })?;
        let token = self.token_file.as_deref().map(read_token).transpose()?;
        let bearer = Bearer::new(token.as_deref()).map_err(|error| CliError::Refused(error.to_string()))?;
        Ok(SweepsClient::with_interceptor(channel, bearer))
    }
}

/// The token in a file.
///
/// # Errors
/// If the file cannot be read, or is empty.
pub fn read_token(path: &Path) -> Result<String, CliError> {
    let failed = |source| CliError::File { action: "read", path: path.to_owned(), source };
    let token = std::fs::read_to_string(path).map_err(failed)?.trim().to_owned();
    if token.is_empty() {
        return Err(failed(std::io::Error::new(std::io::ErrorKind::InvalidData, "the token file is empty")));
    }
    Ok(token)
}

/// What a refused call means for the user.
#[must_use]
pub fn refused(status: &Status) -> CliError {
    match status.code() {
        Code::InvalidArgument | Code::NotFound => CliError::Refused(status.message().to_owned()),
        _ => CliError::NotReached(format!("the coordinator refuses: {}", status.message())),
    }
}
