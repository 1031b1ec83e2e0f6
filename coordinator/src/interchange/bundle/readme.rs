//! The README of a bundle: what is in it, and what to do with it, in plain words.

use super::{About, Data, Publication, day};
use crate::publish::{ABOUT, FOLDER, PAGE, RESOLVED_FILE, SWEEP_FILE};
use crate::text::plural;

pub(super) fn write(about: &About, publication: &Publication) -> String {
    let About { sweep, submitted, trainer, data, candidates, replicates, versions, repeat, answer } = about;
    let with_data = if repeat.contains(FOLDER) { ", with your copy of the data set in FOLDER" } else { "" };
    let made_up = if trainer == "simulated" {
        "\n**The numbers are made up**: the sweep was simulated, and no network was trained.\n"
    } else {
        ""
    };
    let answer: String = answer.iter().map(|sentence| format!("* {sentence}\n")).collect();
    let license = publication.license.as_ref().map(|license| format!("Licence: <{license}>.\n")).unwrap_or_default();
    format!(
        "# Results of the sweep `{sweep}`

{} on {} each, submitted on {}, on the data set {}. Splitsweep {} made this bundle.
{made_up}
## What was found

{answer}
## What is in it

| file | |
|---|---|
| `{PAGE}` | the report: open it in a browser, it needs no network |
| `tables/` | every table, as CSV, as JSON and, if it is short, in LaTeX; `tables/jobs.csv` has every score and seed |
| `figures/` | the figures of the report (SVG and PDF) |
| `{SWEEP_FILE}` | what was asked for: the sweep file |
| `{RESOLVED_FILE}` | the same with every default filled in |
| `{ABOUT}` | for programs: data, versions, devices, numbers of jobs, and what was found |
| `ro-crate-metadata.json` | for programs: a description of all files (RO-Crate 1.1) |
| `SHA256SUMS` | the hash of each file: `sha256sum -c SHA256SUMS` checks them |

## How to repeat it

```text
{repeat}
```

runs every job again{with_data}; the report has more commands. The same job gives the same numbers on the same kind of device.
{license}",
        plural(*candidates, "candidate"),
        plural(*replicates, "replicate"),
        day(submitted),
        described(data),
        versions.splitsweep,
    )
}

fn described(Data { name, content, cases }: &Data) -> String {
    let cases = cases.map(|cases| format!(" of {}", plural(cases, "case"))).unwrap_or_default();
    let content = content.as_ref().map(|content| format!(" (content {content})")).unwrap_or_default();
    format!("`{name}`{cases}{content}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use super::*;

    #[test]
    fn the_command_says_where_the_reader_has_the_data_set() {
        let said = |repeat: &str| {
            let about = serde_json::json!({
                "sweep": "s", "submitted": "2026-05-31T10:00:00Z", "trainer": "candle", "candidates": 2, "replicates": 3,
                "data": {"name": "ph2", "content": null, "cases": 200}, "versions": {"splitsweep": "1"},
                "repeat": repeat, "answer": [],
            });
            write(&serde_json::from_value(about).unwrap(), &Publication::default())
        };
        let repeat = "coordinator --sweep ./sweep.yaml --store again.db --local-workers 1";
        let (without, with) = (said(repeat), said(&format!("{repeat} --data ph2{FOLDER}")));
        assert!(without.contains(&format!("\n{repeat}\n")) && !without.contains("FOLDER"), "{without}");
        let end = "--data ph2=FOLDER\n```\n\nruns every job again, with your copy of the data set in FOLDER; ";
        assert!(with.contains(end), "{with}");
    }
}
