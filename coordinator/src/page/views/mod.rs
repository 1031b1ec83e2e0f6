//! The views: what each shows, made of a status and a study. A view knows neither where these come from nor who looks at it.

mod actions;
mod candidates;
mod cells;
mod compare;
mod curves;
mod effects;
mod failures;
mod job;
mod overview;
mod pending;
mod sweeps;
mod workers;

use super::desk::{Desk, Source, Trouble};
use super::frame::{Frame, Place, View, trouble};
use super::keys::Forms;
use super::timelines::Back;
use crate::analyst::Study;
use crate::outlook;
use crate::report::Lineup;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use maud::{Markup, html};
use proto::status::{Status, SweepStatus};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What the address says beside the view. Whatever makes no sense is as if it were not there.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Asked {
    /// The column by which candidates are sorted, with `-` in front for the greatest first.
    #[serde(skip_serializing_if = "String::is_empty")]
    sort: String,
    /// Words that names of candidates must have.
    #[serde(skip_serializing_if = "String::is_empty")]
    find: String,
    /// The page of a long list, from 1.
    #[serde(skip_serializing_if = "String::is_empty")]
    page: String,
    /// The one candidate of a comparison, by its index in the plan.
    #[serde(skip_serializing_if = "String::is_empty")]
    a: String,
    /// The other.
    #[serde(skip_serializing_if = "String::is_empty")]
    b: String,
    /// How far back the workers' timeline reaches.
    #[serde(skip_serializing_if = "String::is_empty")]
    back: String,
    /// What was done a moment ago. Other pages do not say it again.
    #[serde(skip_serializing)]
    done: String,
}

impl Asked {
    /// The address of `path` with this.
    fn at(&self, path: &str) -> String {
        match serde_urlencoded::to_string(self) {
            Ok(query) if !query.is_empty() => format!("{path}?{query}"),
            _ => path.to_owned(),
        }
    }

    /// Which of so many pages is asked for, from 0.
    fn page(&self, pages: usize) -> usize {
        self.page.parse::<usize>().unwrap_or(1).clamp(1, pages.max(1)) - 1
    }

    /// How far back the timeline reaches: while a coordinator runs, what happened lately is what people look for first.
    fn back(&self, is_live: bool) -> Back {
        let usual = if is_live { Back::Quarter } else { Back::Everything };
        Back::ALL.into_iter().find(|back| back.key() == self.back).unwrap_or(usual)
    }
}

/// A sweep, and what there is to see of it.
struct Seen {
    status: Arc<Status>,
    study: Arc<Study>,
    source: Source,
    asked: Asked,
}

impl Seen {
    fn lineup(&self) -> Lineup<'_> {
        Lineup::new(&self.study.analysed.observations, &self.study.analysed.analysis)
    }

    /// Where the sweep stands.
    fn sweep(&self) -> Option<&SweepStatus> {
        outlook::find(&self.status, self.name())
    }

    fn name(&self) -> &str {
        &self.study.results.head.sweep
    }

    /// The address of a view of this sweep.
    fn path(&self, view: View) -> String {
        view.path(self.name())
    }
}

/// A sweep as far as it is known within a moment; `None` while its results are being read.
async fn seen(desk: &Arc<Desk>, sweep: &str, asked: Asked) -> Result<Option<(u64, Seen)>, Trouble> {
    let (study, status) = (desk.study_soon(sweep).await?, desk.status());
    if study.is_none() && outlook::find(&status, sweep).is_none() {
        return Err(Trouble::Missing(format!("there is no sweep `{sweep}`")));
    }
    let seen = |study| Seen { status, study, source: desk.source().clone(), asked };
    Ok(study.map(|(version, study)| (version, seen(study))))
}

/// A view of a sweep, which `make` makes of its study and the version of that.
async fn of_sweep(
    desk: &Arc<Desk>,
    sweep: &str,
    asked: Asked,
    view: View,
    make: impl AsyncFnOnce(Seen) -> Result<Markup, Trouble>,
) -> Response {
    let made = async {
        match seen(desk, sweep, asked).await? {
            Some((version, seen)) => {
                // the overview says it in the place of the answer
                let is_said = seen.study.answer.is_some() || matches!(view, View::Overview);
                let candidates = seen.study.results.head.candidates.len();
                let content = make(seen).await?;
                Ok((version, html! { @if !is_said { (pending::being_compared(candidates)) } (content) }))
            }
            None => Ok((NO_VERSION, pending::reading(&desk.status(), desk.source(), sweep))),
        }
    };
    match made.await {
        Ok((version, content)) => framed(sweep, view, version, &content),
        Err(error) => trouble(&error, desk.status().at_ms),
    }
}

