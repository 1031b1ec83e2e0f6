//! Who may call what. Every call passes here first.
//!
//! ```text
//!  table    which call is for whom                                         pure
//!  layer    stands before the services
//!  readers  looks at the tokens of those who read the metrics
//! ```

mod layer;
mod readers;
mod table;

pub(super) use layer::AccessLayer;
pub use readers::Readers;
pub(super) use table::known_method;

use super::incoming::Caller;
use crate::identity::{Guesses, Invalid, Keeper, Role, hash};
use proto::bearer;
use proto::credential::{Credential, Secret};
use proto::ids::WorkerId;
use rustls::pki_types::CertificateDer;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use table::{Holder, Row};
use tokio::time::{Instant, sleep};
use tonic::codegen::http::HeaderMap;
use tonic::{Extensions, Status};

/// A certificate that was good is good for this time, but for its revocation, which counts at once.
const TRUST: Duration = Duration::from_secs(60);

/// The call that says how sweeps stand.
const STATUS: &str = "/sweep.v1.Sweeps/Status";
/// A call that ends jobs.
const CANCEL: &str = "/sweep.v1.Sweeps/Cancel";

/// What callers must show.
#[derive(Clone)]
pub enum Guard {
    /// Nothing.
    Open,
    /// A token that all share. It is this user's own if it was made for that.
    Token {
        /// The token.
        secret: Secret,
        /// It lies where only this user finds it.
        is_local: bool,
    },
    /// A certificate of a worker, or a token of a role.
    Certificates(Arc<Keeper>),
}

impl Guard {
    /// Whether the headers of a request bear what lets somebody read how sweeps stand.
    #[must_use]
    pub fn lets_read(&self, headers: &HeaderMap) -> bool {
        self.lets_call(STATUS, headers)
    }

    /// Whether the headers of a request bear what lets somebody cancel sweeps.
    #[must_use]
    pub fn lets_cancel(&self, headers: &HeaderMap) -> bool {
        self.lets_call(CANCEL, headers)
    }

    /// What the token of a role is known by; `None` where there is none that somebody could replace.
    #[must_use]
    pub fn token(&self, role: Role) -> Option<blake3::Hash> {
        match self {
            Self::Token { secret, is_local: false } => Some(hash(secret.reveal().as_bytes())),
            Self::Certificates(keeper) => keeper.token(role),
            // this user's own is another after each start
            Self::Open | Self::Token { is_local: true, .. } => None,
        }
    }

    fn lets_call(&self, path: &str, headers: &HeaderMap) -> bool {
        match self.look_up(headers) {
            Found::Holder(holder) => table::row(path).is_some_and(|row| row.admits(&holder)),
            Found::None | Found::Wrong => false,
        }
    }

    /// Who bears the token of the headers. The line of a token file is as good as the token in it: some programs send files as they are.
    fn look_up(&self, headers: &HeaderMap) -> Found {
        if matches!(self, Self::Open) {
            return Found::Holder(Holder::All);
        }
        let Some(given) = headers.get(bearer::HEADER) else { return Found::None };
        let given = given.to_str().ok().and_then(|given| given.strip_prefix(bearer::SCHEME));
        let Some(given) = given.map(|line| Credential::parse(line).secret) else { return Found::Wrong };
        let given = given.reveal().as_bytes();
        let holder = match self {
            Self::Open => Some(Holder::All),
            // compared as hashes, so that the time taken tells nothing of the token
            Self::Token { secret, .. } => (hash(given) == hash(secret.reveal().as_bytes())).then_some(Holder::All),
            Self::Certificates(keeper) => keeper.role(given).map(Holder::Token),
        };
        holder.map_or(Found::Wrong, Found::Holder)
    }
}

/// Checks calls.
pub(super) struct Access {
    guard: Guard,
    guesses: Mutex<Guesses>,
}

/// What became of a token.
enum Found {
    None,
    Wrong,
    Holder(Holder),
}

impl Access {
    pub(super) fn new(guard: Guard) -> Self {
        Self { guard, guesses: Mutex::default() }
    }

