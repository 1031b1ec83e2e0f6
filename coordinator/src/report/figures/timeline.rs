//! Attempts on the slots that ran them, along the time. Knows places and words.
//!
//! A slot has no name: attempts of a worker that overlap lie in lanes. Above [`MAX_LANES`] lanes each worker is a band that is as high as the
//! share of its lanes that are busy.

use super::draw::{Anchor, Figure, Px, WIDTH, fitted, line, polygon, text, width_of};
use super::scale::Scale;
use crate::outlook::clock;
use crate::results::timeline::{End, Span};
use crate::text::plural;
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Maximum number of workers that are drawn: the first by name.
const MAX_WORKERS: usize = 100;
/// Maximum number of lanes that are drawn one by one.
const MAX_LANES: usize = 64;
/// Heights of a lane and of a band, and the room between two.
const LANE: f64 = 11.0;
const BAND: f64 = 30.0;
const GAP: f64 = 6.0;
/// Number of steps of a band.
const STEPS: usize = 160;
/// Maximum width of the workers' names.
const MAX_LABEL: f64 = 180.0;
const TOP: f64 = 4.0;

/// The attempts of each worker, by its name, in lanes.
type Lanes<'a> = BTreeMap<String, Vec<Vec<&'a Span>>>;

/// The attempts between two times; `None` if there are none. `name` names a worker by its alias.
#[must_use]
pub(crate) fn timeline(spans: &[Span], until_ms: u64, name: impl Fn(&str) -> String) -> Option<Figure> {
    let from_ms = spans.iter().map(|span| span.began_ms).min()?;
    let until_ms = spans.iter().map(|span| end(span, until_ms)).max()?.max(from_ms + 1000);
    let mut lanes = lanes(spans, until_ms, name);
    let others = match lanes.keys().nth(MAX_WORKERS).cloned() {
        Some(first) => lanes.split_off(&first).len(),
        None => 0,
    };
    // names are often of digits, which are wider than other letters
    let labels = lanes.keys().map(|name| 1.1 * width_of(name)).fold(40.0, f64::max).min(MAX_LABEL);
    let time = Scale::exact((0.0, (until_ms - from_ms) as f64), (labels + 14.0, WIDTH - 6.0));
    let x = |ms: u64| time.clamped(ms.saturating_sub(from_ms) as f64);
    let count: usize = lanes.values().map(Vec::len).sum();
    let is_banded = count > MAX_LANES;
    let mut y = TOP;
    let mut rows = Vec::new();
    for (name, lanes) in &lanes {
        let height = if is_banded { BAND } else { LANE * lanes.len() as f64 };
        rows.push(html! {
            (text(labels, y + height / 2.0, Anchor::End, "", &fitted(name, labels)))
            @if is_banded { (band(lanes, (from_ms, until_ms), y, &x)) }
            @else {
                @for (lane, spans) in lanes.iter().enumerate() {
                    @for span in spans { (attempt(span, name, (x(span.began_ms), x(end(span, until_ms))), y + LANE * lane as f64)) }
                }
            }
        });
        y += height + GAP;
    }
    let (left, right) = time.range();
    let marks = html! {
        @for row in rows { (row) }
        (line((left, y), (right, y), "axis"))
        (text(left, y + 12.0, Anchor::Start, "tick", &clock(from_ms)))
        (text(right, y + 12.0, Anchor::End, "tick", &clock(until_ms)))
    };
    let what = if is_banded {
        "How many of its slots each worker had busy."
    } else {
        "A bar per attempt, on the slot of the worker that ran it: blue ones have a result, pale ones still run, orange ones \
         failed, grey ones were given back or lost."
    };
    let others = match others {
        0 => String::new(),
        others => format!(" Left out: {}, the last by name.", plural(others as u64, "worker")),
    };
    let see = format!("{what} {} began in this time.{others}", plural(spans.len() as u64, "attempt"));
    let caution = "Attempts that began before this time are not drawn, so room between two bars need not be idle.";
    Some(Figure { height: y + 22.0, marks, ..Figure::worded("timeline", "Who ran what", see, caution) })
}

fn end(span: &Span, until_ms: u64) -> u64 {
    span.ended.map_or(until_ms, |(at, _)| at).max(span.began_ms)
}

/// Each attempt goes to the first lane of its worker that is free when it begins.
fn lanes(spans: &[Span], until_ms: u64, name: impl Fn(&str) -> String) -> Lanes<'_> {
    let mut all = Lanes::new();
    for span in spans {
        let lanes = all.entry(name(&span.worker)).or_default();
        let is_free = |lane: &Vec<&Span>| lane.last().is_none_or(|last| end(last, until_ms) <= span.began_ms);
        match lanes.iter().position(is_free) {
            Some(free) => lanes[free].push(span),
            None => lanes.push(vec![span]),
        }
    }
    all
}

