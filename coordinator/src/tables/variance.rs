//! Where the spread comes from: components of variance, as far as the sweep's shape lets them be told apart.

use super::about::Analysed;
use super::layout::{self, laid_out, names};
use super::table::{Cell, Show, Table};
use crate::analysis::comparison::{Analysis, Component, TestSampling};
use crate::text::measured;

/// Components of candidates and splits, then of each candidate whose seeds are crossed, then what the test cases alone explain.
#[must_use]
pub fn variance(of: &Analysed) -> Table {
    let analysis = &of.analysis;
    let lines = lines(analysis);
    let (columns, rows) = laid_out(fields(), &lines);
    let mut table = of.about.table("variance", columns, rows);
    table.head.extend(head(analysis.variance.test_sampling));
    table.spare = names(&["mean_square", "raw", "df", "variance", "low"]);
    table.notes = notes(analysis);
    table
}

type Field<'a> = layout::Field<Line<'a>>;

/// A component, and the model it is of.
struct Line<'a> {
    model: &'static str,
    candidate: &'a str,
    component: &'a Component,
}

fn lines(analysis: &Analysis) -> Vec<Line<'_>> {
    let variance = &analysis.variance;
    let two_way = variance.two_way.iter().flat_map(|two_way| &two_way.components);
    let two_way = two_way.map(|component| Line { model: "candidate + split", candidate: "", component });
    let crossed = variance.crossed.iter().flat_map(|crossed| {
        let label = |candidate: usize| analysis.candidates.get(candidate).map_or("", |row| row.label.as_str());
        let candidate = crossed.candidate.map_or("mean of all", label);
        crossed.components.iter().map(move |component| Line { model: "split × init × order", candidate, component })
    });
    two_way.chain(crossed).collect()
}

fn fields<'a>() -> Vec<Field<'a>> {
    vec![
        Field::text("model", |line| line.model.into()),
        Field::text("candidate", |line| line.candidate.into()),
        Field::text("component", |line| line.component.name.as_str().into()),
        Field::measured("sd", |line| line.component.variance.sqrt().into()),
        Field::measured("share", |line| line.component.share.into()),
        Field::measured("variance", |line| line.component.variance.into()),
        Field::measured("low", |line| line.component.interval.map(|interval| interval.low).into())
            .shown(Show::Interval("95 % interval")),
        Field::measured("high", |line| line.component.interval.map(|interval| interval.high).into()),
        Field::measured("raw", |line| line.component.raw.into()),
        Field::exact("df", |line| line.component.df.into()),
        Field::measured("mean_square", |line| line.component.mean_square.into()),
    ]
}

fn head(sampling: Option<TestSampling>) -> Vec<(&'static str, Cell)> {
    vec![
        ("test_sampling_case_sd", sampling.map(|sampling| sampling.case_sd).into()),
        ("test_sampling_cases", sampling.map(|sampling| sampling.test_cases).into()),
        ("test_sampling_pool", sampling.map(|sampling| sampling.pool).into()),
        ("test_sampling_split_sd", sampling.map(|sampling| sampling.split_sd).into()),
        ("test_sampling_share", sampling.and_then(|sampling| sampling.share).into()),
    ]
}

fn notes(analysis: &Analysis) -> Vec<String> {
    let mut notes = vec![
        "Negative estimates count as 0; `raw` has them. Intervals (modified large-sample) are for normal scores; candidates are chosen, \
         not drawn, and have none."
            .to_owned(),
    ];
    if let Some(sampling) = analysis.variance.test_sampling {
        let share = sampling.share.map(|share| format!(", {:.0} % of the variance of splits", 100.0 * share));
        notes.push(format!(
            "A network that never changes would spread over splits with sd {} by the choice of test cases alone{}.",
            measured(sampling.split_sd),
            share.unwrap_or_default()
        ));
    }
    notes
}
