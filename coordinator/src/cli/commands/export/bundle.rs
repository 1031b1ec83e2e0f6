//! `coordinator export bundle`: a zip to publish.

use super::exported;
use crate::cli::client::Source;
use crate::cli::json::JsonArgs;
use crate::cli::which::AnySweep;
use crate::cli::{CliError, ask, output};
use crate::interchange::bundle::{Bundle, Publication};
use crate::publish::Asked;
use std::path::PathBuf;

/// Write a zip to publish: report, tables, figures, sweep file, hashes and a description for programs (RO-Crate)
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  coordinator export bundle lesions --out lesions.zip --license https://spdx.org/licenses/CC-BY-4.0"
)]
pub(super) struct Args {
    #[command(flatten)]
    sweep: AnySweep,
    /// File for the zip
    #[arg(long, value_name = "FILE.zip")]
    out: PathBuf,
    /// Address of the licence under which it is published
    #[arg(long, value_name = "URL")]
    license: Option<String>,
    /// An author; may be given several times
    #[arg(long = "author", value_name = "NAME")]
    authors: Vec<String>,
    /// Day on which it is published [default: that of the sweep's submission]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    date: Option<String>,
    #[command(flatten)]
    json: JsonArgs,
    #[command(flatten)]
    source: Source,
}

/// A day as ISO 8601 writes it.
fn day(text: &str) -> Result<String, &'static str> {
    let digits = |part: &str, count| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_day = match text.split('-').collect::<Vec<_>>()[..] {
        [year, month, day] => {
            let within = |part: &str, last| digits(part, 2) && part.parse().is_ok_and(|n: u8| (1..=last).contains(&n));
            digits(year, 4) && within(month, 12) && within(day, 31)
        }
        _ => false,
    };
    if is_day { Ok(text.to_owned()) } else { Err("give a day such as 2026-05-31") }
}

pub(super) async fn run(args: Args) -> Result<(), CliError> {
    let Args { sweep, out, license, authors, date, json, source } = args;
    // whoever unpacks the bundle has a store of the usual name, and is in its folder
    let (source_named, folder) = ("--store sweeps.db".to_owned(), ".".to_owned());
    let asked = Asked { sweep: sweep.name(), metric: None, source: source_named, out: folder, for_bundle: true };
    let mut bundle = Bundle::default();
    ask::report(&mut source.find().await?, asked, |_, file, bytes| Ok(bundle.add(file, bytes)?)).await?;
    let bytes = bundle.close(&Publication { authors, license, date })?;
    output::write(Some(&out), &bytes)?;
    exported(json, "bundle", &out.display().to_string())
}