    /// Who calls, if the call is for them.
    async fn admit(&self, caller: &Caller, path: &str, headers: &HeaderMap) -> Result<Holder, Status> {
        let row = table::row(path).ok_or_else(|| Status::unimplemented(format!("there is no call {path}")))?;
        if row.is_public() {
            return Ok(Holder::Anyone);
        }
        let holder = self.holder(caller, headers).await?;
        if !row.admits(&holder) {
            return Err(refusal(row, &holder));
        }
        caller.identify();
        Ok(holder)
    }

    async fn holder(&self, caller: &Caller, headers: &HeaderMap) -> Result<Holder, Status> {
        if let (Guard::Certificates(keeper), Some(certificate)) = (&self.guard, caller.certificate()) {
            return certificate.worker(keeper).map(Holder::Worker).map_err(refused);
        }
        // whoever has tried wrong tokens, or nothing yet, tries one after the other
        let _turn = match caller.is_trusted() {
            true => None,
            false => Some(caller.turn().await),
        };
        match self.guard.look_up(headers) {
            Found::Holder(holder) => Ok(holder),
            Found::None => Err(Status::unauthenticated(self.remedy())),
            Found::Wrong => {
                caller.suspect();
                sleep(self.count(caller)).await;
                Err(Status::unauthenticated(self.remedy()))
            }
        }
    }

    /// Counts a wrong token; how long its answer is to wait.
    fn count(&self, caller: &Caller) -> Duration {
        let address = caller.address();
        let mut guesses = self.guesses.lock().unwrap_or_else(PoisonError::into_inner);
        let wrong = guesses.wrong(Instant::now().into(), address);
        if let Some(count) = wrong.say {
            tracing::warn!(%address, count, "calls with a wrong token; they are answered slowly");
        }
        wrong.delay
    }

    /// What whoever has no token, or a wrong one, can do.
    fn remedy(&self) -> &'static str {
        match self.guard {
            Guard::Open => "",
            Guard::Token { is_local: false, .. } => {
                "the coordinator asks for a token: give the same --token-file on both sides"
            }
            Guard::Token { is_local: true, .. } => {
                "the coordinator lets in only the user who started it, on the same machine; for others start it with --token-file FILE, and give them that --token-file"
            }
            Guard::Certificates(_) => {
                "the coordinator asks for a token of the folder that it was started with (--certs): give --token-file FILE (reader.token or submitter.token), or a worker --join FILE (worker.token)"
            }
        }
    }
}

fn refused(invalid: Invalid) -> Status {
    match invalid {
        // another helps
        Invalid::Time => Status::unauthenticated(invalid.to_string()),
        Invalid::Foreign | Invalid::Revoked => Status::permission_denied(invalid.to_string()),
    }
}

fn refusal(row: &Row, holder: &Holder) -> Status {
    Status::permission_denied(match holder {
        Holder::Worker(_) => "a worker's certificate is for the calls of workers".to_owned(),
        _ if row.is_for_workers() => {
            "this call is for workers, which join with worker.token: worker --join worker.token".to_owned()
        }
        holder => format!("this needs {}.token: {} is not enough", row.token(), holder),
    })
}

/// Checks that a call is the worker's for which the certificate of its connection is.
pub(super) fn is_caller(extensions: &Extensions, worker: WorkerId) -> Result<(), Status> {
    match extensions.get::<Holder>() {
        Some(Holder::Worker(own)) if *own != worker => Err(Status::permission_denied(format!(
            "the call is worker {}'s, but the certificate is worker {}'s: a worker calls for itself only",
            worker.alias(),
            own.alias()
        ))),
        Some(_) => Ok(()),
        None => Err(Status::internal("a call that nobody has let in")),
    }
}

/// A certificate of a connection, and what was found out about it.
pub(super) struct Shown {
    certificate: CertificateDer<'static>,
    checked: Mutex<Option<(Instant, Result<WorkerId, Invalid>)>>,
}

impl Shown {
    pub(super) fn new(certificate: CertificateDer<'static>) -> Self {
        Self { certificate, checked: Mutex::default() }
    }

    /// The worker that it is for.
    fn worker(&self, keeper: &Keeper) -> Result<WorkerId, Invalid> {
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match *checked {
            Some((when, found)) if when.elapsed() < TRUST => found,
            _ => {
                let found = keeper.worker(&self.certificate);
                *checked = Some((Instant::now(), found));
                found
            }
        };
        let worker = found?;
        keeper.check(worker).map(|()| worker)
    }
}
