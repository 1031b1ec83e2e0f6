//! The connection to the coordinator.

use proto::address::{self, InvalidAddress};
use proto::bearer::{Bearer, InvalidToken};
use proto::wire::fleet_client::FleetClient;
use std::time::Duration;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

/// Notices a peer that has vanished without a word.
const KEEPALIVE: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A client of the fleet service that bears the token, if there is one.
pub(super) type Client = FleetClient<InterceptedService<Channel, Bearer>>;

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// This is no address of a coordinator.
    #[error(transparent)]
    Address(#[from] InvalidAddress),
    /// The token has characters that cannot be sent.
    #[error(transparent)]
    Token(#[from] InvalidToken),
}

/// A client that connects at its first call and again whenever the connection is lost.
///
/// # Errors
/// If the address or the token cannot be.
pub(super) fn connect(url: &str, token: Option<&str>) -> Result<Client, ConnectError> {
    let endpoint = address::endpoint(url)?
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .keep_alive_while_idle(true)
        .tcp_nodelay(true);
    let client = FleetClient::with_interceptor(endpoint.connect_lazy(), Bearer::new(token)?);
    Ok(client.max_decoding_message_size(proto::MAX_MESSAGE_BYTES))
}
