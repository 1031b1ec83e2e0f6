//! The studies of sweeps that views show: each is made by the analyst on a thread of its own, and kept until there is a newer version.
//! Thousands of candidates take minutes to be compared. A view does not wait for that: it shows what there is.
//!
//! ```text
//!  nothing yet --results are read--> outline --candidates are compared--> study --something happens--> older study, and so on
//! ```

use super::desk::{Desk, RETRY, Trouble, is_fresh};
use crate::analyst::Study;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// A view waits so long for a study that is being made; then it shows what there is of it.
const PATIENCE: Duration = Duration::from_millis(500);
/// Maximum number of studies that are kept: more than the list of sweeps shows.
const MAX_KEPT: usize = 16;
/// Maximum number of jobs of the kept studies, but for the one that was asked for last.
const MAX_JOBS: usize = 500_000;

/// What there is to see of a sweep, and of which version it is: an outline is of version 0, so that the page's script asks again.
pub(super) type Version = (u64, Arc<Study>);

/// The studies, the one that was asked for last in front.
#[derive(Debug, Default)]
pub(super) struct Studies {
    kept: Mutex<Vec<Kept>>,
    /// What there is of the study that is being made, once its results are read.
    outline: Mutex<Option<(String, Arc<Study>)>>,
    /// The sweep whose study could not be made last, when that was, and why.
    failed: Mutex<Option<(String, Instant, String)>>,
    /// Whoever has it makes one.
    making: Arc<tokio::sync::Mutex<()>>,
}

/// A study, and of which version it is.
#[derive(Debug)]
struct Kept {
    sweep: String,
    version: u64,
    made: Instant,
    took: Duration,
    study: Arc<Study>,
}

impl Studies {
    fn kept(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outline(&self) -> MutexGuard<'_, Option<(String, Arc<Study>)>> {
        self.outline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self) -> MutexGuard<'_, Option<(String, Instant, String)>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the study of a sweep could not be made a moment ago.
    fn why_not(&self, sweep: &str) -> Option<Trouble> {
        let failed = self.failed();
        let (.., why) = failed.as_ref().filter(|(of, at, _)| of == sweep && at.elapsed() < RETRY)?;
        Some(Trouble::Failed(why.clone()))
    }

    /// The kept study of a sweep, if it is good enough.
    fn find(&self, sweep: &str, is_good: impl Fn(&Kept) -> bool) -> Option<Version> {
        let mut kept = self.kept();
        let place = kept.iter().position(|kept| kept.sweep == sweep && is_good(kept))?;
        kept[..=place].rotate_right(1);
        kept.first().map(|kept| (kept.version, Arc::clone(&kept.study)))
    }

    fn keep(&self, new: Kept) {
        let mut kept = self.kept();
        kept.retain(|old| old.sweep != new.sweep);
        kept.truncate(MAX_KEPT - 1);
        let mut room = MAX_JOBS;
        kept.retain(|old| {
            let left = room.checked_sub(old.study.results.jobs.len());
            room = left.unwrap_or(room);
            left.is_some()
        });
        kept.insert(0, new);
    }

    /// What there is of a sweep while its study is being made: an older one, or an outline.
    fn meanwhile(&self, sweep: &str) -> Option<Version> {
        let outline = || self.outline().as_ref().filter(|(of, _)| of == sweep).map(|(_, study)| (0, Arc::clone(study)));
        self.find(sweep, |_| true).or_else(outline)
    }
}

