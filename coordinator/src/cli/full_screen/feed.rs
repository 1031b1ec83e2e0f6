//! News for the screen: from a coordinator, to which it connects again when the connection is lost, or from a store.

use crate::analyst::{self, Question};
use crate::cli::client::{Coordinator, Found, Place, Source, stored};
use crate::cli::commands::watch;
use crate::cli::progress;
use crate::cli::{CliError, ask};
use crate::clock::now_ms;
use crate::outlook;
use crate::results::{self, RowState};
use crate::screen::{News, Sheet};
use crate::store::{Reader, StoreError};
use crate::tables::export::Format;
use crate::tables::{Shape, TableKind};
use proto::status::Status;
use proto::wire::{JobRequest, StatusRequest};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch as latest};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

/// A store is looked at, and a coordinator that is gone is called, so often.
const LOOK: Duration = Duration::from_secs(1);
/// Tables are not asked for more often; nor before so many times the time that they took have passed.
const TABLES_INTERVAL: Duration = Duration::from_secs(2);
const REST: u32 = 9;
/// Tables of jobs that run or wait are asked for again after this time, though no job has moved: attempts fail and are tried again.
const MAX_AGE: Duration = Duration::from_secs(60);
/// Maximum number of jobs that are listed.
const MAX_JOBS: usize = 2000;

/// Where tables and logs come from.
#[derive(Debug, Clone)]
enum Library {
    Coordinator(Box<Coordinator>),
    Store(PathBuf),
}

/// Which tables are wanted, of whom. Without a change here they are the same as before.
#[derive(Debug, Clone)]
struct Wanted {
    library: Library,
    sweep: String,
    /// How many jobs are where.
    version: [u64; 7],
}

/// The source of news.
pub(super) struct Feed {
    source: String,
    news: mpsc::Sender<News>,
    wanted: latest::Receiver<Option<Wanted>>,
}

impl Feed {
    /// Begins to tell of one sweep, or of the one submitted last.
    ///
    /// # Errors
    /// If there is no such sweep, or the first status cannot be read.
    pub(super) async fn start(
        sweep: &str,
        source: Source,
        found: Found,
    ) -> Result<(Self, mpsc::Receiver<News>), CliError> {
        let (news, heard) = mpsc::channel(64);
        let (want, wanted) = latest::channel(None);
        let mut follower = Follower { sweep: sweep.to_owned(), news: news.clone(), want };
        let named = match &found {
            Found::Coordinator(coordinator) => coordinator.url().to_owned(),
            Found::Store(store) => store.display().to_string(),
        };
        match found {
            Found::Coordinator(mut coordinator) => {
                let status = coordinator.calls.status(StatusRequest { sweep: String::new() }).await;
                let status = Status::try_from(coordinator.answer(status)?.into_inner());
                progress::known(&status.map_err(|error| CliError::NotReached(error.to_string()))?, sweep)?;
                tokio::spawn(async move { follower.follow_coordinator(source, coordinator).await });
            }
            Found::Store(store) => {
                let status = stored(&store)?;
                progress::known(&status, sweep)?;
                // a coordinator that serves it lets nobody in here
                tokio::spawn(async move { follower.follow_store(store, false).await });
            }
        }
        tokio::spawn(make_tables(wanted.clone(), news.clone(), MAX_AGE));
        Ok((Self { source: named, news, wanted }, heard))
    }

    /// Where the news come from, for people.
    pub(super) fn source(&self) -> String {
        self.source.clone()
    }

    /// Fetches the log of a job.
    pub(super) fn log(&self, job: String) {
        let (news, wanted) = (self.news.clone(), self.wanted.borrow().clone());
        tokio::spawn(async move {
            let text = match wanted {
                Some(wanted) => wanted.library.log(&job).await.unwrap_or_else(|why| format!("no log: {why}")),
                None => "no log: nobody can be asked for it now".to_owned(),
            };
            // a screen that is gone needs none
            let _ = news.send(News::Log { job, text }).await;
        });
    }
}

/// Tells of statuses until the screen is gone.
struct Follower {
    sweep: String,
    news: mpsc::Sender<News>,
    want: latest::Sender<Option<Wanted>>,
}

