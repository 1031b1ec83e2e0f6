//! What may be said of two candidates, and for which question.

use serde::Serialize;

/// Fewest shared splits for any verdict: fewer show neither a spread nor its absence.
pub const MIN_SPLITS: usize = 5;

/// The questions that a difference may be shown for. Each claims more than the one before, and is only answered where that one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Other random splits of these cases.
    ThisPool,
    /// New test cases, for networks that are trained on these cases.
    NewCases,
    /// New cases and networks trained on new training sets.
    NewData,
}

impl Question {
    /// All, the weakest claim first.
    pub const ALL: [Self; 3] = [Self::ThisPool, Self::NewCases, Self::NewData];

    /// The words of tables and sentences.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::ThisPool => "this pool",
            Self::NewCases => "new cases",
            Self::NewData => "new data",
        }
    }

    /// With its preposition: `on this pool`, `for new cases`.
    #[must_use]
    pub fn phrase(self) -> &'static str {
        match self {
            Self::ThisPool => "on this pool",
            Self::NewCases => "for new cases",
            Self::NewData => "for new data",
        }
    }
}

/// What may be said of a pair: of the first, against the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Better: the strongest question for which that is shown, all pairs of the family together.
    Better(Question),
    /// Worse.
    Worse(Question),
    /// No difference is shown, and it is within the margin with a probability of 1 - alpha for new data.
    Equivalent,
    /// None of these.
    Undecided,
    /// They have the same score on every split that they share.
    Identical,
    /// They share fewer than [`MIN_SPLITS`] splits: no verdict.
    TooFewSplits,
}

impl Finding {
    /// The words of tables.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Better(Question::ThisPool) => "better on this pool",
            Self::Better(Question::NewCases) => "better for new cases",
            Self::Better(Question::NewData) => "better for new data",
            Self::Worse(Question::ThisPool) => "worse on this pool",
            Self::Worse(Question::NewCases) => "worse for new cases",
            Self::Worse(Question::NewData) => "worse for new data",
            Self::Equivalent => "practically equivalent",
            Self::Undecided => "undecided",
            Self::Identical => "identical",
            Self::TooFewSplits => "too few splits",
        }
    }

    /// The finding with the two swapped.
    #[must_use]
    pub fn swapped(self) -> Self {
        match self {
            Self::Better(question) => Self::Worse(question),
            Self::Worse(question) => Self::Better(question),
            other => other,
        }
    }

    /// The strongest question for which a difference is shown.
    #[must_use]
    pub fn shown_for(self) -> Option<Question> {
        match self {
            Self::Better(question) | Self::Worse(question) => Some(question),
            _ => None,
        }
    }

    /// Whether the first is shown to be better at least for that question.
    #[must_use]
    pub fn is_better(self, question: Question) -> bool {
        matches!(self, Self::Better(shown) if shown >= question)
    }

    /// Whether the two are not told apart.
    #[must_use]
    pub fn is_tie(self) -> bool {
        self.shown_for().is_none()
    }
}
