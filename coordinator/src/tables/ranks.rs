//! Ranks over the splits. Within this pool: splits of one pool are no independent data sets.

use super::about::Analysed;
use super::layout::{axis_cells, axis_columns, names};
use super::table::{Cell, Column, Kind, Show, Table};
use crate::analysis::comparison::{MAX_IN_HISTOGRAM, Ranks};
use crate::text::measured;

/// Candidates, best mean rank first; no row where there are no ranks.
///
/// `groups` names the groups of neighbours that Wilcoxon's test does not tell apart, by letters; `rank_1`, `rank_2`, ... count the
/// splits, for up to 100 candidates.
#[must_use]
pub fn ranks(of: &Analysed) -> Table {
    let Analysed { about, observations, analysis } = of;
    let values: Vec<_> = observations.candidates.iter().map(|candidate| candidate.values.clone()).collect();
    let places = if values.len() > MAX_IN_HISTOGRAM { 0 } else { values.len() };
    let mut columns = axis_columns(&observations.axes, &values);
    columns.extend([
        Column::new("mean_rank", Kind::Measured),
        Column::new("groups", Kind::Text),
        Column::new("p_best", Kind::Measured).shown(Show::As("P(best rank)")),
    ]);
    columns.extend((1..=places).map(|rank| Column::new(format!("rank_{rank}"), Kind::Exact)));
    let Some(ranks) = &analysis.ranks else { return about.table("ranks", columns, Vec::new()) };
    let cliques = analysis.cliques(observations);
    let rows = ranks.order.iter().enumerate().map(|(position, &candidate)| {
        let mut row = axis_cells(observations.axes.len(), values.get(candidate));
        row.extend([
            ranks.mean.get(candidate).copied().into(),
            Cell::Text(groups(cliques, position)),
            ranks.p_best.get(candidate).copied().into(),
        ]);
        let counts = ranks.histogram.get(candidate);
        row.extend((0..places).map(|place| counts.and_then(|counts| counts.get(place).copied()).into()));
        row
    });
    let mut table = about.table("ranks", columns, rows.collect());
    table.spare = (1..=places).rev().map(|rank| format!("rank_{rank}")).chain(names(&["groups"])).collect();
    table.head.extend(head(ranks));
    table.notes = vec![
        format!(
            "Ranks over {} splits, 1 is best; within this pool: splits of one pool are no independent data sets.",
            ranks.splits
        ),
        format!(
            "Friedman p {}; Kendall's W {}; critical difference (Nemenyi) {}. Candidates of a group are not told apart (Wilcoxon, Holm).",
            measured(ranks.friedman.p),
            measured(ranks.kendall_w),
            measured(ranks.critical_difference)
        ),
    ];
    table
}

/// A letter for each group that has the position; beyond 26, numbers.
fn groups(cliques: &[(usize, usize)], position: usize) -> String {
    let has = |(first, last): &(usize, usize)| (*first..=*last).contains(&position);
    let name = |group: usize| match u8::try_from(group) {
        Ok(group @ 0..26) => char::from(b'a' + group).to_string(),
        _ => format!("({group})"),
    };
    cliques.iter().enumerate().filter(|(_, clique)| has(clique)).map(|(group, _)| name(group)).collect()
}

fn head(ranks: &Ranks) -> Vec<(&'static str, Cell)> {
    let (friedman, f) = (&ranks.friedman, &ranks.iman_davenport);
    vec![
        ("splits", ranks.splits.into()),
        ("friedman", friedman.statistic.into()),
        ("friedman_df", friedman.df.0.into()),
        ("friedman_p", friedman.p.into()),
        ("iman_davenport", f.statistic.into()),
        ("iman_davenport_df1", f.df.0.into()),
        ("iman_davenport_df2", f.df.1.into()),
        ("iman_davenport_p", f.p.into()),
        ("kendall_w", ranks.kendall_w.into()),
        ("critical_difference", ranks.critical_difference.into()),
    ]
}
