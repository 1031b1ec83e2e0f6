//! A connection that can be told to go as long as it is a stranger.

use super::gate::Id;
use crate::serve::access::Shown;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, MutexGuard, mpsc::UnboundedSender, oneshot};

/// What becomes of a connection.
pub(super) enum News {
    /// It has made a call that was let in.
    Known(Id),
    /// It has ended.
    Ended(Id),
}

/// The other end of a connection, as its calls see it.
#[derive(Clone)]
pub(in crate::serve) struct Caller(Arc<Inner>);

struct Inner {
    id: Id,
    address: IpAddr,
    is_known: AtomicBool,
    /// It has tried a wrong token.
    is_suspect: AtomicBool,
    /// What it has shown when it was made.
    certificate: OnceLock<Shown>,
    /// For calls that are checked one after the other.
    turn: Mutex<()>,
    news: UnboundedSender<News>,
}

impl Caller {
    /// It has made a call that was let in: it may stay.
    pub(in crate::serve) fn identify(&self) {
        if !self.0.is_known.swap(true, Ordering::Relaxed) {
            self.0.tell(News::Known(self.0.id));
        }
    }

    fn is_known(&self) -> bool {
        self.0.is_known.load(Ordering::Relaxed)
    }

    /// The address at the other end.
    pub(in crate::serve) fn address(&self) -> IpAddr {
        self.0.address
    }

    /// The certificate that the other end has shown.
    pub(in crate::serve) fn certificate(&self) -> Option<&Shown> {
        self.0.certificate.get()
    }

    /// Keeps the certificate that the other end has shown.
    pub(super) fn show(&self, certificate: Shown) {
        // a connection is made once
        let _ = self.0.certificate.set(certificate);
    }

    /// It has tried a wrong token.
    pub(in crate::serve) fn suspect(&self) {
        self.0.is_suspect.store(true, Ordering::Relaxed);
    }

    /// Whether it has made a call that was let in, and never tried a wrong token.
    pub(in crate::serve) fn is_trusted(&self) -> bool {
        self.is_known() && !self.0.is_suspect.load(Ordering::Relaxed)
    }

    /// Waits until no other call of the connection has the turn.
    pub(in crate::serve) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.0.turn.lock().await
    }
}

impl Inner {
    fn tell(&self, news: News) {
        // a server that has ended wants no news
        let _ = self.news.send(news);
    }
}

/// A TCP connection. Reading and writing fail once it is told to go.
pub(in crate::serve) struct Connection {
    stream: TcpStream,
    caller: Caller,
    /// Ends when it has to go; none once it may stay.
    expelled: Option<oneshot::Receiver<()>>,
}

impl Connection {
    pub(super) fn new(
        stream: TcpStream,
        address: IpAddr,
        id: Id,
        expelled: oneshot::Receiver<()>,
        news: UnboundedSender<News>,
    ) -> Self {
        let [is_known, is_suspect] = [false; 2].map(AtomicBool::new);
        let (certificate, turn) = (OnceLock::new(), Mutex::new(()));
        let caller = Caller(Arc::new(Inner { id, address, is_known, is_suspect, certificate, turn, news }));
        Self { stream, caller, expelled: Some(expelled) }
    }

    /// The other end, as its calls see it.
    pub(super) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The stream, unless it has to go. Wakes the task when it has to.
    fn poll_stream(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Pin<&mut TcpStream>>> {
        if self.caller.is_known() {
            self.expelled = None;
        }
        if let Some(expelled) = &mut self.expelled
            && Pin::new(expelled).poll(context).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Ready(Ok(Pin::new(&mut self.stream)))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.caller.0.tell(News::Ended(self.caller.0.id));
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_stream(context))?.poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_stream(context))?.poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_stream(context))?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_stream(context))?.poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