impl Follower {
    /// Tells of a status, and has its tables made if jobs have moved. False if the screen is gone.
    async fn tell(&mut self, library: &Library, status: Status) -> bool {
        if let Some(sweep) = outlook::find(&status, &self.sweep) {
            let version = [
                sweep.jobs,
                sweep.queued,
                sweep.running,
                sweep.succeeded,
                sweep.failed,
                sweep.cancelled,
                sweep.dropped,
            ];
            self.want.send_if_modified(|wanted| {
                let is_same = |wanted: &Wanted| wanted.sweep == sweep.sweep && wanted.version == version;
                let has_changed = !wanted.as_ref().is_some_and(is_same);
                // a new connection is to be used, though nothing has moved
                *wanted = Some(Wanted { library: library.clone(), sweep: sweep.sweep.clone(), version });
                has_changed
            });
        }
        self.news.send(News::Status(status)).await.is_ok()
    }

    async fn lost(&self, why: String) -> bool {
        self.news.send(News::Lost { at_ms: now_ms(), why }).await.is_ok()
    }

    async fn moved(&self, source: String) -> bool {
        self.news.send(News::Moved { at_ms: now_ms(), source }).await.is_ok()
    }

    /// Follows a coordinator; when it is gone, the next one that serves its store, and the store while nobody does.
    async fn follow_coordinator(&mut self, source: Source, coordinator: Box<Coordinator>) {
        let mut url = coordinator.url().to_owned();
        let mut connected = Ok(*coordinator);
        loop {
            let why = match connected {
                Ok(coordinator) => match self.listen(coordinator).await {
                    Some(why) => why,
                    None => return,
                },
                Err(why) => why,
            };
            // whoever is asked next is asked for everything
            self.want.send_replace(None);
            let next = match source.place() {
                Place::Store(store) => self.next_server(store, &url).await,
                Place::Coordinator(_) => Next::Same,
            };
            match next {
                Next::Other(other) => url = other,
                Next::Same if self.lost(why).await => sleep(LOOK).await,
                Next::Same | Next::Nobody => return,
            }
            connected = source.connect(&url).await.map_err(|error| error.to_string());
        }
    }

    /// Who is followed when the coordinator at `url` is gone. While nobody serves the store, the store is.
    async fn next_server(&mut self, store: PathBuf, url: &str) -> Next {
        let path = store.clone();
        let served = spawn_blocking(move || Reader::open(&path).ok().map(|reader| reader.served_at())).await;
        let other = match served.ok().flatten() {
            Some(None) if self.moved(store.display().to_string()).await => {
                let Some(next) = self.follow_store(store, true).await else { return Next::Nobody };
                self.want.send_replace(None);
                next
            }
            Some(None) => return Next::Nobody,
            Some(Some(next)) if next != url => next,
            Some(Some(_)) | None => return Next::Same,
        };
        if self.moved(other.clone()).await { Next::Other(other) } else { Next::Nobody }
    }

    /// Tells of every change; returns why there are no more, or `None` if the screen is gone.
    async fn listen(&mut self, mut coordinator: Coordinator) -> Option<String> {
        let library = Library::Coordinator(Box::new(coordinator.clone()));
        let mut changes = match watch::Changes::of(&mut coordinator).await {
            Ok(changes) => changes,
            Err(error) => return Some(error.to_string()),
        };
        loop {
            match changes.next(&coordinator).await {
                Ok(Some(status)) => {
                    if !self.tell(&library, status).await {
                        return None;
                    }
                }
                Ok(None) => return Some("the coordinator has ended".to_owned()),
                Err(error) => return Some(error.to_string()),
            }
        }
    }

