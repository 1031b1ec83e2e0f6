//! How large views are: in bytes, and in elements, each of which a browser styles and lays out before it shows any.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use super::*;
use crate::analysis::answer::answer;
use crate::analyst::{Analyst, Archive};
use crate::page::Live;
use crate::plan::NoMoreSplits;
use crate::report::tests::made::Made;
use crate::results::timeline;
use crate::scheduler::Fact;
use proto::ids::{Attempt, JobId, Token, WorkerId};
use proto::status::{RunningJob, WorkerStatus};
use tokio::sync::{Mutex, watch};

/// What a view may have, in bytes.
const MOST: usize = 300_000;
/// And in elements: of so many a browser on a slow machine makes a page within 50 ms.
const MOST_ELEMENTS: usize = 2500;

/// Of a store that nobody writes.
fn source() -> Source {
    let analyst = Arc::new(Mutex::new(Analyst::new("none.db".into())));
    Source {
        status: watch::channel(Arc::default()).1,
        analyst,
        archive: Archive::new("none.db".into()),
        named: "--store none.db".to_owned(),
        live: None,
    }
}

/// Of a coordinator that runs.
fn live() -> Source {
    let live = Live { telemetry: Arc::default(), keeps: watch::channel(true).1, actions: None };
    Source { live: Some(live), ..source() }
}

fn seen(candidates: usize, splits: u64) -> Seen {
    let made = Made::of_splits(candidates, splits);
    let answer = answer(&made.analysed.analysis);
    let splits = Err(NoMoreSplits::Full);
    let study =
        Arc::new(Study { results: Arc::new(made.results), analysed: made.analysed, answer: Some(answer), splits });
    Seen { status: Arc::default(), study, source: source(), asked: Asked::default() }
}

fn assert_is_small(page: &str, what: &str) {
    let elements = page.matches('<').count() - page.matches("</").count();
    assert!(page.len() < MOST && elements < MOST_ELEMENTS, "{what}: {} bytes, {elements} elements", page.len());
}

#[test]
fn the_overview_is_small_however_many_candidates_and_splits_there_are() {
    for splits in [14, 200, 1000] {
        let page = overview::view(&seen(120, splits), None).into_string();
        assert_eq!(page.matches("data-candidate=").count(), 50);
        assert_is_small(&page, &format!("{splits} splits"));
        let (dots, hills) = (page.matches("<title>split ").count(), page.matches("class=\"hill\"").count());
        let expected = if splits == 14 { (700, 0) } else { (0, 51) };
        assert_eq!((dots, hills), expected, "{splits} splits");
    }
}

#[test]
fn the_map_has_fewer_candidates_where_there_are_many_splits() {
    let cells = |splits: u64| {
        let page = cells::view(&seen(120, splits)).into_string();
        assert_is_small(&page, &format!("{splits} splits"));
        let rows = page.matches("<tr id=\"candidate-").count();
        let last = page.split("page 1 of ").nth(1).unwrap().split('<').next().unwrap().to_owned();
        (rows, last)
    };
    assert_eq!(
        [4, 25, 50, 200].map(cells),
        [(40, "3"), (40, "3"), (20, "6"), (16, "8")].map(|(rows, of)| (rows, of.to_owned()))
    );
}

#[test]
fn a_choice_of_two_is_among_the_best_and_those_that_were_asked_for() {
    let mut seen = seen(500, 3);
    let worst = *seen.lineup().order.last().unwrap();
    seen.asked.b = worst.to_string();
    let page = compare::view(&seen).into_string();
    assert_eq!(page.matches("<option").count(), 2 * 101);
    assert!(page.contains(&format!("value=\"{worst}\" selected")) && page.contains("The best 100 can be chosen here"));
    assert_is_small(&page, "500 candidates");
}

/// Ten thousand attempts, one after the other on eight slots.
fn attempts() -> timeline::Timeline {
    let (worker, token) = (WorkerId(1), Token(1));
    let facts = (0..10_000u64).flat_map(|index| {
        let (job, attempt) = (JobId(index.into()), Attempt(1));
        let end = Fact::Succeeded { job, attempt, grade: None, split: None };
        [(index, Fact::Granted { job, attempt, token, worker }), (index + 8, end)]
    });
    let mut facts: Vec<_> = facts.collect();
    facts.sort_by_key(|(at, _)| *at);
    timeline::of(10_007, facts)
}

#[test]
fn the_workers_are_small_however_many_there_are_and_whatever_they_did() {
    let running = |number: u128| RunningJob {
        sweep: "made".to_owned(),
        job: JobId(number),
        attempt: Attempt(1),
        label: "unet2 \u{b7} dice \u{b7} learning rate 0.001, split 12".to_owned(),
        epoch: 3,
        epochs: 40,
        loss: Some(0.25),
        seconds: 10.0,
        measured_ms: None,
    };
    let worker = |number: u64| WorkerStatus {
        worker: format!("{number:012}"),
        name: format!("gpu-{number}"),
        slots: 16,
        running: (0..16).map(running).collect(),
        connected: true,
        ..WorkerStatus::default()
    };
    let status = Status { workers: (0..2000).map(worker).collect(), ..Status::default() };
    let page = workers::view(&status, &live(), &Asked::default(), Some(Some(&attempts()))).into_string();
    assert!(page.contains("2000 workers connected") && page.contains("10000 attempts began in this time."), "{page}");
    assert!(page.len() < MOST, "{} bytes", page.len());
}

#[test]
fn how_far_back_is_said_in_the_address() {
    let view = |back: &str| {
        let asked = Asked { back: back.to_owned(), ..Asked::default() };
        workers::view(&Status::default(), &source(), &asked, None).into_string()
    };
    let current =
        |page: &str| page.split("aria-current=\"true\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    assert_eq!(["", "1h", "nonsense"].map(|back| current(&view(back))), ["everything", "1 hour", "everything"]);
    let page = view("");
    assert!(page.contains("href=\"/workers?back=15m\"") && page.contains("href=\"/workers\" aria-current"), "{page}");
    assert!(page.contains("is still being read"), "{page}");
    let page = workers::view(&Status::default(), &live(), &Asked::default(), None).into_string();
    assert_eq!(current(&page), "15 minutes", "while a coordinator runs");
}
