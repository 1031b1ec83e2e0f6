//! Any bytes as the results of another tool: they are refused, or analysed and drawn as tables.
#![no_main]

use coordinator::analysis::comparison::{Analysis, Options};
use coordinator::analysis::observations::Observations;
use coordinator::analysis::observations::from_csv::{self, Columns};
use coordinator::tables::export::{Format, render};
use coordinator::tables::{self, About, Analysed};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let imported = match from_csv::read(bytes, &Columns::default()) {
        Ok(imported) => imported,
        Err(mistake) => {
            assert!(!mistake.to_string().is_empty());
            return;
        }
    };
    for observed in imported.metrics {
        for higher_is_better in [true, false] {
            let observations = Observations { higher_is_better, ratio: Some(0.5), ..observed.clone() };
            let analysis = Analysis::of(&observations, &Options::default());
            let analysed = Analysed { about: About::default(), observations, analysis };
            for table in tables::all(&analysed) {
                for format in [Format::Table, Format::Csv, Format::Json, Format::Latex] {
                    render(&table, format).unwrap();
                }
            }
        }
    }
});
