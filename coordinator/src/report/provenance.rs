//! The provenance of a report's numbers: all that it takes to make them again.

use super::html::{Head, cell, table};
use super::material::Material;
use crate::results::SweepResults;
use crate::text::seeds;
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Maximum number of seeds that are written out; a sweep may have thousands.
const MAX_SEEDS: usize = 60;

/// The columns of what the jobs ran on.
const DEVICES: [Head<'_>; 3] = [("device", false), ("worker", false), ("jobs", true)];

/// The section on making the numbers again.
pub(super) fn section(material: &Material<'_>) -> Markup {
    let Material { provenance, results, .. } = material;
    let SweepResults { head: sweep, jobs, .. } = results;
    let mut devices: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for scored in jobs.iter().filter_map(|job| job.result.as_ref()) {
        let device = scored.result.device.as_str();
        // which algorithms a device took depends on the network: that is in the table of jobs
        let device = device.split_once(" (algorithms").map_or(device, |(device, _)| device);
        *devices.entry((device, &scored.worker)).or_default() += 1;
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
                dt { "Submitted" } dd { (provenance.submitted) }
                dt { "Program" } dd { "coordinator " (provenance.version) }
                dt { "Trainer" } dd { (sweep.trainer) }
                dt { "Replicates" } dd { (seeds(&sweep.replicates, MAX_SEEDS)) }
            }
            @if !devices.is_empty() { (table("What the jobs ran on", &DEVICES, &devices)) }
            @if !provenance.commands.is_empty() {
                h3 { "Commands" }
                @for (what, command) in &provenance.commands {
                    p class="command" { (what) ":" }
                    pre tabindex="0" { (command) }
                }
            }
            h3 { "The sweep file" }
            pre tabindex="0" { (provenance.file) }
            @if !provenance.resolved.is_empty() {
                h3 { "The sweep file with every default filled in" }
                pre tabindex="0" { (provenance.resolved) }
            }
            @if let Some(job) = &provenance.job {
                h3 { "The job file of the first job" }
                pre tabindex="0" { (job) }
            }
        }
    }
}
