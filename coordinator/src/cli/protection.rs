//! Who may call the coordinator: what its options say of it.

use super::CliError;
use crate::identity::{Folder, Keeper, LocalToken, Role};
use crate::serve::Guard;
use proto::credential::{Credential, Secret};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;

/// The files are looked at this often.
const LOOK: Duration = Duration::from_secs(1);

/// What callers must show, and whether connections are encrypted.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Who may call")]
pub struct ProtectionArgs {
    /// Folder made by `coordinator certs`; with it connections are encrypted, and callers need a certificate or token of the folder
    #[arg(long, value_name = "DIR", conflicts_with_all = ["token_file", "insecure_listen"])]
    certs: Option<PathBuf>,
    /// Time for which a worker's certificate is valid; the worker renews it after half of that time
    #[arg(long, value_name = "TIME", default_value = "7days", value_parser = certificate_life, requires = "certs")]
    certificate_life: Duration,
    /// File with a token that every call must show; the token crosses the network unencrypted
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Allow an address that other machines can reach without encryption; on 127.0.0.1, ask for no token
    #[arg(long)]
    insecure_listen: bool,
}

fn certificate_life(text: &str) -> Result<Duration, String> {
    let (least, most) = (Duration::from_secs(2), Duration::from_secs(365 * 86400));
    let life = humantime::parse_duration(text).ok().filter(|life| (least..=most).contains(life));
    life.ok_or_else(|| "expected 2s to 365days".to_owned())
}

/// What is known before there is an address.
pub(super) enum Prepared {
    Open,
    Token(PathBuf, Secret),
    Certificates(PathBuf, Arc<Keeper>),
    Local,
}

/// What protects a coordinator at work.
pub(super) struct Protection {
    means: Means,
    /// Looks after the files.
    _watch: Option<Watch>,
}

enum Means {
    Open,
    Token(PathBuf, Secret),
    Certificates(PathBuf, Arc<Keeper>),
    Local(Arc<LocalToken>),
}

/// A task that ends when this is dropped.
struct Watch(AbortHandle);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl ProtectionArgs {
    /// Reads what the options name. Nothing is written.
    ///
    /// # Errors
    /// If a file cannot be used, or other machines would reach what nothing protects.
    pub(super) fn prepare(&self, listen: SocketAddr) -> Result<Prepared, CliError> {
        if let Some(folder) = &self.certs {
            let keeper = Keeper::open(folder, self.certificate_life)?;
            return Ok(Prepared::Certificates(folder.clone(), Arc::new(keeper)));
        }
        let token = self.token_file.as_deref().map(read_token).transpose()?;
        if !listen.ip().is_loopback() && !self.insecure_listen {
            return Err(CliError::Exposed { address: listen });
        }
        Ok(match (token, &self.token_file) {
            (Some(secret), Some(path)) => Prepared::Token(path.clone(), secret),
            _ if self.insecure_listen => Prepared::Open,
            _ => Prepared::Local,
        })
    }
}

fn read_token(path: &Path) -> Result<Secret, CliError> {
    let credential = Credential::read(path)?;
    match credential.ca {
        Some(_) => Err(CliError::TokenOfCerts { path: path.to_owned() }),
        None => Ok(credential.secret),
    }
}

impl Prepared {
    /// What knows the folder of certificates, if there is one.
    pub(super) fn keeper(&self) -> Option<&Arc<Keeper>> {
        match self {
            Self::Certificates(_, keeper) => Some(keeper),
            _ => None,
        }
    }

    /// What protects a coordinator that listens on `address`.
    ///
    /// # Errors
    /// If the token for this user cannot be written.
    pub(super) fn at(self, address: SocketAddr) -> Result<Protection, CliError> {
        let (means, watch) = match self {
            Self::Open => (Means::Open, None),
            Self::Token(path, secret) => (Means::Token(path, secret), None),
            Self::Certificates(folder, keeper) => {
                let watched = Arc::clone(&keeper);
                (Means::Certificates(folder, keeper), Some(Watch::start(move || watched.refresh())))
            }
            Self::Local => {
                let token = Arc::new(LocalToken::create(address).map_err(CliError::LocalToken)?);
                // the file goes with the coordinator, whatever this task does
                let watched = Arc::downgrade(&token);
                let keep = move || {
                    if let Some(token) = watched.upgrade() {
                        token.keep();
                    }
                };
                (Means::Local(token), Some(Watch::start(keep)))
            }
        };
        Ok(Protection { means, _watch: watch })
    }
}

impl Watch {
    /// Looks again and again. Files are read on a thread that may wait for them.
    fn start(look: impl Fn() + Send + Sync + 'static) -> Self {
        let look = Arc::new(look);
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(LOOK).await;
                let look = Arc::clone(&look);
                // it ends with the runtime only
                let _ = tokio::task::spawn_blocking(move || look()).await;
            }
        });
        Self(task.abort_handle())
    }
}

impl Protection {
    /// What callers must show.
    pub(super) fn guard(&self) -> Guard {
        match &self.means {
            Means::Open => Guard::Open,
            Means::Token(_, secret) => Guard::Token { secret: secret.clone(), is_local: false },
            Means::Local(token) => Guard::Token { secret: token.secret().clone(), is_local: true },
            Means::Certificates(_, keeper) => Guard::Certificates(Arc::clone(keeper)),
        }
    }

    /// Whether connections are encrypted.
    pub(super) fn is_tls(&self) -> bool {
        matches!(self.means, Means::Certificates(..))
    }

    /// What a worker on this machine must be given. The token for this user it finds by itself.
    pub(super) fn credentials(&self) -> Vec<OsString> {
        match &self.means {
            Means::Open | Means::Local(..) => Vec::new(),
            Means::Token(path, _) => vec!["--token-file".into(), path.into()],
            Means::Certificates(folder, _) => {
                vec!["--join".into(), folder.join(Folder::token_name(Role::Worker)).into()]
            }
        }
    }
}
