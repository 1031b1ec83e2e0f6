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
