//! Round times along an axis, and what stands at them. Knows times, not what is drawn.

use super::scale::{Scale, Tick};
use crate::outlook::{clock, day};

/// How far marks are apart at least, in units of the drawing.
const GAP: f64 = 70.0;
const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// What may lie between two marks.
const STEPS: [u64; 22] = [
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    7 * DAY,
    28 * DAY,
    364 * DAY,
];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The round times between two times (milliseconds since 1970, UTC), on an axis that begins with the first at 0.
#[must_use]
pub(super) fn ticks((from_ms, until_ms): (u64, u64), axis: &Scale) -> Vec<Tick> {
    let most = ((axis.range().1 - axis.range().0) / GAP).floor().max(1.0);
    let least = (until_ms - from_ms) as f64 / most;
    let step = STEPS.into_iter().find(|step| *step as f64 >= least).unwrap_or(least.ceil() as u64);
    let first = from_ms.div_ceil(step);
    let times = (first..=until_ms / step).map(|index| index * step);
    times.map(|at| Tick { at: axis.at((at - from_ms) as f64), label: label(at, step) }).collect()
}

/// A time as precisely as marks so far apart need it; midnight is the name of the day.
fn label(at: u64, step: u64) -> String {
    let (day, clock) = (day(at), clock(at));
    if at.is_multiple_of(DAY) {
        let month = day.get(5..7).and_then(|month| MONTHS.get(month.parse::<usize>().ok()?.checked_sub(1)?));
        return format!("{} {}", day.get(8..).unwrap_or_default().trim_start_matches('0'), month.unwrap_or(&""));
    }
    clock.get(..if step < MINUTE { 8 } else { 5 }).unwrap_or_default().to_owned()
}

/// From when until when, in words.
#[must_use]
pub(super) fn span(from_ms: u64, until_ms: u64) -> String {
    let [first, last] = [from_ms, until_ms].map(|ms| (day(ms), clock(ms)));
    let begin = first.1.trim_end_matches(" UTC");
    if first.0 == last.0 {
        return format!("{}, {begin} to {}", first.0, last.1);
    }
    format!("{} {begin} to {} {}", first.0, last.0, last.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-29 18:00:00 UTC.
    const EVENING: u64 = 1_795_975_200_000;

    fn labels(from: u64, until: u64) -> Vec<String> {
        let axis = Scale::exact((0.0, (until - from) as f64), (100.0, 800.0));
        let ticks = ticks((from, until), &axis);
        assert!(ticks.iter().all(|tick| (100.0..=800.0).contains(&tick.at)), "{ticks:?}");
        assert!(ticks.windows(2).all(|pair| pair[1].at - pair[0].at >= GAP - 1e-6), "{ticks:?}");
        ticks.into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn marks_fit_the_time() {
        assert_eq!(labels(EVENING + 300, EVENING + 4300), ["18:00:01", "18:00:02", "18:00:03", "18:00:04"]);
        let quarter = labels(EVENING, EVENING + 15 * MINUTE);
        assert_eq!(quarter, ["18:00", "18:02", "18:04", "18:06", "18:08", "18:10", "18:12", "18:14"]);
        let night = labels(EVENING, EVENING + 9 * HOUR);
        assert_eq!(night[..7], ["18:00", "19:00", "20:00", "21:00", "22:00", "23:00", "30 Nov"]);
        let week = labels(EVENING, EVENING + 7 * DAY);
        assert_eq!(week, ["30 Nov", "1 Dec", "2 Dec", "3 Dec", "4 Dec", "5 Dec", "6 Dec"]);
        assert!(labels(EVENING, EVENING + 40 * 364 * DAY).len() <= 11, "however long");
    }

    #[test]
    fn a_day_is_named_once() {
        assert_eq!(span(EVENING, EVENING + HOUR), "2026-11-29, 18:00:00 to 19:00:00 UTC");
        assert_eq!(span(EVENING, EVENING + DAY), "2026-11-29 18:00:00 to 2026-11-30 18:00:00 UTC");
    }
}
