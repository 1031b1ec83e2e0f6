//! The connection to the coordinator.

use proto::wire::fleet_client::FleetClient;
use std::time::Duration;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

/// Notices a peer that has vanished without a word.
const KEEPALIVE: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer of the coordinator.
const MAX_MESSAGE_BYTES: usize = 16 << 20;

/// A client of the fleet service that bears the token, if there is one.
pub(super) type Client = FleetClient<InterceptedService<Channel, Bearer>>;

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address is no URL.
    #[error("`{url}` is no address of a coordinator: expected http://HOST:PORT")]
    Url {
        /// What was given.
        url: String,
    },
    /// The token has characters that cannot be sent.
    #[error("the token may only have visible ASCII characters")]
    Token,
}

/// Adds the token to every call.
#[derive(Debug, Clone)]
pub(super) struct Bearer(Option<MetadataValue<Ascii>>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

/// A client that connects at its first call and again whenever the connection is lost.
///
/// # Errors
/// If the address or the token cannot be.
pub(super) fn connect(url: &str, token: Option<&str>) -> Result<Client, ConnectError> {
    let endpoint = Endpoint::from_shared(url.to_owned())
        .ok()
        .filter(|endpoint| endpoint.uri().scheme_str() == Some("http") && endpoint.uri().host().is_some())
        .ok_or_else(|| ConnectError::Url { url: url.to_owned() })?
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .keep_alive_while_idle(true)
        .tcp_nodelay(true);
    let bearer = token.map(|token| format!("Bearer {token}").parse()).transpose().map_err(|_| ConnectError::Token)?;
    let client = FleetClient::with_interceptor(endpoint.connect_lazy(), Bearer(bearer));
    Ok(client.max_decoding_message_size(MAX_MESSAGE_BYTES))
}