impl Desk {
    /// A sweep, analysed, and the version of which it is. Takes as long as the analysis does.
    pub(super) async fn study(self: &Arc<Self>, sweep: &str) -> Result<Version, Trouble> {
        let fresh = || {
            let version = self.status().at_ms;
            let study = self.studies.find(sweep, |kept| is_fresh(kept.version == version, kept.made, kept.took));
            study.map(Ok).or_else(|| self.studies.why_not(sweep).map(Err))
        };
        if let Some(found) = fresh() {
            return found;
        }
        let turn = Arc::clone(&self.studies.making).lock_owned().await;
        // whoever waits here finds what was made meanwhile
        if let Some(found) = fresh() {
            return found;
        }
        let (desk, sweep) = (Arc::clone(self), sweep.to_owned());
        // it goes on without whoever asked for it
        let made = tokio::spawn(async move {
            let _turn = turn;
            let made = desk.make(&sweep).await;
            *desk.studies.outline() = None;
            if let Err(Trouble::Failed(why)) = &made {
                // the view that asked may have gone on without it
                tracing::warn!(%why, "no study of sweep {sweep}");
                *desk.studies.failed() = Some((sweep, Instant::now(), why.clone()));
            }
            made
        });
        made.await.map_err(|error| Trouble::Failed(error.to_string()))?
    }

    /// The same, or what there is of it if it takes long: `None` while the results are still being read.
    pub(super) async fn study_soon(self: &Arc<Self>, sweep: &str) -> Result<Option<Version>, Trouble> {
        match timeout(PATIENCE, self.study(sweep)).await {
            Ok(made) => made.map(Some),
            Err(_) => Ok(self.studies.meanwhile(sweep)),
        }
    }

    /// The same of several sweeps, in any order, after one wait for all.
    pub(super) async fn studies_soon(
        self: &Arc<Self>,
        sweeps: impl Iterator<Item = String>,
    ) -> Vec<Result<Option<Version>, Trouble>> {
        let mut found = JoinSet::new();
        for sweep in sweeps {
            let desk = Arc::clone(self);
            found.spawn(async move { desk.study_soon(&sweep).await });
        }
        found.join_all().await
    }