fn attempt(span: &Span, worker: &str, (from, to): (f64, f64), y: f64) -> Markup {
    let class = if span.ended.is_some() { "column" } else { "column pale" };
    let (hue, how) = match span.ended {
        None => ("s0", "runs"),
        Some((_, end @ End::Succeeded)) => ("s0", end.name()),
        Some((_, end @ End::Failed)) => ("s1", end.name()),
        Some((_, end @ End::Unfinished)) => ("baseline", end.name()),
    };
    let ended = span.ended.map_or(String::new(), |(at, _)| format!(" to {}", clock(at)));
    html! {
        g class=(hue) {
            rect x=(Px(from)) y=(Px(y)) width=(Px((to - from - 0.6).max(0.8))) height=(Px(LANE - 2.0)) rx="1.5" class=(class) {
                title {
                    "job " (span.job.short()) ", attempt " (span.attempt) " on " (worker) ": " (how) ", " (clock(span.began_ms)) (ended)
                }
            }
        }
    }
}

/// How many lanes are busy, step by step.
fn band(lanes: &[Vec<&Span>], (from_ms, until_ms): (u64, u64), y: f64, x: &impl Fn(u64) -> f64) -> Markup {
    let step = |index: usize| from_ms + (until_ms - from_ms) * index as u64 / STEPS as u64;
    let busy = |index: usize| {
        let (from, to) = (step(index), step(index + 1).max(step(index) + 1));
        let time: u64 = lanes
            .iter()
            .flatten()
            .map(|span| end(span, until_ms).min(to).saturating_sub(span.began_ms.max(from)))
            .sum();
        (time as f64 / ((to - from) * lanes.len().max(1) as u64) as f64).min(1.0)
    };
    let top = |index: usize| y + BAND * (1.0 - busy(index));
    let steps = (0..STEPS).flat_map(|index| [(x(step(index)), top(index)), (x(step(index + 1)), top(index))]);
    let outline: Vec<_> = steps.chain([(x(until_ms), y + BAND), (x(from_ms), y + BAND)]).collect();
    html! { g class="s0" { (polygon(&outline, "column")) } }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use super::{MAX_LANES, MAX_WORKERS, timeline};
    use crate::results::timeline::{End, Span};
    use proto::ids::{Attempt, JobId};

    fn span(worker: usize, began_ms: u64, ended: Option<(u64, End)>) -> Span {
        Span { worker: format!("{worker:03}"), job: JobId(1), attempt: Attempt(1), began_ms, ended }
    }

    #[test]
    fn attempts_that_overlap_lie_in_lanes() {
        let spans = [
            span(1, 1000, Some((3000, End::Succeeded))),
            span(1, 2000, Some((4000, End::Failed))),
            span(1, 3000, None),
        ];
        let drawn = timeline(&spans, 9000, |alias| format!("w{alias}")).map(|figure| figure.file());
        let drawn = drawn.unwrap_or_default();
        assert!(drawn.contains(">w001<") && drawn.contains("failed, 00:00:02 UTC to 00:00:04 UTC"), "{drawn}");
        let lanes: Vec<_> = drawn.split("<rect ").filter(|mark| mark.contains("class=\"column")).collect();
        let y = |mark: &str| mark.split("y=\"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned);
        assert_eq!(lanes.len(), 3);
        assert!(y(lanes[0]) == y(lanes[1]) && y(lanes[0]) != y(lanes[2]), "the third begins where the first ends");
        assert_eq!(lanes.iter().filter(|mark| mark.contains("class=\"column pale\"")).count(), 1, "the one that runs");
        assert!(timeline(&[], 9000, str::to_owned).is_none());
    }

    #[test]
    fn many_slots_are_bands() {
        let spans: Vec<_> = (0..=MAX_LANES).map(|worker| span(worker, 1000, None)).collect();
        let drawn = timeline(&spans, 9000, str::to_owned).map(|figure| figure.file()).unwrap_or_default();
        assert_eq!(drawn.matches("<polygon").count(), MAX_LANES + 1);
        assert!(!drawn.contains("<title>job") && drawn.len() < 400_000, "{} bytes", drawn.len());
    }

    #[test]
    fn of_thousands_of_workers_some_are_drawn() {
        let spans: Vec<_> = (0..2000).map(|worker| span(worker, 1000, None)).collect();
        let figure = timeline(&spans, 9000, str::to_owned).unwrap();
        assert!(
            figure.see.contains("2000 attempts began in this time. Left out: 1900 workers, the last by name."),
            "{}",
            figure.see
        );
        let drawn = figure.file();
        assert_eq!(drawn.matches("<polygon").count(), MAX_WORKERS);
        assert!(drawn.len() < 600_000, "{} bytes", drawn.len());
    }
}
