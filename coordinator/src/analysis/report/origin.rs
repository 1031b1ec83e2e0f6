//! Where a report's numbers come from: what it takes to make them again.

use super::Material;
use super::html::{Head, cell, table};
use maud::{Markup, html};
use proto::spec::Seeds;
use std::collections::BTreeMap;

/// Seeds that are written out; a sweep may have thousands.
const SEEDS: usize = 60;

/// The columns of what the jobs ran on.
const DEVICES: [Head<'_>; 3] = [("device", false), ("worker", false), ("jobs", true)];

/// What is known of a sweep beside its rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// The text of the sweep file.
    pub file: String,
    /// When it was submitted, as the journal has it.
    pub submitted: String,
    /// Version of the coordinator that made the report.
    pub version: String,
    /// What to type, and what it does.
    pub commands: Vec<(String, String)>,
}

/// The section on making the numbers again.
pub(super) fn section(material: &Material<'_>) -> Markup {
    let Material { origin, sweep, jobs, .. } = material;
    let mut devices: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for result in jobs.iter().filter_map(|job| job.result.as_ref()) {
        *devices.entry((&result.device, &result.worker)).or_default() += 1;
    }
    let devices: Vec<_> = devices
        .into_iter()
        .map(|((device, worker), jobs)| vec![cell(device), cell(worker), cell(jobs.to_string())])
        .collect();
    let data = match (sweep.content, sweep.cases) {
        (Some(content), Some(cases)) => format!("{cases} cases, content {content}"),
        (Some(content), None) => format!("content {content}"),
        (None, _) => "not known: no worker has offered it yet".to_owned(),
    };
    html! {
        section id="reproduce" {
            h2 { "Making these numbers again" }
            p {
                "A job is determined by the sweep file, the content of the data set and its seeds; on the same kind of "
                "device it gives the same numbers, bit for bit."
            }
            dl {
                dt { "Data" } dd { (data) }
                dt { "Submitted" } dd { (origin.submitted) }
                dt { "Program" } dd { "coordinator " (origin.version) }
                dt { "Trainer" } dd { (sweep.trainer) }
                dt { "Seeds" } dd { (seeds(&sweep.replicates)) }
            }
            @if !devices.is_empty() { (table("What the jobs ran on", &DEVICES, &devices)) }
            @if !origin.commands.is_empty() {
                h3 { "Commands" }
                @for (what, command) in &origin.commands {
                    p class="command" { (what) ":" }
                    pre tabindex="0" { (command) }
                }
            }
            h3 { "The sweep file" }
            pre tabindex="0" { (origin.file) }
        }
    }
}

/// The seeds, in the order split, initialisation, order; one number where the three are the same.
fn seeds(replicates: &[Seeds]) -> String {
    let shown: Vec<String> = replicates
        .iter()
        .take(SEEDS)
        .map(|seeds| {
            let Seeds { split_seed, init_seed, order_seed } = seeds;
            if split_seed == init_seed && split_seed == order_seed {
                split_seed.to_string()
            } else {
                format!("{split_seed}/{init_seed}/{order_seed}")
            }
        })
        .collect();
    let more =
        if replicates.len() > SEEDS { format!(", \u{2026} ({} in all)", replicates.len()) } else { String::new() };
    let legend = if shown.iter().any(|seeds| seeds.contains('/')) {
        "split/initialisation/order: "
    } else {
        "split, initialisation and order alike: "
    };
    format!("{legend}{}{more}", shown.join(", "))
}