    async fn make(self: &Arc<Self>, sweep: &str) -> Result<Version, Trouble> {
        let (version, began) = (self.status().at_ms, Instant::now());
        let (desk, name) = (Arc::clone(self), sweep.to_owned());
        let outlined = move |outline: Study| {
            let sweep = outline.results.head.sweep.clone();
            *desk.studies.outline() = Some((sweep, Arc::new(outline)));
        };
        let study = Arc::new(self.ask(move |analyst| analyst.study(&name, outlined)).await?);
        self.studies.keep(Kept {
            sweep: sweep.to_owned(),
            version,
            made: Instant::now(),
            took: began.elapsed(),
            study: Arc::clone(&study),
        });
        Ok((version, study))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use super::*;
    use crate::analysis::answer::answer;
    use crate::analysis::comparison::{Analysis, Options};
    use crate::analyst::{Analyst, Archive};
    use crate::page::Source;
    use crate::page::views::{Asked, overview};
    use crate::plan::NoMoreSplits;
    use crate::report::tests::made::Made;
    use axum::extract::{Path, Query, State};
    use proto::status::{Status, SweepState, SweepStatus};
    use tokio::sync::watch;

    const SWEEP: &str = "made <up> & small";

    fn made(candidates: usize) -> Study {
        let made = Made::new(candidates);
        let answer = Some(answer(&made.analysed.analysis));
        Study { results: made.results.into(), analysed: made.analysed, answer, splits: Err(NoMoreSplits::Full) }
    }

    fn outline() -> Study {
        let mut study = made(5);
        study.analysed.analysis = Analysis::outline(&study.analysed.observations, &Options::default());
        Study { answer: None, ..study }
    }

    fn kept(sweep: &str, version: u64, study: Study) -> Kept {
        Kept { sweep: sweep.to_owned(), version, made: Instant::now(), took: Duration::ZERO, study: Arc::new(study) }
    }

    /// A sweep that runs, and the analyst that studies it.
    fn desk() -> (Arc<Desk>, Arc<tokio::sync::Mutex<Analyst>>) {
        let sweep = SweepStatus {
            sweep: SWEEP.to_owned(),
            state: SweepState::Running,
            jobs: 60,
            succeeded: 7,
            ..SweepStatus::default()
        };
        let status = watch::channel(Arc::new(Status { at_ms: 9, sweeps: vec![sweep], ..Status::default() })).1;
        let analyst = Arc::new(tokio::sync::Mutex::new(Analyst::new("none.db".into())));
        let (archive, named) = (Archive::new("none.db".into()), String::new());
        (Arc::new(Desk::new(Source { status, analyst: Arc::clone(&analyst), archive, named, live: None })), analyst)
    }

    /// The overview, and the version that it says it is of.
    async fn page(desk: &Arc<Desk>) -> (String, String) {
        let page = overview(State(Arc::clone(desk)), Path(SWEEP.to_owned()), Query(Asked::default()), None).await;
        assert_eq!(page.status(), 200);
        let page = axum::body::to_bytes(page.into_body(), usize::MAX).await.unwrap();
        let page = String::from_utf8(page.to_vec()).unwrap();
        let version = page.split("data-version=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        (page, version)
    }

    #[tokio::test]
    async fn an_overview_waits_for_no_comparison() {
        let (desk, analyst) = desk();
        let busy = Arc::clone(&analyst).lock_owned().await;
        let (reading, version) = page(&desk).await;
        assert!(reading.contains("The results are being read.") && reading.contains("<b>7</b> done"), "{reading}");
        assert_eq!(version, "0", "the script asks again");

        let none = Path("none".to_owned());
        let none = overview(State(Arc::clone(&desk)), none, Query(Asked::default()), None).await;
        assert_eq!(none.status(), 404, "one that nobody knows is not waited for");

        *desk.studies.outline() = Some((SWEEP.to_owned(), Arc::new(outline())));
        let (outline, version) = page(&desk).await;
        assert!(
            outline.contains("The candidates are being compared, 10 pairs") && outline.contains("<b>7</b> done"),
            "{outline}"
        );
        let rows = (outline.matches("data-candidate=").count(), outline.matches("not compared yet").count());
        assert_eq!((rows, outline.matches("leads").count() > 0), ((5, 4), true), "{outline}");
        assert_eq!(version, "0");

        desk.studies.keep(kept(SWEEP, 3, made(5)));
        let (older, version) = page(&desk).await;
        assert!(!older.contains("id=\"pending\"") && older.contains("id=\"further\""), "{older}");
        assert_eq!(version, "3", "an older study says more than a newer outline");

        // the analyst has time again, and finds no store
        drop(busy);
        let found = desk.study(SWEEP).await;
        assert!(matches!(found, Err(Trouble::Failed(_))), "{found:?}");
        assert!(desk.studies.outline().is_none());
        // who asks a moment later waits for nothing, whoever has the analyst
        let busy = analyst.lock_owned().await;
        let found = desk.study_soon(SWEEP).await;
        assert!(matches!(found, Err(Trouble::Failed(_))), "{found:?}");
        desk.studies.failed().as_mut().unwrap().1 -= RETRY;
        assert!(matches!(desk.study_soon(SWEEP).await, Ok(Some((3, _)))), "after a while it is tried again");
        drop(busy);
    }

    #[test]
    fn the_list_of_sweeps_finds_all_its_studies_and_large_ones_are_few() {
        let studies = Studies::default();
        let names: Vec<String> = (0..MAX_KEPT).map(|index| format!("s{index}")).collect();
        names.iter().for_each(|name| studies.keep(kept(name, 1, made(2))));
        assert!(names.iter().all(|name| studies.find(name, |_| true).is_some()));
        studies.find("s0", |_| true).unwrap();
        studies.keep(kept("new", 1, made(2)));
        let is_kept = |name: &str| studies.find(name, |_| true).is_some();
        assert_eq!(["s0", "s1", "s2"].map(is_kept), [true, false, true], "what nobody asked for longest goes");
        let mut large = made(2);
        let like = large.results.jobs[0].clone();
        Arc::get_mut(&mut large.results).unwrap().jobs = vec![like; MAX_JOBS + 1];
        studies.keep(kept("large", 1, large));
        assert_eq!(["large", "s2", "s0", "s4"].map(is_kept), [true; 4], "the newest is, and so are small ones");
        studies.keep(kept("small", 1, made(2)));
        assert_eq!(["small", "large", "s2", "s4"].map(is_kept), [true, false, true, true], "it is not kept any longer");
    }
}
