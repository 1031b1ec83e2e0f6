//! A connection that can be told to go as long as it is a stranger.

use super::gate::Id;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{mpsc::UnboundedSender, oneshot};
use tonic::transport::server::Connected;

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
    is_known: AtomicBool,
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
    pub(super) fn new(stream: TcpStream, id: Id, expelled: oneshot::Receiver<()>, news: UnboundedSender<News>) -> Self {
        let caller = Caller(Arc::new(Inner { id, is_known: AtomicBool::new(false), news }));
        Self { stream, caller, expelled: Some(expelled) }
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

impl Connected for Connection {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        self.caller.clone()
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
