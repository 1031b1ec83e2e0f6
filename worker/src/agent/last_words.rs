//! What a trainer says on its standard error: passed on to that of the worker, and the end of it kept for whoever looks into a failure.

use proto::text::Tail;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::ChildStderr;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Bytes that are kept; the tail that is made of them is shorter.
const KEPT: usize = 32 << 10;
/// Time for reading the rest once the trainer has ended. A child of its own may keep the pipe open.
const REST: Duration = Duration::from_secs(1);

/// The standard error of one trainer.
pub(super) struct LastWords {
    kept: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl LastWords {
    /// Begins to read.
    pub(super) fn of(mut stderr: ChildStderr) -> Self {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&kept);
        let reader = tokio::spawn(async move {
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = stderr.read(&mut piece).await {
                keep(&sink, &piece[..count]);
                // who has closed the worker's standard error wants nothing of this
                let _ = io::stderr().write_all(&piece[..count]);
            }
        });
        Self { kept, reader }
    }

    /// A job begins: what was said before is not of it.
    pub(super) fn begin(&self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The end of what was said since, once the trainer has ended.
    pub(super) async fn end(mut self) -> Tail {
        if timeout(REST, &mut self.reader).await.is_err() {
            self.reader.abort();
        }
        Tail::of(&String::from_utf8_lossy(&self.kept.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn keep(kept: &Mutex<Vec<u8>>, piece: &[u8]) {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    kept.extend(piece);
    let surplus = kept.len().saturating_sub(KEPT);
    kept.drain(..surplus);
}
