//! What a training minimises: a loss, or a weighted sum of losses.

use super::{LossName, Term};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a training minimises.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Loss {
    /// One loss.
    One(Term),
    /// A weighted sum of different losses, in the order of [`LossName::ALL`].
    Sum(Vec<Weighted>),
}

/// A term of a sum.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weighted {
    /// Its factor, above 0.
    pub weight: f64,
    /// The loss.
    pub term: Term,
}

impl Loss {
    /// The sum of losses that are all different, with their default parameters.
    #[must_use]
    pub fn sum(weights: impl IntoIterator<Item = (LossName, f64)>) -> Self {
        let mut terms: Vec<_> =
            weights.into_iter().map(|(name, weight)| Weighted { weight, term: Term::from(name) }).collect();
        terms.sort_by_key(|weighted| weighted.term.name());
        match terms[..] {
            // by itself, what a weight of 1 says
            [Weighted { weight: 1.0, term }] => Self::One(term),
            _ => Self::Sum(terms),
        }
    }

    /// Its terms with their weights.
    pub fn terms(&self) -> impl Iterator<Item = Weighted> + Clone {
        let (one, sum) = match self {
            Self::One(term) => (Some(Weighted { weight: 1.0, term: *term }), &[][..]),
            Self::Sum(terms) => (None, terms.as_slice()),
        };
        one.into_iter().chain(sum.iter().copied())
    }

    /// Its term of that name.
    #[must_use]
    pub fn term(&self, name: LossName) -> Option<Term> {
        self.terms().map(|weighted| weighted.term).find(|term| term.name() == name)
    }

    /// Its term of that name, to be changed.
    pub fn term_mut(&mut self, name: LossName) -> Option<&mut Term> {
        match self {
            Self::One(term) => Some(term).filter(|term| term.name() == name),
            Self::Sum(terms) => terms.iter_mut().map(|weighted| &mut weighted.term).find(|term| term.name() == name),
        }
    }
}

impl From<LossName> for Loss {
    fn from(name: LossName) -> Self {
        Self::One(name.into())
    }
}

impl From<Term> for Loss {
    fn from(term: Term) -> Self {
        Self::One(term)
    }
}

impl fmt::Display for Loss {
    /// The name in tables, without parameters: `bce`, `bce+dice` or `bce+0.01*boundary`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Weighted { weight, term }) in self.terms().enumerate() {
            if index > 0 {
                f.write_str("+")?;
            }
            if weight != 1.0 {
                write!(f, "{weight}*")?;
            }
            f.write_str(term.name().name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::{Loss, Weighted};
    use crate::spec::{LossName, Term};

    #[test]
    fn one_loss_is_written_as_it_always_was() {
        for (loss, json) in [
            (Loss::from(LossName::Bce), r#"{"bce":{}}"#),
            (Loss::from(LossName::Dice), r#"{"dice":{"smooth":1e-8}}"#),
            (Loss::from(LossName::Focal), r#"{"focal":{"gamma":2.0}}"#),
        ] {
            assert_eq!(serde_json::to_string(&loss).unwrap(), json);
            assert_eq!(serde_json::from_str::<Loss>(json).unwrap(), loss);
        }
    }

    #[test]
    fn every_loss_is_read_back_as_it_was_written() {
        let all = LossName::ALL.iter().map(|name| Loss::from(*name));
        let sum = Loss::sum(LossName::ALL.iter().zip(1..).map(|(name, weight)| (*name, f64::from(weight) / 7.0)));
        for loss in all.chain([sum]) {
            let json = serde_json::to_string(&loss).unwrap();
            assert_eq!(serde_json::from_str::<Loss>(&json).unwrap(), loss, "{json}");
        }
    }

    #[test]
    fn the_order_of_a_sum_is_not_the_files() {
        let sum = Loss::sum([(LossName::Dice, 1.0), (LossName::Bce, 0.5)]);
        assert_eq!(sum, Loss::sum([(LossName::Bce, 0.5), (LossName::Dice, 1.0)]));
        assert_eq!(sum.to_string(), "0.5*bce+dice");
        assert_eq!(Loss::sum([(LossName::Dice, 1.0)]), Loss::from(LossName::Dice));
        let twice = Weighted { weight: 2.0, term: LossName::Dice.into() };
        assert_eq!(Loss::sum([(LossName::Dice, 2.0)]), Loss::Sum(vec![twice]));
    }

    #[test]
    fn a_parameter_belongs_to_its_term() {
        let mut loss = Loss::sum([(LossName::Dice, 1.0), (LossName::Tversky, 1.0)]);
        *loss.term_mut(LossName::Tversky).unwrap().parameter_mut("smooth").unwrap() = 1.0;
        assert_eq!(loss.term(LossName::Tversky).unwrap().parameter("smooth"), Some(1.0));
        assert_eq!(loss.term(LossName::Dice).unwrap().parameter("smooth"), Some(1e-8));
        assert_eq!((loss.term(LossName::Bce), Term::Bce {}.parameter("smooth")), (None, None));
    }
}
