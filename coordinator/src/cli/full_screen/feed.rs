//! News for the screen: from a coordinator, to which it connects again when the connection is lost, or from a store.

use crate::analyst::{self, Question};
use crate::cli::client::{Coordinator, Found, Place, Source, stored};
use crate::cli::commands::watch;
use crate::cli::progress;
use crate::cli::{CliError, ask};
use crate::outlook;
use crate::results::{self, RowState};
use crate::screen::{News, Sheet};
use crate::store::Reader;
use crate::tables::export::Format;
use crate::tables::{Shape, TableKind};
use proto::status::Status;
use proto::wire::{JobRequest, StatusRequest};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, watch as latest};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// A store is looked at, and a coordinator that is gone is called, so often.
const LOOK: Duration = Duration::from_secs(1);
/// Tables are not asked for more often; nor before so many times the time that they took have passed.
const TABLES: Duration = Duration::from_secs(2);
const REST: u32 = 9;
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
    /// If there is no such sweep, or the first status cannot be had.
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
                tokio::spawn(async move { follower.follow_store(store).await });
            }
        }
        tokio::spawn(make_tables(wanted.clone(), news.clone()));
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
                None => "no log: there are no news yet".to_owned(),
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
        let at_ms = now_ms();
        self.news.send(News::Lost { at_ms, why }).await.is_ok()
    }

    /// Follows a coordinator, and the next one at its place when it is gone.
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
            if !self.lost(why).await {
                return;
            }
            sleep(LOOK).await;
            if let Place::Store(store) = source.place() {
                // the next one may listen elsewhere
                let found = spawn_blocking(move || Reader::open(&store).ok().and_then(|reader| reader.served_at()));
                url = found.await.ok().flatten().unwrap_or(url);
            }
            connected = source.connect(&url).await.map_err(|error| error.to_string());
        }
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

    /// Tells of what comes into a store.
    async fn follow_store(&mut self, store: PathBuf) {
        let mut known = None;
        loop {
            let path = store.clone();
            let looked = spawn_blocking(move || {
                let reader = Reader::open(&path)?;
                let fact = reader.last_fact()?;
                if known == Some(fact) {
                    Ok(None)
                } else {
                    results::state(&reader).map(|state| Some((fact, Status { at_ms: now_ms(), ..state.status() })))
                }
            });
            let is_heard = match looked.await {
                Ok(Ok(Some((fact, status)))) => {
                    known = Some(fact);
                    self.tell(&Library::Store(store.clone()), status).await
                }
                Ok(Ok(None)) => !self.news.is_closed(),
                // one that is being moved or repaired comes back
                Ok(Err(error)) => self.lost(error.to_string()).await,
                Err(_) => false,
            };
            if !is_heard {
                return;
            }
            sleep(LOOK).await;
        }
    }
}

/// Has the tables made that are wanted now, again and again.
async fn make_tables(mut wanted: latest::Receiver<Option<Wanted>>, news: mpsc::Sender<News>) {
    while wanted.changed().await.is_ok() {
        let Some(now) = wanted.borrow_and_update().clone() else { continue };
        let began = Instant::now();
        let heard = match now.tables().await {
            Ok(tables) => tables,
            Err(why) => News::NoTables(why),
        };
        if news.send(heard).await.is_err() {
            return;
        }
        sleep(TABLES.max(REST * began.elapsed())).await;
    }
}

impl Wanted {
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
                let read = spawn_blocking(move || results::job_log(&Reader::open(&store)?, &job));
                read.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
            }
        }
    }
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64)
}
