//! Connections: how many there may be, and for how long without a call that is let in.
//!
//! ```text
//!  gate        who is let in, and who has to go                        pure
//!  connection  tells when it has made a call that was let in, and when it ends
//!  stream      a connection as it is, or inside TLS
//! ```

mod connection;
mod gate;
mod stream;

pub(super) use connection::Caller;
pub(super) use stream::Stream;

use connection::{Connection, News};
use gate::Gate;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::ServerConfig;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_stream::wrappers::ReceiverStream;

/// Files that are left for the store, those who read it, and the runtime.
const SPARE_FILES: usize = 64;
/// Until the next try where none can be accepted, as without free file descriptors.
const RETRY: Duration = Duration::from_millis(100);
/// Between two words in the log that connections are refused.
const PAUSE: Duration = Duration::from_secs(60);

/// The connections of `listener` that are let in, so many at once, inside TLS if there is a configuration; ends with its reader.
pub(super) fn admitted(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    max_connections: usize,
) -> ReceiverStream<io::Result<Stream>> {
    let (sender, connections) = mpsc::channel(1);
    let gate = Gate::new(max_connections.min(files().saturating_sub(SPARE_FILES)).max(SPARE_FILES));
    tokio::spawn(accept(listener, tls, gate, sender));
    ReceiverStream::new(connections)
}

/// Files that the process may have open, once it has taken all that the system allows it.
fn files() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let is_raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok();
    let files = if is_raised { maximum } else { current };
    files.map_or(usize::MAX, |files| files as usize)
}

async fn accept(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    mut gate: Gate<oneshot::Sender<()>>,
    connections: mpsc::Sender<io::Result<Stream>>,
) {
    // no more than two of each connection wait in it
    let (news_sender, mut news) = mpsc::unbounded_channel();
    let mut complaint = Complaint::default();
    loop {
        let due = gate.due();
        let due = async { if let Some(due) = due { sleep_until(due.into()).await } else { pending().await } };
        let accepted = tokio::select! {
            accepted = listener.accept(), if gate.has_room() => accepted,
            Some(news) = news.recv() => {
                match news {
                    News::Known(id) => gate.know(id),
                    News::Ended(id) => gate.leave(id),
                }
                continue;
            }
            () = due => {
                // to drop what is kept of them closes them
                drop(gate.expel(Instant::now().into()));
                continue;
            }
            () = connections.closed() => return,
        };
        match accepted {
            // small messages leave at once; whoever wanted in may have gone
            Ok((stream, _)) if stream.set_nodelay(true).is_err() => {}
            Ok((stream, peer)) => {
                let (keep, expelled) = oneshot::channel();
                let Some(id) = gate.admit(Instant::now().into(), peer.ip(), keep) else {
                    complaint.say(&format!(
                        "{} has {} connections and gets no more",
                        peer.ip(),
                        gate.max_per_address()
                    ));
                    continue;
                };
                let connection = Connection::new(stream, peer.ip(), id, expelled, news_sender.clone());
                match &tls {
                    // a server that has ended takes no more
                    None => drop(connections.send(Ok(Stream::Plain(connection))).await),
                    // others do not wait for its handshake
                    Some(tls) => drop(tokio::spawn(secure(connection, Arc::clone(tls), connections.clone()))),
                }
                if gate.is_full() {
                    complaint.say(&format!("all {} connections are taken, others wait", gate.max_connections()));
                }
            }
            // whoever wanted in has gone
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                complaint.say(&format!("cannot accept connections, others wait: {error}"));
                sleep(RETRY).await;
            }
        }
    }
}

/// Hands a connection on once it speaks TLS. One that does not is closed.
async fn secure(connection: Connection, tls: Arc<ServerConfig>, connections: mpsc::Sender<io::Result<Stream>>) {
    let peer = connection.caller().address();
    match Stream::secure(connection, tls).await {
        // a server that has ended takes no more
        Ok(stream) => drop(connections.send(Ok(stream)).await),
        Err(error) => tracing::debug!(%peer, %error, "no TLS connection"),
    }
}

/// Says that connections are refused, at most once a minute.
#[derive(Default)]
struct Complaint {
    said: Option<Instant>,
}

impl Complaint {
    fn say(&mut self, what: &str) {
        if self.said.is_none_or(|said| said.elapsed() > PAUSE) {
            self.said = Some(Instant::now());
            tracing::error!("{what}; more open files allow more: `ulimit -n`, or LimitNOFILE= of a systemd service");
        }
    }
}
