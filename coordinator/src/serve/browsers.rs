//! Connections of browsers on other machines, for the live page: inside TLS, and as many and for as long as those of callers.

use super::incoming::{Stream, admitted};
use crate::identity::{Keeper, browser_config};
use crate::page::Visitor;
use axum::serve::Listener;
use std::future::pending;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;

/// Connections at once: a browser opens six at most, and 64 have a stream.
const MAX_CONNECTIONS: usize = 512;

/// Accepts browsers on `listener`, with the coordinator's certificate. None waits for the handshake of another.
///
/// # Errors
/// If the certificates make no TLS, or the listener has no address.
pub fn browsers(listener: TcpListener, keeper: &Arc<Keeper>) -> io::Result<impl Listener<Addr = Visitor>> {
    let tls = browser_config(keeper).map_err(io::Error::other)?;
    let address = listener.local_addr()?.ip();
    Ok(Browsers { address, connections: admitted(listener, Some(tls), MAX_CONNECTIONS) })
}

struct Browsers {
    address: IpAddr,
    connections: ReceiverStream<io::Result<Stream>>,
}

impl Listener for Browsers {
    type Io = Stream;
    type Addr = Visitor;

    async fn accept(&mut self) -> (Stream, Visitor) {
        while let Some(connection) = self.connections.next().await {
            // what failed has been said
            let Ok(stream) = connection else { continue };
            let caller = stream.connect_info();
            return (stream, Visitor::new(caller.address(), move || caller.identify()));
        }
        // the runtime ends
        pending().await
    }

    fn local_addr(&self) -> io::Result<Visitor> {
        Ok(Visitor::new(self.address, || {}))
    }
}
