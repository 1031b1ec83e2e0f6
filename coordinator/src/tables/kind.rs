//! Which tables a sweep has.

/// The tables of a sweep, by what their rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum TableKind {
    /// The grid points, each over all its replicates
    #[default]
    Candidates,
    /// Every two candidates: their difference on the same splits, and whether it is real
    Pairs,
    /// The candidates' ranks over the splits
    Ranks,
    /// The axes of the grid: which matter
    Effects,
    /// Where the spread of the scores comes from
    Variance,
    /// The jobs, each with its scores
    Jobs,
    /// The cases of each job, with their pixel counts
    Cases,
    /// The epochs of each attempt
    Measurements,
    /// The looks of a sweep with `race` or `until`: who went on, who did not, and why
    Looks,
}

impl TableKind {
    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        clap::ValueEnum::from_str(name, false).ok()
    }

    /// The name on the command line and on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Candidates => "candidates",
            Self::Pairs => "pairs",
            Self::Ranks => "ranks",
            Self::Effects => "effects",
            Self::Variance => "variance",
            Self::Jobs => "jobs",
            Self::Cases => "cases",
            Self::Measurements => "measurements",
            Self::Looks => "looks",
        }
    }
}
