//! A connection that the services can read calls from: as it is, or inside TLS.

use super::connection::{Caller, Connection};
use crate::serve::access::Shown;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

/// What calls come over.
pub(in crate::serve) enum Stream {
    /// Anybody on the way can read them.
    Plain(Connection),
    /// Nobody can.
    Tls(Box<TlsStream<Connection>>),
}

impl Stream {
    /// Shakes hands with the other end. It is a stranger meanwhile, and has a stranger's time.
    pub(super) async fn secure(connection: Connection, config: Arc<rustls::ServerConfig>) -> io::Result<Self> {
        let stream = TlsAcceptor::from(config).accept(connection).await?;
        let (connection, session) = stream.get_ref();
        if let Some([certificate, ..]) = session.peer_certificates() {
            connection.caller().show(Shown::new(certificate.clone().into_owned()));
        }
        Ok(Self::Tls(Box::new(stream)))
    }
}

impl Connected for Stream {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        match self {
            Self::Plain(connection) => connection.caller().clone(),
            Self::Tls(stream) => stream.get_ref().0.caller().clone(),
        }
    }
}

/// Passes a call on to whichever stream it is.
macro_rules! either {
    ($stream:expr, $inner:ident => $call:expr) => {
        match $stream.get_mut() {
            Stream::Plain(connection) => {
                let $inner = Pin::new(connection);
                $call
            }
            Stream::Tls(stream) => {
                let $inner = Pin::new(stream.as_mut());
                $call
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        either!(self, inner => inner.poll_read(context, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, inner => inner.poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, inner => inner.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, inner => inner.poll_shutdown(context))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, inner => inner.poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(connection) => connection.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }
}
