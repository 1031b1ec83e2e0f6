//! Attempts on the slots that ran them, along the time. Knows places and words.
//!
//! A slot has no name: attempts of a worker that overlap lie in lanes. Of more lanes than bars are kept of, each worker is a band that is as
//! high as the share of its lanes that are busy.

use super::draw::{Anchor, Figure, Px, WIDTH, fitted, line, polygon, text, width_of};
use super::scale::{Scale, Tick};
use super::times::{span, ticks};
use crate::outlook::moment;
use crate::results::timeline::{Bar, End, Lanes, STEPS, Timeline};
use crate::text::plural;
use maud::{Markup, html};

/// Maximum number of workers that are drawn: the first by name.
const MAX_WORKERS: usize = 60;
/// Heights of a lane and of a band, and the room between two.
const LANE: f64 = 11.0;
const BAND: f64 = 30.0;
const GAP: f64 = 6.0;
/// Height of a bar, and of the lowest part of one.
const BAR: f64 = 9.0;
const PART: f64 = 2.0;
/// Maximum width of the workers' names.
const MAX_LABEL: f64 = 180.0;
const TOP: f64 = 4.0;
/// Room at the right, for half of the last mark's words.
const RIGHT: f64 = 26.0;

/// The attempts of a time; `None` if there are none. `name` names a worker by its alias.
#[must_use]
pub(crate) fn timeline(timeline: &Timeline, name: impl Fn(&str) -> String) -> Option<Figure> {
    let Timeline { from_ms, attempts, .. } = *timeline;
    if attempts == 0 {
        return None;
    }
    let until_ms = timeline.until_ms.max(from_ms + 1000);
    let mut workers: Vec<(String, &Lanes)> = timeline.workers.iter().map(|(alias, of)| (name(alias), of)).collect();
    workers.sort_by(|a, b| a.0.cmp(&b.0));
    let others = workers.len().saturating_sub(MAX_WORKERS);
    workers.truncate(MAX_WORKERS);
    // names are often of digits, which are wider than other letters
    let labels = workers.iter().map(|(name, _)| 1.1 * width_of(name)).fold(40.0, f64::max).min(MAX_LABEL);
    let time = Scale::exact((0.0, (until_ms - from_ms) as f64), (labels + 14.0, WIDTH - RIGHT));
    let x = |ms: u64| time.clamped(ms.saturating_sub(from_ms) as f64);
    let is_banded = timeline.has_bands();
    let mut y = TOP;
    let rows: Vec<_> = workers
        .iter()
        .map(|(name, of)| {
            let (top, height) = (y, if is_banded { BAND } else { LANE * of.bars.len() as f64 });
            y += height + GAP;
            html! {
                (text(labels, top + height / 2.0, Anchor::End, "", &fitted(name, labels)))
                @if is_banded { (band(of, timeline, top, &x)) }
                @else {
                    @for (lane, bars) in of.bars.iter().enumerate() {
                        @for bar in bars { (attempt(bar, until_ms, (x(bar.began_ms), x(bar.ended_ms)), top + LANE * lane as f64)) }
                    }
                }
            }
        })
        .collect();
    let (left, right) = time.range();
    let marks = html! {
        @for Tick { at, label } in ticks((from_ms, until_ms), &time) {
            (line((at, TOP), (at, y), "grid"))
            (text(at, y + 12.0, Anchor::Middle, "tick", &label))
        }
        @for row in rows { (row) }
        (line((left, y), (right, y), "axis"))
        (text((left + right) / 2.0, y + 31.0, Anchor::Middle, "axis-title", &span(from_ms, until_ms)))
    };
    let figure = Figure::worded("timeline", "Who ran what", see(timeline, others), CAUTION);
    Some(Figure { height: y + 42.0, marks, ..figure })
}

const CAUTION: &str = "Attempts that began before this time are not drawn, so room between two bars need not be idle.";