fn framed(sweep: &str, view: View, version: u64, content: &Markup) -> Response {
    let title = match view {
        View::Overview => sweep.to_owned(),
        view => format!("{}, {sweep}", view.name()),
    };
    Frame { place: Place::Sweep(sweep, view), title, version }.around(content)
}

type Desks = State<Arc<Desk>>;

/// The version of a view that is not whole yet: its script asks again.
const NO_VERSION: u64 = 0;

pub(super) async fn sweeps(State(desk): Desks) -> Response {
    let status = desk.status();
    let found = desk.studies_soon(sweeps::with_leader(&status).map(|sweep| sweep.sweep.clone())).await;
    // one that was deleted a moment ago has no leader
    let found: Vec<_> = found.into_iter().filter_map(Result::ok).collect();
    // as old as the oldest study: a newer one may be on its way
    let versions = found.iter().map(|found| found.as_ref().map_or(NO_VERSION, |(version, _)| *version));
    let version = versions.fold(status.at_ms, u64::min);
    let studies: Vec<_> = found.into_iter().flatten().map(|(_, study)| study).collect();
    let content = sweeps::view(&status, &studies, desk.source());
    Frame { place: Place::Sweeps, title: "Sweeps".to_owned(), version }.around(&content)
}

pub(super) async fn workers(State(desk): Desks, Query(asked): Query<Asked>) -> Response {
    let (status, source) = (desk.status(), desk.source().clone());
    let is_live = source.live.is_some();
    let back = asked.back(is_live);
    let read = desk.timeline(back, move |archive| back.read(archive, is_live)).await;
    let (version, timeline) = read.map_or((NO_VERSION, None), |(version, timeline)| (version, Some(timeline)));
    let timeline = timeline.as_ref().map(Option::as_deref);
    let content = workers::view(&status, &source, &asked, timeline);
    Frame { place: Place::Workers, title: "Workers".to_owned(), version: version.min(status.at_ms) }.around(&content)
}

pub(super) async fn overview(
    State(desk): Desks,
    Path(sweep): Path<String>,
    Query(asked): Query<Asked>,
    forms: Option<Extension<Forms>>,
) -> Response {
    let forms = forms.as_ref().map(|Extension(forms)| forms);
    of_sweep(&desk, &sweep, asked, View::Overview, async |seen| Ok(overview::view(&seen, forms))).await
}

pub(super) async fn cells(State(desk): Desks, Path(sweep): Path<String>, Query(asked): Query<Asked>) -> Response {
    of_sweep(&desk, &sweep, asked, View::Cells, async |seen| Ok(cells::view(&seen))).await
}

pub(super) async fn compare(State(desk): Desks, Path(sweep): Path<String>, Query(asked): Query<Asked>) -> Response {
    of_sweep(&desk, &sweep, asked, View::Compare, async |seen| Ok(compare::view(&seen))).await
}

pub(super) async fn effects(State(desk): Desks, Path(sweep): Path<String>, Query(asked): Query<Asked>) -> Response {
    of_sweep(&desk, &sweep, asked, View::Effects, async |seen| Ok(effects::view(&seen))).await
}

pub(super) async fn curves(State(desk): Desks, Path(sweep): Path<String>, Query(asked): Query<Asked>) -> Response {
    let make = async |seen: Seen| {
        let study = Arc::clone(&seen.study);
        let measurements = desk.read(move |archive| curves::measurements(archive, &study)).await?;
        Ok(curves::view(&seen, &measurements))
    };
    of_sweep(&desk, &sweep, asked, View::Curves, make).await
}

pub(super) async fn failures(State(desk): Desks, Path(sweep): Path<String>, Query(asked): Query<Asked>) -> Response {
    let make = async |seen: Seen| {
        let study = Arc::clone(&seen.study);
        let failures = desk.read(move |archive| failures::read(archive, &study)).await?;
        Ok(failures::view(&seen, &failures))
    };
    of_sweep(&desk, &sweep, asked, View::Failures, make).await
}

pub(super) async fn job(State(desk): Desks, Path(prefix): Path<String>) -> Response {
    let made = async {
        let kept = desk.read(move |archive| job::read(archive, &prefix)).await?;
        let sweep = &kept.history.sweep;
        let (version, content) = match seen(&desk, sweep, Asked::default()).await? {
            Some((version, seen)) => (version, job::view(&seen, &kept)),
            None => (NO_VERSION, pending::reading(&desk.status(), desk.source(), sweep)),
        };
        let title = format!("Job {}", kept.history.job.short());
        Ok(Frame { place: Place::Other, title, version }.around(&content))
    };
    made.await.unwrap_or_else(|error: Trouble| trouble(&error, desk.status().at_ms))
}

/// Whatever else is asked for.
pub(super) async fn nothing(State(desk): Desks) -> Response {
    trouble(&Trouble::Missing("There is no such page.".to_owned()), desk.status().at_ms)
}

#[cfg(test)]
mod tests;
