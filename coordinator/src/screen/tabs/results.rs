//! The candidates, the best first, then the baselines.

use super::Known;
use super::jobs::{AtWork, line};
use crate::screen::list::{Cell, Column, Entry, Kind, Listing, Tone};
use crate::screen::sheet::Row;
use crate::stats::Interval;
use crate::text::{metric_name, range, signed, signed_or_dash};

pub(in crate::screen) fn listing(known: &Known) -> Listing {
    let metric = metric_name(known.candidates.fact("metric"));
    let columns = vec![
        Column::new("candidate", Kind::Words, 0),
        Column::new("n", Kind::Number, 2),
        Column::new(metric, Kind::Number, 0),
        Column::new("interval", Kind::Strip, 4),
        Column::new("difference", Kind::Number, 3),
        Column::new("against the leader", Kind::Words, 1),
    ];
    let rows = sorted(known).into_iter().map(|row| Entry {
        key: row.name.clone(),
        cells: vec![
            Cell::words(&row.name),
            Cell::Number(row.number("n"), of(row.count("n"), row.count("jobs"))),
            Cell::score(row.number("mean"), 3),
            Cell::Strip(row.number("mean"), interval(row, "pool")),
            Cell::score(row.number("difference"), 3),
            Cell::words(if is_baseline(row) { "no training" } else { row.text("against_best") }),
        ],
        tone: tone(row),
    });
    Listing { columns, rows: rows.collect(), empty: known.no_rows("No candidate."), ..Listing::default() }
}

pub(in crate::screen) fn details(known: &Known, key: &str) -> Vec<String> {
    let Some(row) = known.candidates.rows().iter().find(|row| row.name == key) else { return Vec::new() };
    let facts = &known.candidates;
    let metric = format!("{} of the {} subset", metric_name(facts.fact("metric")), facts.fact("subset"));
    let mut lines = vec![row.name.clone(), String::new()];
    let mut say = |title: &str, text: String| {
        if !text.is_empty() {
            lines.push(format!("{title:<24} {text}"));
        }
    };
    let between = |ends: Option<Interval>| ends.map(|ends| range(ends, 3)).unwrap_or_default();
    let some = |number: Option<f64>| number.map(|number| signed(number, 3)).unwrap_or_default();
    say("jobs with a score", of(row.count("n"), row.count("jobs")));
    say(&metric, format!("{} \u{b1} {}", signed_or_dash(row.number("mean"), 3), signed_or_dash(row.number("sd"), 3)));
    say(
        "least and greatest",
        between(row.number("min").zip(row.number("max")).map(|(low, high)| Interval { low, high })),
    );
    say("this pool, 95 %", between(interval(row, "pool")));
    say("new data, 95 %", between(interval(row, "new")));
    say("difference", some(row.number("difference")));
    say("against the leader", row.text("against_best").to_owned());
    for verdict in ["failed", "trivial", "degenerate", "diverged", "dropped", "missing"] {
        say(
            verdict,
            Some(row.count(verdict)).filter(|count| *count > 0).map(|count| count.to_string()).unwrap_or_default(),
        );
    }
    say("seconds a job", row.number("mean_seconds").map(crate::text::duration).unwrap_or_default());
    let jobs = known.jobs.rows().iter().filter(|job| !is_baseline(row) && job.name == row.name);
    let at_work = AtWork::of(known);
    let jobs: Vec<String> = jobs.map(|job| line(known, &at_work, job)).collect();
    if !jobs.is_empty() {
        lines.push(String::new());
        lines.extend(jobs);
    }
    lines
}

/// The best first, those without a score last, then the baselines, as in the table for people.
pub(super) fn sorted(known: &Known) -> Vec<&Row> {
    let falls = known.candidates.fact("metric") != "loss";
    let score = |row: &&Row| match row.number("mean").map(|mean| row.number("adjusted_mean").unwrap_or(mean)) {
        Some(mean) if falls => -mean,
        Some(mean) => mean,
        None => f64::INFINITY,
    };
    let mut rows: Vec<&Row> = known.candidates.rows().iter().collect();
    rows.sort_by(|a, b| is_baseline(a).cmp(&is_baseline(b)).then(score(a).total_cmp(&score(b))));
    rows
}

fn is_baseline(row: &Row) -> bool {
    row.text("row") == "baseline"
}

fn tone(row: &Row) -> Tone {
    match row.text("against_best") {
        _ if is_baseline(row) => Tone::Faint,
        "leads" => Tone::Good,
        _ if row.count("failed") + row.count("not_trained") > 0 => Tone::Bad,
        _ => Tone::Plain,
    }
}

fn interval(row: &Row, of: &str) -> Option<Interval> {
    let [low, high] = ["low", "high"].map(|end| row.number(&format!("{of}_{end}")));
    low.zip(high).map(|(low, high)| Interval { low, high })
}

/// `12`, `3 of 12`.
fn of(some: u64, all: u64) -> String {
    if some == all { all.to_string() } else { format!("{some} of {all}") }
}