fn see(timeline: &Timeline, others: usize) -> String {
    let bars = timeline.workers.values().flat_map(|of| of.bars.iter().flatten());
    let what = if timeline.has_bands() {
        "How many attempts each worker ran at once, as a share of its maximum."
    } else if bars.clone().any(|bar| bar.only.is_none()) {
        "The slots of each worker, and what they ran: blue has a result, pale still runs, orange failed, grey was given back or lost. \
         Attempts that are too short to be seen apart are one bar, which has a part for each way in which they ended."
    } else {
        "A bar per attempt, on the slot of the worker that ran it: blue ones have a result, pale ones still run, orange ones \
         failed, grey ones were given back or lost."
    };
    let others = match others {
        0 => String::new(),
        others => format!(" Left out: {}, the last by name.", plural(others as u64, "worker")),
    };
    format!("{what} {} began in this time.{others}", plural(timeline.attempts, "attempt"))
}

/// A bar, with a part for each way in which its attempts ended.
fn attempt(bar: &Bar, until_ms: u64, (from, to): (f64, f64), y: f64) -> Markup {
    let mut top = y;
    let width = (to - from - 0.6).max(0.8);
    html! {
        g {
            title { (words(bar, until_ms)) }
            @for (end, height) in End::ALL.into_iter().zip(heights(bar.ends)).filter(|(_, height)| *height > 0.0) {
                rect x=(Px(from)) y=(Px(top)) width=(Px(width)) height=(Px(height)) class=(class(end)) {}
                @let () = top += height;
            }
        }
    }
}

fn class(end: End) -> &'static str {
    match end {
        End::Succeeded => "column s0",
        End::Running => "column pale s0",
        End::Unfinished => "column baseline",
        End::Failed => "column s1",
    }
}

/// The heights of the parts of a bar: as the attempts are, but so that the smallest part is seen.
fn heights(ends: [u64; 4]) -> [f64; 4] {
    let all = ends.iter().sum::<u64>().max(1) as f64;
    let least = |count: u64| if count == 0 { 0.0 } else { PART };
    let free = BAR - ends.iter().map(|count| least(*count)).sum::<f64>();
    ends.map(|count| least(count) + free * count as f64 / all)
}

/// What a bar is: `12 attempts: 11 succeeded, 1 failed, 10:00:00 to 10:00:04 UTC`.
fn words(bar: &Bar, until_ms: u64) -> String {
    let time = |ms: u64| moment(ms, until_ms);
    let ends = End::ALL.into_iter().zip(bar.ends).filter(|(_, count)| *count > 0);
    let (what, how): (_, Vec<_>) = match bar.only {
        Some((job, attempt)) => {
            (format!("job {}, attempt {attempt}", job.short()), ends.map(|(end, _)| end.name().to_owned()).collect())
        }
        None => {
            (plural(bar.attempts(), "attempt"), ends.map(|(end, count)| format!("{count} {}", end.name())).collect())
        }
    };
    let when = match bar.ends[End::Running as usize] {
        0 => format!("{} to {}", time(bar.began_ms), time(bar.ended_ms)),
        _ => format!("since {}", time(bar.began_ms)),
    };
    format!("{what}: {}, {when}", how.join(", "))
}

