//! The real numbers that a key accepts.

/// The real numbers that a key accepts; all are finite.
#[derive(Debug, Clone, Copy)]
pub enum Interval {
    /// Above 0.
    Positive,
    /// 0 or above.
    NonNegative,
    /// From 0 to 1, without 1.
    BelowOne,
    /// From 0 to 1/2, without 1/2.
    BelowHalf,
    /// From 0 to 1.
    Share,
    /// Between 0 and 1.
    Probability,
}

impl Interval {
    pub(super) fn contains(self, number: f64) -> bool {
        number.is_finite()
            && match self {
                Self::Positive => number > 0.0,
                Self::NonNegative => number >= 0.0,
                Self::BelowOne => (0.0..1.0).contains(&number),
                Self::BelowHalf => (0.0..0.5).contains(&number),
                Self::Share => (0.0..=1.0).contains(&number),
                Self::Probability => number > 0.0 && number < 1.0,
            }
    }

    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Positive => "a finite number above 0",
            Self::NonNegative => "a finite number from 0",
            Self::BelowOne => "a number from 0 to below 1",
            Self::BelowHalf => "a number from 0 to below 0.5",
            Self::Share => "a number from 0 to 1",
            Self::Probability => "a number between 0 and 1",
        }
    }
}