    /// Tells of what comes into a store; if it is to be left for a coordinator, until one serves it: the answer is where. `None` if the
    /// screen is gone.
    async fn follow_store(&mut self, store: PathBuf, may_leave: bool) -> Option<String> {
        let mut known = None;
        loop {
            let path = store.clone();
            let looked = spawn_blocking(move || {
                let reader = Reader::open(&path)?;
                if let Some(url) = reader.served_at().filter(|_| may_leave) {
                    return Ok(Seen::Server(url));
                }
                let fact = reader.last_fact()?;
                if known == Some(fact) {
                    return Ok(Seen::Nothing);
                }
                let state = results::state(&reader)?;
                Ok::<_, StoreError>(Seen::Status(fact, Status { at_ms: now_ms(), ..state.status() }))
            });
            let is_heard = match looked.await {
                Ok(Ok(Seen::Status(fact, status))) => {
                    known = Some(fact);
                    self.tell(&Library::Store(store.clone()), status).await
                }
                Ok(Ok(Seen::Server(url))) => return Some(url),
                Ok(Ok(Seen::Nothing)) => !self.news.is_closed(),
                // one that is being moved or repaired comes back
                Ok(Err(error)) => self.lost(error.to_string()).await,
                Err(_) => false,
            };
            if !is_heard {
                return None;
            }
            sleep(LOOK).await;
        }
    }
}

/// Who is followed when a coordinator is gone.
enum Next {
    /// The one at the same place, once it is back.
    Same,
    /// Another, at that place.
    Other(String),
    /// Nobody: the screen is gone.
    Nobody,
}

/// What is seen at a look at a store.
enum Seen {
    Status(i64, Status),
    Server(String),
    Nothing,
}

/// Has the tables made that are wanted now, again and again; those of a sweep that is not over also when they are as old as `max_age`.
async fn make_tables(mut wanted: latest::Receiver<Option<Wanted>>, news: mpsc::Sender<News>, max_age: Duration) {
    loop {
        let has_changed = match timeout(max_age, wanted.changed()).await {
            Ok(Ok(())) => true,
            Ok(Err(_)) => return,
            Err(_) => false,
        };
        let now = wanted.borrow_and_update().clone();
        let Some(now) = now.filter(|wanted| has_changed || wanted.is_on_its_way()) else { continue };
        let began = Instant::now();
        let heard = match now.tables().await {
            Ok(tables) => tables,
            Err(why) => News::NoTables(why),
        };
        if news.send(heard).await.is_err() {
            return;
        }
        sleep(TABLES_INTERVAL.max(REST * began.elapsed())).await;
    }
}

impl Wanted {
    /// Whether jobs run, or wait.
    fn is_on_its_way(&self) -> bool {
        let [_, queued, running, ..] = self.version;
        queued + running > 0
    }

    async fn tables(&self) -> Result<News, String> {
        let [.., failed, _, _] = self.version;
        let candidates = self.table(TableKind::Candidates, None).await?;
        let jobs = self.table(TableKind::Jobs, None).await?;
        let failed =
            if failed == 0 { Sheet::default() } else { self.table(TableKind::Jobs, Some(RowState::Failed)).await? };
        Ok(News::Tables { candidates, jobs, failed })
    }

    async fn table(&self, rows: TableKind, state: Option<RowState>) -> Result<Sheet, String> {
        let top = (rows == TableKind::Jobs).then_some(MAX_JOBS);
        let shape = Shape { top, ..Shape::default() };
        let question =
            Question { sweep: self.sweep.clone(), rows, state, format: Format::Json, shape, ..Question::default() };
        let json = match self.library.clone() {
            Library::Coordinator(coordinator) => {
                let made = ask::table(&mut Found::Coordinator(coordinator), question).await;
                made.map_err(|error| error.to_string())?.text
            }
            Library::Store(store) => {
                let made = spawn_blocking(move || {
                    analyst::answer(&Reader::open(&store).map_err(results::ResultsError::from)?, &question)
                });
                made.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?.text
            }
        };
        Sheet::read(&json).map_err(|error| format!("a table is not understood: {error}"))
    }
}

impl Library {
    async fn log(self, job: &str) -> Result<String, String> {
        let job = job.to_owned();
        match self {
            Self::Coordinator(mut coordinator) => {
                let answer = coordinator.calls.log(JobRequest { job }).await;
                coordinator.answer(answer).map(|answer| answer.into_inner().text).map_err(|error| error.to_string())
            }
            Self::Store(store) => {
                let read = spawn_blocking(move || results::job_history(&Reader::open(&store)?, &job));
                let history = read.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
                Ok(history.to_string())
            }
        }
    }
}

#[cfg(test)]
mod tests;
