//! The connection to the coordinator.
//!
//! ```text
//!  without TLS         every call bears the token, if there is one; that of a coordinator of the same user is looked for again when
//!                      the coordinator has started anew
//!  with certificates   the first call enrols (`enrolment.rs`), all others show the certificate
//! ```

use super::enrolment::Enrolment;
use proto::bearer::{Bearer, InvalidToken};
use proto::credential::{Credential, Secret};
use proto::ids::WorkerId;
use proto::stranger;
use proto::target::{Target, TargetError};
use proto::tls::TlsError;
use proto::wire::fleet_client::FleetClient;
use proto::wire::{
    CompleteRequest, CompleteResponse, RegisterRequest, RegisterResponse, SynchronizeRequest, SynchronizeResponse,
};
use std::error::Error as _;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::spawn_blocking;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Response, Status};

/// Notices a peer that has vanished without a word.
const KEEPALIVE: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The option that takes a token for TLS.
const OPTION: &str = "--join";

type Fleet = FleetClient<InterceptedService<Channel, Bearer>>;

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// This is no address of a coordinator, or not with this token.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The token has characters that cannot be sent.
    #[error(transparent)]
    Token(#[from] InvalidToken),
    /// TLS cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The system has no random numbers.
    #[error(transparent)]
    Key(#[from] io::Error),
}

/// A client of the fleet service, for one worker. It connects at its first call and again whenever the connection is lost.
#[derive(Clone)]
pub(super) struct Client(Arc<Inner>);

struct Inner {
    url: String,
    worker: WorkerId,
    fleet: Mutex<Fleet>,
    way: Way,
}

/// How the worker is let in.
enum Way {
    /// By what it was given.
    Given,
    /// By the token that a coordinator of this user has made, if there is one. It is in doubt once a call was lost: a coordinator that
    /// has started anew has made another.
    Found { url: String, secret: Mutex<Option<Secret>>, in_doubt: AtomicBool },
    /// By its certificate.
    Enrolled(Box<Enrolment>),
}

/// A client that bears the credential, if there is one.
///
/// # Errors
/// If address and credential do not fit, or the token is malformed.
pub(super) fn connect(url: &str, credential: Option<Credential>) -> Result<Client, ConnectError> {
    let is_given = credential.is_some();
    let target = Target::of(url, credential, OPTION)?;
    let (worker, fleet, way) = match (target.ca, target.secret) {
        (Some(ca), Some(secret)) => {
            let enrolment = Enrolment::new(ca, &secret, settings(target.endpoint))?;
            (enrolment.worker(), fleet(enrolment.channel(None)?, None)?, Way::Enrolled(Box::new(enrolment)))
        }
        (_, secret) => {
            let fleet = fleet(settings(target.endpoint).connect_lazy(), secret.as_ref())?;
            let in_doubt = AtomicBool::new(false);
            let found = Way::Found { url: url.to_owned(), secret: Mutex::new(secret), in_doubt };
            (WorkerId(rand::random()), fleet, if is_given { Way::Given } else { found })
        }
    };
    Ok(Client(Arc::new(Inner { url: url.to_owned(), worker, fleet: Mutex::new(fleet), way })))
}

fn settings(endpoint: Endpoint) -> Endpoint {
    endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .keep_alive_while_idle(true)
        .tcp_nodelay(true)
}

fn fleet(channel: Channel, secret: Option<&Secret>) -> Result<Fleet, InvalidToken> {
    let client = FleetClient::with_interceptor(channel, Bearer::new(secret.map(Secret::reveal))?);
    Ok(client.max_decoding_message_size(proto::MAX_MESSAGE_BYTES))
}

impl Client {
    /// The worker that calls.
    pub(super) fn worker(&self) -> WorkerId {
        self.0.worker
    }

    pub(super) async fn register(&mut self, request: RegisterRequest) -> Result<Response<RegisterResponse>, Status> {
        let result = self.ready().await?.register(request).await;
        self.answer(result).await
    }

    pub(super) async fn synchronize(
        &mut self,
        request: SynchronizeRequest,
    ) -> Result<Response<SynchronizeResponse>, Status> {
        let result = self.ready().await?.synchronize(request).await;
        self.answer(result).await
    }

    pub(super) async fn complete(&mut self, request: CompleteRequest) -> Result<Response<CompleteResponse>, Status> {
        let result = self.ready().await?.complete(request).await;
        self.answer(result).await
    }

    /// What calls go through, with a certificate or a token that is valid.
    async fn ready(&self) -> Result<Fleet, Status> {
        match &self.0.way {
            Way::Enrolled(enrolment) => {
                if let Some(channel) = enrolment.refresh().await? {
                    let fleet = fleet(channel, None).map_err(|error| Status::internal(error.to_string()))?;
                    self.replace(fleet);
                }
            }
            Way::Found { url, secret, in_doubt } if in_doubt.swap(false, Ordering::Relaxed) => {
                self.look_again(url, secret);
            }
            Way::Found { .. } | Way::Given => {}
        }
        Ok(self.0.fleet.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn replace(&self, fleet: Fleet) {
        *self.0.fleet.lock().unwrap_or_else(PoisonError::into_inner) = fleet;
    }

    /// What the coordinator answers. If it does not know the caller, and another certificate or token helps, the next call has that.
    async fn answer<T>(&self, result: Result<T, Status>) -> Result<T, Status> {
        match (&self.0.way, result) {
            (Way::Enrolled(enrolment), Err(status)) if status.code() == Code::Unauthenticated => {
                enrolment.forget().await;
                Err(Status::unavailable(status.message()))
            }
            (Way::Found { url, secret, .. }, Err(status)) if status.code() == Code::Unauthenticated => {
                Err(self.look_again(url, secret).unwrap_or(status))
            }
            (way, Err(status)) => {
                if let Way::Found { in_doubt, .. } = way {
                    in_doubt.store(status.source().is_some(), Ordering::Relaxed);
                }
                Err(self.explained(status).await)
            }
            (_, Ok(response)) => Ok(response),
        }
    }

    /// Says who else answers at the address, if it is not a coordinator.
    async fn explained(&self, mut status: Status) -> Status {
        // who is silent is not asked again
        if status.source().is_none() || status.code() == Code::DeadlineExceeded {
            return status;
        }
        let url = self.0.url.clone();
        if let Ok(Some(stranger)) = spawn_blocking(move || stranger::behind(&url)).await {
            status.set_source(Arc::new(io::Error::other(stranger)));
        }
        status
    }

    /// Looks for the token of a coordinator that has started anew; why the call is to be repeated, if there is another.
    fn look_again(&self, url: &str, secret: &Mutex<Option<Secret>>) -> Option<Status> {
        let target = Target::of(url, None, OPTION).ok()?;
        let mut secret = secret.lock().unwrap_or_else(PoisonError::into_inner);
        if target.secret == *secret {
            return None;
        }
        self.replace(fleet(settings(target.endpoint).connect_lazy(), target.secret.as_ref()).ok()?);
        *secret = target.secret;
        Some(Status::unavailable("the coordinator has started anew, with another token"))
    }
}