/// How many lanes are busy, step by step.
fn band(of: &Lanes, timeline: &Timeline, y: f64, x: &impl Fn(u64) -> f64) -> Markup {
    let step = timeline.step_ms();
    let whole = (step * of.bars.len().max(1) as u64) as f64;
    let top = |index: usize| {
        let busy = of.busy_ms.get(index).copied().unwrap_or_default() as f64 / whole;
        y + BAND * (1.0 - busy.min(1.0))
    };
    let begin = |index: usize| x(timeline.from_ms + step * index as u64);
    let steps = (0..STEPS).flat_map(|index| [(begin(index), top(index)), (begin(index + 1), top(index))]);
    let outline: Vec<_> = steps.chain([(begin(STEPS), y + BAND), (begin(0), y + BAND)]).collect();
    html! { g class="s0" { (polygon(&outline, "column")) } }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use super::*;
    use crate::results::timeline::{MAX_BARS, MAX_LANES};
    use proto::ids::{Attempt, JobId};

    const ONE: Option<(JobId, Attempt)> = Some((JobId(1), Attempt(1)));

    fn bar(began_ms: u64, ended_ms: u64, ends: [u64; 4]) -> Bar {
        Bar { began_ms, ended_ms, ends, only: ONE.filter(|_| ends.iter().sum::<u64>() == 1) }
    }

    /// So many workers with the same lanes.
    fn workers(count: usize, bars: &[Vec<Bar>]) -> Timeline {
        let of = Lanes { name: String::new(), bars: bars.to_vec(), busy_ms: vec![80; STEPS] };
        let attempts = (count * bars.len()) as u64;
        let workers = (0..count).map(|worker| (format!("{worker:04}"), of.clone())).collect();
        Timeline { from_ms: 1000, until_ms: 9000, attempts, workers }
    }

    #[test]
    fn a_bar_says_what_it_is() {
        let lanes = [
            vec![bar(1000, 3000, [1, 0, 0, 0]), bar(3000, 9000, [0, 1, 0, 0])],
            vec![bar(2000, 4000, [0, 0, 0, 1]), bar(4000, 4500, [398, 0, 1, 2])],
        ];
        let figure = timeline(&workers(1, &lanes), |alias| format!("w{alias}")).unwrap();
        let drawn = figure.file();
        for words in [
            ">job 000000000000, attempt 1: succeeded, 00:00:01 UTC to 00:00:03 UTC<",
            ">job 000000000000, attempt 1: running, since 00:00:03 UTC<",
            ">job 000000000000, attempt 1: failed, 00:00:02 UTC to 00:00:04 UTC<",
            ">401 attempts: 398 succeeded, 1 not finished, 2 failed, 00:00:04 UTC to 00:00:04 UTC<",
        ] {
            assert!(drawn.contains(words), "{words}: {drawn}");
        }
        assert_eq!(drawn.matches("class=\"column").count(), 3 + 3, "a part for each way to end");
        assert!(
            drawn.contains(">w0000<")
                && drawn.contains(">00:00:05<")
                && drawn.contains(">1970-01-01, 00:00:01 to 00:00:09 UTC<")
        );
        assert!(figure.see.contains("are one bar"), "{}", figure.see);
        assert!(timeline(&Timeline::default(), str::to_owned).is_none());
        let other_day = words(&bar(1000, 2000, [1, 0, 0, 0]), 200_000_000);
        assert!(other_day.ends_with("succeeded, 1970-01-01 00:00:01 UTC to 1970-01-01 00:00:02 UTC"), "{other_day}");
    }

    #[test]
    fn the_smallest_part_of_a_bar_is_seen_and_all_are_as_high_as_the_bar() {
        for ends in [[1, 0, 0, 0], [1_000_000, 1, 1, 1], [0, 0, 5, 5]] {
            let heights = heights(ends);
            assert!((heights.iter().sum::<f64>() - BAR).abs() < 1e-9, "{heights:?}");
            assert!(heights.iter().zip(ends).all(|(height, count)| (*height >= PART) == (count > 0)), "{heights:?}");
        }
    }

    #[test]
    fn as_many_bars_as_there_can_be_are_a_small_figure() {
        let lane = vec![bar(1_796_061_600_123, 1_796_061_699_999, [398, 0, 1, 2]); MAX_BARS / 8];
        let busy = Timeline { from_ms: 1_796_061_600_000, until_ms: 1_796_061_700_000, ..workers(1, &vec![lane; 8]) };
        let drawn = timeline(&busy, |alias| format!("a-worker-with-a-name-{alias}")).unwrap().inline().into_string();
        assert_eq!(drawn.matches("<g>").count(), MAX_BARS);
        assert!(drawn.len() < 220_000, "{} bytes", drawn.len());
    }

    #[test]
    fn many_slots_are_bands() {
        let all = workers(MAX_LANES / 8 + 1, &vec![Vec::new(); 8]);
        let drawn = timeline(&all, str::to_owned).unwrap().file();
        assert_eq!(drawn.matches("<polygon").count(), MAX_LANES / 8 + 1);
        assert!(!drawn.contains("attempt 1"));
    }

    #[test]
    fn of_thousands_of_workers_some_are_drawn() {
        let figure = timeline(&workers(2000, &[Vec::new()]), str::to_owned).unwrap();
        assert!(
            figure.see.contains("2000 attempts began in this time. Left out: 1940 workers, the last by name."),
            "{}",
            figure.see
        );
        let drawn = figure.inline().into_string();
        assert_eq!(drawn.matches("<polygon").count(), MAX_WORKERS);
        assert!(drawn.len() < 200_000, "{} bytes", drawn.len());
    }
}
