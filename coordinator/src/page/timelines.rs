//! What workers did: a timeline for each span of time that viewers choose, read from the store beside the analyst and kept until there is a newer version.

use super::desk::{Desk, RETRY, is_fresh};
use crate::analyst::{Archive, TableError};
use crate::clock::now_ms;
use crate::results::ResultsError;
use crate::results::timeline::{self, Timeline};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// A view waits so long for a timeline that is being read; then it shows the one that was read before.
const PATIENCE: Duration = Duration::from_millis(500);

/// How far back a timeline reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Back {
    Quarter,
    Hour,
    SixHours,
    Day,
    Everything,
}

impl Back {
    pub(super) const ALL: [Self; 5] = [Self::Quarter, Self::Hour, Self::SixHours, Self::Day, Self::Everything];

    /// Its name in addresses.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Quarter => "15m",
            Self::Hour => "1h",
            Self::SixHours => "6h",
            Self::Day => "1d",
            Self::Everything => "all",
        }
    }

    /// Its name for people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Quarter => "15 minutes",
            Self::Hour => "1 hour",
            Self::SixHours => "6 hours",
            Self::Day => "1 day",
            Self::Everything => "everything",
        }
    }

    fn milliseconds(self) -> Option<u64> {
        let minutes = match self {
            Self::Quarter => 15,
            Self::Hour => 60,
            Self::SixHours => 6 * 60,
            Self::Day => 24 * 60,
            Self::Everything => return None,
        };
        Some(minutes * 60_000)
    }

    /// Reads the timeline until now, by the clock that wrote the journal, or until the last fact of a store that nobody writes.
    pub(super) fn read(self, archive: &Archive, is_live: bool) -> Result<Timeline, TableError> {
        let until_ms = is_live.then(now_ms);
        let read = archive.read(|reader| timeline::read(reader, self.milliseconds(), until_ms));
        Ok(read.map_err(ResultsError::from)?)
    }
}

/// The timelines that were read last.
#[derive(Debug, Default)]
pub(super) struct Timelines {
    kept: Mutex<BTreeMap<Back, Kept>>,
    /// Whoever has it reads one.
    reading: Arc<tokio::sync::Mutex<()>>,
}

/// A timeline, and of which version it is.
#[derive(Debug, Clone)]
struct Kept {
    version: u64,
    made: Instant,
    took: Duration,
    /// None if the journal could not be read.
    timeline: Option<Arc<Timeline>>,
}

impl Timelines {
    fn kept(&self) -> MutexGuard<'_, BTreeMap<Back, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_fresh(&self, back: Back, version: u64) -> bool {
        self.kept().get(&back).is_some_and(|kept| match &kept.timeline {
            Some(_) => is_fresh(kept.version == version, kept.made, kept.took),
            None => kept.made.elapsed() < RETRY,
        })
    }
}

impl Desk {
    /// The timeline of that span and its version: the kept one if it is fresh, or what `read` reads. Waits for that at most [`PATIENCE`],
    /// then takes the kept one, if there is any. The timeline is `None`, and of version 0, if the journal could not be read a moment ago.
    pub(super) async fn timeline(
        self: &Arc<Self>,
        back: Back,
        read: impl FnOnce(&Archive) -> Result<Timeline, TableError> + Send + 'static,
    ) -> Option<(u64, Option<Arc<Timeline>>)> {
        let reading = async {
            let turn = Arc::clone(&self.timelines.reading).lock_owned().await;
            // whoever waits here finds what was read meanwhile
            let version = self.status().at_ms;
            if self.timelines.has_fresh(back, version) {
                return;
            }
            let desk = Arc::clone(self);
            let read = tokio::spawn(async move {
                let _turn = turn;
                let timed = move |archive: &Archive| {
                    let began = Instant::now();
                    // what workers do now is known all the same
                    let timeline = read(archive).inspect_err(|error| tracing::warn!("no timeline: {error}")).ok();
                    Ok::<_, TableError>((timeline.map(Arc::new), began.elapsed()))
                };
                if let Ok((timeline, took)) = desk.read(timed).await {
                    let kept = Kept { version, made: Instant::now(), took, timeline };
                    desk.timelines.kept().insert(back, kept);
                }
            });
            // one that died has said so
            let _ = read.await;
        };
        // it goes on without this view
        let _ = timeout(PATIENCE, reading).await;
        self.timelines.kept().get(&back).map(|kept| match &kept.timeline {
            Some(timeline) => (kept.version, Some(Arc::clone(timeline))),
            None => (0, None),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyst::Analyst;
    use crate::page::Source;
    use crate::tables::TableKind;
    use proto::status::Status;
    use tokio::sync::watch;

    fn of(attempts: u64) -> Timeline {
        Timeline { attempts, ..Timeline::default() }
    }

    /// How many attempts there are in the end, where so many are expected: the machine may be slow.
    async fn count(desk: &Arc<Desk>, back: Back, expected: u64, read: fn() -> Timeline) -> Option<u64> {
        let mut found = None;
        for _ in 0..20 {
            let timeline = desk.timeline(back, move |_| Ok(read())).await;
            found = timeline.and_then(|(_, timeline)| Some(timeline?.attempts));
            if found == Some(expected) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        found
    }

    #[tokio::test]
    async fn what_workers_did_waits_for_no_other_reader() {
        let (publish, status) = watch::channel(Arc::new(Status { at_ms: 1, ..Status::default() }));
        let analyst = Arc::new(tokio::sync::Mutex::new(Analyst::new("none.db".into())));
        let archive = Archive::new("none.db".into());
        let desk = Arc::new(Desk::new(Source { status, analyst, archive, named: String::new(), live: None }));
        let busy = desk.reads.acquire_many(2).await;
        let waited = timeout(20 * PATIENCE, desk.timeline(Back::Hour, |_| Ok(of(1)))).await;
        assert_eq!(waited.map(|timeline| timeline.is_none()), Ok(true), "nobody waits for slow readers");
        drop(busy);
        // it is read for whoever asks next
        assert_eq!(count(&desk, Back::Hour, 1, || of(0)).await, Some(1));
        assert_eq!(count(&desk, Back::Day, 5, || of(5)).await, Some(5), "each span has its own");
        publish.send_replace(Arc::new(Status { at_ms: 2, ..Status::default() }));
        let slow = || {
            std::thread::sleep(Duration::from_millis(200));
            of(2)
        };
        assert_eq!(count(&desk, Back::Hour, 2, slow).await, Some(2), "of the newest version");
        publish.send_replace(Arc::new(Status { at_ms: 3, ..Status::default() }));
        let again = desk.timeline(Back::Hour, |_| Ok(of(0))).await;
        let again = again.and_then(|(version, of)| Some((version, of?.attempts)));
        assert_eq!(again, Some((2, 2)), "it was read a moment ago");
        let failed = desk.timeline(Back::Everything, |_| Err(TableError::EveryMetric(TableKind::Jobs))).await;
        assert_eq!(failed, Some((0, None)), "it cannot be read, and the page's script asks again");
        let again = desk.timeline(Back::Everything, |_| Ok(of(4))).await;
        assert_eq!(again, Some((0, None)), "it is not tried again for each view");
        if let Some(kept) = desk.timelines.kept().get_mut(&Back::Everything) {
            kept.made -= RETRY;
        }
        assert_eq!(
            count(&desk, Back::Everything, 4, || of(4)).await,
            Some(4),
            "but after a while, though nothing has happened"
        );
    }
}
