//! The candidates that were stopped early: when, and on what evidence.

use super::html::{cell, table};
use super::lineup::Lineup;
use super::material::Material;
use crate::race::{Look, Reason, Stop};
use crate::text::{exact_p, plural, signed, signed_or_dash};
use maud::{Markup, html};

/// Maximum number of stops in the page; the table of looks has all.
const MAX_STOPS: usize = 60;

/// The section on looks; nothing for a sweep that has taken none.
pub(super) fn section(material: &Material<'_>, lineup: &Lineup<'_>) -> Markup {
    let looks = &material.results.looks;
    let stops: Vec<(&Look, &Stop)> =
        looks.iter().flat_map(|look| look.stops.iter().map(move |stop| (look, stop))).collect();
    let Some(last) = looks.last() else { return html! {} };
    let left = last.standings.len() - last.stops.len();
    let rows = stops.iter().take(MAX_STOPS).map(|(look, stop)| row(lineup, look, stop));
    let caption = if stops.len() > MAX_STOPS {
        format!("The first {MAX_STOPS} of {} candidates that were stopped", stops.len())
    } else {
        "Candidates that were stopped".to_owned()
    };
    html! {
        section id="looks" {
            h2 { "Who was stopped early" }
            p {
                (plural(looks.len() as u64, "look")) ", the last after " (plural(last.replicates.into(), "replicate"))
                ": " (plural(stops.len() as u64, "candidate")) " stopped, " (plural(left as u64, "candidate"))
                " left. Looks see validation scores only, so that test scores stay for the comparison."
            }
            @if !stops.is_empty() {
                (table(
                    &caption,
                    &[("candidate", false), ("replicates", true), ("validation", true), ("why", false)],
                    &rows.collect::<Vec<_>>(),
                ))
            }
        }
    }
}

fn row(lineup: &Lineup<'_>, look: &Look, stop: &Stop) -> Vec<Markup> {
    let standing = look.standings.iter().find(|standing| standing.candidate == stop.candidate);
    let mean = signed_or_dash(standing.and_then(|standing| standing.mean), 3);
    let why = match stop.reason {
        Reason::Beaten { by, pairs, difference, p } => {
            let needed = look.threshold.map(|threshold| format!(" (needed: below {})", exact_p(threshold)));
            format!(
                "beaten by {} by {} on {}, p {}{}",
                lineup.name(by as usize),
                signed(difference, 3),
                plural(pairs.into(), "split"),
                exact_p(p),
                needed.unwrap_or_default()
            )
        }
        Reason::Unreliable { collapses, of } => format!("{collapses} of its first {of} replicates did not train"),
        Reason::Settled { half_width } => format!("its mean is known to \u{b1}{}", signed(half_width, 3)),
    };
    vec![cell(lineup.name(stop.candidate as usize)), cell(look.replicates.to_string()), cell(mean), cell(why)]
}
