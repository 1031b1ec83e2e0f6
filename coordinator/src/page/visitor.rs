//! Who is at the other end of a connection.

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};

/// The other end of a connection.
#[derive(Clone)]
pub struct Visitor {
    pub(super) address: IpAddr,
    stay: Arc<dyn Fn() + Send + Sync>,
}

impl Visitor {
    /// One at that address, and what is done when it was let in: until then its connection has little time.
    pub fn new(address: IpAddr, stay: impl Fn() + Send + Sync + 'static) -> Self {
        Self { address, stay: Arc::new(stay) }
    }

    /// It was let in: its connection may stay.
    pub(super) fn stay(&self) {
        (self.stay)();
    }
}

impl fmt::Debug for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Visitor({})", self.address)
    }
}

/// What visitors come to: a listener whose requests tell who they are of.
pub(super) struct Door<L>(pub(super) L);

impl<L: Listener<Addr = Visitor>> Listener for Door<L> {
    type Io = L::Io;
    type Addr = Visitor;

    async fn accept(&mut self) -> (L::Io, Visitor) {
        self.0.accept().await
    }

    fn local_addr(&self) -> io::Result<Visitor> {
        self.0.local_addr()
    }
}

impl<L: Listener<Addr = Self>> Connected<IncomingStream<'_, Door<L>>> for Visitor {
    fn connect_info(stream: IncomingStream<'_, Door<L>>) -> Self {
        stream.remote_addr().clone()
    }
}

/// Visitors from this machine, whose connections may stay as long as they like.
pub(super) struct ThisMachine(pub(super) TcpListener);

impl Listener for ThisMachine {
    type Io = TcpStream;
    type Addr = Visitor;

    async fn accept(&mut self) -> (TcpStream, Visitor) {
        let (stream, peer) = Listener::accept(&mut self.0).await;
        (stream, Visitor::new(peer.ip(), || {}))
    }

    fn local_addr(&self) -> io::Result<Visitor> {
        Ok(Visitor::new(self.0.local_addr()?.ip(), || {}))
    }
}
