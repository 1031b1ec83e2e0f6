//! Where a report's numbers come from: what it takes to make them again.

use super::Material;
use super::html::{Head, cell, table};
use crate::analysis::text::replicates;
use maud::{Markup, html};
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
    /// The sweep file with every default filled in; empty if this version does not read the file.
    pub resolved: String,
    /// The job file of the first job, if it trains anything.
    pub job: Option<String>,
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
        // which algorithms a device took depends on the network: that is in the table of jobs
        let device = result.device.split_once(" (algorithms").map_or(&*result.device, |(device, _)| device);
        *devices.entry((device, &result.worker)).or_default() += 1;
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
                dt { "Replicates" } dd { (replicates(&sweep.replicates, SEEDS)) }
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
            @if !origin.resolved.is_empty() {
                h3 { "The sweep file with every default filled in" }
                pre tabindex="0" { (origin.resolved) }
            }
            @if let Some(job) = &origin.job {
                h3 { "The job file of the first job" }
                pre tabindex="0" { (job) }
            }
        }
    }
}
