//! Connections, once they speak. A stranger who opens many and says nothing would else use up what the process may have open: neither
//! the token nor the keepalive is asked for before HTTP/2's first bytes.

use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;

/// What every HTTP/2 connection begins with: so many bytes.
const PREFACE: usize = 24;
/// A connection that has not said it after this time is closed.
const PATIENCE: Duration = Duration::from_secs(5);
/// Connections that have not said it yet; more wait in the kernel's queue.
const UNSPOKEN: usize = 256;
/// Until the next try where none can be accepted, as without free file descriptors.
const RETRY: Duration = Duration::from_millis(100);
/// Between two looks at a connection that has said a part of it.
const TICK: Duration = Duration::from_millis(20);

/// The connections of `listener` that speak HTTP/2; ends with its reader.
pub(super) fn speaking(listener: TcpListener) -> ReceiverStream<io::Result<TcpStream>> {
    let (admitted, connections) = mpsc::channel(1);
    tokio::spawn(async move {
        let unspoken = Arc::new(Semaphore::new(UNSPOKEN));
        loop {
            // the semaphore is never closed
            let Ok(permit) = Arc::clone(&unspoken).acquire_owned().await else { return };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = admitted.closed() => return,
            };
            let Ok((connection, _)) = accepted else {
                sleep(RETRY).await;
                continue;
            };
            let admitted = admitted.clone();
            tokio::spawn(async move {
                let speaks = timeout(PATIENCE, speaks(&connection)).await;
                drop(permit);
                if matches!(speaks, Ok(Ok(()))) && connection.set_nodelay(true).is_ok() {
                    // a server that has ended takes no more
                    let _ = admitted.send(Ok(connection)).await;
                }
            });
        }
    });
    ReceiverStream::new(connections)
}

/// Waits for the first bytes, and leaves them where they are.
async fn speaks(connection: &TcpStream) -> io::Result<()> {
    let mut head = [0; PREFACE];
    loop {
        match connection.peek(&mut head).await? {
            PREFACE => return Ok(()),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            _ => sleep(TICK).await,
        }
    }
}
