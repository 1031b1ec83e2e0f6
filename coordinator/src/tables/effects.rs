//! Which axes matter: the exact analysis of variance of a full grid, with every job that ended, and without what did not train.

use super::about::Analysed;
use super::layout::{self, laid_out, names};
use super::table::{Cell, Show, Table};
use crate::analysis::comparison::{Effect, EffectTable, LevelMean};

/// Terms, then the mean at each level of each axis; no row where the candidates are no full grid.
#[must_use]
pub fn effects(of: &Analysed) -> Table {
    let effects = of.analysis.effects.as_ref();
    let all = effects.map(|effects| ("all", &effects.all));
    let trained = effects.and_then(|effects| effects.trained.as_ref()).map(|trained| ("trained", trained));
    let tables = all.into_iter().chain(trained);
    let lines: Vec<_> = tables.flat_map(|(jobs, table)| lines(jobs, table)).collect();
    let (columns, rows) = laid_out(fields(), &lines);
    let mut table = of.about.table("effects", columns, rows);
    table.spare = names(&["sum_of_squares", "df", "f"]);
    table.notes = match effects {
        None => vec!["There are no effects: the candidates are no full grid with scores on common splits.".to_owned()],
        Some(_) => vec![
            "Shares of the sum of squares over candidates and splits; F against the residual, on this pool.".to_owned(),
            "Jobs `all`: collapsed ones count with their score, those without a score with the worst; `trained`: without what did not train.".to_owned(),
        ],
    };
    table
}

type Field<'a> = layout::Field<Line<'a>>;

/// A term, or a level.
struct Line<'a> {
    jobs: &'static str,
    of: &'a EffectTable,
    term: &'a str,
    effect: Option<&'a Effect>,
    level: Option<&'a LevelMean>,
}

fn lines<'a>(jobs: &'static str, of: &'a EffectTable) -> Vec<Line<'a>> {
    let terms = of.terms.iter().map(|effect| Line { jobs, of, term: &effect.name, effect: Some(effect), level: None });
    let levels = of.levels.iter().map(|level| Line { jobs, of, term: &level.axis, effect: None, level: Some(level) });
    terms.chain(levels).collect()
}

fn fields<'a>() -> Vec<Field<'a>> {
    vec![
        Field::text("jobs", |line| line.jobs.into()),
        Field::text("term", |line| line.term.into()),
        Field::text("level", |line| line.level.map(|level| level.level.as_str()).into()),
        Field::score("mean", |line| line.level.map(|level| level.mean).into()),
        Field::measured("share", |line| line.effect.map(|effect| effect.share).into()).shown(Show::As("share of SS")),
        Field::measured("sum_of_squares", |line| line.effect.map(|effect| effect.sum_of_squares).into()),
        Field::exact("df", |line| line.effect.map(|effect| effect.df).into()),
        Field::measured("f", |line| line.effect.and_then(|effect| effect.f).into()),
        Field::measured("p", |line| line.effect.and_then(|effect| effect.p).into()),
        Field::exact("splits", |line| Cell::from(line.of.splits)).hidden(),
        Field::exact("filled", |line| Cell::from(line.of.filled)).hidden(),
    ]
}
